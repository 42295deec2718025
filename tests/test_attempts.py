"""Facts about the tries of a call: what is sent again, when, to whom, and how it ends."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import socket
import time
import weakref
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import anyio
import anyio.lowlevel
import orjson
import pytest
from own_time import elapsed

from kilo_sdk import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    CostMeter,
    InsufficientCreditsError,
    KiloClient,
    Limits,
    NotFoundError,
    OutgoingRequest,
    RateLimitError,
    RetryPolicy,
    ServiceUnavailableError,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.types.completion import ChatCompletion

pytestmark = pytest.mark.anyio

TICK = float(os.environ.get("KILO_TEST_TICK", "0.05"))
AT_ONCE = RetryPolicy(max_attempts=3, wait_initial=0, wait_max=0)
ONE_TRY = RetryPolicy(max_attempts=1)
GPT, CLAUDE, GEMINI = "openai/gpt-4.1", "anthropic/claude-sonnet-4", "google/gemini-3-pro-preview"
DONE = b"data: [DONE]\n\n"
BODY = orjson.dumps({"id": "g", "choices": [{"index": 0, "message": {"content": "word"}}]})
GOOD = RawReply(body=BODY)
RETRIED = [408, 409, 429, 500, 502, 503, 504, *range(520, 530)]
NOT_RETRIED = [400, 401, 402, 403, 404, 405, 410, 413, 418, 422, 451, 501, 505, 519, 530]

both = pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])


def refusal(status: int, words: str = "no", **headers: str) -> RawReply:
    body = orjson.dumps({"error": {"message": words, "code": status}})
    return RawReply(
        status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def event(content: str | None = None, **top: Any) -> bytes:
    choices = [] if content is None else [{"index": 0, "delta": {"content": content}}]
    return b"data: " + orjson.dumps({"id": "g", "choices": choices, **top}) + b"\n\n"


def error_event(code: int | str, words: str = "no") -> bytes:
    return b"data: " + orjson.dumps({"error": {"message": words, "code": code}}) + b"\n\n"


Client = Callable[..., KiloClient]


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[Client]:
    """Make clients of the gateway that retry at once, unless told otherwise."""
    made: list[KiloClient] = []

    def make(api_key: Any = "key", **options: Any) -> KiloClient:
        options = {"base_url": gateway.base_url, "retries": AT_ONCE, **options}
        made.append(KiloClient(api_key, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def ask(
    client: KiloClient, *, stream: bool = False, model: str = GPT, **more: Any
) -> ChatCompletion:
    if stream:
        async with client.chat.completions.stream(messages="Hi", model=model, **more) as opened:
            return await opened.get_final_completion()
    completion: ChatCompletion = await client.chat.completions.create(
        messages="Hi", model=model, **more
    )
    return completion


def counts(gateway: LocalGateway) -> list[str]:
    return [request.headers["x-kilo-retry-count"] for request in gateway.requests]


def models(gateway: LocalGateway) -> list[str]:
    return [request.payload["model"] for request in gateway.requests]


@both
@pytest.mark.parametrize("status", RETRIED)
async def test_a_status_that_may_pass_is_tried_again(
    status: int, stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(status), refusal(status), GOOD)
    assert (await ask(client(), stream=stream)).text == "word"
    assert counts(gateway) == ["0", "1", "2"]
    first, *others = [request.payload for request in gateway.requests]
    assert others == [first, first]


@both
@pytest.mark.parametrize("status", NOT_RETRIED)
async def test_a_status_that_stays_is_not(
    status: int, stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(status), GOOD)
    with pytest.raises(APIStatusError) as raised:
        await ask(client(), stream=stream)
    assert raised.value.status_code == status
    assert counts(gateway) == ["0"]


@both
async def test_the_last_failure_is_raised_when_all_tries_are_used(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(500), refusal(502), refusal(503, "the third"), GOOD)
    with pytest.raises(ServiceUnavailableError, match="the third") as raised:
        await ask(client(), stream=stream)
    assert counts(gateway) == ["0", "1", "2"]
    assert not hasattr(raised.value, "__notes__")


@both
async def test_one_attempt_is_no_retry(stream: bool, gateway: LocalGateway, client: Client) -> None:
    gateway.enqueue(refusal(503), GOOD)
    with pytest.raises(ServiceUnavailableError):
        await ask(client(retries=ONE_TRY), stream=stream)
    assert counts(gateway) == ["0"]


async def test_waits_are_drawn_from_a_growing_range(gateway: LocalGateway, client: Client) -> None:
    policy = RetryPolicy(max_attempts=5, wait_initial=TICK, wait_max=2 * TICK)
    gateway.enqueue(*[refusal(503)] * 5)
    with pytest.raises(ServiceUnavailableError):
        await ask(client(retries=policy))
    arrived = [request.arrived for request in gateway.requests]
    waits = [later - earlier for earlier, later in pairwise(arrived)]
    for wait, most in zip(waits, [TICK, 2 * TICK, 2 * TICK, 2 * TICK], strict=True):
        assert wait <= most + 2 * TICK


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": f"{3 * TICK:.3f}"},
        {"retry_after_ms": f"{3000 * TICK:.0f}"},
        {"Retry_After": "600", "retry_after_ms": f"{3000 * TICK:.0f}"},
        {"Retry_After": f"{3 * TICK:.3f}", "retry_after_ms": "soon"},
    ],
    ids=["seconds", "milliseconds", "the finer one", "the readable one"],
)
async def test_the_server_says_how_long_to_wait(
    headers: dict[str, str], gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(429, **headers), GOOD)
    with elapsed(3 * TICK):
        await ask(client())
    assert counts(gateway) == ["0", "1"]


async def test_a_date_that_has_passed_is_no_wait(gateway: LocalGateway, client: Client) -> None:
    gateway.enqueue(refusal(503, Retry_After=formatdate(time.time() - 60, usegmt=True)), GOOD)
    with elapsed(0):
        await ask(client(retries=RetryPolicy(wait_initial=600, wait_max=600)))


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_wait_past_the_cap_fails_at_once(
    form: str, gateway: LocalGateway, client: Client
) -> None:
    far = "61" if form == "seconds" else formatdate(time.time() + 3600, usegmt=True)
    gateway.enqueue(refusal(429, Retry_After=far), GOOD)
    with elapsed(0), pytest.raises(RateLimitError) as raised:
        await ask(client())
    assert counts(gateway) == ["0"]
    assert raised.value.retry_after is not None
    assert raised.value.retry_after > 60


@both
@pytest.mark.parametrize(
    ("status", "told", "tries"), [(400, "true", 2), (402, "TRUE", 2), (503, "false", 1)]
)
async def test_x_should_retry_decides(
    status: int, told: str, tries: int, stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(status, x_should_retry=told), GOOD)
    if tries == 2:
        assert (await ask(client(), stream=stream)).text == "word"
    else:
        with pytest.raises(APIStatusError):
            await ask(client(), stream=stream)
    assert len(gateway.requests) == tries


@both
async def test_a_refused_connection_is_tried_again_until_someone_listens(stream: bool) -> None:
    policy = RetryPolicy(max_attempts=1000, wait_initial=TICK / 10, wait_max=TICK / 10)
    with socket.socket() as reserved:
        # A port that is taken and on which nobody listens: nothing else can come by it.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        base_url = f"http://127.0.0.1:{port}/api/gateway/"
        async with KiloClient(base_url=base_url, retries=policy) as client:
            asking = asyncio.create_task(ask(client, stream=stream))
            await anyio.sleep(2 * TICK)
            async with LocalGateway(port=port) as gateway:
                assert (await asking).finish_reason == "stop"
                (count,) = counts(gateway)
                assert int(count) > 0


@both
async def test_a_connection_that_closes_without_a_word_is_tried_again(stream: bool) -> None:
    connections = 0

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if connections == 3:
            length = b"Content-Length: %d\r\n\r\n" % len(BODY)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + BODY)
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server:
        base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with KiloClient(base_url=base_url, retries=AT_ONCE) as client:
            assert (await ask(client, stream=stream)).text == "word"
        assert connections == 3
        async with KiloClient(base_url=base_url, retries=ONE_TRY) as client:
            with pytest.raises(APIConnectionError, match="the server closed the connection"):
                await ask(client, stream=stream)
        assert connections == 4


@both
@pytest.mark.parametrize("code", [429, 503, "server_error", "rate_limit_exceeded", "overloaded"])
async def test_an_error_as_the_first_event_is_tried_again(
    code: int | str, stream: bool, gateway: LocalGateway, client: Client
) -> None:
    comment = b": OPENROUTER PROCESSING\n\n"
    gateway.enqueue(RawReply(body=comment + error_event(code)), GOOD)
    assert (await ask(client(), stream=stream)).text == "word"
    assert counts(gateway) == ["0", "1"]


@both
@pytest.mark.parametrize(("code", "cls"), [(402, InsufficientCreditsError), (400, BadRequestError)])
async def test_an_error_as_the_first_event_that_stays_is_not(
    code: int, cls: type[APIError], stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(RawReply(body=error_event(code)), GOOD)
    with pytest.raises(cls):
        await ask(client(), stream=stream)
    assert counts(gateway) == ["0"]


@both
async def test_an_error_in_a_body_is_tried_again(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(RawReply(body=b'\n\n{"error":{"message":"busy","code":503}}'), GOOD)
    assert (await ask(client(), stream=stream)).text == "word"
    assert counts(gateway) == ["0", "1"]


@both
async def test_a_first_token_that_does_not_come_is_tried_again(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(RawReply(body=[b": alive\n\n"], ending="hang"), GOOD)
    with elapsed(4 * TICK):
        await ask(client(timeouts=Timeouts(first_token=4 * TICK)), stream=stream)
    assert counts(gateway) == ["0", "1"]


@both
async def test_a_first_token_is_awaited_from_when_its_request_goes_out(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(*[RawReply(body=[3 * TICK, BODY])] * 2)
    limits, timeouts = Limits(max_concurrent=1), Timeouts(first_token=5 * TICK, total=1000 * TICK)
    one = client(limits=limits, timeouts=timeouts, retries=ONE_TRY)
    texts: list[str] = []

    async def call() -> None:
        texts.append((await ask(one, stream=stream)).text)

    # Whoever comes second waits for the first: for the turn and the answer together too long.
    async with anyio.create_task_group() as group:
        group.start_soon(call)
        group.start_soon(call)
    assert texts == ["word", "word"]


@pytest.mark.parametrize(
    "rest",
    [
        RawReply(body=[event("Half"), error_event(503)]),
        RawReply(body=[event("Half")]),
        RawReply(body=[event("Half")], ending="reset"),
        RawReply(body=[event("Half"), b"data: {oops\n\n"]),
        RawReply(body=[event("Half")], ending="hang"),
    ],
    ids=["error", "end", "reset", "garbage", "silence"],
)
async def test_nothing_is_tried_again_once_a_chunk_has_reached_the_caller(
    rest: RawReply, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(rest, GOOD)
    with pytest.raises(APIError) as raised:
        await ask(client(timeouts=Timeouts(idle=4 * TICK)), stream=True, fallback_models=[CLAUDE])
    assert raised.value.partial is not None
    assert raised.value.partial.text == "Half"
    assert counts(gateway) == ["0"]


async def test_a_call_without_a_stream_is_whole_or_tried_again(
    gateway: LocalGateway, client: Client
) -> None:
    """Nothing of an answer that streams unasked reaches the caller before its end."""
    gateway.enqueue(RawReply(body=[event("Half")]), RawReply(body=[event("Whole"), DONE]))
    assert (await ask(client())).text == "Whole"
    assert counts(gateway) == ["0", "1"]


def tokens(kind: str) -> tuple[Any, list[int]]:
    asked: list[int] = []

    def plain() -> str:
        asked.append(len(asked) + 1)
        return f"token-{len(asked)}"

    async def awaited() -> str:
        await anyio.lowlevel.checkpoint()
        return plain()

    return (plain if kind == "plain" else awaited), asked


@both
@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("how", ["status", "event"])
async def test_a_token_source_is_asked_once_more_after_a_401(
    how: str, kind: str, stream: bool, gateway: LocalGateway, client: Client
) -> None:
    source, asked = tokens(kind)
    old = refusal(401) if how == "status" else RawReply(body=error_event(401))
    gateway.enqueue(old, GOOD)
    await ask(client(source, retries=ONE_TRY), stream=stream)
    sent = [request.headers["authorization"] for request in gateway.requests]
    assert sent == ["Bearer token-1", "Bearer token-2"]
    assert asked == [1, 2]


@both
async def test_a_token_source_is_not_asked_for_a_third(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    source, asked = tokens("plain")
    gateway.enqueue(refusal(401), refusal(401, "again"), GOOD)
    with pytest.raises(AuthenticationError, match="again"):
        await ask(client(source), stream=stream)
    assert asked == [1, 2]
    assert len(gateway.requests) == 2


async def test_a_token_is_asked_for_once_per_call_and_not_per_try(
    gateway: LocalGateway, client: Client
) -> None:
    source, asked = tokens("async")
    gateway.enqueue(refusal(503), refusal(503), GOOD)
    await ask(client(source))
    assert asked == [1]


@both
async def test_a_key_is_not_tried_twice(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(401), GOOD)
    with pytest.raises(AuthenticationError):
        await ask(client("the-key"), stream=stream)
    assert len(gateway.requests) == 1


@both
@pytest.mark.parametrize("status", [402, 403, 404])
async def test_failover_is_at_once_where_no_retry_can_help(
    status: int, stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(status), refusal(status), GOOD)
    completion = await ask(client(), stream=stream, fallback_models=[CLAUDE, f"kilocode/{GEMINI}"])
    assert models(gateway) == [GPT, CLAUDE, GEMINI]
    assert completion.model_ref is not None
    assert completion.model_ref.ref == f"kilocode/{GEMINI}"


@both
async def test_failover_comes_after_the_retries(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(*[refusal(503)] * 3, *[refusal(502)] * 2, GOOD)
    completion = await ask(client(), stream=stream, fallback_models=[CLAUDE])
    assert models(gateway) == [GPT] * 3 + [CLAUDE] * 3
    assert counts(gateway) == ["0", "1", "2", "3", "4", "5"]
    assert completion.model_ref is not None
    assert completion.model_ref.id == CLAUDE


@both
async def test_failover_comes_at_once_when_the_server_asks_for_too_long_a_wait(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(429, Retry_After="3600"), GOOD)
    with elapsed(0):
        await ask(client(), stream=stream, fallback_models=[CLAUDE])
    assert models(gateway) == [GPT, CLAUDE]


@both
@pytest.mark.parametrize("status", [400, 401, 422])
async def test_there_is_no_failover_from_what_no_model_could_answer(
    status: int, stream: bool, gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(status), GOOD)
    with pytest.raises(APIStatusError):
        await ask(client(), stream=stream, fallback_models=[CLAUDE])
    assert models(gateway) == [GPT]


@both
@pytest.mark.parametrize("as_event", [False, True], ids=["status", "event"])
async def test_when_all_models_fail_the_last_error_names_the_others(
    as_event: bool, stream: bool, gateway: LocalGateway, client: Client
) -> None:
    def fail(code: int, words: str) -> RawReply:
        return RawReply(body=error_event(code, words)) if as_event else refusal(code, words)

    gateway.enqueue(fail(404, "the first"), fail(402, "the second"), fail(403, "the third"))
    with pytest.raises(APIStatusError, match="the third") as raised:
        await ask(client(), stream=stream, fallback_models=[CLAUDE, GEMINI])
    assert raised.value.status_code == 403
    assert raised.value.model == GEMINI
    first, second = raised.value.__notes__
    assert first.startswith("before it: NotFoundError: ")
    assert "the first" in first
    assert GPT in first
    assert second.startswith("before it: InsufficientCreditsError: ")
    assert "the second" in second
    assert CLAUDE in second


async def test_a_failover_shows_in_the_stream_too(gateway: LocalGateway, client: Client) -> None:
    gateway.enqueue(RawReply(body=error_event(404)), RawReply(body=[event("word"), DONE]))
    opening = client().chat.completions.stream(messages="Hi", model=GPT, fallback_models=[CLAUDE])
    async with opening as stream:
        assert stream.model_ref.id == GPT
        assert [text async for text in stream.text_deltas()] == ["word"]
        assert stream.model_ref.id == CLAUDE


async def test_total_runs_across_models(gateway: LocalGateway, client: Client) -> None:
    slow = {"X-Kilo-Emulator-Fault": f"status=404;delay={3 * TICK}"}
    with elapsed(5 * TICK), pytest.raises(APITimeoutError) as raised:
        await ask(
            client(timeouts=Timeouts(total=5 * TICK)),
            fallback_models=[CLAUDE, GEMINI],
            extra_headers=slow,
        )
    assert raised.value.phase == "total"
    assert models(gateway) == [GPT, CLAUDE]


SIGNATURE = "c2lnbmF0dXJl"
HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "content": [{"type": "text", "text": "So.", "thought_signature": "msg_01abc"}],
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "not base64!"}},
            }
        ],
        "reasoning": "Hm.",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "Hm.", "signature": SIGNATURE},
            {"type": "reasoning.text", "text": "unsigned", "format": "anthropic-claude-v1"},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "1"},
]


@pytest.mark.parametrize("order", [(GEMINI, CLAUDE), (CLAUDE, GEMINI)])
async def test_a_history_is_made_fit_for_each_model_anew(
    order: tuple[str, str], gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(404), GOOD)
    before = copy.deepcopy(HISTORY)
    await client().chat.completions.create(
        messages=HISTORY, model=order[0], fallback_models=order[1:]
    )
    assert before == HISTORY
    sent = {request.payload["model"]: request.payload["messages"] for request in gateway.requests}
    for model in order:
        said = sent[model][1]
        assert said["content"] == [{"type": "text", "text": "So."}]
        assert said["reasoning_details"] == HISTORY[1]["reasoning_details"][:1]
        assert said["reasoning"] == "Hm."
    (kept,) = sent[CLAUDE][1]["tool_calls"]
    assert kept == HISTORY[1]["tool_calls"][0], "only the Gemini path looks for base64"
    (cleaned,) = sent[GEMINI][1]["tool_calls"]
    assert "thought_signature" not in str(cleaned)


async def test_reasoning_is_injected_for_each_model_anew(
    gateway: LocalGateway, client: Client
) -> None:
    gateway.enqueue(refusal(404), refusal(404), GOOD)
    await ask(
        client(),
        model="x-ai/grok-code-fast-1",
        fallback_models=[CLAUDE, "kilo/auto"],
        reasoning="high",
    )
    sent = [request.payload.get("reasoning") for request in gateway.requests]
    assert sent == [None, {"effort": "high"}, None]


async def test_middleware_runs_once_per_model_and_not_per_try(
    gateway: LocalGateway, client: Client
) -> None:
    seen: list[str] = []
    gateway.enqueue(refusal(503), refusal(503), refusal(503), refusal(503), GOOD)
    await ask(
        client(request_middleware=[lambda request: seen.append(request.ref.id)]),
        fallback_models=[CLAUDE],
    )
    assert seen == [GPT, CLAUDE]
    assert models(gateway) == [GPT] * 3 + [CLAUDE] * 2


@both
@pytest.mark.parametrize(
    "refused", [RateLimitError("budget", status_code=429), APIConnectionError("offline")]
)
async def test_a_middleware_that_refuses_is_asked_once(
    refused: APIError, stream: bool, gateway: LocalGateway, client: Client
) -> None:
    asked = 0

    def refuse(_: OutgoingRequest) -> None:
        nonlocal asked
        asked += 1
        raise refused

    with pytest.raises(type(refused)) as raised:
        await ask(client(request_middleware=[refuse]), stream=stream, fallback_models=[CLAUDE])
    assert raised.value is refused
    assert asked == 1
    assert not gateway.requests


async def test_a_caller_cannot_set_the_retry_count(gateway: LocalGateway, client: Client) -> None:
    gateway.enqueue(refusal(503), GOOD)
    await ask(client(), extra_headers={"x-kilo-retry-count": "9"})
    assert counts(gateway) == ["0", "1"]


async def test_nor_does_a_middleware_that_spells_it_in_another_way(
    gateway: LocalGateway, client: Client
) -> None:
    def spells(request: OutgoingRequest) -> None:
        request.headers["x-kilo-retry-count"] = "9"

    gateway.enqueue(GOOD)
    await ask(client(request_middleware=[spells]))
    assert counts(gateway) == ["0"]


async def test_retries_and_failovers_are_logged_without_words_of_the_caller(
    gateway: LocalGateway, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "kilo_sdk.attempts")
    gateway.enqueue(refusal(503), refusal(404), GOOD)
    await ask(client(), fallback_models=[CLAUDE])
    assert caplog.messages == [
        f"> request.started model={GPT} try=1",
        f"< response.headers model={GPT} status=503",
        f"retry.waiting model={GPT} try=1 wait=0.000 reason=ServiceUnavailableError",
        f"> request.started model={GPT} try=2",
        f"< response.headers model={GPT} status=404",
        f"failover.next model={GPT} reason=NotFoundError",
        f"> request.started model={CLAUDE} try=3",
        f"< response.headers model={CLAUDE} status=200",
    ]


@both
async def test_a_model_that_is_not_found_gets_close_ids_from_the_list_that_was_obtained(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    one = client()
    await one.models.list()
    with pytest.raises(NotFoundError) as raised:
        await ask(one, stream=stream, model="anthropic/claude-sonet-4")
    message = raised.value.message
    assert "The model 'anthropic/claude-sonet-4' does not exist" in message
    assert message.endswith("; did you mean anthropic/claude-sonnet-4, anthropic/claude-opus-4.5?")
    assert [request.method for request in gateway.requests] == ["GET", "POST"]


@both
async def test_without_a_list_the_bundled_one_advises_and_nobody_is_asked(
    stream: bool, gateway: LocalGateway, client: Client
) -> None:
    with pytest.raises(NotFoundError, match=r"; did you mean kilo/auto\?$"):
        await ask(client(), stream=stream, model="kilo/atuo")
    with pytest.raises(NotFoundError) as raised:
        await ask(client(), stream=stream, model="anthropic/claude-sonet-4")
    assert "did you mean" not in raised.value.message
    assert {request.method for request in gateway.requests} == {"POST"}


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, "No such model"),
        RawReply(body=orjson.dumps({"error": {"code": 404, "message": "No such model"}})),
    ],
)
async def test_a_model_that_is_listed_gets_no_advice(
    answer: RawReply, gateway: LocalGateway, client: Client
) -> None:
    one = client()
    await one.models.list()
    gateway.enqueue(answer, answer)
    with pytest.raises(NotFoundError, match=r"No such model$"):
        await ask(one, stream=False, model=CLAUDE)
    with pytest.raises(NotFoundError, match=r"No such model; did you mean openai/gpt-4\.1"):
        await ask(one, stream=False, model="openai/gpt-4.2")


async def test_a_400_about_the_model_gets_advice_and_another_does_not(
    gateway: LocalGateway, client: Client
) -> None:
    one = client()
    await one.models.list()
    gateway.enqueue(
        refusal(400, "openai/gpt-4.2 is not a valid model ID"), refusal(400, "bad temperature")
    )
    with pytest.raises(BadRequestError, match=r"is not a valid model ID; did you mean openai/gpt"):
        await ask(one, model="openai/gpt-4.2")
    with pytest.raises(BadRequestError, match=r"bad temperature$"):
        await ask(one, model="openai/gpt-4.2")


async def test_an_error_event_that_says_not_found_gets_advice_once(
    gateway: LocalGateway, client: Client
) -> None:
    one = client()
    await one.models.list()
    gateway.enqueue(RawReply(body=error_event(404, "No such model")))
    with pytest.raises(NotFoundError) as raised:
        await ask(one, stream=True, model="openai/gpt-4.2")
    assert raised.value.message.count("did you mean") == 1


async def test_each_model_of_a_failover_gets_its_own_advice(
    gateway: LocalGateway, client: Client
) -> None:
    one = client()
    await one.models.list()
    with pytest.raises(NotFoundError) as raised:
        await ask(one, stream=False, model="openai/gpt-6", fallback_models=["qwen/qwen3-cod"])
    assert "did you mean qwen/qwen3-coder" in raised.value.message
    (note,) = raised.value.__notes__
    assert "did you mean openai/gpt-5" in note


@both
async def test_closing_the_client_ends_the_wait_for_the_next_try(
    stream: bool, gateway: LocalGateway, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "kilo_sdk.attempts")
    one = client(retries=RetryPolicy(retry_after_max=3600))
    gateway.enqueue(refusal(503, Retry_After="3600"), GOOD)
    asking = asyncio.create_task(ask(one, stream=stream, fallback_models=[CLAUDE]))
    with anyio.fail_after(60):
        while not caplog.messages:  # noqa: ASYNC110 - a log tells no event
            await anyio.sleep(TICK / 10)
        await one.close()
        with pytest.raises(ConfigurationError, match="the client is closed; make a new"):
            await asking
    assert len(gateway.requests) == 1


# What is kept while an answer comes


class Told(dict[str, Any]):
    """A message whose end can be seen."""


@pytest.mark.parametrize(
    ("options", "is_kept"),
    [
        ({}, False),
        ({"resume": "continue"}, True),
        ({"cost_meter": CostMeter()}, True),
        ({"fallback_models": [CLAUDE]}, False),
    ],
    ids=["plain", "to be gone on with", "to be counted", "with another model"],
)
async def test_a_conversation_is_let_go_with_the_first_chunk_unless_it_is_still_needed(
    gateway: LocalGateway, options: dict[str, Any], is_kept: bool
) -> None:
    chunk = {"id": "g", "choices": [{"index": 0, "delta": {"content": "word"}}]}
    gateway.enqueue(RawReply(body=[b"data: " + orjson.dumps(chunk) + b"\n\n"], ending="hang"))
    messages = [Told(role="user", content="A long conversation.")]
    seen = weakref.ref(messages[0])
    async with (
        KiloClient("key", base_url=gateway.base_url, default_model=GPT) as client,
        client.chat.completions.stream(messages=messages, **options) as stream,
    ):
        messages.clear()
        assert seen() is not None
        await anext(stream)
        gc.collect()
        assert (seen() is not None) == is_kept
