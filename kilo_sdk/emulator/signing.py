"""Signatures over reasoning: what they cover, where they belong, and whether they stand.

A signature holds everything it takes to check it, so that any gateway can check what
another one signed, or the same one before it was restarted. It keeps nobody from forging:
it is there to show what a client changed. Source: GATEWAY 7 (what upstreams verify).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Self

import attrs
import orjson

from kilo_sdk.emulator.models import ReasoningStyle

__all__ = [
    "Origin",
    "answer_of_call",
    "call_id",
    "canonical",
    "is_signed_call",
    "looks_own",
    "read_signature",
    "sign",
    "stands",
    "without",
]

# Fifteen bytes are twenty characters of base64, so every signature begins alike.
_MARK = b"kilo emulator/1"
_PREFIX = base64.b64encode(_MARK).decode()
# What an answer opens with is told at several lengths, so that one broken off is known too.
_OPENINGS = (1, 2, 4, 8, 16, 32, 64)
_NUMBER = re.compile(r"\d{1,9}")
_CALL = re.compile(r"(?:toolu|call|gemini)_([0-9a-f]{14})[0-9a-f]{2}")
_SIGNED_CALL = "gemini_"


@attrs.frozen(slots=True, kw_only=True)
class Origin:
    """The place that a signature was made for.

    Attributes:
        answer: Fourteen hex digits that belong to one choice of one answer.
        position: Which of the answer's signed details it stands in, from 0.
        count: How many there are.
        calls: How many tool calls the answer makes.
        length: Characters of the answer's content.
        opening: Digests of the first 1, 2, 4, ... up to 64 of them, as far as there are.
        subject: Digest of the detail's text, or of the tool call's id.
    """

    answer: str
    position: int = 0
    count: int = 1
    calls: int = 0
    length: int = 0
    opening: str
    subject: str = ""

    @classmethod
    def of(cls, answer: str, content: str, calls: int) -> Self:
        """Return the origin that an answer's details have in common."""
        return cls(answer=answer, calls=calls, length=len(content), opening=_opening(content))

    def at(self, position: int, count: int, subject: str) -> Self:
        """Return the origin of one detail."""
        return attrs.evolve(self, position=position, count=count, subject=_digest(subject))

    def covers(self, subject: str) -> bool:
        """Whether the signature was made over this text, or for this tool call's id."""
        return self.subject == _digest(subject)

    def opens(self, content: str) -> bool:
        """Whether content may be that of the answer, or what there is of it so far."""
        given = _opening(content)
        shared = min(len(given), len(self.opening))
        return given[:shared] == self.opening[:shared]

    def is_all(self, content: str, calls: int) -> bool:
        """Whether content and calls are as many as the answer had: nothing was cut off."""
        return len(content) == self.length and calls == self.calls


def sign(origin: Origin, covered: bytes) -> str:
    """Return the signature over some bytes: base64, the same for the same arguments."""
    fields = ":".join(str(value) for value in attrs.astuple(origin)).encode()
    digest = hashlib.sha256(fields + b"\n" + covered).hexdigest()[:32]
    return base64.b64encode(_MARK + b":" + fields + b":" + digest.encode()).decode()


def looks_own(signature: object) -> bool:
    """Whether a signature begins as those made here do, unharmed or not."""
    return isinstance(signature, str) and signature.startswith(_PREFIX)


def read_signature(signature: object) -> Origin | None:
    """Return what a signature says of its origin, or None for one not made here."""
    if not isinstance(signature, str) or not signature.startswith(_PREFIX):
        return None
    try:
        words = base64.b64decode(signature, validate=True).decode("ascii").split(":")
    except (binascii.Error, ValueError):
        return None
    if len(words) != 9:
        return None
    _, answer, position, count, calls, length, opening, subject, _ = words
    if not all(_NUMBER.fullmatch(number) for number in (position, count, calls, length)):
        return None
    return Origin(
        answer=answer,
        position=int(position),
        count=int(count),
        calls=int(calls),
        length=int(length),
        opening=opening,
        subject=subject,
    )


def stands(signature: object, covered: bytes | None) -> Origin | None:
    """Return the origin of a signature that was made here over these very bytes.

    Args:
        signature: Whatever stood in its place.
        covered: The bytes, or None for what no bytes can be made of.

    Returns:
        None for any other: of another maker, over other bytes, or with a byte changed.
    """
    origin = read_signature(signature)
    if origin is None or covered is None or sign(origin, covered) != signature:
        return None
    return origin


def canonical(*values: object) -> bytes | None:
    """Return values as canonical JSON, keys sorted; None where they nest too deep for it."""
    try:
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None


def without(detail: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a detail's fields but one: what that one is a signature over."""
    return {key: value for key, value in detail.items() if key != name}


def call_id(style: ReasoningStyle, answer: str, position: int, *, signed: bool) -> str:
    """Return the id of a tool call.

    Args:
        style: The vendor's.
        answer: The fourteen hex digits of the answer.
        position: Which of its calls, from 0 to 255.
        signed: Whether a thought signature goes along, which Gemini then insists on.
    """
    prefix = "toolu_" if style == "anthropic" else "call_"
    if style == "google" and signed:
        prefix = _SIGNED_CALL
    return f"{prefix}{answer}{position:02x}"


def answer_of_call(id_: str) -> str | None:
    """Return the digits of the answer that made a call, or None for an id not made here."""
    own = _CALL.fullmatch(id_)
    return own[1] if own else None


def is_signed_call(id_: str) -> bool:
    """Whether a call was made here by a Gemini model, with a thought signature."""
    return id_.startswith(_SIGNED_CALL) and answer_of_call(id_) is not None


def _opening(content: str) -> str:
    return "".join(_digest(content[:size])[:4] for size in _OPENINGS if size <= len(content))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
