"""Whether reasoning came back exactly as it was given: the strict form, of upstreams that sign.

A model looks at the details of its own vendor's format alone, as the gateway does; of those
it takes only what was made here, by this gateway or one like it, byte for byte and in its
place. What is said to a client that changed something is each vendor's own.
Source: GATEWAY 7.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import orjson

from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.refusals import ReplayRefusal
from kilo_sdk.emulator.signing import (
    Origin,
    answer_of_call,
    canonical,
    is_signed_call,
    looks_own,
    stands,
    without,
)
from kilo_sdk.emulator.thinking import FORMATS

__all__ = ["is_base64", "verify_history"]

_OPENAI = (FORMATS["openai"], f"azure-{FORMATS['openai']}")
_SIGNATURE_NAMES = ("thought_signature", "thoughtSignature")
_WHITE_SPACE = re.compile(r"[ \t\n\r\f\v]+")


def verify_history(messages: Sequence[Mapping[str, Any]], model: EmulatedModel) -> None:
    """Verify the reasoning of a history, whose ``reasoning_details`` are lists of whatever.

    Raises:
        ReplayRefusal: 400 for a detail that is none, else in the words of the model's
            upstream.
    """
    turns = [_Turn.of(position, message) for position, message in enumerate(messages)]
    match model.style:
        case "anthropic":
            _verify_claude(turns, model)
        case "google":
            _verify_gemini(turns, model)
        case "openai":
            _verify_responses(turns, model, _OPENAI)
        case "xai":
            _verify_responses(turns, model, (FORMATS["xai"],))
        case _:
            pass


def is_base64(value: object) -> bool:
    """Whether a value is a string of base64 or base64url, as a thought signature must be.

    Padding may be left out and white space is ignored; nothing else is (GATEWAY 7).
    """
    if not isinstance(value, str) or value.startswith("msg_"):
        return False
    bare = _WHITE_SPACE.sub("", value)
    unpadded = bare.rstrip("=")
    padded = unpadded + "=" * (-len(unpadded) % 4)
    if not unpadded or bare not in (unpadded, padded):
        return False
    for altchars in (b"+/", b"-_"):
        try:
            decoded = base64.b64decode(padded, altchars, validate=True)
        except (binascii.Error, ValueError):
            continue
        if base64.b64encode(decoded, altchars).decode() == padded:
            return True
    return False


@attrs.frozen(slots=True)
class _Turn:
    """One message, as far as verification looks at it."""

    position: int
    message: Mapping[str, Any]
    details: list[dict[str, Any]]
    content: str
    calls: list[dict[str, Any]]

    @classmethod
    def of(cls, position: int, message: Mapping[str, Any]) -> _Turn:
        details = message.get("reasoning_details") or []
        for number, detail in enumerate(details):
            if not _is_readable(detail):
                where = f"messages[{position}].reasoning_details[{number}]"
                words = f"{where}: an object with a type and its content is required"
                raise ReplayRefusal(words, {"error": "Invalid request", "message": words})
        calls = [one for one in message.get("tool_calls") or () if isinstance(one, dict)]
        return cls(position, message, details, _text_of(message.get("content")), calls)

    def is_home_of(self, origin: Origin) -> bool:
        """Whether a detail of that origin can stand here, as far as can be told."""
        answers = {answer_of_call(id_) for id_ in map(_id_of, self.calls) if id_}
        return answers <= {None, origin.answer} and origin.opens(self.content)


def _is_readable(detail: object) -> bool:
    if not isinstance(detail, dict) or not isinstance(detail.get("type"), str):
        return False
    match detail["type"]:
        case "reasoning.summary":
            return isinstance(detail.get("summary"), str)
        case "reasoning.encrypted":
            return isinstance(detail.get("data"), str)
        case "reasoning.text":
            return isinstance(detail.get("text"), str | None)
        case _:
            return True


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def _id_of(call: Mapping[str, Any]) -> str | None:
    id_ = call.get("id")
    return id_ if isinstance(id_, str) else None


# Anthropic: a chain of signed blocks per message


def _verify_claude(turns: Sequence[_Turn], model: EmulatedModel) -> None:
    shift = 0
    for turn in turns:
        # Anthropic counts messages without those of the system.
        shift += turn.message.get("role") in ("system", "developer")
        chain: list[Origin] = []
        for number, detail in enumerate(turn.details):
            if not _is_claudes(detail):
                continue
            field = "signature" if detail["type"] == "reasoning.text" else "data"
            origin = stands(detail.get(field), canonical(without(detail, field)))
            follows = (
                origin is not None
                and origin.position == len(chain)
                and all(one.answer == origin.answer for one in chain)
                and turn.is_home_of(origin)
            )
            if origin is None or not follows:
                raise _claudes_words(turn.position - shift, number, model)
            chain.append(origin)
        missing = chain and len(chain) < chain[0].count
        # Less than all of it may come back only of an answer that was broken off.
        if missing and chain[0].is_all(turn.content, len(turn.calls)):
            raise _claudes_words(turn.position - shift, len(turn.details), model)


def _is_claudes(detail: Mapping[str, Any]) -> bool:
    """Whether Claude reads a detail: a text without a format is taken for its own."""
    name, kind = detail.get("format"), detail["type"]
    if kind == "reasoning.text":
        return name in (None, "", FORMATS["anthropic"])
    return kind == "reasoning.encrypted" and name == FORMATS["anthropic"]


def _claudes_words(message: int, block: int, model: EmulatedModel) -> ReplayRefusal:
    words = f"messages.{message}.content.{block}: Invalid signature in thinking block"
    error = {"type": "invalid_request_error", "message": words}
    return _refusal(model, words, {"type": "error", "error": error})


# Google: a signature per tool call


def _verify_gemini(turns: Sequence[_Turn], model: EmulatedModel) -> None:
    corrupted = _googles_words("Corrupted thought signature.", model)
    for turn in turns:
        content = turn.message.get("content")
        for block in content if isinstance(content, list) else ():
            if not all(is_base64(value) for value in _signatures_on(block)):
                raise corrupted
        signed: set[str | None] = set()
        for call in turn.calls:
            for value in _signatures_on(call):
                if not is_base64(value) or not _fits_call(value, call, {}):
                    raise corrupted
                signed.add(_id_of(call))
        seen: set[bytes | None] = set()
        for detail in turn.details:
            if detail.get("format") != FORMATS["google"]:
                continue
            whole = canonical(detail)
            if whole in seen or not _is_geminis(detail, turn):
                raise corrupted
            seen.add(whole)
            if detail["type"] == "reasoning.encrypted":
                signed.add(_id_of(detail))
        for number, call in enumerate(turn.calls, start=1):
            id_ = _id_of(call)
            if id_ is not None and is_signed_call(id_) and id_ not in signed:
                raise _googles_words(_unsigned_call(call, number), model)


def _signatures_on(entry: object) -> Iterator[object]:
    """Every thought signature that stands on a content block or a tool call."""
    if not isinstance(entry, dict):
        return
    for name in _SIGNATURE_NAMES:
        if name in entry:
            yield entry[name]
    extra = entry.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    if isinstance(google, dict) and "thought_signature" in google:
        yield google["thought_signature"]


def _fits_call(value: object, call: Mapping[str, Any], detail: Mapping[str, Any]) -> bool:
    """Whether a signature is for this call. On the call itself others' are taken on trust."""
    if not detail and not looks_own(value):
        return True
    function = call.get("function")
    told = function if isinstance(function, dict) else {}
    covers = [call.get("id"), told.get("name"), told.get("arguments")]
    return stands(value, canonical(covers, without(detail, "data"))) is not None


