"""A transport makes requests of calls, and chunks and completions of what comes back."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest

from kilo_sdk.answers import AnswerContext, decode_completion
from kilo_sdk.chunk_template import wire_of
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.refs import ModelRef
from kilo_sdk.stream_decoder import StreamDecoder
from kilo_sdk.transports.base import (
    CompletionCall,
    OpenAICompatibleTransport,
    TransportAdapter,
    join_url,
)

REF = ModelRef.parse("kilocode/vendor/model:free")


def call(payload: Any = None, **changes: Any) -> CompletionCall:
    fields: dict[str, Any] = {
        "ref": REF,
        "payload": {"messages": [{"role": "user", "content": "Hi"}]} | (payload or {}),
        "headers": {"X-Team": "1"},
        "base_url": "https://api.example/v1/",
        "stream": False,
    }
    return CompletionCall(**(fields | changes))


def context(transport: TransportAdapter) -> AnswerContext:
    return AnswerContext(
        transport=transport,
        response_chain=ResponseChain(transport.response_middleware),
        ref=REF,
        request_id=None,
        headers={},
        content_type="",
    )


def names(middleware: Any) -> list[str]:
    return [type(one).__name__ for one in middleware]


def test_a_plain_call_becomes_a_plain_request() -> None:
    request = OpenAICompatibleTransport().prepare(call({"temperature": 0.5, "seed": None}))
    assert request.url == "https://api.example/v1/chat/completions"
    assert request.headers == {"X-Team": "1"}
    assert request.payload == {
        "model": "vendor/model:free",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.5,
        "seed": None,
    }
    assert (request.ref, request.stream) == (REF, False)
    assert (request.reasoning, request.task_id, request.mode) == (None, None, None)
    assert request.pinned_provider is None


def test_a_streaming_call_says_so() -> None:
    request = OpenAICompatibleTransport().prepare(call(stream=True))
    assert request.stream
    assert request.payload["stream"] is True
    assert "stream" not in OpenAICompatibleTransport().prepare(call()).payload


def test_what_middleware_needs_to_know_goes_along() -> None:
    request = OpenAICompatibleTransport().prepare(
        call(reasoning="high", task_id="task-1", mode="plan", pinned_provider="Google")
    )
    assert (request.reasoning, request.task_id, request.mode) == ("high", "task-1", "plan")
    assert request.pinned_provider == "Google"


def test_the_call_is_not_changed_by_what_is_done_to_the_request() -> None:
    one = call({"tools": [{"type": "function"}], "stop": "x"})
    payload, headers = copy.deepcopy(one.payload), dict(one.headers)
    request = OpenAICompatibleTransport().prepare(one)
    request.payload["messages"].append({"role": "user"})
    request.payload["stop"] = ["x"]
    del request.payload["tools"]
    request.headers.clear()
    assert one.payload == payload
    assert one.headers == headers


def test_the_body_given_by_hand_wins_over_the_model() -> None:
    request = OpenAICompatibleTransport().prepare(call({"model": "other"}))
    assert request.payload["model"] == "other"


@pytest.mark.parametrize("messages", [None, "Hi", {"role": "user"}, 3])
def test_something_else_in_the_messages_place_is_refused(messages: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"is of type {type(messages).__name__}"):
        OpenAICompatibleTransport().prepare(call({"messages": messages}))


def test_a_transport_may_have_a_server_of_its_own() -> None:
    transport = OpenAICompatibleTransport(base_url="http://127.0.0.1:11434/v1")
    assert transport.prepare(call()).url == "http://127.0.0.1:11434/v1/chat/completions"


@pytest.mark.parametrize("base", ["https://x.example/v1", "https://x.example/v1/"])
def test_a_base_url_is_joined_with_and_without_its_slash(base: str) -> None:
    assert join_url(base, "models") == "https://x.example/v1/models"


def test_by_default_it_serves_every_model_and_repairs_what_comes_back() -> None:
    transport = OpenAICompatibleTransport()
    assert isinstance(transport, TransportAdapter)
    assert transport.matches(REF)
    assert transport.request_middleware == ()
    assert names(transport.response_middleware) == ["DeltaRepairs", "ReasoningNormalisation"]
    assert repr(transport) == "<OpenAICompatibleTransport 'openai-compatible'>"


def test_its_middleware_may_be_given() -> None:
    def one(wire: Any) -> None: ...

    transport = OpenAICompatibleTransport(request_middleware=[one], response_middleware=[])
    assert transport.request_middleware == (one,)
    assert transport.response_middleware == ()


def test_a_repr_of_a_call_shows_the_model_and_nothing_of_the_prompt() -> None:
    assert repr(call(stream=True)) == "CompletionCall('vendor/model:free', stream=True)"


# An adapter of the caller's own


class Generate(OpenAICompatibleTransport):
    """A made-up server: its own path, its own model names, its own shapes."""

    name = "generate"
    path = "generate"

    def matches(self, ref: ModelRef, /) -> bool:
        return ref.vendor == "vendor"

    def model_id(self, ref: ModelRef) -> str:
        return ref.id.partition("/")[2]

    def decode_chunk(self, event: dict[str, Any], /) -> dict[str, Any] | None:
        if event.get("ping"):
            return None
        choice = {"delta": {"content": event.get("token")}, "finish_reason": event.get("end")}
        return {"id": "g", "choices": [choice]}

    def decode_completion(self, body: dict[str, Any], /) -> dict[str, Any]:
        return {"id": "g", "choices": [{"message": {"content": body["answer"]}}]}


def test_an_adapter_says_where_and_as_what_a_model_is_asked() -> None:
    request = Generate().prepare(call())
    assert request.url == "https://api.example/v1/generate"
    assert request.payload["model"] == "model:free"
    assert Generate().matches(REF)
    assert not Generate().matches(ModelRef.parse("other/model"))


def events(*payloads: Any) -> bytes:
    return b"".join(b"data: " + orjson.dumps(payload) + b"\n\n" for payload in payloads)


TOKENS = events({"token": "H"}, {"ping": True}, {"token": "i"}, {"end": "stop"})


def test_an_adapter_makes_chunks_of_its_events_and_leaves_some_out() -> None:
    decoder = StreamDecoder(context(Generate()))
    chunks = [wire_of(one) for one in decoder.feed(TOKENS)]
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["H", "i", None]
    decoder.end()
    assert decoder.failure is None
    assert (decoder.completion().id, decoder.completion().text) == ("g", "Hi")


def test_a_decoder_set_on_one_object_is_used() -> None:
    transport: Any = OpenAICompatibleTransport()
    transport.decode_chunk = Generate().decode_chunk
    decoder = StreamDecoder(context(transport))
    decoder.feed(TOKENS)
    assert decoder.completion().text == "Hi"


def test_events_that_carry_no_chunk_are_no_start() -> None:
    decoder = StreamDecoder(context(Generate()))
    assert decoder.feed(events({"ping": True})) == []
    assert not decoder.started


def test_an_adapter_makes_a_completion_of_its_body() -> None:
    assert decode_completion(b'{"answer": "Hi"}', context(Generate())).text == "Hi"


def test_what_the_openai_shaped_one_decodes_it_returns_itself() -> None:
    wire: dict[str, Any] = {"choices": []}
    assert OpenAICompatibleTransport().decode_chunk(wire) is wire
    assert OpenAICompatibleTransport().decode_completion(wire) is wire
