"""Facts about ``client.chat.completions``: what is sent, what comes back, what is refused."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import anyio.lowlevel
import orjson
import pytest

from kilo_sdk import (
    ChatCompletion,
    ConfigurationError,
    KiloClient,
    Message,
    ModelHints,
    ModelRef,
    OutgoingRequest,
    Reasoning,
    ToolArgumentsError,
)
from kilo_sdk._version import __version__
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.types.wire import WireDict

pytestmark = pytest.mark.anyio

GPT, CLAUDE, GEMINI = "openai/gpt-4.1", "anthropic/claude-sonnet-4", "google/gemini-3-pro-preview"
FAMILIES = [
    "kilo/auto",
    "kilo-auto/free",
    CLAUDE,
    GEMINI,
    "openai/gpt-5",
    GPT,
    "x-ai/grok-code-fast-1",
    "mistralai/devstral-2512:free",
    "deepseek/deepseek-v3.2",
]
REASONERS = ["kilo/auto", CLAUDE, GEMINI, "openai/gpt-5", "x-ai/grok-code-fast-1"]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}
USER = [{"role": "user", "content": "Hi"}]
BODY: WireDict = {"id": "g", "choices": [{"index": 0, "message": {"content": "word"}}]}
both = pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    async with KiloClient("key", base_url=gateway.base_url, default_model=GPT) as client:
        yield client


async def ask(client: KiloClient, *, stream: bool = False, **more: Any) -> ChatCompletion:
    more.setdefault("messages", "Hi")
    if stream:
        async with client.chat.completions.stream(**more) as opened:
            return await opened.get_final_completion()
    completion: ChatCompletion = await client.chat.completions.create(**more)
    return completion


def good() -> RawReply:
    return RawReply(body=orjson.dumps(BODY))


# What comes back


async def test_a_completion_reads_as_it_was_written(client: KiloClient) -> None:
    completion = await ask(client, messages="Say exactly 5 words")
    assert completion.text == completion.message.content == "You said: Say exactly"
    assert completion.message.role == "assistant"
    assert completion.finish_reason == "stop"
    assert completion.choices[0].native_finish_reason == "completed"
    assert completion.model == GPT
    assert completion.model_ref == ModelRef(GPT)
    assert completion.provider == "OpenAI"
    assert completion.created == 1_767_225_601
    assert completion.id is not None
    assert completion.id.startswith("gen-1767225601-")
    assert completion.request_id == "req-0-00000001"
    assert completion.tool_calls == []
    assert completion.reasoning is None
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 8
    assert completion.usage.completion_tokens == 5
    assert completion.usage.total_tokens == 13
    assert completion.usage.cached_tokens == 0
    assert completion.usage.reasoning_tokens == 0
    assert completion.usage.cost == Decimal("0.000056")
    assert completion.usage.is_byok is False


async def test_all_of_the_gateways_models_are_among_the_families() -> None:
    async with LocalGateway() as gateway, KiloClient(base_url=gateway.base_url) as client:
        listed = {model.id for model in await client.models.list()}
    assert set(FAMILIES) <= listed


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "three choices": {"n": 3},
    "reasoning": {"reasoning": "high"},
    "a tool": {"tools": [WEATHER], "reasoning": "low"},
    "two tools": {"tools": [WEATHER, CLOCK], "parallel_tool_calls": True, "n": 2},
    "cut short": {"max_tokens": 4},
    "a tool cut short": {"tools": [WEATHER], "max_tokens": 3},
    "json": {"response_format": {"type": "json_object"}},
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("model", FAMILIES)
async def test_an_answer_is_the_same_streamed_or_not(model: str, option: str) -> None:
    """Two gateways that are as fresh give the same answer to the same request."""
    answers = []
    for stream in (False, True):
        async with LocalGateway() as gateway, KiloClient(base_url=gateway.base_url) as client:
            answers.append(await ask(client, stream=stream, model=model, **OPTIONS[option]))
    created, streamed = answers
    assert created == streamed
    assert created.request_id == streamed.request_id
    assert created.raw.keys() - {"system_fingerprint"} == streamed.raw.keys() - {
        "system_fingerprint"
    }
    assert len(created.choices) == OPTIONS[option].get("n", 1)
    for choice in created.choices:
        if "tools" in OPTIONS[option]:
            assert choice.message.tool_calls
        else:
            assert choice.message.content
    if option == "reasoning" and model in REASONERS:
        assert created.reasoning
        assert created.message.reasoning_details


@both
@pytest.mark.parametrize("model", FAMILIES)
async def test_an_answer_goes_back_as_it_came(
    model: str, stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    """The gateway checks signatures and ids, and refuses what was tampered with."""
    history: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    first = await ask(
        client,
        stream=stream,
        model=model,
        messages=history,
        tools=[WEATHER, CLOCK],
        parallel_tool_calls=True,
        reasoning="high",
    )
    assert [call.name for call in first.tool_calls] == ["weather", "clock"]
    assert all(isinstance(call.parse_arguments(), dict) for call in first.tool_calls)
    history.append(first.message.to_param())
    history += [Message.tool(call.id, "mild") for call in first.tool_calls]
    second = await ask(client, stream=stream, model=model, messages=history, reasoning="high")
    assert second.text.startswith("The clock returned: mild")
    sent = gateway.requests[1].payload["messages"][1]
    assert sent["tool_calls"] == [call.to_param() for call in first.tool_calls]
    if model in REASONERS:
        assert sent["reasoning_details"]


async def test_half_an_argument_is_no_dict(client: KiloClient) -> None:
    completion = await ask(client, tools=[WEATHER], max_tokens=2)
    assert completion.finish_reason == "length"
    with pytest.raises(ToolArgumentsError) as raised:
        completion.tool_calls[0].parse_arguments()
    assert raised.value.arguments == completion.tool_calls[0].arguments


async def test_create_returns_a_stream_when_asked_to(client: KiloClient) -> None:
    stream = await client.chat.completions.create(messages="Hi", stream=True)
    texts = [text async for text in stream.text_deltas()]
    assert "".join(texts) == (await stream.get_final_completion()).text
    assert len(texts) > 10
    async with await client.chat.completions.create(messages="Hi", stream=True) as entered:
        assert (await entered.get_final_completion()).text == "".join(texts)


# What is sent


async def test_the_smallest_payload(gateway: LocalGateway, client: KiloClient) -> None:
    await ask(client)
    await ask(client, stream=True)
    plain, streamed = (request.payload for request in gateway.requests)
    assert plain == {"model": GPT, "messages": USER}
    assert streamed == {"model": GPT, "messages": USER, "stream": True}


@both
async def test_parameters_go_out_as_they_are(
    stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    given: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 50,
        "seed": 7,
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {"type": "json_object"},
        "provider": {"order": ["anthropic"], "data_collection": "deny", "zdr": True},
        "user": "u1",
        "stream_options": {"include_usage": True},
        "not_known_here": {"deep": [1, None]},
    }
    before = copy.deepcopy(given)
    await ask(client, stream=stream, stop="END", top_k=None, logit_bias=None, **given)
    assert given == before
    expected = {"model": GPT, "messages": USER, "stop": ["END"], **given}
    assert gateway.requests[0].payload == expected | ({"stream": True} if stream else {})


@pytest.mark.parametrize(
    ("stop", "sent"), [("a", ["a"]), (["a", "b"], ["a", "b"]), (("a",), ["a"]), ([], [])]
)
async def test_stop_is_a_list(
    stop: Any, sent: list[str], gateway: LocalGateway, client: KiloClient
) -> None:
    await ask(client, stop=stop)
    assert gateway.requests[0].payload["stop"] == sent


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"reasoning": "minimal"}, {"effort": "minimal"}),
        ({"reasoning": "xhigh"}, {"effort": "xhigh"}),
        ({"reasoning": "adaptive"}, {"effort": "medium"}),
        ({"reasoning": "max"}, {"effort": "xhigh"}),
        ({"reasoning": "off"}, None),
        ({"reasoning_effort": "high"}, {"effort": "high"}),
        ({"reasoning_effort": "max"}, {"effort": "xhigh"}),
        ({"reasoning_effort": "high", "reasoning": "low"}, {"effort": "low"}),
        ({"reasoning": {"max_tokens": 9}}, {"max_tokens": 9}),
        ({"reasoning": {"exclude": True}}, {"exclude": True}),
        ({"reasoning": Reasoning(effort="low", exclude=True)}, {"effort": "low", "exclude": True}),
        (
            {"reasoning": Reasoning(enabled=True), "reasoning_effort": "low"},
            {"enabled": True, "effort": "low"},
        ),
        ({}, None),
    ],
    ids=str,
)
async def test_the_level_becomes_an_object_and_never_a_flat_field(
    options: dict[str, Any], sent: Any, gateway: LocalGateway, client: KiloClient
) -> None:
    await ask(client, model=CLAUDE, **options)
    payload = gateway.requests[0].payload
    assert payload.get("reasoning") == sent
    assert "reasoning_effort" not in payload


@pytest.mark.parametrize(
    "model", ["kilo/auto", "kilocode/kilo/auto", "kilo-auto/free", "x-ai/grok-code-fast-1"]
)
async def test_hinted_models_get_no_level(
    model: str, gateway: LocalGateway, client: KiloClient
) -> None:
    await ask(client, model=model, reasoning="high", reasoning_effort="high")
    payload = gateway.requests[0].payload
    assert payload.keys() == {"model", "messages"}
    assert payload["model"] == model.removeprefix("kilocode/")


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {"effort": "low"}),
        ({"reasoning": "high"}, {"effort": "high"}),
        ({"reasoning": "off"}, None),
        ({"reasoning_effort": "high"}, {"effort": "high"}),
        ({"extra_body": {"reasoning_effort": "high"}}, {"effort": "high"}),
        ({"extra_body": {"reasoning_effort": "off"}}, None),
        ({"extra_body": {"reasoning": {"exclude": True}}}, {"exclude": True, "effort": "low"}),
        ({"reasoning": {"exclude": True}}, {"exclude": True, "effort": "low"}),
        ({"reasoning": {"max_tokens": 9}}, {"max_tokens": 9}),
    ],
    ids=str,
)
async def test_the_clients_level_fills_in(
    options: dict[str, Any], sent: Any, gateway: LocalGateway, client: KiloClient
) -> None:
    await ask(client.with_options(reasoning="low"), model=CLAUDE, **options)
    assert gateway.requests[0].payload.get("reasoning") == sent


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {"max_tokens": 9, "exclude": True}),
        ({"reasoning": "high"}, {"effort": "high"}),
        ({"reasoning": "off"}, None),
        ({"reasoning": {"enabled": True}}, {"enabled": True}),
        ({"reasoning_effort": "high"}, {"effort": "high"}),
        ({"reasoning_effort": "none"}, {"effort": "none"}),
        ({"extra_body": {"reasoning_effort": "high"}}, {"effort": "high"}),
        ({"extra_body": {"reasoning": {"enabled": True}}}, {"enabled": True}),
    ],
    ids=str,
)
async def test_what_a_call_says_of_reasoning_replaces_the_clients_object(
    options: dict[str, Any], sent: Any, gateway: LocalGateway, client: KiloClient
) -> None:
    view = client.with_options(reasoning=Reasoning(max_tokens=9, exclude=True))
    await ask(view, model=CLAUDE, **options)
    assert gateway.requests[0].payload.get("reasoning") == sent


async def test_a_model_that_the_loaded_catalogue_says_does_not_reason_gets_no_level(
    gateway: LocalGateway, client: KiloClient
) -> None:
    """The catalogue is never asked for, and a caller's object goes out whatever it says."""
    asked: tuple[dict[str, Any], ...] = (
        {"model": GPT},
        {"model": GPT, "fallback_models": [CLAUDE]},
        {"model": GPT, "reasoning": {"effort": "low"}},
    )
    view = client.with_options(reasoning="high")
    await ask(view, model=GPT)
    assert [request.method for request in gateway.requests] == ["POST"]
    await client.models.list()
    gateway.requests.clear()
    await ask(view, **asked[0])
    gateway.enqueue(RawReply(status=404))
    await ask(view, **asked[1])
    await ask(view, **asked[2])
    await ask(view.with_options(hints=ModelHints(inject_ids=[GPT])), **asked[0])
    sent = [
        (request.payload["model"], request.payload.get("reasoning")) for request in gateway.requests
    ]
    assert sent == [
        (GPT, None),
        (GPT, None),
        (CLAUDE, {"effort": "high"}),
        (GPT, {"effort": "low"}),
        (GPT, {"effort": "high"}),
    ]


