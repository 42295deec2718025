"""A planned answer as bytes: the events of a stream, or one JSON body.

A stream is written token by token here, or cut at random out of the whole body.

Written for speed: what a stream repeats is serialised once, and a text delta costs one
lookup and one join. Source: GATEWAY 5 (chunks, usage), GATEWAY 6 (reasoning).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import zip_longest
from typing import Any

import attrs
import orjson

from kilo_sdk.emulator.answers import Answer, ChoicePlan, ToolCallPlan
from kilo_sdk.emulator.cutting import cut_completion
from kilo_sdk.emulator.framing import frame_events
from kilo_sdk.emulator.models import EmulatedModel, ReasoningStyle
from kilo_sdk.emulator.thinking import Thinking

__all__ = ["Envelope", "encode_body", "encode_chunks", "encode_cuts"]

_NATIVE: dict[ReasoningStyle, dict[str, str]] = {
    "anthropic": {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"},
    "google": {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"},
    "openai": {"stop": "completed", "length": "max_output_tokens", "tool_calls": "completed"},
    "xai": {"stop": "completed", "length": "max_output_tokens", "tool_calls": "completed"},
    "plain": {},
    "tags": {},
}
_OPEN = b',"finish_reason":null,"native_finish_reason":null,"logprobs":null}'


@attrs.frozen(slots=True)
class Envelope:
    """What every chunk of a completion repeats: its id, when it was made and by which model."""

    id: str
    created: int
    model: EmulatedModel

    def fields(self, kind: str) -> dict[str, Any]:
        """Return the fields before ``choices``, in the gateway's order."""
        return {
            "id": self.id,
            "provider": self.model.provider,
            "model": self.model.id,
            "object": kind,
            "created": self.created,
        }


def encode_chunks(
    answer: Answer, envelope: Envelope, *, with_finish_reason: bool = True
) -> list[bytes]:
    """Return one SSE event per chunk, ``[DONE]`` not among them.

    An empty delta opens each choice; its finish reason comes in a chunk of its own; the
    usage comes last, beside an empty delta. Several choices take turns.

    Args:
        answer: What to send.
        envelope: What every chunk repeats.
        with_finish_reason: False leaves every finish reason null.
    """
    opening = orjson.dumps(envelope.fields("chat.completion.chunk"))[:-1]
    head = b"data: " + opening + b',"choices":['
    tail = b"]}\n\n"
    per_choice = [_choice_deltas(choice, envelope, with_finish_reason) for choice in answer.choices]
    if len(per_choice) == 1:
        events = [head + delta + tail for delta in per_choice[0]]
    else:
        events = [
            head + delta + tail
            for turn in zip_longest(*per_choice)
            for delta in turn
            if delta is not None
        ]
    usage = orjson.dumps(_usage(answer, envelope.model))
    events.append(head + _delta(0, b'""') + b'],"usage":' + usage + b"}\n\n")
    return events


def encode_cuts(
    answer: Answer, envelope: Envelope, rng: random.Random, *, with_finish_reason: bool = True
) -> list[bytes]:
    """Return the events of a stream cut at random, ``[DONE]`` the last of them."""
    whole = _completion(answer, envelope, with_finish_reason)
    return frame_events(cut_completion(whole, rng), rng)


def encode_body(answer: Answer, envelope: Envelope, *, with_finish_reason: bool = True) -> bytes:
    """Return the JSON body of a whole completion."""
    return orjson.dumps(_completion(answer, envelope, with_finish_reason))


def _completion(answer: Answer, envelope: Envelope, with_finish_reason: bool) -> dict[str, Any]:
    native = _NATIVE[envelope.model.style]
    choices = []
    for choice in answer.choices:
        reason = choice.finish_reason if with_finish_reason else None
        choices.append(
            {
                "logprobs": None,
                "finish_reason": reason,
                "native_finish_reason": native.get(reason, reason) if reason else None,
                "index": choice.index,
                "message": _message(choice),
            }
        )
    body = envelope.fields("chat.completion")
    body |= {
        "choices": choices,
        "system_fingerprint": None,
        "usage": _usage(answer, envelope.model),
    }
    return body


