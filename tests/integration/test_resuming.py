"""Streams that are cut and gone on with: cut anywhere, each character comes once and in order."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import orjson
import pytest

from kilo_sdk import (
    APIError,
    APITimeoutError,
    AssistantPrefix,
    BudgetExceededError,
    ConfigurationError,
    CostMeter,
    KiloClient,
    Limits,
    ModelRef,
    OpenAICompatibleTransport,
    RetryBudget,
    RetryPolicy,
    StreamError,
    StreamInterruptedError,
    ThinkTagExtraction,
    Timeouts,
    TryReport,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.emulator.delivery import Ending
from kilo_sdk.emulator.model_list import built_in_models
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.events import Finished, TextDelta

pytestmark = pytest.mark.anyio

CLAUDE, GPT = "anthropic/claude-sonnet-4", "openai/gpt-4.1"
MISTRAL, DEEPSEEK, QWEN = "mistralai/mistral-x", "deepseek/deepseek-v3.2", "qwen/qwen3-coder"
KIMI, CLAUDE_5 = "moonshotai/kimi-k2", "anthropic/claude-opus-5"
PROVIDERS = {
    CLAUDE: "Anthropic",
    CLAUDE_5: "Anthropic",
    DEEPSEEK: "DeepSeek",
    GPT: "OpenAI",
    KIMI: "moonshotai",
    MISTRAL: "Mistral",
    QWEN: "Alibaba",
}
GO_ON = [CLAUDE, MISTRAL, DEEPSEEK, QWEN, KIMI]
SSE = {"Content-Type": "text/event-stream"}
AT_ONCE = RetryPolicy(max_attempts=3, wait_initial=0, wait_max=0)
# In its answer are characters of two to four bytes, and some that JSON escapes.
ASKED = 'Grüß 👋 "so" \\ weiter, 16 tokens'
Serve = Callable[..., AbstractAsyncContextManager[Any]]
Eventually = Callable[[Callable[[], object]], Awaitable[None]]


def models() -> list[dict[str, Any]]:
    own = (MISTRAL, KIMI, CLAUDE_5)
    prices = {"prompt": "0.000001", "completion": "0.000004"}
    return [*built_in_models(), *({"id": id_, "pricing": prices} for id_ in own)]


@pytest.fixture
async def gateway() -> AsyncIterator[LocalGateway]:
    async with LocalGateway(models=models()) as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    async with make_client(gateway) as client:
        yield client


def make_client(gateway: Any, **options: Any) -> KiloClient:
    options = {"retries": AT_ONCE, "resume": "continue", **options}
    return KiloClient("key", base_url=gateway.base_url, **options)


def fault(words: str) -> dict[str, Any]:
    return {"extra_headers": {"X-Kilo-Emulator-Fault": words}}


def essence(completion: ChatCompletion) -> Any:
    """All of an answer but who and when, which are the first part's, and its usage."""
    choices = [
        (one.message.raw, one.finish_reason, one.native_finish_reason) for one in completion.choices
    ]
    return (completion.model, completion.provider, completion.model_ref, choices)


async def ask(client: KiloClient, model: str = CLAUDE, **options: Any) -> ChatCompletion:
    options = {"messages": ASKED, "model": model, **options}
    async with client.chat.completions.stream(**options) as stream:
        return await stream.get_final_completion()


def event(model: str, text: str | None = None, **more: Any) -> bytes:
    provider = PROVIDERS[model]
    choice = {"index": 0, "delta": {"content": text, **more}, "finish_reason": None}
    wire = {"id": "g", "model": model, "provider": provider, "choices": [choice]}
    return b"data: " + orjson.dumps(wire) + b"\n\n"


def broken(model: str, *texts: str, ending: Ending = "cut", **more: Any) -> RawReply:
    """The beginning of an answer, and no more."""
    return RawReply(body=[event(model, text, **more) for text in texts], ending=ending)


# Every byte