async def test_messages_come_in_every_form_and_are_never_changed(
    gateway: LocalGateway, client: KiloClient
) -> None:
    part = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
    wire: dict[str, Any] = {"role": "user", "content": [part]}
    messages = (Message.system("Be brief."), MappingProxyType(wire), Message.assistant("So?"), wire)
    before = copy.deepcopy(wire)
    await ask(client, messages=messages, model=CLAUDE)
    assert gateway.requests[0].payload["messages"] == [
        {"role": "system", "content": "Be brief."},
        before,
        {"role": "assistant", "content": "So?"},
        before,
    ]
    assert wire == before


async def test_extra_body_is_merged_before_any_middleware(
    gateway: LocalGateway, client: KiloClient
) -> None:
    seen: list[WireDict] = []
    watching = client.with_options(request_middleware=[lambda r: seen.append(dict(r.payload))])
    extra = {"stop": "END", "reasoning_effort": "low", "seed": 2, "temperature": 1}
    await ask(watching, model=CLAUDE, temperature=0, extra_body=extra)
    expected = {
        "model": CLAUDE,
        "messages": USER,
        "temperature": 1,
        "stop": ["END"],
        "seed": 2,
        "reasoning": {"effort": "low"},
    }
    assert seen == [expected]
    assert gateway.requests[0].payload == expected
    assert extra == {"stop": "END", "reasoning_effort": "low", "seed": 2, "temperature": 1}


