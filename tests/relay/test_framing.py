"""Every framing says the same."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.relay.events import (
    Ended,
    Failed,
    Reasoning,
    RelayEvent,
    Started,
    Text,
    Told,
    ToolCalled,
)
from kilo_sdk.relay.framing import JSONFraming, MsgpackFraming, OpenAIFraming, framing_of
from kilo_sdk.relay.protocol import FramingName
from kilo_sdk.relay.refusals import RelayRefusedError

REFUSAL = RelayRefusedError("no", code="bad_prompt", stream="s", request="r")


def test_json_frames_are_objects_with_stream_and_number() -> None:
    framing = framing_of("json")
    assert isinstance(framing, JSONFraming)
    assert framing.is_text
    text = {"type": "text", "stream": "s", "seq": 7, "text": "hé"}
    assert orjson.loads(framing.event("s", 7, Text("hé"))) == text
    start = {"type": "start", "stream": "s", "seq": 1, "v": 1, "request": "r"}
    assert orjson.loads(framing.event("s", 1, Started("r"))) == start
    told = {"type": "error", "seq": 0, "code": "bad_prompt", "text": "no"}
    assert orjson.loads(framing.refusal(REFUSAL)) == {**told, "stream": "s", "request": "r"}


@pytest.mark.parametrize("event", [Text("a\ud83d"), Ended(message={"k\ud83d": ["\ud83d"]})])
def test_half_of_a_surrogate_pair_is_replaced(event: RelayEvent) -> None:
    assert b"?" in JSONFraming().event("s", 1, event)


def test_half_of_a_surrogate_pair_is_replaced_in_msgpack_as_well() -> None:
    msgpack = pytest.importorskip("msgpack")
    frame = framing_of("msgpack").event("s", 1, Text("a\ud83d"))
    assert msgpack.unpackb(frame)["text"] == "a?"
    refusal = RelayRefusedError("no \ud83d")
    assert msgpack.unpackb(framing_of("msgpack").refusal(refusal))["text"] == "no ?"


@pytest.mark.parametrize("name", ["json", "msgpack", "openai"])
def test_an_answer_ends_however_deep_a_vendors_fields_are(name: FramingName) -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    details = [{"type": "reasoning.text", "deep": deep}]
    event = Ended(message={"role": "assistant", "content": "hi", "reasoning_details": details})
    if name == "msgpack":
        message = pytest.importorskip("msgpack").unpackb(framing_of(name).event("s", 3, event))
    else:
        message = orjson.loads(framing_of(name).event("s", 3, event))
    assert message["seq"] == 3
    if name != "openai":
        assert message["message"]["content"] == "hi"


def test_msgpack_says_what_json_says() -> None:
    msgpack = pytest.importorskip("msgpack")
    framing = framing_of("msgpack")
    assert not framing.is_text
    for event in (Started("r"), Text("é"), Told({"total_tokens": 3}), Ended("done", "stop")):
        packed = msgpack.unpackb(framing.event("s", 3, event))
        assert packed == orjson.loads(JSONFraming().event("s", 3, event))
    assert msgpack.unpackb(framing.refusal(REFUSAL))["code"] == "bad_prompt"
    assert framing.message(msgpack.packb({"type": "cancel"})) == {"type": "cancel"}


def test_chunks_read_as_those_of_openai() -> None:
    framing = OpenAIFraming()

    def chunk(event: RelayEvent) -> Any:
        chunk = orjson.loads(framing.event("s", 4, event))
        head = (chunk.pop("id"), chunk.pop("object"), chunk.pop("seq"))
        assert head == ("s", "chat.completion.chunk", 4)
        return chunk

    def delta(event: RelayEvent) -> Any:
        (choice,) = chunk(event)["choices"]
        assert (choice["index"], choice["finish_reason"]) == (0, None)
        return choice["delta"]

    assert delta(Started()) == {"role": "assistant", "content": ""}
    assert delta(Text("a")) == {"content": "a"}
    assert delta(Reasoning("b")) == {"reasoning": "b"}
    assert delta(ToolCalled(1, "c", "f", "{}")) == {
        "tool_calls": [
            {
                "index": 1,
                "id": "c",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
            }
        ]
    }
    assert chunk(Told({"total_tokens": 3})) == {"choices": [], "usage": {"total_tokens": 3}}
    assert chunk(Ended("done", "length", "m")) == {
        "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}],
    }
    assert chunk(Ended("cancelled"))["choices"][0]["finish_reason"] == "cancelled"
    failed = chunk(Failed("error", "rate_limited", "later", 7.0))
    assert failed["choices"][0]["finish_reason"] == "error"
    assert failed["error"] == {"code": "rate_limited", "message": "later", "retry_after": 7.0}
    assert orjson.loads(framing.refusal(REFUSAL))["error"]["request"] == "r"
    # What was told has had a chunk of its own.
    estimated = {"completion_tokens": 3, "estimated": True}
    assert chunk(Ended("cancelled", usage=estimated))["usage"] == estimated
    assert chunk(Failed("error", "upstream", "no", usage=estimated))["usage"] == estimated
    assert "usage" not in chunk(Ended(usage={"total_tokens": 3}))


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_whatever_comes_is_read_or_refused(frame: bytes | str) -> None:
    pytest.importorskip("msgpack")
    for framing in (JSONFraming(), MsgpackFraming(), OpenAIFraming()):
        with suppress(RelayRefusedError):
            framing.message(frame)


@pytest.mark.parametrize("frame", [b"{}", "{", '"\ud800"'])
def test_what_is_no_json_in_a_text_frame_is_refused(frame: bytes | str) -> None:
    with pytest.raises(RelayRefusedError):
        JSONFraming().message(frame)


@pytest.mark.parametrize("frame", ["{}", b"\xc1", b"\x81\xa1", b"\xd4\x01\x00", b"\x91" * 2000])
def test_what_is_no_msgpack_in_a_binary_frame_is_refused(frame: bytes | str) -> None:
    pytest.importorskip("msgpack")
    with pytest.raises(RelayRefusedError):
        MsgpackFraming().message(frame)