@pytest.mark.parametrize("model", GO_ON)
async def test_an_answer_cut_at_any_byte_is_whole(gateway: LocalGateway, model: str) -> None:
    quiet = {"reasoning": {"enabled": False}}
    async with make_client(gateway, retry_budget=RetryBudget(math.inf)) as client:
        whole = await ask(client, model, **quiet)
        words = whole.text.split(" ")
        pieces = [words[0], *(f" {word}" for word in words[1:])]
        bare = [
            b'data: {"choices":[{"delta":{"content":%s}}]}\n\n' % orjson.dumps(p) for p in pieces
        ]
        body = b"".join([event(model, "", role="assistant"), *bare])
        for length in range(1, len(body) + 1):
            endings: tuple[Ending, ...] = ("cut", "clean", "reset")
            gateway.enqueue(RawReply(body=[body[:length]], headers=SSE, ending=endings[length % 3]))
            texts: list[str] = []
            options = {"messages": ASKED, "model": model, **quiet}
            async with client.chat.completions.stream(**options) as stream:
                match length % 4:
                    case 0:
                        texts += [text async for text in stream.text_deltas()]
                    case 1:
                        texts += [t async for t in stream.text_deltas(coalesce=True)]
                    case 2:
                        events = [one async for one in stream.events()]
                        texts += [e.text for e in events if isinstance(e, TextDelta)]
                        assert isinstance(events[-1], Finished)
                    case _:
                        chunks = [one async for one in stream]
                        texts += [c.choices[0].delta.content or "" for c in chunks]
                assert "".join(texts) == whole.text, length
                completion = await stream.get_final_completion()
            assert essence(completion) == essence(whole), length
    assert len(gateway.requests) >= 2 * len(body)


@pytest.mark.parametrize("model", GO_ON)
@pytest.mark.parametrize("inside", ["", ";inside"])
async def test_an_answer_cut_after_any_chunk_of_text_is_whole_with_its_reasoning(
    gateway: LocalGateway, client: KiloClient, model: str, inside: str
) -> None:
    async with client.chat.completions.stream(messages=ASKED, model=model) as stream:
        texts = [chunk.choices[0].delta.content async for chunk in stream]
        whole = await stream.get_final_completion()
    begins = next(number for number, text in enumerate(texts) if text)
    for after in range(begins + 1, begins + 17):
        completion = await ask(client, model, **fault(f"cut;after={after}{inside};times=1"))
        assert completion.text == whole.text
        assert essence(completion) == essence(whole)
    assert (whole.reasoning is not None) == (model not in (MISTRAL, KIMI, QWEN))


@pytest.mark.parametrize("model", [CLAUDE, MISTRAL, DEEPSEEK])
async def test_streams_of_every_manner_are_whole(model: str) -> None:
    async with (
        LocalGateway(models=models(), chunking="random", seed=3) as gateway,
        make_client(gateway) as client,
    ):
        options = {"messages": f"{ASKED}, 60 tokens", "reasoning": {"effort": "none"}}
        whole = await ask(client, model, **options)
        resumed = 0
        for after in range(1, 40):
            request = {"model": model, **options, **fault(f"cut;after={after};times=1")}
            async with client.chat.completions.stream(**request) as stream:
                try:
                    completion = await stream.get_final_completion()
                except StreamInterruptedError as error:
                    assert "the model had ended its answer" in error.__notes__[0]  # noqa: PT017
                    continue
                resumed += stream.continuations
            assert completion.text == whole.text
            assert completion.finish_reason == "stop"
        assert resumed >= 5


async def test_an_answer_may_be_cut_many_times_as_long_as_it_goes_on(
    gateway: LocalGateway, client: KiloClient
) -> None:
    whole = await ask(client, CLAUDE, messages="300 tokens")
    options = {"messages": "300 tokens", "model": CLAUDE, **fault("reset;after=30;times=12")}
    async with client.chat.completions.stream(**options) as stream:
        texts = [text async for text in stream.text_deltas()]
        assert "".join(texts) == whole.text
        assert stream.continuations >= 10
        assert essence(await stream.get_final_completion()) == essence(whole)
    counts = [one.headers["x-kilo-retry-count"] for one in list(gateway.requests)[1:]]
    assert counts == [str(number) for number in range(len(counts))]


