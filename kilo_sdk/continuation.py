"""Whether an answer that was cut can be gone on with, and what the model is asked for that.

Decisions only: ``resumption`` acts on them. The answer so far goes out as the beginning of the
assistant's next message, which the models of some vendors go on with where it stops. Others would
begin a new answer, and are not asked.

Source: Anthropic, 'Prefill Claude's response' and the notes on Claude 4.6; DeepSeek, 'Chat Prefix
Completion'; Mistral, ``prefix`` of an assistant message; Moonshot and Alibaba, 'Partial Mode';
GATEWAY 3 (reasoning).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from kilo_sdk.cost.tokens import output_bytes_of, tokens_in
from kilo_sdk.errors import APIConnectionError, APIError, APITimeoutError, StreamInterruptedError
from kilo_sdk.refs import ModelRef
from kilo_sdk.seam import Echo, Seam
from kilo_sdk.transports.base import CompletionCall
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.wire import WirePayload

__all__ = ["Continuation", "continue_from", "is_cut"]

_CUT_PHASES: Final = frozenset({"first_token", "idle", "stall"})
# What an answer may have begun with, and still be gone on with.
_KNOWN_FIELDS: Final = frozenset({"role", "content", "reasoning", "reasoning_details"})
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
# Models that think whatever they are told, and so would think again before they go on.
_ALWAYS_THINKS: Final = re.compile(r"thinking|reasoner|magistral|\bqwq\b|\br1\b", re.IGNORECASE)
_CLAUDE_VERSION: Final = re.compile(r"-(\d{1,2})(?:[.-](\d{1,2}))?(?!\d)")
_NO_PREFIX_SINCE: Final = (4, 6)


@attrs.frozen(slots=True)
class _Manner:
    """How one vendor's models take the beginning of their own answer.

    Attributes:
        mark: What says in the message that it is to be gone on with.
        echo: Whether the beginning comes back.
    """

    mark: Mapping[str, bool]
    echo: Echo


_MANNERS: Final[Mapping[str, _Manner]] = MappingProxyType(
    {
        "anthropic": _Manner({}, "never"),
        "deepseek": _Manner({"prefix": True}, "perhaps"),
        "mistralai": _Manner({"prefix": True}, "always"),
        "moonshotai": _Manner({"partial": True}, "perhaps"),
        "qwen": _Manner({"partial": True}, "perhaps"),
    }
)


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


def continue_from(partial: ChatCompletion, call: CompletionCall) -> Continuation | str:
    """Return what to ask for the rest of an answer, or in words why it cannot be had.

    An answer of which no character has come is simply asked for again, of whatever model.

    Args:
        partial: The answer so far.
        call: The call as it was first made. It is not changed.
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
    manner = _manner_of(call.ref)
    why = manner if isinstance(manner, str) else _why_not(call.payload)
    if isinstance(manner, str) or why:
        return why
    message = {"role": "assistant", "content": prefix, **manner.mark}
    payload: WirePayload = {**call.payload, "messages": [*call.payload["messages"], message]}
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


def _manner_of(ref: ModelRef) -> _Manner | str:
    """Return how a model takes the beginning of its answer, or why it does not."""
    manner = _MANNERS.get(ref.vendor.lower())
    if ref.is_auto or manner is None:
        return f"{ref.id} is not known to go on with a beginning that it is given"
    if _ALWAYS_THINKS.search(ref.id):
        return f"{ref.id} thinks before it writes, and would think again"
    if ref.vendor.lower() == "anthropic":
        version = _claude_version(ref.id)
        if version is None or version >= _NO_PREFIX_SINCE:
            return f"{ref.id} takes no beginning of its answer, as no Claude from 4.6 on does"
    return manner


def _claude_version(id_: str) -> tuple[int, int] | None:
    """Return major and minor version; a date is neither."""
    found = _CLAUDE_VERSION.search(id_)
    return None if found is None else (int(found[1]), int(found[2] or 0))


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
