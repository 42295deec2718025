"""Every fault, at every phase of an answer, times every kind of call: the exact outcome.

What the client can have seen is what the proxy wrote to its socket. From that, read in the
plainest way, follows what the caller must get: the whole answer, or the right error with
exactly the tokens that came. Afterwards no connection and no task is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import product
from typing import Any

import anyio
import attrs
import pytest
from fault_proxy import Fault, FaultProxy, Forwarded

from kilo_sdk import (
    APIConnectionError,
    APITimeoutError,
    ChatCompletion,
    CompletionChunk,
    KiloClient,
    KiloError,
    ProtocolError,
    RetryPolicy,
    StreamError,
    StreamInterruptedError,
    StreamProtocolError,
    Timeouts,
)
from kilo_sdk.types.events import Finished, ReasoningDelta, TextDelta, ToolCallDelta, ToolCallDone

pytestmark = pytest.mark.anyio

SILENCE_S = 3.0
AT_ONCE = 150
KINDS = ("delay", "split", "cut", "reset", "half-close", "corrupt", "page")
HARMLESS = ("none", "delay", "split")
STREAM_PLACES = (
    ("request", 0),
    ("head", 0),
    ("body", 0),
    *(("event", count) for count in (0, 1, 4)),
    *(("between", count) for count in (0, 1, 4)),
    ("finish", 0),
    ("done", 0),
    ("end", 0),
)
BODY_PLACES = (("request", 0), ("head", 0), ("body", 0), ("half", 0))
MODELS = ("openai/gpt-4.1", "anthropic/claude-sonnet-4", "google/gemini-3-pro-preview")
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"where": {"type": "string"}}},
    },
}


@attrs.define
class Seen:
    """What a caller was given, in the order it came."""

    text: str = ""
    reasoning: str = ""
    arguments: str = ""
    chunks: int = 0
    done_calls: int = 0
    completion: ChatCompletion | None = None


Call = Callable[[KiloClient, dict[str, Any], Seen], Awaitable[None]]


async def create(client: KiloClient, options: dict[str, Any], seen: Seen) -> None:
    seen.completion = await client.chat.completions.create(**options)


async def chunks(client: KiloClient, options: dict[str, Any], seen: Seen) -> None:
    async with client.chat.completions.stream(**options) as stream:
        async for chunk in stream:
            take(chunk, seen)
        seen.completion = await stream.get_final_completion()


async def text_deltas(client: KiloClient, options: dict[str, Any], seen: Seen) -> None:
    async with client.chat.completions.stream(**options) as stream:
        async for text in stream.text_deltas():
            seen.text += text
        seen.completion = await stream.get_final_completion()


async def coalesced(client: KiloClient, options: dict[str, Any], seen: Seen) -> None:
    stream = await client.chat.completions.create(stream=True, **options)
    async for text in stream.text_deltas(coalesce=True):
        seen.text += text
    seen.completion = await stream.get_final_completion()


async def events(client: KiloClient, options: dict[str, Any], seen: Seen) -> None:
    async with client.chat.completions.stream(**options) as stream:
        async for event in stream.events():
            match event:
                case TextDelta():
                    seen.text += event.text
                case ReasoningDelta():
                    seen.reasoning += event.text
                case ToolCallDelta():
                    seen.arguments += event.arguments
                case ToolCallDone():
                    seen.done_calls += 1
                case Finished():
                    seen.completion = event.completion


async def final(client: KiloClient, options: dict[str, Any], seen: Seen) -> None:
    async with client.chat.completions.stream(**options) as stream:
        seen.completion = await stream.get_final_completion()


STREAMED: tuple[Call, ...] = (chunks, text_deltas, coalesced, events, final)


def take(chunk: CompletionChunk, seen: Seen) -> None:
    seen.chunks += 1
    for choice in chunk.choices:
        seen.text += choice.delta.content or ""
        seen.reasoning += choice.delta.reasoning or ""
        for call in choice.delta.tool_calls or ():
            seen.arguments += call.arguments or ""


@attrs.frozen
class Expected:
    """What one answer says to whoever reads it as it stands."""

    chunks: int
    text: str
    reasoning: str
    arguments: str
    whole: bool

    @classmethod
    def of(cls, forwarded: Forwarded) -> Expected:
        events = [] if forwarded.unreadable else forwarded.events()
        told = [event for event in events if event != "[DONE]"]
        choices = [choice for event in told for choice in event["choices"]]
        deltas = [choice["delta"] for choice in choices]
        calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
        return cls(
            chunks=len(told),
            text="".join(delta.get("content") or "" for delta in deltas),
            reasoning="".join(delta.get("reasoning") or "" for delta in deltas),
            arguments="".join(call["function"].get("arguments") or "" for call in calls),
            whole="[DONE]" in events or any(choice.get("finish_reason") for choice in choices),
        )


@attrs.frozen
class Case:
    fault: Fault
    call: Call
    model: str
    attempts: int

    def __str__(self) -> str:
        fault = self.fault
        return (
            f"{fault.kind} at {fault.phase} {fault.count}, {fault.tries} tries hit of "
            f"{self.attempts}, {self.call.__name__}, {self.model}"
        )

    def options(self) -> dict[str, Any]:
        tools = {"tools": [TOOL]} if "gemini" in self.model else {}
        return {"messages": "Say a few words", "model": self.model, "reasoning": "low", **tools}


def stream_cases(kind: str, model: str) -> Iterator[Case]:
    for (phase, count), (attempts, hit), call in product(
        STREAM_PLACES, ((1, 1), (2, 1), (2, 2)), STREAMED
    ):
        yield Case(Fault(kind, phase, count, tries=hit), call, model, attempts)


def body_cases(kind: str) -> Iterator[Case]:
    for (phase, count), (attempts, hit), model in product(
        BODY_PLACES, ((1, 1), (2, 1), (2, 2)), MODELS
    ):
        yield Case(Fault(kind, phase, count, tries=hit), create, model, attempts)


async def run(case: Case, proxy: FaultProxy, whole: ChatCompletion) -> None:
    """Make the call of a case and check what came of it."""
    name = str(case)
    stalls = case.fault.kind == "stall"
    async with KiloClient(
        "key",
        base_url=proxy.base_url,
        headers={"X-Fault": case.fault.to_header(), "X-Call": name},
        retries=RetryPolicy(max_attempts=case.attempts, wait_initial=0),
        timeouts=Timeouts(first_token=SILENCE_S, idle=SILENCE_S) if stalls else None,
    ) as client:
        seen = Seen()
        error: KiloError | None = None
        try:
            await case.call(client, case.options(), seen)
        except KiloError as raised:
            error = raised
        tries = proxy.forwarded[name]
        try:
            check(case, seen, error, tries, whole)
        except AssertionError as wrong:
            wrong.add_note(f"{name}: {error!r}, {seen}")
            raise
        await check_released(client, tries)


def check(
    case: Case,
    seen: Seen,
    error: KiloError | None,
    tries: list[Forwarded],
    whole: ChatCompletion,
) -> None:
    streamed = case.call is not create
    expected = Expected.of(tries[-1]) if streamed else None
    counts = [one.request["x-kilo-retry-count"] for one in tries]
    assert counts == [str(number) for number in range(len(tries))]
    first = Expected.of(tries[0]) if streamed else None
    hit = case.fault.kind not in HARMLESS and not (first is not None and first.whole)
    retried = hit and may_retry(case, first)
    assert len(tries) == (2 if retried and case.attempts == 2 else 1)
    if not hit or (retried and len(tries) > case.fault.tries):
        assert error is None
        assert seen.completion is not None
        assert alike(seen.completion, whole)
        if expected is not None:
            assert_given(case, seen, expected)
        return
    assert error is not None
    assert seen.completion is None
    assert_error(case, error, expected)
    if expected is None:
        return
    assert not expected.whole
    assert_given(case, seen, expected)
    assert seen.done_calls == 0
    if isinstance(error, StreamError | APITimeoutError) and expected.chunks:
        assert error.partial is not None
        assert error.partial.text == expected.text
        assert (error.partial.reasoning or "") == expected.reasoning
        made = "".join(call.arguments for call in error.partial.tool_calls)
        assert made == expected.arguments
        assert error.partial.finish_reason is None


def error_class(case: Case) -> type[KiloError]:
    """What a failure is, whatever may have been handed out before it."""
    kind, phase, streamed = case.fault.kind, case.fault.phase, case.call is not create
    if kind == "stall":
        return APITimeoutError
    if kind in ("corrupt", "page") and phase in ("request", "head"):
        return ProtocolError
    if kind == "corrupt" and phase == "event":
        return StreamProtocolError
    if kind == "corrupt" and not streamed:
        return ProtocolError
    # All else breaks the connection: closed, or with chunks that are not framed as chunks.
    return (
        StreamInterruptedError
        if streamed and phase not in ("request", "head")
        else (APIConnectionError)
    )


def may_retry(case: Case, first: Expected | None) -> bool:
    """Whether the failure is one that another try may mend, and nothing was handed out."""
    return not issubclass(error_class(case), ProtocolError) and (first is None or not first.chunks)


def assert_given(case: Case, seen: Seen, expected: Expected) -> None:
    """Every token that came was handed out, once and in order."""
    if case.call is chunks:
        assert seen.chunks == expected.chunks
    if case.call in (chunks, text_deltas, coalesced, events):
        assert seen.text == expected.text
    if case.call in (chunks, events):
        assert seen.reasoning == expected.reasoning
        assert seen.arguments == expected.arguments


def assert_error(case: Case, error: KiloError, expected: Expected | None) -> None:
    assert type(error) is error_class(case)
    if isinstance(error, APITimeoutError):
        begun = expected is not None and has_output(expected)
        assert error.phase == ("idle" if begun else "first_token")


def has_output(expected: Expected) -> bool:
    return bool(expected.text or expected.reasoning or expected.arguments)


def alike(one: ChatCompletion, other: ChatCompletion) -> bool:
    """Equal in all that the gateway does not make anew for each answer."""
    same = {"id": None, "created": None, "usage": None}
    return (
        one.text == other.text
        and one.reasoning == other.reasoning
        and len(one.tool_calls) == len(other.tool_calls)
        and attrs.evolve(one, choices=[], **same) == attrs.evolve(other, choices=[], **same)
    )


async def check_released(client: KiloClient, tries: list[Forwarded]) -> None:
    """No connection is in use, and what failed is closed on the server's side too."""
    session = client.connections._session
    assert session is not None
    connector = session.connector
    assert connector is not None
    assert connector._acquired == set()
    await until(lambda: all(one.closed for one in tries))