@pytest.mark.parametrize("phase", ["idle", "stall"])
async def test_a_stream_that_falls_silent_is_gone_on_with(
    gateway: LocalGateway, client: KiloClient, phase: str, tick: float
) -> None:
    silence = "stall" if phase == "idle" else f"comments;interval={tick / 10}"
    completion = await ask(
        client,
        timeouts=Timeouts(**{phase: 3 * tick}),
        **fault(f"{silence};after=35;times=1"),
    )
    assert completion.text == (await ask(client)).text


# What is asked for


async def test_the_rest_is_asked_for_as_the_whole_was(
    gateway: LocalGateway, client: KiloClient
) -> None:
    begun = [event(QWEN, "", reasoning="Hm, hm."), event(QWEN, "You said: "), event(QWEN, "\n")]
    gateway.enqueue(RawReply(body=begun, ending="cut"))
    await ask(
        client,
        QWEN,
        max_tokens=100,
        temperature=0.5,
        reasoning="high",
        task_id="task-1",
        extra_headers={"X-Mine": "1"},
    )
    first, second = gateway.requests
    assert second.payload == {
        **first.payload,
        "messages": [
            {"role": "user", "content": ASKED},
            {"role": "assistant", "content": "You said:", "partial": True},
        ],
        "max_tokens": 95,
        "reasoning": {"enabled": False},
    }
    assert first.payload["reasoning"] == {"effort": "high"}
    same = ("authorization", "x-kilocode-taskid", "x-mine", "accept")
    assert [second.headers[name] for name in same] == [first.headers[name] for name in same]
    assert [one.headers["x-kilo-retry-count"] for one in gateway.requests] == ["0", "1"]


async def test_what_has_no_character_yet_is_asked_for_again_of_whatever_model(
    gateway: LocalGateway, client: KiloClient
) -> None:
    for model in (GPT, "kilo/auto", CLAUDE_5):
        whole = await ask(client, model, reasoning="high")
        gateway.enqueue(RawReply(body=[event(GPT, "", role="assistant")], ending="cut"))
        completion = await ask(client, model, reasoning="high")
        assert completion.text == whole.text
        assert completion.reasoning == whole.reasoning
        first, second = list(gateway.requests)[-2:]
        assert first.payload == second.payload


async def test_a_conversation_goes_on_from_a_joined_answer_signatures_and_all() -> None:
    async with (
        LocalGateway(verify_signatures=True) as gateway,
        make_client(gateway) as client,
    ):
        resumed = 0
        for after in range(20, 60):
            options = {"messages": ASKED, "model": CLAUDE, **fault(f"cut;after={after};times=1")}
            async with client.chat.completions.stream(**options) as stream:
                try:
                    completion = await stream.get_final_completion()
                except StreamInterruptedError:
                    continue  # its reasoning was not through
                resumed += stream.continuations
            history = [{"role": "user", "content": ASKED}, completion.message.to_param()]
            await ask(client, messages=[*history, {"role": "user", "content": "Go on"}])
        assert resumed >= 8
        assert gateway.rejections == []


class OtherServer(OpenAICompatibleTransport):
    """A server whose models go on when its request says so, as vLLM's do."""

    name = "other"

    def assistant_prefix(self, ref: ModelRef, /) -> AssistantPrefix | str:
        return AssistantPrefix(body={"continue_final_message": True})


