"""Decoding a stream: network reads in, chunks and a verdict out.

Sans-IO. ``StreamDecoder`` runs for every chunk, so what can be decided per answer is
decided in its constructor.

Source: GATEWAY 5 (what a stream is made of, when it is complete), 8 (errors inside a 200).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import orjson

from kilo_sdk.accumulate import CompletionAccumulator
from kilo_sdk.answers import AnswerContext, describe_garbage, shown_body, take_whole
from kilo_sdk.chunk_template import ChunkTemplate, DecodedChunk, has_output, lone_delta
from kilo_sdk.errors import (
    APIError,
    BudgetExceededError,
    StreamInterruptedError,
    StreamProtocolError,
)
from kilo_sdk.repeat_template import RepeatTemplate
from kilo_sdk.sse import SSEParser
from kilo_sdk.text_pieces import FOLD_AT
from kilo_sdk.transports.base import OpenAICompatibleTransport, TransportAdapter
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.wire import WireChunk, WireDict

if TYPE_CHECKING:
    from kilo_sdk.seam import Seam

__all__ = ["StreamDecoder"]

_DONE: Final = b"[DONE]"
_FIELD: Final = rb"(?:\xef\xbb\xbf)?(?:data|event|id|retry)?:"
# Bytes of what is no event that are kept: an error's JSON may bring a vendor's whole answer.
_HEAD_MAX: Final = 64 * 1024
_LESSONS: Final = 64


class StreamDecoder:
    """Decodes one stream and judges how it ended.

    ``feed`` what arrives, ``end`` when nothing more will. A failure waits in ``failure`` until
    what came before it was handed out.
    """

    __slots__ = (
        "_accumulator",
        "_armed",
        "_context",
        "_decode",
        "_head",
        "_holds",
        "_lessons",
        "_parser",
        "_passage",
        "_passes_repeats",
        "_repeat",
        "_repeat_lessons",
        "_seam",
        "_template",
        "done",
        "failure",
        "has_output",
        "started",
    )

    def __init__(
        self,
        context: AnswerContext,
        *,
        accumulator: CompletionAccumulator | None = None,
        seam: Seam | None = None,
    ) -> None:
        self._context = context
        self._parser = SSEParser()
        self._accumulator = accumulator or CompletionAccumulator()
        self._passage = context.response_chain.for_stream()
        self._seam = seam
        self._decode = _chunk_decoder(context.transport)
        self._head = b""
        self._holds = True
        self._template: ChunkTemplate | None = None
        # The template, where the next read may be one event of it.
        self._armed: ChunkTemplate | None = None
        may_learn = self._decode is None and context.response_chain.ignores_text
        self._lessons = _LESSONS if may_learn else 0
        self._repeat: RepeatTemplate | None = None
        self._passes_repeats = may_learn and context.response_chain.passes_repeats
        self._repeat_lessons = _LESSONS if self._passes_repeats else 0
        self.done = False
        """Whether the answer is over, as with ``[DONE]``: nothing after it counts."""
        self.started = False
        """Whether any chunk came."""
        self.has_output = False
        """Whether a chunk brought more than a role."""
        self.failure: APIError | BudgetExceededError | None = None
        """Why the stream ended badly, once it did."""

    def feed(self, data: bytes) -> list[DecodedChunk]:
        """Take a read and return the chunks that it completes, until ``[DONE]`` or a failure."""
        template = self._armed
        # A read that is one event and differs from the last in its text alone, as nearly all
        # are while a model writes: none of its bytes needs a look but those of the text. The
        # quotes at both ends of it keep out white space, which could end a line.
        if (
            template is not None
            and data.startswith(prefix := template.read_prefix)
            and data.endswith(suffix := template.read_suffix)
            and data.find(b"\n") == len(data) - 2
        ):
            encoded = data[len(prefix) : -len(suffix)]
            if encoded[:1] == encoded[-1:] == b'"':
                try:
                    text = orjson.loads(encoded)
                except orjson.JSONDecodeError:
                    pass  # the whole way will tell what it is
                else:
                    pieces = template.pieces
                    pieces.append(text)
                    if len(pieces) >= FOLD_AT:
                        self._accumulator.fold()
                    return [(template, text)]
        if self.done or self.failure is not None:
            return []
        chunks = self._feed_parser(data)
        is_open = self._parser.between_events and not self.done and self.failure is None
        self._armed = self._template if is_open else None
        return chunks

    def _feed_parser(self, data: bytes) -> list[DecodedChunk]:
        """Take a read the whole way."""
        try:
            events = self._parser.feed_data(data)
        except StreamProtocolError as exc:
            self._fail(StreamProtocolError(self._context.words(exc.message)))
            return self._held_back()
        if not events:
            if not self.started and len(self._head) < _HEAD_MAX:
                self._head = (self._head + data).lstrip()[:_HEAD_MAX]
            return []
        chunks = self._decode_events(events)
        if self.done or self.failure is not None:
            chunks += self._held_back()
        return chunks

    @property
    def is_whole(self) -> bool:
        """Whether all of the answer is here, should nothing more come (GATEWAY 5)."""
        return self.done or (self._accumulator.finished and not self._parser.in_event)

    def end(self, *, cause: BaseException | None = None) -> list[DecodedChunk]:
        """Say that nothing more will come, and judge what came.

        Complete is a stream in which ``[DONE]`` or every finish_reason came, and which
        ended between events; ``failure`` says what any other was.

        Args:
            cause: What broke the connection, where it did not close in good order.

        Returns:
            What middleware had held back, for what never came.
        """
        if self.failure is None and not self.done:
            self.done = self._parser.pending_data.strip() == _DONE
        if self.failure is None:
            refused = self._accumulator.error()
            if refused is not None:
                self._fail(self._context.error_inside({"error": refused}, in_stream=True))
            elif not self.is_whole:
                self._fail(self._cut(), cause)
            else:
                self.done = True
        return self._held_back()

    def decode_body(self, body: bytes) -> list[DecodedChunk]:
        """Take the JSON body that came where a stream was promised, as a stream of one.

        Some upstreams ignore ``stream``; an error is an error all the same.
        """
        try:
            completion = take_whole(body, self._context, self._accumulator, self._seam)
        except APIError as exc:
            self._fail(exc)
            return []
        self.started = self.has_output = self.done = True
        choices = [{**choice, "delta": choice["message"]} for choice in completion["choices"]]
        return [{**completion, "object": "chat.completion.chunk", "choices": choices}]

    def completion(self) -> ChatCompletion:
        """Return the answer so far."""
        return self._context.completion(self._accumulator.build())

    def continued(self, context: AnswerContext, seam: Seam) -> StreamDecoder:
        """Return what decodes the rest of the same answer, and adds it to what came here.

        Args:
            context: Of the answer that brings the rest.
            seam: Joins it on.
        """
        self._accumulator.forget_usage()
        return StreamDecoder(context, accumulator=self._accumulator, seam=seam)

    def finished_tool_calls(self) -> list[tuple[int, WireDict]]:
        """Return the tool calls that are whole, each with the index of its choice.

        To be asked when the stream is complete. A call that the model had to stop inside
        of (``length`` and its like) is left out unless its arguments happen to be whole.
        """
        return self._accumulator.finished_tool_calls()

    def _decode_events(self, events: list[bytes]) -> list[DecodedChunk]:
        chunks: list[DecodedChunk] = []
        on_chunk = self._passage.on_chunk
        seam = self._seam
        decode = self._decode
        add = self._accumulator.add
        template = self._template
        pieces = [] if template is None else template.pieces
        repeat = self._repeat
        for data in events:
            if (
                template is not None
                and data.startswith(template.prefix)
                and data.endswith(template.suffix)
            ):
                try:
                    text = orjson.loads(data[template.start : template.end])
                except orjson.JSONDecodeError:
                    text = None  # more than a string stands there: the whole way
                if type(text) is str:
                    pieces.append(text)
                    chunks.append((template, text))
                    continue
            if repeat is not None:
                text = repeat.text_of(data)
                if text is not None:
                    for collector in repeat.collectors:
                        collector.append(text)
                    chunks.append(repeat.wire(text))
                    continue
                repeat = self._repeat = None
            if template is not None and self._passes_repeats:
                renewed = template.renewed(data)
                if renewed is not None:
                    template, text = renewed
                    self._template = template
                    self._accumulator.see(template.head)
                    pieces.append(text)
                    chunks.append(renewed)
                    continue
            try:
                wire = orjson.loads(data)
            except orjson.JSONDecodeError:
                marker = data.strip()
                if not marker:
                    continue  # an event of white space keeps the connection alive
                if marker == _DONE:
                    self.done = True
                else:
                    self._fail(self._not_json(data))
                break
            if type(wire) is not dict:
                self._fail(self._not_json(data))
                break
            if wire.get("error"):
                self._fail(self._context.error_inside(wire, in_stream=True))
                break
            if decode is not None:
                wire = decode(wire)
                if wire is None:
                    continue
            try:
                on_chunk(wire)
                # A template is learnt of chunks that nothing changed, and so only past the seam.
                if seam is not None:
                    seam.on_chunk(wire)
            except APIError as exc:
                self._fail(exc)
                break
            add(wire)
            chunks.append(wire)
            if template is not None and not template.shares_head(wire):
                template = self._template = None  # the last to say something counts
            if self._lessons or self._repeat_lessons:
                delta = lone_delta(wire)
                if delta is None:
                    continue  # it holds more than one text: there is nothing to learn
                if self._lessons and (learnt := self._learn(data, wire, delta)) is not None:
                    template, pieces = learnt, learnt.pieces
                if self._repeat_lessons:
                    repeat = self._learn_repeat(data, wire, delta)
        if chunks:
            self.started = True
            self._accumulator.fold()
            if not self.has_output:
                self.has_output = any(map(has_output, chunks))
        return chunks

    def _held_back(self) -> list[DecodedChunk]:
        """Take what middleware held back, now that nothing more will come; nothing twice."""
        chunks: list[DecodedChunk] = []
        if self._holds and self.started:
            self._holds = False
            try:
                for held in self._passage.held_back():
                    if self._seam is not None:
                        self._seam.on_chunk(held)
                    chunks.append(self._added(held))
                # Where the seam of a stream that was cut again is, the next will tell.
                if self._seam is not None and self.failure is None:
                    rest = self._seam.on_end()
                    if rest is not None:
                        chunks.append(self._added(rest))
            except APIError as exc:
                self._fail(exc)
        return chunks

    def _added(self, held: WireChunk) -> WireChunk:
        chunk = self._accumulator.headed(held)
        self._accumulator.add(chunk)
        return chunk

    def _learn(self, data: bytes, wire: WireChunk, delta: WireDict) -> ChunkTemplate | None:
        """Take a chunk that did not match for the template of those to come, a few times at most.

        A stream whose every chunk differs costs no more for it.
        """
        learnt = ChunkTemplate.learn(data, wire, delta)
        if learnt is not None:
            self._lessons -= 1
            self._template = learnt
            learnt.pieces = self._accumulator.text_of(learnt.choice).pieces
        return learnt

    def _learn_repeat(self, data: bytes, wire: WireChunk, delta: WireDict) -> RepeatTemplate | None:
        """Take a chunk that went the whole way for the template of those that follow it."""
        learnt = RepeatTemplate.learn(data, wire, delta)
        if learnt is not None:
            self._repeat_lessons -= 1
            learnt.collectors = self._accumulator.repeated(
                learnt.choice, call=learnt.call, has_detail=learnt.has_detail
            )
        self._repeat = learnt
        return learnt

    def _fail(self, failure: APIError, cause: BaseException | None = None) -> None:
        failure.request_id = failure.request_id or self._context.request_id
        failure.model = failure.model or self._context.ref.id
        failure.__cause__ = cause
        self.failure = failure

    def _cut(self) -> APIError:
        words = self._context.words
        in_event = self._parser.in_event
        if not self.started and not in_event and self._head and not re.match(_FIELD, self._head):
            if (told := _error_in(self._head)) is not None:
                return self._context.error_inside(told, in_stream=True)
            seen = describe_garbage(self._head, self._context.content_type)
            return StreamProtocolError(
                words(f"the answer is no event stream, but {seen}"),
                body=shown_body(self._head, self._context.key_sent()),
            )
        if not self.started:
            return StreamInterruptedError(words("the stream ended before its first chunk"))
        inside = "inside an event" if in_event else "without [DONE] or a finish_reason"
        return StreamInterruptedError(words(f"the stream was cut: it ended {inside}"))

    def _not_json(self, data: bytes) -> StreamProtocolError:
        seen = describe_garbage(data, "")
        return StreamProtocolError(
            self._context.words(f"an event of the stream is no JSON object, but {seen}"),
            body=shown_body(data, self._context.key_sent()),
        )


def _chunk_decoder(
    transport: TransportAdapter,
) -> Callable[[WireDict], WireChunk | None] | None:
    """Return the transport's decoder, or None where it would return its argument."""
    decode = transport.decode_chunk
    inherited = OpenAICompatibleTransport.decode_chunk
    return None if getattr(decode, "__func__", None) is inherited else decode


def _error_in(body: bytes) -> WireDict | None:
    """Return the error that came as a bare JSON body under a stream's content type."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) and told.get("error") else None
