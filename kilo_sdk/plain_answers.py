"""The usual whole answer, brought into the accumulator's shape without an accumulator.

An answer that did not come as a stream is a stream of one chunk, and ``accumulate`` says what
becomes of it. Nearly all such answers have nothing to join and nothing to drop: what the
accumulator would build of one is put together here at once, and whatever has more to it
goes the whole way.

Source: GATEWAY 5 (shapes).
"""

from __future__ import annotations

from typing import Final

from kilo_sdk.types.wire import WireCompletion, WireDict

__all__ = ["built_at_once"]

_MORE_TEXTS: Final = ("reasoning", "refusal")
_TEXTS_ALONE: Final = frozenset({"role", "content", *_MORE_TEXTS})


def built_at_once(completion: WireCompletion) -> WireCompletion | None:
    """Return what an accumulator would build of a repaired and normalised answer; a new dict.

    Returns:
        None for an answer of more choices than one, with fields that are joined, numbered or
        of an unusual kind, or with an error: the accumulator's to take.
    """
    choices, usage = completion["choices"], completion.get("usage")
    if len(choices) != 1 or type(usage) is not dict:
        return None
    choice = choices[0]
    reason = choice.get("finish_reason")
    if type(reason) is not str or reason == "error" or choice.get("logprobs"):
        return None
    message = _message_of(choice["message"])
    if message is None:
        return None
    built: WireDict = choice.copy()
    built.pop("logprobs", None)
    if None in built.values():
        built = {key: value for key, value in built.items() if value is not None}
    if "error" in built or "delta" in built:
        return None
    built["message"], built["finish_reason"], built["logprobs"] = message, reason or None, None
    whole = completion.copy()
    whole["object"], whole["choices"], whole["usage"] = "chat.completion", [built], usage or None
    return whole


def _message_of(given: WireDict) -> WireDict | None:
    if not _TEXTS_ALONE.issuperset(given):
        given = {key: value for key, value in given.items() if value is not None}
        if not _TEXTS_ALONE.issuperset(given):
            return None
    content = given.get("content")
    if type(content) is not str and content is not None:
        return None
    message: WireDict = {"role": "assistant", "content": content or None}
    for name in _MORE_TEXTS:
        text = given.get(name)
        if text is not None:
            if type(text) is not str:
                return None
            message[name] = text or None
    return message
