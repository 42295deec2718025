"""Writing one answer into a log: from the SDK's stream to the relay's events.

It depends on no reader. It ends when the answer does, when someone asks it to stop, or with the
relay; the upstream call is closed on every one of these ways.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal

import anyio
import attrs

from kilo_sdk.cost.tokens import estimate_prompt_tokens, output_bytes_of, tokens_in
from kilo_sdk.errors import APIError, BudgetExceededError, KiloError
from kilo_sdk.relay.events import (
    Ended,
    EndState,
    Failed,
    Reasoning,
    Text,
    Told,
    ToolCalled,
    deep_size,
)
from kilo_sdk.relay.log import LogWriter
from kilo_sdk.relay.refusals import CUT, RelayRefusedError, failure_of
from kilo_sdk.relay.store import StreamWriter
from kilo_sdk.stream_events import events_of_read
from kilo_sdk.streaming import CompletionStream
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.events import (
    Finished,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    UsageReported,
)
from kilo_sdk.types.usage import Usage
from kilo_sdk.types.wire import WireChunk, WireDict

__all__ = ["EndedAnswer", "Generation"]

_log: Final = logging.getLogger("kilo_sdk.relay")
# How long the end of an answer may take to be stored when everything else stops.
_ENDING_S: Final = 5.0
# What a tool call weighs beside its characters.
_CALL_BYTES: Final = 160
_EVENT_FIELDS: Final = frozenset({"role", "content", "reasoning", "tool_calls"})
# No set: what a vendor sends for a type may be anything.
_TOLD_DETAILS: Final = ("reasoning.text", "reasoning.summary")
_COUNTS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
)


@attrs.frozen(kw_only=True)
class EndedAnswer:
    """What an app is told once an answer is over; see ``WebSocketRelay``'s ``on_end``.

    Attributes:
        stream: The answer's id.
        owner: Who asked, as the auth hook named them.
        request: The client's own id of its prompt.
        state: How it ended.
        completion: The answer, or what had come of it; None where nothing had.
        error: What broke it off, be it an error of your own code; None where nothing did.
        seconds: How long it took.
    """

    stream: str
    owner: str | None
    request: str | None = None
    state: EndState
    completion: ChatCompletion | None = attrs.field(default=None, repr=False)
    error: Exception | None = None
    seconds: float = 0.0


class Generation:
    """One answer being written. ``run`` it once, in a task of its own or not.

    Args:
        writer: Where it goes.
        payload: What was asked, for an estimate of what an answer used that was stopped.
        max_bytes: Longest answer, in bytes of the log, and of what is held beside it.
        report_cost: Whether a client is told what its answer cost.
    """

    def __init__(
        self,
        writer: StreamWriter,
        payload: Mapping[str, Any],
        *,
        max_bytes: int,
        report_cost: bool,
    ) -> None:
        self._writer = writer
        self._payload = dict(payload)
        self._max_bytes = max_bytes
        self._report_cost = report_cost
        self._scope = anyio.CancelScope()
        self._stream: CompletionStream | None = None
        self._whole: ChatCompletion | None = None
        self._calls = 0
        # What comes and is not told, or only at the end: a call may never stop either.
        self._held = 0
        self._began = time.monotonic()
        self.error: Exception | None = None

    @property
    def completion(self) -> ChatCompletion | None:
        """What has come of the answer."""
        if self._whole is not None or self._stream is None:
            return self._whole
        return self._stream.partial

    def ended(self, request: str | None) -> EndedAnswer:
        """Return what an app is told once it is over.

        Args:
            request: The client's own id of its prompt.
        """
        log = self._writer.log
        return EndedAnswer(
            stream=log.stream,
            owner=log.owner,
            request=request,
            state=log.state or "cut",
            completion=self.completion,
            error=self.error,
            seconds=time.monotonic() - self._began,
        )

    def cancel(self) -> None:
        """Stop, as someone asks for it: the connection closes at once."""
        self._scope.cancel()

    async def run(
        self, opening: Callable[[], AbstractAsyncContextManager[CompletionStream]]
    ) -> None:
        """Write the answer to its end.

        Args:
            opening: Asks for the answer; entered once.
        """
        last: Ended | Failed = CUT
        try:
            with self._scope:
                last = await self._write(opening)
            if self._scope.cancelled_caught:
                last = self._ended("cancelled")
        finally:
            # The relay stops: the readers learn of it here, or from the store.
            await self._end(last)

    async def _end(self, last: Ended | Failed) -> None:
        writer = self._writer
        if isinstance(writer, LogWriter):
            # A scope costs more than the end of an answer that nothing is waited for.
            writer.end_at_once(last)
            return
        with anyio.move_on_after(_ENDING_S, shield=True):
            await writer.end(last)

    async def _write(
        self, opening: Callable[[], AbstractAsyncContextManager[CompletionStream]]
    ) -> Ended | Failed:
        try:
            async with opening() as stream:
                self._stream = stream
                await self._copy(stream)
                return self._ended("done")
        except Exception as error:
            self.error = error
            if isinstance(error, KiloError):
                self._report(error)
            else:
                # A middleware or a transport of the app: a client must not wait for ever.
                _log.exception("answer.failed stream=%s", self._writer.log.stream)
            return attrs.evolve(failure_of(error), usage=self._usage(self.completion))

    async def _copy(self, stream: CompletionStream) -> None:
        log, append, limit = self._writer.log, self._writer.append, self._max_bytes
        async for read in stream.batches():
            first = read[0]
            # Nearly every read is one piece of text: no event is made of it but the log's own.
            if len(read) == 1 and isinstance(first, tuple) and first[0].choice == 0:
                if text := first[1]:
                    append(Text(text))
            else:
                for event in events_of_read(read):
                    self._take(event)
                for decoded in read:
                    if not isinstance(decoded, tuple):
                        self._weigh(decoded)
            if log.size + self._held > limit:
                raise RelayRefusedError("the answer is too long, and was stopped", code="too_long")
        # Whatever is said once it has ended well; what it weighs was counted as it came.
        async for event in stream.events():
            self._take(event)

    def _take(self, event: StreamEvent) -> None:
        """Add what an event says; of the first choice alone, for a client sees one answer."""
        append = self._writer.append
        if isinstance(event, TextDelta):
            if event.choice == 0:
                append(Text(event.text))
            else:
                self._held += len(event.text)
        elif isinstance(event, ReasoningDelta):
            if event.choice == 0:
                append(Reasoning(event.text))
            else:
                self._held += len(event.text)
        elif isinstance(event, ToolCallDelta):
            head = (event.id or "") + (event.name or "")
            self._held += len(event.arguments) + (_CALL_BYTES + len(head) if head else 0)
        elif isinstance(event, ToolCallDone):
            if event.choice == 0:
                call = event.tool_call
                append(ToolCalled(self._calls, call.id, call.name, call.arguments))
                self._calls += 1
        elif isinstance(event, UsageReported):
            append(Told(usage_fields(event.usage, with_cost=self._report_cost)))
        elif isinstance(event, Finished):
            self._whole = event.completion

    def _weigh(self, chunk: WireChunk) -> None:
        """Count what no event tells of, and is held for the message that ends the answer."""
        for choice in chunk["choices"]:
            for name, value in choice["delta"].items():
                if name in _EVENT_FIELDS or not value:
                    continue
                if name == "reasoning_details" and isinstance(value, list):
                    # Those with words of their own are told as reasoning, and were counted.
                    value = [one for one in value if not _is_told(one)]
                self._held += deep_size(value)

    def _ended(self, state: Literal["done", "cancelled"]) -> Ended:
        completion = self.completion
        if completion is None:
            return Ended(state)
        return Ended(
            state,
            finish_reason=completion.finish_reason if state == "done" else None,
            model=completion.model,
            usage=self._usage(completion),
            message=_message_of(completion, state),
        )

    def _usage(self, completion: ChatCompletion | None) -> WireDict | None:
        """What the answer used, estimated where nobody told."""
        if completion is None:
            return None
        if completion.usage is not None:
            return usage_fields(completion.usage, with_cost=self._report_cost)
        prompt = estimate_prompt_tokens(self._payload) if self._payload else None
        written = tokens_in(output_bytes_of(completion))
        usage: WireDict = {"completion_tokens": written, "estimated": True}
        if prompt is not None:
            usage |= {"prompt_tokens": prompt, "total_tokens": prompt + written}
        return usage

    def _report(self, error: KiloError) -> None:
        """Tell the operator what the client is not told; no error holds a key or a prompt."""
        expected = isinstance(error, APIError | BudgetExceededError | RelayRefusedError)
        _log.log(
            logging.WARNING if expected else logging.ERROR,
            "answer.failed stream=%s %s: %s",
            self._writer.log.stream,
            type(error).__name__,
            error,
        )


def _message_of(completion: ChatCompletion, state: Literal["done", "cancelled"]) -> WireDict | None:
    """Return what goes into the next prompt; None where nothing can."""
    message = completion.message
    if state == "done":
        return message.to_param()
    # Half a call, or one that nobody was told of: no result will follow it, and upstreams refuse
    # a history with such a one for ever after.
    param = attrs.evolve(message, tool_calls=[]).to_param()
    return param if any(value for name, value in param.items() if name != "role") else None


def _is_told(detail: object) -> bool:
    return isinstance(detail, dict) and detail.get("type") in _TOLD_DETAILS


def usage_fields(usage: Usage, *, with_cost: bool) -> WireDict:
    """Return what a client is told of a usage: counts that are known, and perhaps the cost."""
    fields: WireDict = {
        name: count for name in _COUNTS if (count := getattr(usage, name)) is not None
    }
    if with_cost and usage.cost is not None:
        fields["cost"] = str(usage.cost)
    return fields
