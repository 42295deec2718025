"""Keeps thought signatures that upstreams would refuse out of histories and answers.

Signatures sit on content blocks and tool calls; those inside ``reasoning_details`` are not
looked at here. Blocks are otherwise untouched: none is added, moved or renamed.

Source: GATEWAY 7.
"""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.types.wire import WireChunk, WireCompletion, WireDict

__all__ = ["ForeignSignatureRemoval", "ThoughtSignatureSanitation", "is_valid_thought_signature"]

_NAMES = ("thought_signature", "thoughtSignature")
_FOREIGN_PREFIX = "msg_"

_WHITE_SPACE = b" \t\n\r\f\v"
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")

_FOREIGN = "another vendor's signature"
_INVALID = "thought signature that is no base64"

_Clean: TypeAlias = Callable[[WireDict, list[Any]], WireDict]
"""Returns an entry, or a cleaned copy, and adds the signatures left out to the list."""


def is_valid_thought_signature(value: object) -> bool:
    """Whether a value may be a thought signature of Gemini's.

    It may when it is a string of base64 or base64url (one alphabet, not a mixture) that
    decodes to at least one byte and encodes back to itself: padding is left out or whole,
    and no stray bits hang at the end. ASCII white space is ignored.

    An id such as ``msg_01XFDUDYJgAACzvnptvVoYEL`` is none, although some of them happen
    to be base64url.

    Source: GATEWAY 7.
    """
    if not isinstance(value, str) or not value.isascii():
        return False
    compact = value.encode("ascii").translate(None, _WHITE_SPACE)
    if compact.startswith(_FOREIGN_PREFIX.encode()):
        return False
    if b"-" in compact or b"_" in compact:
        if b"+" in compact or b"/" in compact:
            return False
        compact = compact.translate(_TO_BASE64)
    padded = compact if compact.endswith(b"=") else compact + b"=" * (-len(compact) % 4)
    try:
        decoded = binascii.a2b_base64(padded, strict_mode=True)
    except binascii.Error:
        return False
    return bool(decoded) and binascii.b2a_base64(decoded, newline=False) == padded


class ThoughtSignatureSanitation:
    """Removes invalid thought signatures on the Gemini path, both ways.

    A request and a response middleware. ``thought_signature`` and ``thoughtSignature`` of
    content blocks and tool calls, and ``extra_content.google.thought_signature`` of tool
    calls, are kept only when ``is_valid_thought_signature`` says so. Never raises, whatever
    the dicts hold; doing it twice changes nothing more.

    Source: GATEWAY 7.
    """

    __slots__ = ()
    passes_plain_requests = True
    ignores_text = True
    passes_repeats = True
    passes_plain_answers = True

    def on_request(self, request: OutgoingRequest, /) -> None:
        """Clean the whole history; messages are copied before they are changed.

        What was left out is noted in ``request.dropped``.
        """
        _clean_history(request, _clean_block, _clean_tool_call)

    def on_chunk(self, chunk: WireChunk, /) -> None:
        """Clean the deltas of a chunk in place."""
        _clean_answer(chunk, "delta")

    def on_completion(self, completion: WireCompletion, /) -> None:
        """Clean the messages of a completion in place."""
        _clean_answer(completion, "message")


class ForeignSignatureRemoval:
    """Removes another vendor's ids from where a thought signature belongs.

    A request middleware for models that are not Gemini's. Only strings that begin with
    ``msg_`` under ``thought_signature`` of content blocks and tool calls are removed.

    Source: GATEWAY 7.
    """

    __slots__ = ()
    passes_plain_requests = True

    def on_request(self, request: OutgoingRequest, /) -> None:
        """Clean the whole history; messages are copied before they are changed.

        What was left out is noted in ``request.dropped``.
        """
        _clean_history(request, _without_foreign, _without_foreign)


def _clean_history(request: OutgoingRequest, block: _Clean, tool_call: _Clean) -> None:
    messages = request.payload.get("messages")
    if not isinstance(messages, list):
        return
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or (
            isinstance(message.get("content"), str) and "tool_calls" not in message
        ):
            continue  # most messages are text alone
        removed: list[Any] = []
        changes = _changes(message, block, tool_call, removed)
        if not changes:
            continue
        messages[index] = {**message, **changes}
        # Nothing is lost with a null or an empty signature.
        reasons = Counter(_reason(signature) for signature in removed if signature)
        request.note_dropped(index, message.get("role"), reasons, {_INVALID})


def _reason(signature: object) -> str:
    foreign = isinstance(signature, str) and signature.lstrip().startswith(_FOREIGN_PREFIX)
    return _FOREIGN if foreign else _INVALID


def _clean_answer(answer: WireDict, part: str) -> None:
    choices = answer.get("choices")
    if isinstance(choices, dict):  # seen instead of a list (GATEWAY 5)
        choices = [choices]
    elif not isinstance(choices, list):
        return
    for choice in choices:
        message = choice.get(part) if isinstance(choice, dict) else None
        # A plain text delta leaves here: this runs for every chunk.
        if not isinstance(message, dict) or (
            not message.get("tool_calls") and not isinstance(message.get("content"), list)
        ):
            continue
        message.update(_changes(message, _clean_block, _clean_tool_call, []))


def _changes(message: WireDict, block: _Clean, tool_call: _Clean, removed: list[Any]) -> WireDict:
    """Return the fields of a message that cleaning makes different, empty for none."""
    changes: WireDict = {}
    for name, clean in (("content", block), ("tool_calls", tool_call)):
        entries = message.get(name)
        if isinstance(entries, list | tuple):
            cleaned = _cleaned_entries(entries, clean, removed)
            if cleaned is not entries:
                changes[name] = cleaned
    return changes


def _cleaned_entries(entries: Sequence[Any], clean: _Clean, removed: list[Any]) -> Sequence[Any]:
    """Return the entries themselves when none needs cleaning, else a copy."""
    result: list[Any] | None = None
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            continue
        cleaned = clean(entry, removed)
        if cleaned is not entry:
            if result is None:
                result = list(entries)
            result[index] = cleaned
    return entries if result is None else result


def _clean_block(block: WireDict, removed: list[Any]) -> WireDict:
    for name in _NAMES:
        if name in block and not is_valid_thought_signature(block[name]):
            block = _without(block, name, removed)
    return block


def _clean_tool_call(tool_call: WireDict, removed: list[Any]) -> WireDict:
    tool_call = _clean_block(tool_call, removed)
    extra = tool_call.get("extra_content")
    if not isinstance(extra, dict):
        return tool_call
    google = extra.get("google")
    if (
        isinstance(google, dict)
        and "thought_signature" in google
        and not is_valid_thought_signature(google["thought_signature"])
    ):
        without = {**extra, "google": _without(google, "thought_signature", removed)}
        tool_call = {**tool_call, "extra_content": without}
    return tool_call


def _without_foreign(entry: WireDict, removed: list[Any]) -> WireDict:
    value = entry.get("thought_signature")
    if isinstance(value, str) and value.startswith(_FOREIGN_PREFIX):
        return _without(entry, "thought_signature", removed)
    return entry


def _without(entry: WireDict, name: str, removed: list[Any]) -> WireDict:
    removed.append(entry[name])
    return {key: value for key, value in entry.items() if key != name}
