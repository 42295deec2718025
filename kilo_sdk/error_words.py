"""The words of an error: found in whatever an upstream sent, and made fit to be shown.

An upstream's answer reaches the SDK as JSON, as JSON inside a string inside JSON, as an
HTML page or as plain text. Only messages are taken out of it, for beside them the prompt
may be echoed; what looks like a key is masked. Pure, and never raises.

Source: GATEWAY 8 (where the upstream's words are).
"""

from __future__ import annotations

import re
from typing import Final

import orjson

__all__ = [
    "fit_to_show",
    "json_or_none",
    "own_words",
    "shorten",
    "without_cut_key",
    "without_key",
    "words_of_text",
]

# Patterns are text here, which ``re`` compiles once, with the first error: to compile them
# takes as long as to import several modules.
_SECRETS: Final = (
    # The name of a credential and its value; the name stays. Prose after "bearer" stays too.
    (
        (
            r"(?i)\b(bearer\s+)(?!(?:token|auth|authentication|authorization|key|header|or|and|is|in)s?(?![\w-]))"
            r"[^\s\"'`,;<>]+"
        ),
        r"\1[redacted]",
    ),
    (
        (
            r"(?i)\b((?:api|secret|access)[ _-]?(?:key|token)|token|secret|password|key provided)"
            r"([\"'`]?\s*[:=]\s*[\"'`]?)(?!\[redacted)[^\s\"'`,;<>]{8,}"
        ),
        r"\1\2[redacted]",
    ),
    # Keys known by their looks: OpenAI's and its followers', Google's, AWS's; JWTs (the
    # gateway's own keys); and any run longer than words, model names and request ids are.
    (
        (
            r"\b(?:(?:sk|pk|rk)[-_][\w*.-]{3,}|(?:gsk|hf|ghp|gho|xai|pplx|nvapi)[-_][\w*-]{8,}"
            r"|AIza[\w-]{20,}|AKIA[0-9A-Z]{12,}|eyJ[\w-]{5,}(?:\.[\w-]*)*"
            r"|(?=[A-Za-z]{0,80}[0-9])[A-Za-z0-9]{40,})"
        ),
        "[redacted]",
    ),
)

_SEARCHED_MAX_CHARS: Final = 64 * 1024
_SNIPPET_MAX_CHARS: Final = 200
_TITLE_MAX_CHARS: Final = 120
_MASKED_MAX_CHARS: Final = 2000
_KEY_MIN_CHARS: Final = 8
_NESTING_MAX: Final = 8
_ITEMS_MAX: Final = 8
_MESSAGE_KEYS: Final = (
    "message",
    "detail",
    "msg",
    "error_message",
    "error_description",
    "title",
)
_HTML: Final = (
    r"(?i)\A(?:<\?xml[^>]{0,100}>\s*)?(?:<!--|<!doctype html|<html|<head|<body)"
    r"|(?:<!doctype html|<html)\b"
)
_HTML_TITLE: Final = r"(?i)<title[^<>]{0,200}>([^<]{1,300})"
_JSON_START: Final = r"(?:\[\s*)?\{"
_QUOTED_MESSAGE: Final = r"""(?s)(["'])message\1\s*:\s*(["'])((?:\\.|(?!\2)[^\\])+)"""
# What JSON never escapes, and all that most keys consist of. So is a backslash searched for:
# among other backslashes there would be too many ways to find it.
_AS_IT_IS: Final = r"[\w.~\\-]+"
# Each JSON around a JSON doubles what it escapes with.
_BACKSLASHES_MAX: Final = 16
_SPACES: Final = r"[\s\x00-\x1f\x7f-\x9f]+"


def own_words(value: object) -> str | None:
    """Dig for the words meant for people, through objects, lists and JSON inside strings.

    Nothing but messages is taken: beside them an upstream may echo the prompt.
    """
    return _dig(value, 0)


def words_of_text(text: str) -> str | None:
    """Say what a body that is no JSON says: an HTML page's title, or its first words."""
    return shorten(own_words(text) or "", _SNIPPET_MAX_CHARS) or None