async def whole_answer(model: str, proxy: FaultProxy) -> ChatCompletion:
    async with KiloClient("key", base_url=proxy.base_url) as client:
        seen = Seen()
        await final(client, Case(Fault(), final, model, 1).options(), seen)
        assert seen.completion is not None
        return seen.completion


async def run_all(cases: list[Case], proxy: FaultProxy) -> None:
    answers = {model: await whole_answer(model, proxy) for model in {c.model for c in cases}}
    before = asyncio.all_tasks()
    for start in range(0, len(cases), AT_ONCE):
        async with asyncio.TaskGroup() as group:
            for case in cases[start : start + AT_ONCE]:
                group.create_task(run(case, proxy, answers[case.model]))
    await until(lambda: not proxy.open_connections)
    assert asyncio.all_tasks() - before == set()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for tells no event
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("model", "proxy"),
    [(MODELS[0], False), (MODELS[0], True), (MODELS[1], True), (MODELS[2], False)],
    ids=["text", "text event by event", "reasoning event by event", "tools"],
    indirect=["proxy"],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_streams(kind: str, model: str, proxy: FaultProxy) -> None:
    await run_all(list(stream_cases(kind, model)), proxy)


@pytest.mark.parametrize("kind", KINDS)
async def test_whole_answers(kind: str, proxy: FaultProxy) -> None:
    await run_all(list(body_cases(kind)), proxy)