def _choice_deltas(
    choice: ChoicePlan, envelope: Envelope, with_finish_reason: bool
) -> Iterator[bytes]:
    index = choice.index
    yield _delta(index, b'""')
    if choice.thinking:
        for text, details in choice.thinking.deltas:
            yield _reasoning_delta(index, choice.thinking.names, text, details)
    lead = b'{"index":%d,"delta":{"role":"assistant","content":' % index
    for token in choice.content:
        yield lead + _quoted(token) + b"}" + _OPEN
    yield from _tool_deltas(index, choice.tool_calls)
    reason = choice.finish_reason if with_finish_reason else None
    native = _NATIVE[envelope.model.style].get(reason, reason) if reason else None
    yield orjson.dumps(
        {
            "index": index,
            "delta": {"role": "assistant", "content": ""},
            "finish_reason": reason,
            "native_finish_reason": native,
            "logprobs": None,
        }
    )


@lru_cache(maxsize=4096)
def _quoted(token: str) -> bytes:
    return orjson.dumps(token)


def _delta(index: int, content: bytes, more: bytes = b"") -> bytes:
    lead = b'{"index":%d,"delta":{"role":"assistant","content":' % index
    return lead + content + more + b"}" + _OPEN


def _reasoning_delta(
    index: int, names: tuple[str, ...], text: str | None, details: tuple[dict[str, Any], ...]
) -> bytes:
    quoted = orjson.dumps(text)
    more = b"".join(b',"%s":%s' % (name.encode(), quoted) for name in names)
    if details:
        more += b',"reasoning_details":' + orjson.dumps(details)
    return _delta(index, b'""', more)


def _tool_deltas(index: int, calls: tuple[ToolCallPlan, ...]) -> Iterator[bytes]:
    """Open every call, then let their arguments take turns (GATEWAY 5: interleaved)."""
    for position, call in enumerate(calls):
        yield _tool_delta(
            index,
            {
                "index": position,
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": ""},
                **call.extra,
            },
        )
    for turn in zip_longest(*(call.pieces for call in calls)):
        for position, piece in enumerate(turn):
            if piece is not None:
                function = {"arguments": piece}
                yield _tool_delta(
                    index, {"index": position, "type": "function", "function": function}
                )


def _tool_delta(index: int, call: dict[str, Any]) -> bytes:
    return _delta(index, b"null", b',"tool_calls":' + orjson.dumps([call]))


def _message(choice: ChoicePlan) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(choice.content),
        "refusal": None,
        "reasoning": None,
    }
    if choice.thinking:
        message |= _reasoning_fields(choice.thinking)
    if choice.tool_calls:
        message["tool_calls"] = [
            {
                "index": position,
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
                **call.extra,
            }
            for position, call in enumerate(choice.tool_calls)
        ]
    return message


def _reasoning_fields(thinking: Thinking) -> dict[str, Any]:
    fields: dict[str, Any] = dict.fromkeys(thinking.names, thinking.text or None)
    if thinking.details:
        fields["reasoning_details"] = list(thinking.details)
    return fields


def _usage(answer: Answer, model: EmulatedModel) -> dict[str, Any]:
    prompt: Decimal = answer.prompt_tokens * model.prompt_price
    completion: Decimal = answer.completion_tokens * model.completion_price
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        "cost": float(prompt + completion),
        "is_byok": False,
        "prompt_tokens_details": {
            "cached_tokens": answer.cached_tokens,
            "cache_write_tokens": 0,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": float(prompt + completion),
            "upstream_inference_prompt_cost": float(prompt),
            "upstream_inference_completions_cost": float(completion),
        },
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "image_tokens": 0,
        },
    }
