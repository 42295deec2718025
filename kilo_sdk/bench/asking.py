"""One request: asked through the SDK, with a time kept per network read.

What runs while a stream does is two appends per read; all else waits until it has ended.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence
from typing import Any

import kilo_sdk.resilience.try_progress  # noqa: F401 - else the first request waits for it
from kilo_sdk.bench.outputs import note_outputs
from kilo_sdk.bench.plan import Target
from kilo_sdk.bench.record import RequestRecord
from kilo_sdk.bench.workload import Workload
from kilo_sdk.chunk_template import DecodedChunk
from kilo_sdk.client import KiloClient
from kilo_sdk.errors import APIStatusError, APITimeoutError, KiloError
from kilo_sdk.resilience.try_report import TryReport
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.timeouts import Timeouts
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.wire import WireMessage

__all__ = ["Asker", "error_class", "open_client"]


def open_client(target: Target) -> KiloClient:
    """Return a client for a target.

    Raises:
        ConfigurationError: What the target says cannot work.
    """
    return KiloClient(
        target.api_key,
        base_url=target.base_url,
        default_model=target.model,
        retries=RetryPolicy(max_attempts=target.retries + 1),
        timeouts=Timeouts() if target.timeout is None else Timeouts(total=target.timeout),
        headers=target.headers,
        allow_insecure=target.allow_insecure,
    )


def error_class(error: KiloError) -> str:
    """Return what errors are counted by: the class, with its status, clock or the system's code."""
    name = type(error).__name__
    if isinstance(error, APIStatusError):
        return f"{name} {error.status_code}"
    if isinstance(error, APITimeoutError):
        return f"{name} {error.phase}"
    code = getattr(error.__cause__, "errno", None)
    words = None if code is None else errno.errorcode.get(code)
    return name if words is None else f"{name} {words}"


class Asker:
    """Asks what a workload says, one call per request; for any number of tasks.

    Attributes:
        chunks: Chunks that have arrived so far, of all requests.
    """

    def __init__(self, client: KiloClient, workload: Workload) -> None:
        self._completions = client.chat.completions
        self._stream = workload.stream
        self._options = {"reasoning": workload.reasoning, "extra_body": workload.extra_body}
        self.chunks = 0

    async def ask(
        self,
        record: RequestRecord,
        messages: list[WireMessage],
        *,
        max_tokens: int | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
    ) -> ChatCompletion | None:
        """Send a request and write into its record how it went.

        A call that is cancelled leaves the record unfinished.

        Returns:
            The answer, or None where an error came instead.
        """

        def note_try(report: TryReport) -> None:
            record.retries += report.outcome == "retry"

        options: dict[str, Any] = {
            **self._options,
            "max_tokens": max_tokens,
            "tools": tools,
            "on_try": note_try,
        }
        answer: ChatCompletion
        try:
            if self._stream:
                answer = await self._ask_for_stream(record, messages, options)
            else:
                answer = await self._completions.create(messages=messages, **options)
                record.ended = time.monotonic()
        except KiloError as error:
            record.ended = time.monotonic()
            record.outcome = "failed"
            record.error = error_class(error)
        else:
            record.outcome = "completed"
            record.tool_calls = sum(len(one.message.tool_calls or ()) for one in answer.choices)
            _note_usage(record, answer)
            return answer
        return None

    async def _ask_for_stream(
        self, record: RequestRecord, messages: list[WireMessage], options: dict[str, Any]
    ) -> ChatCompletion:
        now = time.monotonic
        times: list[float] = []
        batches: list[list[DecodedChunk]] = []
        try:
            async with self._completions.stream(messages=messages, **options) as stream:
                async for batch in stream.batches():
                    times.append(now())
                    batches.append(batch)
                    self.chunks += len(batch)
                completion = await stream.get_final_completion()
        finally:
            note_outputs(record, times, batches)
        # The last chunk's time: what the SDK does after it is no part of the answer.
        record.ended = times[-1] if times else now()
        return completion


def _note_usage(record: RequestRecord, completion: ChatCompletion) -> None:
    usage = completion.usage
    if usage is not None:
        record.input_tokens = usage.prompt_tokens
        record.output_tokens = usage.completion_tokens
        record.reasoning_tokens = usage.reasoning_tokens
        record.cached_tokens = usage.cached_tokens
        record.cost = usage.cost