async def test_silence(proxy: FaultProxy) -> None:
    """All at once, for each of these waits until a clock runs out."""
    streams = [case for model in MODELS for case in stream_cases("stall", model)]
    some = [case for case in streams if case.call in (chunks, final)]
    await run_all([*some, *body_cases("stall")], proxy)


# Leaving


async def leave(case: Case, with_anyio: bool, proxy: FaultProxy) -> None:
    """Cancel a call while it waits for what does not come."""
    name = f"{case}, {with_anyio}"
    headers = {"X-Fault": case.fault.to_header(), "X-Call": name}
    async with KiloClient("key", base_url=proxy.base_url, headers=headers) as client:
        seen = Seen()
        scope = anyio.CancelScope()

        async def call() -> None:
            with scope:
                await case.call(client, case.options(), seen)

        task = asyncio.create_task(call())
        tries = proxy.forwarded[name]
        await until(lambda: tries and tries[0].stopped)
        if case.call is chunks:
            await until(lambda: seen.chunks == Expected.of(tries[0]).chunks)
        if with_anyio:
            scope.cancel()
        else:
            task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError) is not with_anyio, (name, outcome)
        assert scope.cancelled_caught is with_anyio
        assert seen.completion is None
        await check_released(client, tries)
        assert len(tries) == 1


@pytest.mark.parametrize("with_anyio", [False, True], ids=["asyncio", "anyio"])
async def test_cancelling(with_anyio: bool, proxy: FaultProxy) -> None:
    cases = [
        case
        for case in (*stream_cases("stall", MODELS[1]), *body_cases("stall"))
        if case.attempts == 1
    ]
    before = asyncio.all_tasks()
    async with asyncio.TaskGroup() as group:
        for case in cases:
            group.create_task(leave(case, with_anyio, proxy))
    await until(lambda: not proxy.open_connections)
    assert asyncio.all_tasks() - before == set()