async def test_a_transport_of_ones_own_says_how_its_models_go_on(gateway: LocalGateway) -> None:
    for transport in (OtherServer(), OpenAICompatibleTransport()):
        async with make_client(gateway, transports=[transport]) as client:
            rest = RawReply(body=[event(GPT, " and more"), b"data: [DONE]\n\n"])
            gateway.enqueue(broken(GPT, "One"), rest)
            if isinstance(transport, OtherServer):
                assert (await ask(client, "local/llama")).text == "One and more"
                assert gateway.requests[-1].payload["continue_final_message"] is True
            else:
                with pytest.raises(StreamInterruptedError) as raised:
                    await ask(client, "local/llama")
                assert "the transport openai-compatible does not say" in raised.value.__notes__[0]


# What is not resumed


async def test_without_the_option_a_cut_is_an_error_without_a_note(gateway: LocalGateway) -> None:
    async with make_client(gateway, resume="off") as client:
        with pytest.raises(StreamInterruptedError) as raised:
            await ask(client, **fault("cut;after=35;times=1"))
        assert not hasattr(raised.value, "__notes__")
        assert len(gateway.requests) == 1
        assert (await ask(client, resume="continue", **fault("cut;after=35;times=1"))).text


@pytest.mark.parametrize(
    ("first", "options", "why"),
    [
        (broken(GPT, "You"), {"model": GPT}, "openai/gpt-4.1 is not known to go on"),
        (broken(CLAUDE, "You"), {"model": CLAUDE_5}, "as no Claude from 4.6 on does"),
        (broken(CLAUDE, "", reasoning="Hm"), {}, "nothing but reasoning had come"),
        (broken(CLAUDE, "You", refusal="No"), {}, "more than text had come: refusal"),
        (broken(CLAUDE, "{"), {"response_format": {"type": "json_object"}}, "response_format"),
        (broken(CLAUDE, "You"), {"logprobs": True}, "logprobs were asked for"),
        (broken(CLAUDE, "You"), {"n": 2}, "several answers were asked for"),
        (broken(CLAUDE, "You"), {"retries": RetryPolicy(max_attempts=1)}, "do not allow it"),
        (
            broken(CLAUDE, "You", tool_calls=[{"index": 0, "id": "c", "function": {"name": "f"}}]),
            {},
            "more than text had come: tool_calls",
        ),
    ],
)
async def test_what_cannot_be_gone_on_with_is_the_error_it_was(
    gateway: LocalGateway, client: KiloClient, first: RawReply, options: dict[str, Any], why: str
) -> None:
    gateway.enqueue(first)
    with pytest.raises(StreamInterruptedError) as raised:
        await ask(client, **options)
    assert raised.value.__notes__[0].startswith("not resumed: ")
    assert why in raised.value.__notes__[0]
    assert raised.value.partial is not None
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("words", ["error_event=500", "garbage=json"])
async def test_an_end_that_somebody_meant_is_no_cut(
    gateway: LocalGateway, client: KiloClient, words: str
) -> None:
    with pytest.raises(APIError) as raised:
        await ask(client, **fault(f"{words};after=35;times=1"))
    assert not isinstance(raised.value, StreamInterruptedError)
    assert raised.value.partial is not None
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("refusals", "noted"),
    [
        (["status=400"], "BadRequestError: "),
        (["status=503", "status=503"], "ServiceUnavailableError: "),
        (["status=402"], "InsufficientCreditsError: "),
        (["error_event=500", "error_body=503"], "ServiceUnavailableError: "),
        (["cut", "html=502"], "UpstreamError: "),
    ],
)
async def test_a_continuation_that_fails_leaves_the_cut_and_says_how(
    gateway: LocalGateway, client: KiloClient, refusals: list[str], noted: str
) -> None:
    from kilo_sdk.emulator.delivery import StreamScript, deliver_fault_status, deliver_stream
    from kilo_sdk.emulator.faults import Fault

    replies = []
    for words in refusals:
        made = Fault.parse(words)
        delivery = deliver_fault_status(made) or deliver_stream(StreamScript(b"", []), made)
        parts = [part for part in delivery.parts if isinstance(part, bytes)]
        replies.append(
            RawReply(
                status=delivery.status,
                headers=delivery.headers,
                body=parts,
                ending=delivery.ending,
            )
        )
    gateway.enqueue(broken(CLAUDE, "You", " said"), *replies)
    with pytest.raises(StreamInterruptedError, match="without") as raised:
        await ask(client)
    assert f"not resumed: {noted}" in raised.value.__notes__[0]
    assert raised.value.partial is not None
    assert raised.value.partial.text == "You said"
    assert len(gateway.requests) == 1 + len(refusals)


