"""Facts about ``KiloClient``: how it is set up, what its views share, when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import anyio.lowlevel
import orjson
import pytest

from kilo_sdk import (
    ConfigurationError,
    KiloClient,
    ModelHints,
    ModelRef,
    OpenAICompatibleTransport,
    OutgoingRequest,
    Reasoning,
    RetryPolicy,
    ServiceUnavailableError,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio

BODY = orjson.dumps({"id": "g", "choices": [{"index": 0, "message": {"content": "word"}}]})
GOOD = RawReply(body=BODY)
GPT = "openai/gpt-4.1"


async def ask(client: KiloClient, **more: Any) -> str:
    completion = await client.chat.completions.create(messages="Hi", **more)
    return str(completion.text)


class Gpt(OpenAICompatibleTransport):
    """Serves the models of one vendor."""

    name = "gpt"

    def matches(self, ref: ModelRef, /) -> bool:
        return ref.vendor == "openai"


def test_a_client_without_arguments() -> None:
    client = KiloClient()
    assert client.base_url == "https://api.kilo.ai/api/gateway/"
    assert client.default_model.ref == "kilocode/kilo/auto"
    assert client.reasoning is None
    assert client.timeouts == Timeouts()
    assert client.retries == RetryPolicy()
    assert not client.closed
    assert repr(client) == ("<KiloClient https://api.kilo.ai/api/gateway/ kilocode/kilo/auto open>")


def test_a_client_can_be_made_where_no_loop_runs_and_used_where_one_does() -> None:
    async def use() -> str:
        async with LocalGateway() as gateway, client.with_options(base_url=gateway.base_url) as one:
            answer = await ask(one, model=GPT)
            await client.close()
            return answer

    client = KiloClient()
    assert asyncio.run(use()).startswith("You said: Hi.")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api_key": ""}, "api_key is empty"),
        ({"api_key": 5}, "the key is a string or a callable"),
        ({"api_key": "two words"}, "white space inside"),
        ({"api_key": "line\nbreak"}, "the key"),
        ({"api_key": "k", "base_url": "http://gateway.example/"}, "in the clear"),
        ({"base_url": "gateway.example"}, "no absolute http or https URL"),
        ({"base_url": ""}, "no absolute http or https URL"),
        ({"base_url": 5}, "base_url is a string, not int"),
        ({"base_url": "https://user:pass@gateway.example/"}, "has a user"),
        ({"organization_id": 5}, "organization_id is a string, not int"),
        ({"organization_id": "a\r\nb"}, "line break"),
        ({"feature": ""}, "feature is empty"),
        ({"default_model": "auto"}, "no model ref"),
        ({"default_model": None}, "a model ref is a string, not NoneType"),
        ({"reasoning": "hgih"}, "hgih"),
        ({"reasoning": 5}, "a reasoning level is a string, not int"),
        ({"headers": [("a", "b")]}, "headers are a mapping"),
        ({"headers": {"a": "b\r\nc"}}, "header a: line ends"),
        ({"headers": {"a": "b\0"}}, "header a: line ends"),
        ({"headers": {"a": "\ud800"}}, "header a: line ends"),
        ({"headers": {"a": 5}}, "names and values are strings"),
        ({"headers": {"a b": "c"}}, "no header name"),
        ({"headers": {"a:": "c"}}, "no header name"),
        ({"headers": {"": "c"}}, "no header name"),
        ({"timeouts": 5}, "timeouts is a Timeouts object, not int"),
        ({"timeouts": {"idle": 5}}, "timeouts is a Timeouts object, not dict"),
        ({"retries": 3}, "retries is a RetryPolicy object, not int"),
        ({"hints": ["acme"]}, "hints is a ModelHints object, not list"),
        ({"transports": Gpt()}, "transports is a sequence"),
        ({"transports": [5]}, "int is no transport adapter"),
        ({"transports": [Gpt]}, "no transport adapter"),
        ({"request_middleware": print}, "request_middleware is a sequence"),
        ({"request_middleware": [5]}, "int is no request middleware"),
        ({"request_middleware": 5}, "request_middleware is a sequence"),
        ({"response_middleware": print}, "response_middleware is a sequence"),
        ({"response_middleware": ["x"]}, "str is no response middleware"),
        ({"retry_budget": 0}, "retry_budget is a RetryBudget object, not int"),
        ({"max_connections": -1}, "max_connections is 0 or more"),
        ({"max_connections": True}, "max_connections is a whole number"),
        ({"session": 5}, "session is an aiohttp.ClientSession, not int"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_what_cannot_work_is_refused_when_the_client_is_made(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        KiloClient(**options)
    assert words in str(raised.value)


@pytest.mark.parametrize("name", ["idle", "total", "connect"])
@pytest.mark.parametrize("value", [0, -1, "5", True, float("nan")])
def test_a_limit_that_is_none_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Timeouts(**{name: value})


async def test_the_key_comes_from_the_environment(
    gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
    monkeypatch.setenv("KILOCODE_API_KEY", "from-the-environment")
    monkeypatch.setenv("KILOCODE_FEATURE", "cli")
    async with KiloClient() as client:
        await ask(client, model=GPT)
    (request,) = gateway.requests
    assert request.headers["authorization"] == "Bearer from-the-environment"
    assert request.headers["x-kilocode-feature"] == "cli"


async def test_without_a_key_there_is_no_authorization(gateway: LocalGateway) -> None:
    async with KiloClient(base_url=gateway.base_url) as client:
        await ask(client, model=GPT)
    assert "authorization" not in gateway.requests[0].headers


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_base_url_works_with_and_without_its_slash(
    slash: str, gateway: LocalGateway
) -> None:
    async with KiloClient(base_url=gateway.base_url.rstrip("/") + slash) as client:
        await ask(client, model=GPT)
    assert gateway.requests[0].path == "/api/gateway/chat/completions"


async def test_a_key_may_come_from_a_callable(gateway: LocalGateway) -> None:
    async def awaited() -> str:
        await anyio.lowlevel.checkpoint()
        return "awaited"

    class Source:
        def __call__(self) -> str:
            return "object"

    sources: list[Callable[[], Any]] = [lambda: "plain", awaited, Source()]
    for source in sources:
        async with KiloClient(source, base_url=gateway.base_url) as client:
            await ask(client, model=GPT)
    sent = [request.headers["authorization"] for request in gateway.requests]
    assert sent == ["Bearer plain", "Bearer awaited", "Bearer object"]


@pytest.mark.parametrize("returned", [None, "", "two words", b"bytes", 5])
async def test_a_callable_that_returns_no_key_sends_nothing(
    returned: Any, gateway: LocalGateway
) -> None:
    async with KiloClient(lambda: returned, base_url=gateway.base_url) as client:
        with pytest.raises(ConfigurationError, match="the token source's key"):
            await ask(client)
    assert not gateway.requests


async def test_a_callable_that_fails_sends_nothing_and_its_words_stay_out(
    gateway: LocalGateway,
) -> None:
    def source() -> str:
        raise OSError("no such file: /secret/place")

    async with KiloClient(source, base_url=gateway.base_url) as client:
        with pytest.raises(ConfigurationError, match="token source failed: OSError") as raised:
            await ask(client)
    assert "secret" not in str(raised.value)
    assert isinstance(raised.value.__cause__, OSError)
    assert not gateway.requests


async def test_closing_twice_is_fine(gateway: LocalGateway) -> None:
    client = KiloClient(base_url=gateway.base_url)
    await client.close()
    await client.close()
    async with KiloClient(base_url=gateway.base_url) as client:
        await ask(client, model=GPT)
        await client.close()
    assert client.closed
    assert "closed>" in repr(client)


async def test_a_client_is_not_closed_from_another_loop_while_its_own_runs(
    gateway: LocalGateway,
) -> None:
    async with KiloClient("key", base_url=gateway.base_url) as client:
        await client.models.list()
        with pytest.raises(ConfigurationError, match="make one KiloClient per event loop"):
            await asyncio.to_thread(asyncio.run, client.close())
        assert not client.closed
        await client.models.list(refresh=True)


async def test_a_closed_client_says_what_to_do(gateway: LocalGateway) -> None:
    async with KiloClient(base_url=gateway.base_url) as client:
        opening = client.chat.completions.stream(messages="Hi")
    calls: list[Callable[[], Any]] = [
        lambda: ask(client),
        lambda: client.chat.completions.create(messages="Hi", stream=True),
        opening.__aenter__,
        lambda: client.models.get(GPT),
        client.providers.list,
        client.__aenter__,
        lambda: ask(client.with_options(default_model=GPT)),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match="the client is closed; make a new KiloClient"):
            await call()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        client.chat.completions.stream(messages="Hi")
    assert not gateway.requests


def test_a_client_belongs_to_one_loop() -> None:
    client = KiloClient()

    async def use() -> str:
        async with LocalGateway() as gateway:
            return await ask(client.with_options(base_url=gateway.base_url), model=GPT)

    assert asyncio.run(use()).startswith("You said: Hi.")
    with pytest.raises(ConfigurationError, match="make one KiloClient per event loop"):
        asyncio.run(use())
    asyncio.run(client.close())
    assert client.closed


async def test_a_session_of_the_caller_is_used_and_left_open(gateway: LocalGateway) -> None:
    async with aiohttp.ClientSession(headers={"X-Mine": "yes"}) as session:
        async with KiloClient(base_url=gateway.base_url, session=session) as client:
            await ask(client, model=GPT)
        assert not session.closed
        with pytest.raises(ConfigurationError, match="the client is closed"):
            await ask(client)
    assert gateway.requests[0].headers["x-mine"] == "yes"


async def test_a_view_has_its_own_defaults_over_the_same_connections(
    gateway: LocalGateway,
) -> None:
    async with KiloClient("first", base_url=gateway.base_url, default_model=GPT) as client:
        view = client.with_options(
            api_key="second",
            default_model="kilocode/anthropic/claude-sonnet-4",
            reasoning="low",
            feature="cli",
            headers={"X-More": "1"},
            organization_id="org",
            timeouts=Timeouts(total=5),
            retries=RetryPolicy(max_attempts=1),
            request_middleware=[lambda request: request.payload.update(seed=7)],
        )
        assert view.connections is client.connections
        assert (view.timeouts.total, client.timeouts.total) == (5, None)
        await ask(client)
        await ask(view)
        gateway.enqueue(RawReply(status=503))
        with pytest.raises(ServiceUnavailableError):
            await ask(view)
        await ask(client)
    before, through, _, after = gateway.requests
    assert before.payload == after.payload
    assert before.payload["model"] == GPT
    assert through.payload == {
        "model": "anthropic/claude-sonnet-4",
        "messages": [{"role": "user", "content": "Hi"}],
        "reasoning": {"effort": "low"},
        "seed": 7,
    }
    names = ("authorization", "x-kilocode-feature", "x-more", "x-kilocode-organizationid")
    assert [through.headers.get(name) for name in names] == ["Bearer second", "cli", "1", "org"]
    assert [after.headers.get(name) for name in names] == [
        "Bearer first",
        "direct-gateway",
        None,
        None,
    ]


async def test_a_view_keeps_what_it_is_not_told_otherwise(gateway: LocalGateway) -> None:
    async with KiloClient(
        "key", base_url=gateway.base_url, headers={"X-A": "1"}, feature="cli"
    ) as client:
        view = client.with_options(default_model=GPT).with_options(reasoning="off")
        await ask(view)
    (request,) = gateway.requests
    assert request.payload["model"] == GPT
    assert request.headers["authorization"] == "Bearer key"
    assert request.headers["x-kilocode-feature"] == "cli"
    assert request.headers["x-a"] == "1"


async def test_closing_a_view_closes_nothing(gateway: LocalGateway) -> None:
    async with KiloClient(base_url=gateway.base_url, default_model=GPT) as client:
        async with client.with_options() as view:
            await ask(view)
        await view.close()
        assert not client.closed
        assert not view.closed
        await ask(client)
        await ask(view)
    assert view.closed
    assert len(gateway.requests) == 3


async def test_a_view_ends_with_its_client(gateway: LocalGateway) -> None:
    async with KiloClient(base_url=gateway.base_url) as client:
        view = client.with_options(default_model=GPT)
    with pytest.raises(ConfigurationError, match="the client is closed"):
        await ask(view)


@pytest.mark.parametrize("name", ["session", "max_connections", "modle", "key"])
def test_an_option_that_no_view_can_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        KiloClient().with_options(**{name: None, "default_model": GPT})
    assert f"with_options() does not take {name}; accepted are allow_insecure, api_key" in str(
        raised.value
    )


@pytest.mark.parametrize(
    "options", [{"api_key": ""}, {"base_url": "x"}, {"timeouts": 1}, {"request_middleware": [1]}]
)
def test_an_option_that_cannot_work_is_refused_in_a_view_too(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        KiloClient().with_options(**options)


async def test_transports_of_the_caller_are_asked_first(gateway: LocalGateway) -> None:
    seen: list[str] = []

    def note(request: OutgoingRequest) -> None:
        seen.append(request.url)

    async with LocalGateway() as other:
        mine = Gpt(base_url=other.base_url, request_middleware=[note])
        async with KiloClient("key", base_url=gateway.base_url, transports=[mine]) as client:
            assert client.transport_for(GPT) is mine
            assert client.transport_for("kilocode/google/gemini-3-pro").name == "proxy-gemini"
            assert client.transport_for("x/Gemini-like").name == "proxy-gemini"
            assert client.transport_for("kilo/auto").name == "proxy-openai"
            await ask(client, model=GPT)
            await ask(client, model="anthropic/claude-sonnet-4")
        assert [request.payload["model"] for request in other.requests] == [GPT]
        assert "authorization" not in other.requests[0].headers, "the key is the gateway's"
        assert seen == [other.base_url + "chat/completions"]
    assert len(gateway.requests) == 1


async def test_a_reasoning_object_is_a_default_too(gateway: LocalGateway) -> None:
    async with KiloClient(
        base_url=gateway.base_url,
        default_model="anthropic/claude-sonnet-4",
        reasoning=Reasoning(max_tokens=64, exclude=True),
    ) as client:
        await ask(client)
    assert gateway.requests[0].payload["reasoning"] == {"max_tokens": 64, "exclude": True}


@pytest.mark.parametrize("model", ["acme/one", "acme/gemini-one"])
async def test_hints_say_which_models_get_no_level(model: str, gateway: LocalGateway) -> None:
    grok = "x-ai/grok-code-fast-1"
    hints = ModelHints().extended(skip_vendors={"acme"})
    async with KiloClient(base_url=gateway.base_url, reasoning="low", hints=hints) as client:
        eager = client.with_options(hints=hints.extended(inject_ids={model, grok}))
        gateway.enqueue(*[GOOD] * 4)
        for one in (client, eager):
            for ref in (model, grok):
                await ask(one, model=ref)
    low = {"effort": "low"}
    assert [one.payload.get("reasoning") for one in gateway.requests] == [None, None, low, low]


def test_no_repr_shows_the_key() -> None:
    client = KiloClient("sk-very-secret", headers={"X-Token": "tk-very-secret"})
    for shown in (repr(client), str(client), repr(client.chat), repr(client.connections)):
        assert "secret" not in shown
    transport = client.transport_for(GPT)
    assert "secret" not in repr([transport, *transport.request_middleware])
    assert "secret" not in repr(client.route_for(ModelRef.parse(GPT)))
