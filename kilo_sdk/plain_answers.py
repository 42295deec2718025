"""The usual whole answer, brought into the accumulator's shape without an accumulator.

An answer that did not come as a stream is a stream of one chunk, and ``accumulate`` says what
becomes of it. Nearly all such answers have nothing to repair, nothing to join and nothing to
drop: what the accumulator would build of one is put together here at once, and whatever has more
to it goes the whole way.

Source: GATEWAY 5 (shapes).
"""

from __future__ import annotations

from typing import Final

from kilo_sdk.types.wire import WireCompletion, WireDict

__all__ = ["built_at_once"]

_TEXTS_ALONE: Final = frozenset({"role", "content", "refusal"})
# What a choice that is no more than a message does not have.
_MORE_TO_IT: Final = frozenset({"delta", "error", "usage"})


def built_at_once(completion: WireCompletion) -> WireCompletion | None:
    """Return what an accumulator would build of a plain answer, repaired or not; a new dict.

    Plain is what ``ResponseMiddleware`` says of ``passes_plain_answers``.

    Returns:
        None for any other answer: the accumulator's to take.
    """
    choices, usage = completion.get("choices"), completion.get("usage")
    if type(choices) is not list or len(choices) != 1 or type(usage) is not dict:
        return None
    choice = choices[0]
    if type(choice) is not dict or not _MORE_TO_IT.isdisjoint(choice):
        return None
    reason = choice.get("finish_reason")
    if type(reason) is not str or reason == "error" or type(choice.get("index")) is not int:
        return None
    message = _message_of(choice.get("message"))
    if message is None:
        return None
    built: WireDict = choice.copy()
    if built.pop("logprobs", None):
        return None
    if None in built.values():
        built = {name: value for name, value in built.items() if value is not None}
    built["message"], built["finish_reason"], built["logprobs"] = message, reason or None, None
    whole = completion.copy()
    whole["object"], whole["choices"], whole["usage"] = "chat.completion", [built], usage or None
    return whole


def _message_of(given: object) -> WireDict | None:
    if type(given) is not dict:
        return None
    if not _TEXTS_ALONE.issuperset(given):
        given = {name: value for name, value in given.items() if value is not None}
        if not _TEXTS_ALONE.issuperset(given):
            return None
    content, refusal = given.get("content"), given.get("refusal")
    if content is not None and type(content) is not str:
        return None
    if refusal is None:
        return {"role": "assistant", "content": content or None}
    if type(refusal) is not str:
        return None
    return {"role": "assistant", "content": content or None, "refusal": refusal or None}
