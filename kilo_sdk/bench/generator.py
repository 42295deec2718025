"""The load generator: sends what a plan says when it says so, in one event loop.

A task per request under way. Times are ``time.monotonic``: the clock of the event loop may
be coarser, and another one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final

from kilo_sdk.bench.asking import Asker
from kilo_sdk.bench.histogram import Histogram
from kilo_sdk.bench.lag import sample_lag
from kilo_sdk.bench.metrics import mean_gap
from kilo_sdk.bench.plan import Plan
from kilo_sdk.bench.record import RequestRecord
from kilo_sdk.bench.result import Overhead, Progress, Result
from kilo_sdk.bench.tally import Tally, Window
from kilo_sdk.bench.workload import Conversation
from kilo_sdk.client import KiloClient
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.wire import WireMessage

__all__ = ["Generator"]

_RECENT: Final = 200
# Sums of seconds that mean the same moment differ in their last bits: so near to the edge of a
# phase a request is on it.
_EDGE_S: Final = 1e-6
_TOOL_RESULT: Final = "42"


class Generator:
    """Runs a plan once.

    Args:
        client: Whom to ask through; left open.
        plan: What to do.
    """

    def __init__(self, client: KiloClient, plan: Plan) -> None:
        self._plan = plan
        self._asker = Asker(client, plan.workload)
        self._tally = Tally(plan.objectives)
        self._window = Window(0.0, 0.0)
        self._load_end: float | None = None
        requests = plan.phases.requests
        self._left = None if requests is None else plan.share.part_of(requests)
        self._all_claimed = asyncio.Event()
        self._cool_until = 0.0
        self._last_measured = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._waited_for: asyncio.Task[Any] | None = None
        self._stopped = False
        self._in_flight = self._peak = 0
        self._recent_ttft: deque[float] = deque(maxlen=_RECENT)
        self._recent_itl: deque[float] = deque(maxlen=_RECENT)

    def stop(self) -> None:
        """End the load now; what was measured counts, what is under way is given up."""
        self._stopped = True
        if self._waited_for is not None:
            self._waited_for.cancel()

    def progress(self) -> Progress:
        """Return how far it has come."""
        counts = self._tally.counts
        return Progress(
            sent=counts.sent_in_all + self._in_flight,
            in_flight=self._in_flight,
            completed=counts.completed_in_all,
            failed=counts.failed_in_all,
            chunks=self._asker.chunks,
            share_done=self._share_done(),
            recent_ttft=tuple(self._recent_ttft),
            recent_itl=tuple(self._recent_itl),
            errors=dict(self._tally.errors),
        )

    def _share_done(self) -> float:
        plan, counts, window = self._plan, self._tally.counts, self._window
        shares = [0.0]
        if plan.phases.requests is not None:
            shares.append(counts.sent / max(plan.share.part_of(plan.phases.requests), 1))
        if self._load_end is not None:
            elapsed = time.monotonic() - window.origin
            shares.append(elapsed / (self._load_end - window.origin))
        if plan.trace is not None:
            shares.append(counts.sent_in_all / max(plan.share.part_of(len(plan.trace)), 1))
        return min(max(shares), 1.0)

    async def run(self, begin: float) -> Result:
        """Run the plan.

        Args:
            begin: When the load is to begin, on the monotonic clock.

        Returns:
            What was measured, also after ``stop``.
        """
        phases, window = self._plan.phases, self._window
        window.origin, window.start = begin, begin + phases.warmup
        if phases.duration is not None:
            self._load_end = window.start + phases.duration + phases.cooldown
            if phases.requests is None:
                window.end = window.start + phases.duration
        lag = Histogram()
        cpu, wall = time.process_time(), time.monotonic()
        sampler = asyncio.create_task(sample_lag(lag))
        try:
            await self._generate()
        finally:
            sampler.cancel()
            with suppress(asyncio.CancelledError):
                await sampler
        overhead = Overhead(
            cpu_seconds=time.process_time() - cpu,
            wall_seconds=time.monotonic() - wall,
            chunks=self._asker.chunks,
            peak_in_flight=self._peak,
            lag=lag,
        )
        end = self._last_measured if window.end is None else window.end
        if self._stopped:
            end = min(end, time.monotonic())
        return Result(self._tally, window.start, max(end, window.start), overhead, self._stopped)

    async def _generate(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            if self._stopped:
                return
            # A task of its own, so that stop() ends the wait for the next due time.
            feeder = self._waited_for = group.create_task(
                self._feed_open() if self._plan.load.is_open else self._feed_closed()
            )
            await asyncio.wait([feeder])
            if self._tasks and not self._stopped:
                await self._drain()
            for task in list(self._tasks):
                task.cancel()

    async def _drain(self) -> None:
        """Wait for what is under way, until it has ended, the patience has, or stop() came."""
        waiting = self._waited_for = asyncio.create_task(asyncio.wait(list(self._tasks)))
        try:
            await asyncio.wait([waiting], timeout=self._plan.phases.drain)
        finally:
            waiting.cancel()

    async def _feed_open(self) -> None:
        for number, offset in self._due_times():
            due = self._window.origin + offset
            # A generator that is behind ends in time and leaves out what it did not get to.
            if not self._load_lasts(due) or not self._load_lasts(time.monotonic()):
                return
            conversation = self._conversation(number)
            await _sleep_until(due)
            self._start(self._converse(conversation, due))

    def _due_times(self) -> Iterator[tuple[int, float]]:
        plan = self._plan
        if plan.trace is not None:
            return plan.share.every(iter([entry.at for entry in plan.trace]))
        return plan.share.every(plan.load.times(plan.seed, ramp_over=plan.ramp_over))

    def _conversation(self, number: int) -> Conversation:
        workload = self._plan.workload
        if self._plan.trace is None:
            return workload.conversation(number)
        traced = self._plan.trace[number]
        return workload.conversation(
            number,
            entry=traced.entry,
            input_tokens=traced.input_tokens,
            output_tokens=traced.output_tokens,
        )

    async def _feed_closed(self) -> None:
        share = self._plan.share
        numbers = iter(range(share.index, 2**62, share.of))
        await _sleep_until(self._window.origin)
        for _ in range(share.part_of(self._plan.load.concurrency)):
            self._start(self._occupy_slot(numbers))
        left = None if self._load_end is None else self._load_end - time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._all_claimed.wait()
                await _sleep_until(self._cool_until)

    async def _occupy_slot(self, numbers: Iterator[int]) -> None:
        while self._load_lasts(time.monotonic()):
            await self._converse(self._conversation(next(numbers)), None)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, conversation: Conversation, due: float | None) -> None:
        """Have a conversation; in a closed loop, where nothing is due, as fast as it goes."""
        history: list[WireMessage] = []
        for turn, limit in zip(conversation.turns, conversation.output_tokens, strict=True):
            history.extend(turn)
            sent = time.monotonic()
            record = RequestRecord(intended=sent if due is None else due, sent=sent)
            if not self._load_lasts(record.intended):
                return
            record.measured = self._claim(record.intended)
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
            try:
                answer = await self._asker.ask(
                    record, history, max_tokens=limit, tools=conversation.tools
                )
            finally:
                self._in_flight -= 1
                self._note(record)
            if answer is None:
                return
            history.extend(_replay(answer))
            due = None if due is None else record.ended

    def _note(self, record: RequestRecord) -> None:
        self._tally.add(record, self._window)
        if record.outcome == "completed" and record.arrivals:
            self._recent_ttft.append(record.arrivals[0] - record.intended)
            gap = mean_gap(record)
            if gap is not None:
                self._recent_itl.append(gap)
        if record.measured and record.ended is not None:
            self._last_measured = max(self._last_measured, record.ended)

    def _load_lasts(self, due: float) -> bool:
        """Whether a request that is due then is still part of the load."""
        if self._stopped or (self._load_end is not None and due >= self._load_end - _EDGE_S):
            return False
        return self._left is None or self._left > 0 or due < self._cool_until

    def _claim(self, due: float) -> bool:
        """Decide whether a request that is due then is measured."""
        start, duration = self._window.start - _EDGE_S, self._plan.phases.duration
        if due < start or (duration is not None and due >= start + duration):
            return False
        if self._left is None:
            return True
        if self._left == 0:
            return False
        self._left -= 1
        if self._left == 0:
            self._cool_until = due + self._plan.phases.cooldown
            self._all_claimed.set()
        return True


def _replay(answer: ChatCompletion) -> list[WireMessage]:
    """Return the answer as the history has it, its tool calls with a result each."""
    message = answer.message
    results: list[WireMessage] = [
        {"role": "tool", "tool_call_id": call.id, "content": _TOOL_RESULT}
        for call in message.tool_calls or ()
    ]
    return [message.to_param(), *results]


async def _sleep_until(due: float) -> None:
    # Whoever is behind lets others run all the same.
    await asyncio.sleep(max(due - time.monotonic(), 0.0))
