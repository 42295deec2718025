"""Facts about what makes a request ready to be sent, and what is refused before it is."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.errors import ConfigurationError, NotFoundError
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.outgoing import check_destination, check_headers, encode_body
from kilo_sdk.refs import ModelRef

GPT = "openai/gpt-4.1"
BASE = "https://api.kilo.ai/api/gateway/"


def request_to(url: str, *, key: str | None = "Bearer k") -> OutgoingRequest:
    headers = {} if key is None else {"Authorization": key}
    return OutgoingRequest(
        ref=ModelRef.parse(GPT), url=url, headers=headers, payload={}, credential="Bearer k"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://api.kilo.ai/api/gateway/chat/completions",
        "https://api.kilo.ai/api/organizations/acme/models",
        "https://api.kilo.ai:443/x",
        "https://API.kilo.ai/x",
    ],
)
def test_the_key_may_go_anywhere_at_the_configured_origin(url: str) -> None:
    check_destination(request_to(url), BASE)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.kilo.ai/api/gateway/chat/completions",
        "https://api.kilo.ai:8443/api/gateway/chat/completions",
        "https://api.kilo.ai.evil.example/api/gateway/",
        "https://evil.example/?https://api.kilo.ai/api/gateway/",
        "https://api.kilo.ai@evil.example/api/gateway/",
        "https://evil.example:70000/",
        "",
    ],
)
def test_the_key_goes_to_no_other_origin(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the key goes to base_url alone"):
        check_destination(request_to(url), BASE)


@pytest.mark.parametrize("key", [None, "Bearer another"])
def test_a_request_without_the_clients_key_may_go_anywhere(key: str | None) -> None:
    check_destination(request_to("https://other.example/", key=key), BASE)


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [False, True])
async def test_a_middleware_that_sends_a_call_elsewhere_does_not_take_the_key_along(
    stream: bool,
) -> None:
    async with LocalGateway() as gateway, LocalGateway() as other:

        def astray(request: OutgoingRequest) -> None:
            request.url = request.url.replace(gateway.base_url, other.base_url)

        def with_its_own(request: OutgoingRequest) -> None:
            request.set_header("authorization", "Bearer other-key")

        async with KiloClient(
            "my-key", base_url=gateway.base_url, request_middleware=[astray]
        ) as client:
            with pytest.raises(ConfigurationError, match="the key goes to base_url alone"):
                await client.chat.completions.create(messages="Hi", model=GPT, stream=stream)
            assert not other.requests
            view = client.with_options(request_middleware=[astray, with_its_own])
            await view.chat.completions.create(messages="Hi", model=GPT)
        assert other.requests[0].headers["authorization"] == "Bearer other-key"
        assert not gateway.requests


EVIL = ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\x00b", "\x7f", "a\x0bb", "\udc80"]


@pytest.mark.parametrize("value", EVIL)
def test_a_value_that_would_begin_another_header_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="line ends and other control characters"):
        check_headers({"X-Any": value})
    with pytest.raises(ConfigurationError, match="no header name"):
        check_headers({value: "any"})


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "Transfer-Encoding"])
def test_how_long_the_body_is_cannot_be_said_otherwise(name: str) -> None:
    """With a length too short, the rest of one request would be taken for the next one."""
    for _ in range(2):  # names are remembered, and this one is not
        with pytest.raises(ConfigurationError, match=f"header {name}: how long the body is"):
            check_headers({"X-Any": "a", name: "5"})


@pytest.mark.anyio
async def test_headers_are_checked_in_each_call_that_has_others_than_the_last() -> None:
    given = {"X-Any": "a"}

    def add(request: OutgoingRequest) -> None:
        request.headers.update(given)

    async with (
        LocalGateway() as gateway,
        KiloClient("my-key", base_url=gateway.base_url, request_middleware=[add]) as client,
    ):
        for _ in range(2):
            await client.chat.completions.create(messages="Hi", model=GPT)
            given["X-Any"] = "a\nX-Evil: 1"
            for _ in range(2):
                with pytest.raises(ConfigurationError, match="header X-Any: line ends"):
                    await client.chat.completions.create(messages="Hi", model=GPT)
            given["X-Any"] = "b"
    assert [one.headers["x-any"] for one in gateway.requests] == ["a", "b"]


@given(st.text(), st.text())
def test_what_passes_holds_no_line_end(name: str, value: str) -> None:
    try:
        check_headers({name: value})
    except ConfigurationError:
        return
    assert name
    assert not {"\r", "\n", "\x00", ":", " "} & set(name)
    assert not {"\r", "\n", "\x00"} & set(value)


@pytest.mark.anyio
@pytest.mark.parametrize("value", EVIL)
@pytest.mark.parametrize(
    "where", ["task_id", "mode", "extra_headers", "organization_id", "feature"]
)
async def test_no_value_of_the_callers_smuggles_a_header_in(where: str, value: str) -> None:
    async with LocalGateway() as gateway:
        options: dict[str, Any] = {"base_url": gateway.base_url}
        call: dict[str, Any] = {"messages": "Hi", "model": GPT}
        if where in ("task_id", "mode"):
            call[where] = value
        elif where == "extra_headers":
            call[where] = {"X-Any": value}
        else:
            options[where] = value
        with pytest.raises(ConfigurationError) as raised:
            async with KiloClient("key", **options) as client:
                await client.chat.completions.create(**call)
        assert value not in str(raised.value)
        assert not gateway.requests


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["a/b?x=1#y", "a/%2e%2e", "a/b\\.."])
async def test_a_model_id_in_a_path_stays_one_path(path: str) -> None:
    async with LocalGateway() as gateway, KiloClient("key", base_url=gateway.base_url) as client:
        with pytest.raises(NotFoundError):
            await client.models.endpoints(path)
        (request,) = gateway.requests
        assert request.path.startswith("/api/gateway/models/a/")
        assert request.path.endswith("/endpoints")
        assert "x-evil" not in request.headers


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path", [*EVIL, "a/../../../admin", "a/./b", "a//b", "../a", "a/b c", "a/\ud800"]
)
async def test_a_model_id_that_leads_elsewhere_is_refused(path: str) -> None:
    async with LocalGateway() as gateway, KiloClient("key", base_url=gateway.base_url) as client:
        with pytest.raises(ConfigurationError):
            await client.models.endpoints(path)
        assert not gateway.requests


@pytest.mark.anyio
@pytest.mark.parametrize("organization_id", ["..", ".", " .. "])
async def test_an_organisation_that_leads_elsewhere_is_refused(organization_id: str) -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, organization_id=organization_id) as client,
    ):
        with pytest.raises(ConfigurationError, match="organization_id has a segment"):
            await client.models.list()
        assert not gateway.requests


def test_what_cannot_be_json_is_named() -> None:
    assert encode_body({"a": [1, "é"]}) == '{"a":[1,"é"]}'.encode()
    with pytest.raises(ConfigurationError, match="parameter 'tools' cannot be sent as JSON"):
        encode_body({"a": 1, "tools": [object()]})
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(ConfigurationError, match="parameter 'messages' cannot be sent as JSON"):
        encode_body({"messages": deep})


@pytest.mark.parametrize("number", [nan, inf, -inf])
@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (lambda number: number, "parameter 'x' is "),
        (lambda number: [{"a": (1, number)}], "parameter 'x' holds "),
    ],
)
def test_a_number_that_json_cannot_say_is_refused_wherever_it_stands(
    number: float, wrap: Callable[[float], Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"{words}{number}, which JSON cannot say"):
        encode_body({"before": None, "x": wrap(number), "after": [1.5]})


def test_a_null_of_the_callers_goes_out() -> None:
    deep: Any = None
    for _ in range(200):
        deep = [deep]
    payload = {"content": None, "n": 1.5, "text": "null", "tools": ({"a": [None, deep]},)}
    assert orjson.loads(encode_body(payload)) == orjson.loads(orjson.dumps(payload))
