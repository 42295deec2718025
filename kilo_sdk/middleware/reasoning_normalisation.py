"""Reasoning normalisation: one name for reasoning text, whoever sent it.

After this middleware reasoning text stands under ``reasoning`` alone, never twice, and
``[REDACTED]`` is not shown. ``reasoning_details`` are left as the model made them, since
upstreams verify signatures over them.

Source: GATEWAY 6.
"""

from __future__ import annotations

from typing import Final

from kilo_sdk.middleware.base import ResponseMiddleware
from kilo_sdk.middleware.held_back import held_back
from kilo_sdk.reasoning_details import StandInDetail
from kilo_sdk.types.wire import WireChunk, WireCompletion, WireDict

__all__ = ["ReasoningNormalisation"]

_REDACTED: Final = "[REDACTED]"
_ALIASES: Final = ("reasoning_content", "reasoning_text")
_REASONING_FIELDS: Final = frozenset({"reasoning", "reasoning_details", *_ALIASES})


class ReasoningNormalisation:
    """Brings every spelling of reasoning to OpenRouter's normal form.

    - The first of ``reasoning``, ``reasoning_content`` and ``reasoning_text`` that is not
      empty is shown; with none of them, the text of the details is.
    - ``[REDACTED]``, which stands in for encrypted reasoning, is shown nowhere, wherever
      chunks cut it.
    - Where only ``reasoning_content`` or ``reasoning_text`` came, the text is a detail too.

    What chunks show is what the completion shows, whatever the cuts. That takes memory of
    the chunks before, so each answer gets an object of its own from ``for_call``.
    """

    ignores_text = True
    passes_repeats = True
    shares_completions = True
    passes_plain_answers = True

    __slots__ = ("_shown",)

    def __init__(self) -> None:
        self._shown: dict[object, _ShownText] = {}

    def for_call(self) -> ResponseMiddleware:
        """Return the middleware for one answer."""
        return ReasoningNormalisation()

    def on_chunk(self, chunk: WireChunk, /) -> None:
        """Normalise the deltas of a repaired chunk in place."""
        for choice in chunk["choices"]:
            delta = choice["delta"]
            # Most deltas hold content and role alone; three look-ups decide that.
            if (
                delta.get("reasoning_details")
                or "reasoning_content" in delta
                or "reasoning_text" in delta
                or delta.get("reasoning")
            ):
                self._shown_of(choice).normalise(delta)
            if self._shown and choice.get("finish_reason"):
                self._shown_of(choice).end(delta)

    def on_end(self) -> WireChunk | None:
        """Return what is still held back of a stream, in a chunk of its own."""
        deltas: dict[object, WireDict] = {}
        for index, shown in self._shown.items():
            delta: WireDict = {}
            shown.end(delta)
            if delta:
                deltas[index] = delta
        choices = [{"index": index, "delta": delta} for index, delta in deltas.items()]
        return {"choices": choices} if choices else None

    def on_completion(self, completion: WireCompletion, /) -> None:
        """Normalise the messages of a repaired completion in place."""
        for choice in completion["choices"]:
            message = choice["message"]
            if not _REASONING_FIELDS.isdisjoint(message):
                shown = _ShownText()
                shown.normalise(message)
                shown.end(message)

    def _shown_of(self, choice: WireDict) -> _ShownText:
        index = choice.get("index")
        shown = self._shown.get(index)
        if shown is None:
            shown = self._shown[index] = _ShownText()
        return shown


class _ShownText:
    """The reasoning text of one choice, piece by piece."""

    __slots__ = ("_held", "_is_alone", "_stands_in")

    def __init__(self) -> None:
        self._held = ""
        # Whether text came under a name and without details.
        self._is_alone = False
        # Whether what is held back is to be a detail, too.
        self._stands_in = False

    def normalise(self, owner: WireDict) -> None:
        """Normalise a delta, or a whole message, in place."""
        reasoning = _as_text(owner.get("reasoning"))
        alias = ""
        for name in _ALIASES:
            if name in owner:
                text = _as_text(owner.pop(name))
                alias = alias or text
        details = owner.get("reasoning_details")
        if details is not None and not isinstance(details, list):
            details = None
            del owner["reasoning_details"]
        text = reasoning or alias
        if text:
            self._is_alone = self._is_alone or not details
            self._stands_in = not (reasoning or details)
        elif details and not self._is_alone:
            # Else all of the text comes under a name, and the details hold it again.
            text = "".join(map(_shown_text, details))
        shown = self._without_redaction(text)
        if shown or "reasoning" in owner:
            owner["reasoning"] = shown or None
        if shown and self._stands_in:
            owner["reasoning_details"] = [_stand_in(shown)]

    def end(self, owner: WireDict) -> None:
        """Add what was held back: nothing more will come."""
        if self._held:
            shown = owner.get("reasoning") or ""
            owner["reasoning"] = shown + self._held
            if self._stands_in:
                details = owner.get("reasoning_details") or []
                if details == [_stand_in(shown)]:
                    # One text is one detail, and here is the rest of it.
                    owner["reasoning_details"] = [_stand_in(shown + self._held)]
                else:
                    owner["reasoning_details"] = [*details, _stand_in(self._held)]
            self._held = ""

    def _without_redaction(self, text: str) -> str:
        if not self._held and "[" not in text:
            return text
        *before, last = (self._held + text).split(_REDACTED)
        held = held_back(last, _REDACTED)
        self._held = last[len(last) - held :]
        return "".join((*before, last[: len(last) - held]))


def _as_text(value: object) -> str:
    """Return reasoning as text; some upstreams send a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = (part.get("text") if isinstance(part, dict) else part for part in value)
        return "".join(text for text in texts if isinstance(text, str))
    return ""


def _shown_text(detail: object) -> str:
    if not isinstance(detail, dict):
        return ""
    kind = detail.get("type")
    if kind == "reasoning.text":
        return _as_text(detail.get("text"))
    if kind == "reasoning.summary":
        return _as_text(detail.get("summary"))
    return ""


def _stand_in(text: str) -> WireDict:
    return StandInDetail(type="reasoning.text", text=text)
