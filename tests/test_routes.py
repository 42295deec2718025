"""Facts about routes: who serves a model, and what its calls pass on the way."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.refs import ModelRef
from kilo_sdk.routes import Routes
from kilo_sdk.transports.base import OpenAICompatibleTransport

pytestmark = pytest.mark.anyio


class Marking:
    """Writes its mark behind those that are there, on the way out and on the way in."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def on_request(self, request: OutgoingRequest, /) -> None:
        request.payload.setdefault("marks", []).append(self.mark)

    def on_chunk(self, chunk: dict[str, Any], /) -> None:
        chunk.setdefault("marks", []).append(self.mark)

    def on_completion(self, completion: dict[str, Any], /) -> None:
        self.on_chunk(completion)


class Local(OpenAICompatibleTransport):
    name = "local"

    def __init__(self) -> None:
        own = Marking("own")
        super().__init__(request_middleware=[own], response_middleware=[own])

    def matches(self, ref: ModelRef, /) -> bool:
        return ref.vendor == "local"


def routes(**more: Any) -> Routes:
    return Routes(auth=BearerAuth("key"), app_headers=AppHeaders(), **more)


@pytest.mark.parametrize(
    ("ref", "name"),
    [("local/gemini", "local"), ("google/gemini-3", "proxy-gemini"), ("kilo/auto", "proxy-openai")],
)
def test_the_callers_transports_come_before_the_built_in_ones(ref: str, name: str) -> None:
    one = routes(transports=[Local()])
    model = ModelRef.parse(ref)
    assert one.transport_for(model).name == name
    assert one.route_for(model).transport is one.transport_for(model)
    assert one.route_for(model) is one.route_for(model)


async def test_the_callers_middleware_comes_after_the_transports_own() -> None:
    local = Local()
    one = routes(
        transports=[local],
        request_middleware=[Marking("first"), Marking("second")],
        response_middleware=[Marking("third")],
    )
    route = one.route_for(ModelRef("local/one"))
    request = OutgoingRequest(ref=ModelRef("local/one"), url="", headers={}, payload={})
    assert route.request_chain.run(request) is None
    assert request.payload == {"marks": ["own", "first", "second"]}
    chunk: dict[str, Any] = {}
    route.response_chain.for_stream().on_chunk(chunk)
    assert chunk == {"marks": ["own", "third"]}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"transports": [object()]}, "object is no transport adapter"),
        ({"request_middleware": [5]}, "int is no request middleware"),
        ({"response_middleware": ["x"]}, "str is no response middleware"),
    ],
)
def test_what_cannot_work_is_refused(what: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        routes(**what)