async def test_a_continuation_that_cannot_be_sent_leaves_the_cut_too(
    gateway: LocalGateway, client: KiloClient
) -> None:
    keys = ["key"]
    view = client.with_options(api_key=keys.pop)  # raises when it is asked again
    gateway.enqueue(broken(CLAUDE, "You", " said"))
    stream = await view.chat.completions.create(messages=ASKED, model=CLAUDE, stream=True)
    for _ in range(2):
        with pytest.raises(StreamInterruptedError, match="without") as raised:
            await stream.get_final_completion()
        assert raised.value.__notes__ == [
            "not resumed: ConfigurationError: the token source failed: IndexError"
        ]
        assert raised.value.partial is not None
        assert raised.value.partial.text == "You said"
    assert len(gateway.requests) == 1


async def test_fallback_models_do_not_go_on_with_what_another_began(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(broken(CLAUDE, "You"), RawReply(status=404, body=b'{"error": "gone"}'))
    with pytest.raises(StreamInterruptedError) as raised:
        await ask(client, fallback_models=[QWEN])
    assert "NotFoundError" in raised.value.__notes__[0]
    assert [one.payload["model"] for one in gateway.requests] == [CLAUDE, CLAUDE]
    gateway.requests.clear()
    gateway.enqueue(RawReply(status=404, body=b'{"error": "gone"}'), broken(QWEN, "You"))
    assert (await ask(client, fallback_models=[QWEN])).model_ref.id == QWEN
    assert [one.payload["model"] for one in gateway.requests] == [CLAUDE, QWEN, QWEN]


async def test_continuations_that_bring_nothing_come_to_an_end(
    gateway: LocalGateway, client: KiloClient
) -> None:
    empty = RawReply(body=[event(CLAUDE, "", role="assistant")], ending="cut")
    gateway.enqueue(broken(CLAUDE, "You"), empty, empty)
    with pytest.raises(StreamInterruptedError) as raised:
        await ask(client)
    assert raised.value.__notes__ == [
        "not resumed: retries, time or the retry budget do not allow it"
    ]
    assert raised.value.partial.text == "You"
    assert len(gateway.requests) == 3
    gateway.requests.clear()
    said = [broken(CLAUDE, *texts) for texts in (["You"], [""], [" said"], [""], [":"], [""])]
    gateway.enqueue(said[0], said[1], said[2], said[3], said[4], said[5])
    assert (await ask(client)).text.startswith("You said: Grüß")
    assert len(gateway.requests) == 7


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["You said that the river", " runs past the old mill. And that is all."], "anew"),
        (["", ""], "reasoning alone"),
    ],
)
async def test_what_turns_out_to_be_no_continuation_is_not_joined_on(
    gateway: LocalGateway, client: KiloClient, said: list[str], why: str
) -> None:
    begun = "You said that the river runs past the old mill, and on to the wide, wide sea."
    more = {} if said[0] else {"reasoning": "Hm"}
    if said[0]:
        said = [begun[:70] + ", they say."]
    gateway.enqueue(
        broken(DEEPSEEK, begun),
        RawReply(body=[*(event(DEEPSEEK, text, **more) for text in said), b"data: [DONE]\n\n"]),
    )
    with pytest.raises(StreamInterruptedError) as raised:
        await ask(client, DEEPSEEK)
    assert why in raised.value.__notes__[0]
    assert raised.value.partial.text == begun