async def test_fallback_models_are_not_sent(gateway: LocalGateway, client: KiloClient) -> None:
    await ask(client, fallback_models=[CLAUDE])
    assert gateway.requests[0].payload == {"model": GPT, "messages": USER}


FIXED = {
    "authorization": "Bearer key",
    "content-type": "application/json",
    "user-agent": f"kilo-sdk-python/{__version__}",
    "x-kilo-retry-count": "0",
    "x-kilocode-feature": "direct-gateway",
}


async def test_the_headers_of_a_call(gateway: LocalGateway, client: KiloClient) -> None:
    await ask(client)
    headers = dict(gateway.requests[0].headers)
    assert headers.pop("host").startswith("127.0.0.1:")
    assert int(headers.pop("content-length")) > 0
    assert "gzip" in headers.pop("accept-encoding")
    assert headers == {**FIXED, "accept": "application/json"}


async def test_the_headers_of_a_stream(gateway: LocalGateway, client: KiloClient) -> None:
    await ask(client, stream=True)
    headers = dict(gateway.requests[0].headers)
    del headers["host"], headers["content-length"]
    assert headers == {**FIXED, "accept": "text/event-stream", "accept-encoding": "identity"}


async def test_the_gateways_own_headers(gateway: LocalGateway, client: KiloClient) -> None:
    view = client.with_options(organization_id="org-1", feature="cli")
    await ask(view, task_id="task-1", mode="plan")
    headers = gateway.requests[0].headers
    assert headers["x-kilocode-feature"] == "cli"
    assert headers["x-kilocode-organizationid"] == "org-1"
    assert headers["x-kilocode-taskid"] == "task-1"
    assert headers["x-kilocode-mode"] == "plan"