def _is_geminis(detail: Mapping[str, Any], turn: _Turn) -> bool:
    kind = detail["type"]
    id_ = detail.get("id")
    if kind == "reasoning.encrypted" and id_ is not None:
        return any(
            _fits_call(detail["data"], call, detail) for call in turn.calls if call.get("id") == id_
        )
    if kind not in ("reasoning.encrypted", "reasoning.text"):
        return True
    field = "data" if kind == "reasoning.encrypted" else "signature"
    origin = stands(detail.get(field), canonical(without(detail, field)))
    return origin is not None and turn.is_home_of(origin)


def _unsigned_call(call: Mapping[str, Any], position: int) -> str:
    function = call.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return (
        "Function call is missing a thought_signature in functionCall parts. "
        f"Additional data, function call `default_api:{name}` , position {position}."
    )


def _googles_words(words: str, model: EmulatedModel) -> ReplayRefusal:
    error = {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}
    return _refusal(model, words, {"error": error})


# OpenAI, and xAI after it: items, each of them once


def _verify_responses(turns: Sequence[_Turn], model: EmulatedModel, formats: Sequence[str]) -> None:
    ids: set[str] = set()
    for turn in turns:
        seen: set[bytes | None] = set()
        for detail in turn.details:
            if detail.get("format") not in formats:
                continue
            id_, whole = detail.get("id"), canonical(detail)
            if whole in seen or (isinstance(id_, str) and id_ in ids):
                words = (
                    f"Duplicate item found with id {id_}. "
                    "Remove duplicate items from your input and try again."
                )
                raise _openais_words(words, "duplicate_item", model)
            seen.add(whole)
            if isinstance(id_, str):
                ids.add(id_)
            if detail["type"] == "reasoning.encrypted" and not stands(
                detail["data"], canonical(without(detail, "data"))
            ):
                data = detail["data"]
                words = (
                    f"The encrypted content {data[:4]}...{data[-4:]} could not be verified. "
                    "Reason: Encrypted content could not be decrypted or parsed."
                )
                raise _openais_words(words, "invalid_encrypted_content", model)


def _openais_words(words: str, code: str, model: EmulatedModel) -> ReplayRefusal:
    error = {"message": words, "type": "invalid_request_error", "param": None, "code": code}
    return _refusal(model, words, {"error": error})


def _refusal(model: EmulatedModel, words: str, raw: Mapping[str, Any]) -> ReplayRefusal:
    return ReplayRefusal.by_upstream(words, orjson.dumps(raw).decode(), model.provider)
