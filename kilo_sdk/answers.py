"""The whole answer from its body, and what every way of decoding shares.

Sans-IO. A body that did not come as a stream is led through the same accumulator as a
stream's chunks (``stream_decoder``), so that both make the same completion.

Source: GATEWAY 5 (answers), GATEWAY 8 (errors inside a 200).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import orjson

from kilo_sdk.accumulate import CompletionAccumulator
from kilo_sdk.cost.prices import NO_PRICES, PriceList
from kilo_sdk.error_mapping import error_from_payload, fit_to_keep
from kilo_sdk.error_words import without_cut_key, without_key
from kilo_sdk.errors import APIError, ProtocolError
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.plain_answers import built_at_once
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.base import TransportAdapter
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.wire import WireCompletion, WireDict

if TYPE_CHECKING:
    from kilo_sdk.seam import Seam

__all__ = [
    "AnswerContext",
    "decode_completion",
    "describe_garbage",
    "shown_body",
    "take_whole",
]

# How much of a broken answer an error keeps as its ``body``.
_SHOWN_BODY_BYTES: Final = 4096
_LOOKED_AT_BYTES: Final = 60


def _no_key() -> str | None:
    return None


class AnswerContext:
    """What decoding needs to know of the answer besides its bytes; never changed.

    Args:
        transport: Turns events and bodies into OpenAI's shape.
        response_chain: What chunks and completions pass.
        ref: The model that was asked.
        request_id: From the response headers, or None.
        headers: The response headers.
        content_type: The media type, lower case; empty where none was sent.
        prices: What an answer cost that does not say so.
        key_sent: Tells the key that went out with the request, for an error that says it back.
    """

    __slots__ = (
        "content_type",
        "headers",
        "key_sent",
        "prices",
        "ref",
        "request_id",
        "response_chain",
        "transport",
    )

    def __init__(
        self,
        transport: TransportAdapter,
        response_chain: ResponseChain,
        ref: ModelRef,
        request_id: str | None,
        headers: Mapping[str, str],
        content_type: str,
        prices: PriceList = NO_PRICES,
        key_sent: Callable[[], str | None] = _no_key,
    ) -> None:
        self.transport = transport
        self.response_chain = response_chain
        self.ref = ref
        self.request_id = request_id
        self.headers = headers
        self.content_type = content_type
        self.prices = prices
        self.key_sent = key_sent

    def completion(self, wire: WireCompletion) -> ChatCompletion:
        """Return the typed completion of what the accumulator built."""
        completion = ChatCompletion.from_wire(wire, model_ref=self.ref, request_id=self.request_id)
        return self.prices.price(completion, self.ref)

    def error_inside(self, payload: WireDict, *, in_stream: bool) -> APIError:
        """Return the exception for an error that came with status 200."""
        return error_from_payload(
            payload,
            http_status=200,
            headers=self.headers,
            model=self.ref.id,
            now=time.time(),
            in_stream=in_stream,
            key=self.key_sent(),
        )

    def words(self, message: str) -> str:
        """Return a message with the model and the request id behind it."""
        where = f"; model {self.ref.id}"
        if self.request_id:
            where = f"{where}, request id {self.request_id}"
        return message + where


def decode_completion(body: bytes, context: AnswerContext) -> ChatCompletion:
    """Return the completion that the body of a non-streaming answer holds.

    Raises:
        APIStatusError: The body holds an error instead, or a choice does.
        ProtocolError: The body is no JSON object with choices.
    """
    completion = _parse_completion(body, context)
    passes_plain = context.response_chain.passes_plain_answers
    if not passes_plain:
        _lead_through_middleware(completion, context)
    built = built_at_once(completion)
    if built is not None:
        return context.completion(built)
    if passes_plain:
        _lead_through_middleware(completion, context)
    accumulator = CompletionAccumulator()
    accumulator.add_whole(completion)
    refused = accumulator.error()
    if refused is not None:
        raise context.error_inside({**completion, "error": refused}, in_stream=False)
    return context.completion(accumulator.build())


def describe_garbage(data: bytes, content_type: str) -> str:
    """Say in a few words what kind of thing was seen.

    None of its content: a broken server may echo the prompt or the key, and messages end
    up in logs. ``shown_body`` keeps the beginning for the error's ``body``.
    """
    head = data.lstrip()[:_LOOKED_AT_BYTES]
    if not head:
        seen = "nothing"
    elif head[:1] == b"<":
        seen = f"{len(data)} bytes of HTML or XML"
    elif head[:1] in (b"{", b"["):
        seen = f"{len(data)} bytes of JSON that breaks off or is malformed"
    elif head.isascii() and head.replace(b"\n", b"").replace(b"\r", b"").decode().isprintable():
        seen = f"{len(data)} bytes of other text"
    else:
        seen = f"{len(data)} bytes that are no text"
    return f"{seen} (content type {content_type})" if content_type else seen


def shown_body(data: bytes, key: str | None) -> str:
    """Return the beginning of what was seen, for the ``body`` of an error.

    Args:
        data: What was seen.
        key: The key that was sent, which is masked where it was said back.
    """
    text = data[:_SHOWN_BODY_BYTES].decode("utf-8", "replace")
    return without_cut_key(without_key(text, key), key)


def take_whole(
    body: bytes,
    context: AnswerContext,
    accumulator: CompletionAccumulator,
    seam: Seam | None = None,
) -> WireCompletion:
    """Lead a whole answer's body through the middleware into an accumulator.

    Args:
        body: The body.
        context: What else is known of the answer.
        accumulator: Takes it.
        seam: Joins it on to what the accumulator holds of a cut answer.

    Returns:
        The completion as the accumulator took it.

    Raises:
        APIStatusError: The body holds an error instead.
        ProtocolError: The body is no JSON object with choices.
    """
    completion = _parse_completion(body, context)
    _lead_through_middleware(completion, context)
    if seam is not None:
        seam.on_completion(completion)
    accumulator.add_whole(completion)
    return completion


def _lead_through_middleware(completion: WireCompletion, context: AnswerContext) -> None:
    for step in context.response_chain.completion_steps():
        step(completion)


def _parse_completion(body: bytes, context: AnswerContext) -> WireDict:
    try:
        wire = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        seen = describe_garbage(body, context.content_type)
        raise _protocol_error(
            f"the answer is no JSON, but {seen}", shown_body(body, context.key_sent()), context
        ) from exc
    if not isinstance(wire, dict):
        kind = type(wire).__name__
        raise _protocol_error(f"the answer is a JSON {kind}, not an object", wire, context)
    if wire.get("error"):
        raise context.error_inside(wire, in_stream=False)
    completion = context.transport.decode_completion(wire)
    choices = completion.get("choices")
    if choices:
        for choice in choices if isinstance(choices, list) else [choices]:
            if isinstance(choice, dict):
                return completion
    raise _protocol_error("the answer is a JSON object without choices", wire, context)


def _protocol_error(message: str, body: object, context: AnswerContext) -> ProtocolError:
    if isinstance(body, (dict, list)):
        fit_to_keep(body, context.key_sent())
    return ProtocolError(
        context.words(message), request_id=context.request_id, body=body, model=context.ref.id
    )
