"""Whether an answer that was cut can be gone on with, and what the model is asked for that.

Decisions only: ``resumption`` acts on them. The answer so far goes out as the beginning of the
assistant's next message; which models go on with one, and how, the transport knows.

Source: GATEWAY 3 (reasoning).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from kilo_sdk.cost.tokens import output_bytes_of, tokens_in
from kilo_sdk.errors import APIConnectionError, APIError, APITimeoutError, StreamInterruptedError
from kilo_sdk.refs import ModelRef
from kilo_sdk.seam import Seam
from kilo_sdk.transports.base import CompletionCall, TransportAdapter
from kilo_sdk.transports.prefixes import AssistantPrefix, ContinuingTransport
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.wire import WirePayload

__all__ = ["Continuation", "continue_from", "is_cut"]

_CUT_PHASES: Final = frozenset({"first_token", "idle", "stall"})
# What an answer may have begun with, and still be gone on with.
_KNOWN_FIELDS: Final = frozenset({"role", "content", "reasoning", "reasoning_details"})
_LIMITS: Final = ("max_tokens", "max_completion_tokens")


@attrs.frozen(slots=True)
class Continuation:
    """What is asked to have the rest of an answer.

    Attributes:
        call: The call that asks for it.
        seam: Joins what comes on.
    """

    call: CompletionCall
    seam: Seam


def is_cut(error: APIError) -> bool:
    """Whether an error says that a stream broke off, and not that somebody ended it.

    Errors that the upstream sent, answers that are none, and the ``total`` clock are no cuts.
    """
    if isinstance(error, APITimeoutError):
        return error.phase in _CUT_PHASES
    return isinstance(error, StreamInterruptedError | APIConnectionError)


def continue_from(
    partial: ChatCompletion, call: CompletionCall, transport: TransportAdapter
) -> Continuation | str:
    """Return what to ask for the rest of an answer, or in words why it cannot be had.

    An answer of which no character has come is simply asked for again, of whatever model.

    Args:
        partial: The answer so far.
        call: The call as it was first made. It is not changed.
        transport: What serves it.
    """
    if len(partial.choices) > 1:
        return "several answers had begun"
    if partial.finish_reason is not None:
        return "the model had ended its answer"
    message = partial.message.raw
    others = sorted(field for field in message if message[field] and field not in _KNOWN_FIELDS)
    if others:
        return f"more than text had come: {', '.join(others)}"
    text = partial.text
    prefix = text.rstrip()
    blank = text[len(prefix) :]
    has_reasoned = bool(message.get("reasoning") or message.get("reasoning_details"))
    if not prefix:
        if has_reasoned:
            return "nothing but reasoning had come"
        return Continuation(call, Seam("", blank, keeps_reasoning=True))
    manner = _manner_of(call.ref, transport)
    if isinstance(manner, str):
        return manner
    why = _why_not(call.payload)
    if why:
        return why
    message = {"role": "assistant", "content": prefix, **manner.message}
    payload: WirePayload = {
        **call.payload,
        "messages": [*call.payload["messages"], message],
        **manner.body,
    }
    written = tokens_in(output_bytes_of(partial))
    for name in _LIMITS:
        limit = payload.get(name)
        if isinstance(limit, int):
            payload[name] = max(1, limit - written)
    # Once it writes, a model has thought; Claude and Qwen go on with nothing else. An object goes
    # only to models that are known to take one: a level may have been for others (GATEWAY 4).
    payload.pop("reasoning_effort", None)
    if has_reasoned or payload.get("reasoning"):
        payload["reasoning"] = {"enabled": False}
    seam = Seam(prefix, blank, echo=manner.echo)
    return Continuation(attrs.evolve(call, payload=payload, reasoning=None), seam)


def _manner_of(ref: ModelRef, transport: TransportAdapter) -> AssistantPrefix | str:
    """Return how a model takes the beginning of its answer, or why it does not."""
    if isinstance(transport, ContinuingTransport):
        return transport.assistant_prefix(ref)
    return f"the transport {transport.name} does not say how its models go on"


def _why_not(payload: WirePayload) -> str:
    """Return why an answer to this request cannot be gone on with; empty where it can."""
    response_format = payload.get("response_format")
    if isinstance(response_format, Mapping) and response_format.get("type") != "text":
        return "response_format binds the whole answer"
    if payload.get("logprobs"):
        return "logprobs were asked for, and the seam may fall inside a token"
    if payload.get("n") not in (None, 1):
        return "several answers were asked for"
    last = payload["messages"][-1]
    if isinstance(last, Mapping) and last.get("role") == "assistant":
        return "the conversation ends in the beginning of an answer already"
    return ""