def fit_to_show(text: str, max_chars: int) -> str:
    """Make a text fit for a message: one line, keys and tokens masked, bounded."""
    line = re.sub(_SPACES, " ", text[:_MASKED_MAX_CHARS]).strip()
    for pattern, replacement in _SECRETS:
        line = re.sub(pattern, replacement, line)
    return shorten(line, max_chars)


def without_key(text: str, key: str | None) -> str:
    """Mask a key that is known, whatever it looks like: a server may say it back.

    It is found as it is, and as JSON inside JSON spells it: some servers put a backslash before
    each slash, or write an equals sign by its number. One of a few letters is none to keep
    secret, and would be found in plain words.
    """
    if not key or len(key) < _KEY_MIN_CHARS:
        return text
    if "\\" not in text or re.fullmatch(_AS_IT_IS, key):
        return text.replace(key, "[redacted]")
    return re.sub("".join(map(_spellings, key)), "[redacted]", text)


def without_cut_key(text: str, key: str | None) -> str:
    """Mask the beginning of a key at the end of a text, which may have broken off inside it."""
    for length in range(len(key or "") - 1, _KEY_MIN_CHARS - 1, -1):
        if key and text.endswith(key[:length]):
            return text[:-length] + "[redacted]"
    return text


def shorten(text: str, max_chars: int) -> str:
    """Cut a text to ``max_chars`` characters, an ellipsis at the cut included."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def json_or_none(text: str) -> object:
    """Decode JSON; None for what is no JSON, and for ``null``."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _spellings(char: str) -> str:
    """Return the pattern of a key's character in JSON, in JSON inside JSON and so on."""
    plain = re.escape(char)
    if re.fullmatch(_AS_IT_IS, char):
        return plain
    most = _BACKSLASHES_MAX
    return rf"(?:\\{{0,{most}}}{plain}|\\{{1,{most}}}u(?i:{ord(char):04x}))"


def _dig(value: object, depth: int) -> str | None:
    if depth > _NESTING_MAX:
        return None
    if isinstance(value, str):
        return _dig_string(value[:_SEARCHED_MAX_CHARS], depth)
    places: list[object] = []
    if isinstance(value, list):
        places = value[:_ITEMS_MAX]
    elif isinstance(value, dict):
        places = [value.get(key) for key in _MESSAGE_KEYS]
        nested = value.get("error") or value.get("errors")
        # An object under ``error`` holds the message; a string there is only a heading.
        places = [*places, nested] if isinstance(nested, str) else [nested, *places]
    found = (_dig(place, depth + 1) for place in places)
    return next((words for words in found if words), None)


def _dig_string(text: str, depth: int) -> str | None:
    text = text.strip()
    page = re.search(_HTML, text)
    # Whoever passes a page on puts words before it; a tag alone may be what they are about.
    if page is not None and (not page.start() or re.search(_HTML_TITLE, text)):
        before = text[: page.start()].strip(" \t\r\n:-")
        return f"{before}: {_words_of_page(text)}" if before else _words_of_page(text)
    if text.startswith('"') and isinstance(encoded := json_or_none(text), str):
        return _dig(encoded, depth + 1)
    start = re.search(_JSON_START, text)
    if start is None:
        return text or None
    # Of text with braces in it, only what stands before them and messages in them is taken.
    before = text[: start.start()].removeprefix("data:").strip(" \t\r\n:-")
    nested = json_or_none(text[start.start() :])
    if isinstance(nested, (dict, list)):
        words = _dig(nested, depth + 1)
    else:  # cut short, or written by Python's repr
        quoted = re.search(_QUOTED_MESSAGE, text[start.start() :])
        words = quoted[3] if quoted else None
    return " ".join(part for part in (before, words) if part) or None


def _words_of_page(text: str) -> str:
    """Say what an HTML page is about, and nothing else of it."""
    title = re.search(_HTML_TITLE, text)
    if title is None:
        return "the answer is an HTML page without a title"
    # Its table of entities takes longer to import than most modules here, and pages are rare.
    import html

    heading = shorten(html.unescape(title[1]).strip(), _TITLE_MAX_CHARS)
    return f"the answer is an HTML page titled '{heading}'"