@both
async def test_the_feature_and_the_key_win_over_headers_of_the_caller(
    stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    view = client.with_options(headers={"x-kilocode-FEATURE": "mine", "authorization": "mine"})
    extra = {"X-KiloCode-Feature": "mine too", "AUTHORIZATION": "mine too"}
    await ask(view, stream=stream, extra_headers=extra)
    headers = gateway.requests[0].headers
    assert headers["x-kilocode-feature"] == "direct-gateway"
    assert headers["authorization"] == "Bearer key"


async def test_an_authorization_of_the_caller_stays_where_there_is_no_key(
    gateway: LocalGateway,
) -> None:
    async with KiloClient(base_url=gateway.base_url, default_model=GPT) as client:
        await ask(client, extra_headers={"Authorization": "Bearer mine"})
    assert gateway.requests[0].headers["authorization"] == "Bearer mine"


async def test_headers_of_the_call_win_over_those_of_the_client(
    gateway: LocalGateway, client: KiloClient
) -> None:
    view = client.with_options(headers={"X-One": "client", "X-Two": "client", "User-Agent": "me"})
    await ask(view, extra_headers={"x-one": "call"})
    headers = gateway.requests[0].headers
    assert (headers["x-one"], headers["x-two"]) == ("call", "client")
    assert headers["user-agent"] == "me"


# Middleware


class Recorder:
    """A request and response middleware in one object, which writes down what it sees."""

    def __init__(self, log: list[Any], name: str) -> None:
        self.log = log
        self.name = name

    async def on_request(self, request: OutgoingRequest, /) -> None:
        await anyio.lowlevel.checkpoint()
        self.log.append((self.name, "request", dict(request.payload)))

    def on_chunk(self, chunk: WireDict, /) -> None:
        self.log.append((self.name, "chunk", copy.deepcopy(chunk)))

    def on_completion(self, completion: WireDict, /) -> None:
        self.log.append((self.name, "completion", copy.deepcopy(completion)))


async def test_request_middleware_runs_in_order_and_the_last_sees_what_goes_out(
    gateway: LocalGateway, client: KiloClient
) -> None:
    order: list[str] = []
    final: list[tuple[WireDict, dict[str, str]]] = []

    def first(request: OutgoingRequest) -> None:
        order.append("first")
        assert request.payload["stop"] == ["END"], "the transport's own ran before"
        assert request.headers["Authorization"] == "Bearer key"
        request.payload["seed"] = 1

    async def second(request: OutgoingRequest) -> None:
        await anyio.lowlevel.checkpoint()
        order.append("second")
        assert request.payload["seed"] == 1
        request.set_header("X-Added", "yes")
        request.payload["temperature"] = 0

    class Third:
        def on_request(self, request: OutgoingRequest, /) -> None:
            order.append("third")
            final.append((copy.deepcopy(request.payload), dict(request.headers)))

    view = client.with_options(request_middleware=[first, second, Third()])
    await ask(view, stop="END")
    assert order == ["first", "second", "third"]
    ((payload, headers),) = final
    (sent,) = gateway.requests
    assert sent.payload == payload
    assert payload["temperature"] == 0
    assert sent.headers["x-added"] == "yes"
    assert {name.lower(): value for name, value in headers.items()}.items() <= sent.headers.items()


@both
@pytest.mark.parametrize("form", ["function", "coroutine", "object"])
async def test_a_middleware_refuses_by_raising(
    form: str, stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    def refuse(_: OutgoingRequest) -> None:
        raise PermissionError("not on Sundays")

    async def refuse_later(request: OutgoingRequest) -> None:
        await anyio.lowlevel.checkpoint()
        refuse(request)

    class Refusing:
        on_request = staticmethod(refuse_later)

    middleware: Any = {"function": refuse, "coroutine": refuse_later, "object": Refusing()}[form]
    with pytest.raises(PermissionError, match="not on Sundays"):
        await ask(client.with_options(request_middleware=[middleware]), stream=stream)
    assert not gateway.requests
    assert client.connections._session is None, "not even a connection was opened"


async def test_response_middleware_sees_wire_dicts_of_completions(
    gateway: LocalGateway, client: KiloClient
) -> None:
    log: list[Any] = []
    body = {**BODY, "unknown": {"deep": 1}}
    gateway.enqueue(RawReply(body=orjson.dumps(body)))
    await ask(client.with_options(response_middleware=[Recorder(log, "a"), Recorder(log, "b")]))
    assert [(name, what) for name, what, _ in log] == [("a", "completion"), ("b", "completion")]
    assert log[0][2]["unknown"] == {"deep": 1}
    assert log[0][2]["choices"][0]["message"]["content"] == "word"


async def test_response_middleware_sees_wire_dicts_of_chunks(
    gateway: LocalGateway, client: KiloClient
) -> None:
    log: list[Any] = []
    chunks = [{"id": "g", "choices": [{"index": 0, "delta": {"content": c}}]} for c in "abc"]
    events = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks)
    gateway.enqueue(RawReply(body=events + b"data: [DONE]\n\n"))
    view = client.with_options(response_middleware=[Recorder(log, "a"), Recorder(log, "b")])
    await ask(view, stream=True)
    assert [(name, what) for name, what, _ in log] == [("a", "chunk"), ("b", "chunk")] * 3
    assert [chunk for name, _, chunk in log if name == "a"] == chunks


@both
async def test_response_middleware_changes_what_the_caller_sees(
    stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    def shout(wire: WireDict) -> None:
        for choice in wire["choices"]:
            said = choice.get("delta") or choice.get("message")
            said["content"] = (said.get("content") or "").upper()

    view = client.with_options(response_middleware=[shout])
    completion = await ask(view, stream=stream, messages="Say 4 words")
    assert completion.text == "YOU SAID: SAY 4"[: len(completion.text)]
    assert completion.text.startswith("YOU SAID:")


@both
async def test_a_middleware_for_one_answer_is_made_for_each(
    stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    made: list[Recorder] = []

    class PerCall:
        def for_call(self) -> Recorder:
            made.append(Recorder([], str(len(made))))
            return made[-1]

    view = client.with_options(response_middleware=[PerCall()])
    for _ in range(3):
        await ask(view, stream=stream)
    assert len({id(one) for one in made if one.log}) == 3
    kinds = {what for one in made for _, what, _ in one.log}
    assert kinds == {"chunk" if stream else "completion"}


@both
@pytest.mark.parametrize("when", ["with a chunk", "before it"])
async def test_a_response_middleware_that_raises_leaves_nothing_open(
    when: str, stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    def fail(_: WireDict) -> None:
        raise LookupError("of the middleware")

    class Failing:
        def for_call(self) -> Recorder:
            raise LookupError("of the middleware")

    middleware: Any = fail if when == "with a chunk" else Failing()
    with pytest.raises(LookupError, match="of the middleware"):
        await ask(client.with_options(response_middleware=[middleware]), stream=stream)
    session = client.connections._session
    assert session is not None
    assert session.connector is not None
    assert session.connector._acquired == set()


# What is refused before anything is sent

ASKING: dict[str, dict[str, Any]] = {
    "no messages": {"messages": []},
    "empty text": {"messages": ""},
    "messages of another type": {"messages": 5},
    "no list of messages": {"messages": {"role": "user", "content": "Hi"}},
    "a message that is none": {"messages": ["Hi"]},
    "a message without a role": {"messages": [{"content": "Hi"}]},
    "messages None": {"messages": None},
    "a ref without a slash": {"model": "gpt-4"},
    "an empty ref": {"model": ""},
    "a ref of another type": {"model": 5},
    "a ref with white space": {"model": "openai/gpt 4"},
    "one fallback as text": {"fallback_models": CLAUDE},
    "fallbacks None": {"fallback_models": None},
    "fallbacks of another type": {"fallback_models": 5},
    "a fallback that is none": {"fallback_models": [CLAUDE, "gpt"]},
    "an unknown level": {"reasoning": "hgih"},
    "a level of another type": {"reasoning": 5},
    "an unknown flat level": {"reasoning_effort": "hgih"},
    "an unknown level for a model that gets none": {"reasoning": "hgih", "model": "kilo/auto"},
    "an unknown mode": {"mode": "fly"},
    "a task of another type": {"task_id": 5},
    "a task of two lines": {"task_id": "a\r\nX-Evil: 1"},
    "an empty task": {"task_id": ""},
    "timeouts of another type": {"timeouts": 5},
    "headers of another type": {"extra_headers": "X: 1"},
    "headers as pairs": {"extra_headers": [("X", "1")]},
    "a header of two lines": {"extra_headers": {"X-A": "a\r\nX-Evil: 1"}},
    "a header with a line feed": {"extra_headers": {"X-A": "a\nb"}},
    "a header with NUL": {"extra_headers": {"X-A": "a\0b"}},
    "a header name with a colon": {"extra_headers": {"X-A: evil\r\nX": "b"}},
    "a header name with a space": {"extra_headers": {"X A": "b"}},
    "a header that is a number": {"extra_headers": {"X-A": 5}},
    "a header name that is a number": {"extra_headers": {5: "b"}},
    "a body of another type": {"extra_body": [1]},
    "a body that is no json": {"extra_body": {"x": object()}},
    "a body with a set": {"extra_body": {"x": {1, 2}}},
    "a body with a key that is no text": {"extra_body": {5: "x"}},
    "a parameter that is no json": {"temperature": Decimal("0.5")},
    "a parameter that is no number": {"temperature": float("nan")},
    "a parameter without end": {"max_tokens": float("inf")},
    "no number deep inside": {"extra_body": {"x": [{"y": float("nan")}]}},
    "a message that is no json": {"messages": [{"role": "user", "content": b"bytes"}]},
    "half a surrogate": {"messages": "\ud800"},
    "a number past 64 bits": {"seed": 2**70},
    "stop of another type": {"stop": 5},
    "a stop that is no text": {"stop": ["a", 5]},
    "messages replaced by none": {"extra_body": {"messages": None}},
    "messages replaced by a number": {"extra_body": {"messages": 5}},
    "a reasoning that is no object": {"extra_body": {"reasoning": "high"}},
}


@both
@pytest.mark.parametrize("name", ASKING)
async def test_what_cannot_be_a_request_is_refused_and_nothing_is_sent(
    name: str, stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    with pytest.raises(ConfigurationError):
        await ask(client, stream=stream, **ASKING[name])
    assert not gateway.requests


@pytest.mark.parametrize("stream", ["yes", 1, None])
async def test_a_stream_flag_that_is_none_is_refused(
    stream: Any, gateway: LocalGateway, client: KiloClient
) -> None:
    with pytest.raises(ConfigurationError, match="stream is True or False, not "):
        await client.chat.completions.create(messages="Hi", stream=stream)
    assert not gateway.requests


async def test_an_unserialisable_field_is_named(client: KiloClient) -> None:
    with pytest.raises(ConfigurationError, match="parameter 'seed' cannot be sent as JSON"):
        await ask(client, seed=object())


def test_what_a_stream_cannot_be_asked_is_refused_before_it_is_entered() -> None:
    completions = KiloClient().chat.completions
    calls: list[Callable[[], Any]] = [
        lambda: completions.stream(messages=[]),
        lambda: completions.stream(messages="Hi", model="gpt"),
        lambda: completions.stream(messages="Hi", timeouts=5),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(ConfigurationError):
            call()
