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

_TEXTS: Final = frozenset({"content", "reasoning", "refusal"})
_OWN_CHOICE_FIELDS: Final = frozenset({"index", "message", "finish_reason", "logprobs"})


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
    message = _built_message(choice["message"])
    reason = choice.get("finish_reason")
    if message is None or type(reason) is not str or reason == "error" or choice.get("logprobs"):
        return None
    built: WireDict = {
        key: value
        for key, value in choice.items()
        if value is not None and key not in _OWN_CHOICE_FIELDS
    }
    if "error" in built or "delta" in built:
        return None
    built["index"] = choice["index"]
    built["message"] = message
    built["finish_reason"] = reason or None
    built["logprobs"] = None
    return {
        **completion,
        "object": "chat.completion",
        "choices": [built],
        "usage": usage or None,
    }


def _built_message(message: WireDict) -> WireDict | None:
    built: WireDict = {"role": "assistant", "content": None}
    for key, value in message.items():
        if key in _TEXTS:
            if type(value) is str:
                built[key] = value or None
            elif value is not None:
                return None
        elif value is not None and key != "role":
            return None
    return built