async def test_a_middleware_that_takes_the_rest_for_reasoning_loses_no_answer_in_silence(
    gateway: LocalGateway,
) -> None:
    extraction = ThinkTagExtraction(starts_inside=True)
    async with make_client(gateway, response_middleware=[extraction]) as client:
        gateway.enqueue(broken(DEEPSEEK, "Hm</think>You"))
        with pytest.raises(StreamInterruptedError) as raised:
            await ask(client, DEEPSEEK)
        assert "reasoning alone" in raised.value.__notes__[0]
        assert raised.value.partial.text == "You"


async def test_what_middleware_held_back_counts_as_come(gateway: LocalGateway) -> None:
    async with make_client(gateway, response_middleware=[ThinkTagExtraction()]) as client:
        gateway.enqueue(broken(CLAUDE, "You said: <th"))
        gateway.enqueue(RawReply(body=[event(CLAUDE, "e end>"), b"data: [DONE]\n\n"]))
        assert (await ask(client)).text == "You said: <the end>"
        assert gateway.requests[1].payload["messages"][-1]["content"] == "You said: <th"


async def test_a_continuation_may_come_whole_and_may_call_a_tool(
    gateway: LocalGateway, client: KiloClient
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"content": "You said so.", "tool_calls": [call], "reasoning": "Hm"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    gateway.enqueue(broken(MISTRAL, "You", " "), RawReply(body=orjson.dumps(body)))
    completion = await ask(client, MISTRAL)
    assert completion.text == "You said so."
    assert completion.reasoning is None
    assert [one.id for one in completion.tool_calls] == ["c"]


# Who is told, and what it costs


async def test_tries_are_told_and_counted(gateway: LocalGateway, client: KiloClient) -> None:
    reports: list[TryReport] = []
    options = {"messages": ASKED, "model": CLAUDE, "on_try": reports.append}
    gateway.enqueue(broken(CLAUDE, "You"), RawReply(status=503))
    async with client.chat.completions.stream(**options) as stream:
        assert stream.continuations == 0
        await stream.get_final_completion()
        assert stream.continuations == 1
    assert [(one.number, one.outcome, one.reason) for one in reports] == [
        (1, "answered", None),
        (1, "continue", "StreamInterruptedError"),
        (2, "retry", "status 503"),
        (3, "answered", None),
    ]
    assert reports[1].may_be_billed


async def test_a_continuation_is_logged_without_a_word_of_the_text(
    gateway: LocalGateway, client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "kilo_sdk")
    gateway.enqueue(broken(CLAUDE, "You"))
    await ask(client)
    (told,) = [one.getMessage() for one in caplog.records if one.name == "kilo_sdk.attempts"]
    assert told == f"continue.waiting model={CLAUDE} try=1 wait=0.000 reason=StreamInterruptedError"


async def test_each_part_is_paid_for_once(gateway: LocalGateway) -> None:
    meter = CostMeter()
    async with make_client(gateway, cost_meter=meter) as client:
        await client.models.list()
        gateway.enqueue(broken(CLAUDE, "You", " said: " + "x" * 40), broken(CLAUDE, "y" * 40))
        gateway.enqueue(RawReply(body=[event(CLAUDE, "z" * 40), b"data: [DONE]\n\n"]))
        completion = await ask(client)
        assert completion.usage is None
        assert meter.calls == 3
        # 50 bytes, then 40 twice, four to a token.
        assert meter.completion_tokens == 13 + 10 + 10
        assert meter.estimated == meter.total > 0


async def test_the_usage_is_the_last_parts_own(gateway: LocalGateway, client: KiloClient) -> None:
    whole = await ask(client, reasoning={"enabled": False})
    first = event(CLAUDE, "You said: Grüß")[:-3] + b', "usage": {"prompt_tokens": 7}}\n\n'
    gateway.enqueue(RawReply(body=[first], ending="cut"))
    completion = await ask(client, reasoning={"enabled": False})
    assert completion.text == whole.text
    assert completion.usage is not None
    assert whole.usage is not None
    assert completion.usage.completion_tokens < whole.usage.completion_tokens
    assert completion.usage.prompt_tokens > whole.usage.prompt_tokens


async def test_max_cost_holds_for_all_parts(gateway: LocalGateway, client: KiloClient) -> None:
    await client.models.list()
    long = "word " * 2000
    gateway.enqueue(broken(CLAUDE, long))
    with pytest.raises(StreamInterruptedError) as raised:
        await ask(client, max_cost="0.04")  # 2,500 tokens at $15 a million, and again to read
    assert "not resumed: BudgetExceededError" in raised.value.__notes__[0]
    gateway.enqueue(broken(CLAUDE, long), broken(CLAUDE, long))
    with pytest.raises(BudgetExceededError) as stopped:
        await ask(client, max_cost="0.06")
    assert stopped.value.partial is not None
    assert stopped.value.partial.text == long + long.lstrip()


async def test_each_continuation_comes_out_of_the_retry_budget(gateway: LocalGateway) -> None:
    budget = RetryBudget(1, per_answer=0, per_second=0)
    async with make_client(gateway, retry_budget=budget) as client:
        assert (await ask(client, **fault("cut;after=35;times=1"))).text
        with pytest.raises(StreamInterruptedError) as raised:
            await ask(client, **fault("cut;after=36;times=1"))
        assert "retry budget of 1 is used up" in str(raised.value.__notes__)


@pytest.mark.parametrize("ending", ["cut", "clean"])
async def test_a_continuation_waits_for_its_turn_as_any_try(
    gateway: LocalGateway, ending: Ending
) -> None:
    async with make_client(gateway, limits=Limits(max_concurrent=1)) as client:
        gateway.enqueue(broken(CLAUDE, "You", ending=ending))
        with anyio.fail_after(10):
            assert (await ask(client)).text.startswith("You said:")
            assert (await ask(client)).text.startswith("You said:")


async def test_the_total_clock_goes_on(
    gateway: LocalGateway, client: KiloClient, tick: float
) -> None:
    gateway.enqueue(broken(CLAUDE, "You"), RawReply(body=[b": hm\n\n"], ending="hang"))
    with pytest.raises(StreamInterruptedError) as raised:
        await ask(client, timeouts=Timeouts(total=4 * tick))
    assert "not resumed: APITimeoutError: not done within" in raised.value.__notes__[0]
    gateway.enqueue(broken(CLAUDE, "You"), broken(CLAUDE, " said", ending="hang"))
    with pytest.raises(APITimeoutError) as late:
        await ask(client, timeouts=Timeouts(total=4 * tick))
    assert late.value.phase == "total"
    assert late.value.partial is not None
    assert late.value.partial.text == "You said"


# Leaving


@pytest.mark.parametrize("how", ["cancel", "close", "client"])
async def test_leaving_while_the_rest_is_asked_for_leaves_nothing(
    gateway: LocalGateway, how: str, eventually: Eventually, tick: float
) -> None:
    async with make_client(gateway) as client:
        before = set(asyncio.all_tasks())
        gateway.enqueue(broken(CLAUDE, "You"), RawReply(body=[60.0], ending="hang"))
        stream = await client.chat.completions.create(messages="Hi", model=CLAUDE, stream=True)

        async def read() -> None:
            await stream.get_final_completion()

        reading = asyncio.create_task(read())
        await eventually(lambda: len(gateway.requests) == 2)
        await asyncio.sleep(tick / 5)
        if how == "cancel":
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        elif how == "close":
            await stream.close()
            with anyio.fail_after(tick), pytest.raises(StreamError, match="closed before its end"):
                await reading
        else:
            await client.close()
            with pytest.raises((APIError, ConfigurationError)):
                await reading
        await eventually(lambda: gateway.requests[1].disconnected_at is not None)
        await eventually(lambda: set(asyncio.all_tasks()) <= before | {asyncio.current_task()})
        assert stream.partial.text == "You"
