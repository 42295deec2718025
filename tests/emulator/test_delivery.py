from __future__ import annotations

import json
import random

import pytest

from kilo_sdk.emulator import Fault
from kilo_sdk.emulator.delivery import (
    COMMENT,
    DONE,
    Delivery,
    StreamScript,
    deliver_body,
    deliver_fault_status,
    deliver_refusal,
    deliver_stream,
    scatter,
)
from kilo_sdk.emulator.refusals import Refusal, ReplayRefusal

CHUNKS = [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]
SCRIPT = StreamScript(COMMENT, CHUNKS)
BODY = b'{"id":"gen-1","choices":[]}'


def stream(fault: str) -> Delivery:
    return deliver_stream(SCRIPT, Fault.parse(fault))


def body(fault: str) -> Delivery:
    return deliver_body(BODY, Fault.parse(fault))


def test_a_good_stream_is_all_chunks_and_done() -> None:
    delivery = deliver_stream(SCRIPT)
    assert delivery.prelude == COMMENT
    assert delivery.parts == [*CHUNKS, DONE]
    assert delivery.headers["Content-Type"] == "text/event-stream"
    assert (delivery.ending, delivery.length, delivery.is_whole) == ("clean", None, True)


@pytest.mark.parametrize(
    ("fault", "parts", "ending"),
    [
        ("cut;after=2", CHUNKS[:2], "cut"),
        ("cut;after=2;inside", [*CHUNKS[:2], b"data"], "cut"),
        ("cut;after=3;inside", [*CHUNKS, b"data: ["], "cut"),
        ("cut;after=99", CHUNKS, "cut"),
        ("cut", [], "cut"),
        ("reset;after=1", CHUNKS[:1], "reset"),
        ("end;after=1", CHUNKS[:1], "clean"),
        ("stall;after=1", CHUNKS[:1], "hang"),
        ("no_done", CHUNKS, "clean"),
        ("bytes", [*CHUNKS, DONE], "clean"),
    ],
)
def test_a_stream_ends_as_its_fault_says(fault: str, parts: list[bytes], ending: str) -> None:
    delivery = stream(fault)
    assert (list(delivery.parts), delivery.ending) == (parts, ending)


def test_an_error_event_after_chunks_has_choices() -> None:
    *before, event = stream("error_event=502;after=2").parts
    assert before == CHUNKS[:2]
    assert isinstance(event, bytes)
    told = json.loads(event.removeprefix(b"data: "))
    assert told["error"]["code"] == 502
    assert told["choices"] == [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]


def test_an_error_event_alone_has_none() -> None:
    (event,) = stream("error_event=server_error").parts
    assert isinstance(event, bytes)
    told = json.loads(event.removeprefix(b"data: "))
    assert told["error"]["code"] == "server_error"
    assert "choices" not in told


@pytest.mark.parametrize("kind", ["json", "binary", "html"])
def test_the_stream_goes_on_after_garbage(kind: str) -> None:
    first, garbage, *rest = stream(f"garbage={kind};after=1").parts
    assert (first, rest) == (CHUNKS[0], [*CHUNKS[1:], DONE])
    assert isinstance(garbage, bytes)
    assert garbage.endswith(b"\n\n")


def test_a_huge_line_has_its_size_and_no_line_end_in_it() -> None:
    parts = stream("garbage=huge_line;size=200000").parts
    line = b"".join(part for part in parts[: -len(CHUNKS) - 1] if isinstance(part, bytes))
    assert line == b"data: " + b"x" * 200_000 + b"\n\n"


def test_comments_come_for_ever() -> None:
    delivery = stream("comments;after=1;interval=0.2")
    assert delivery.endless == (COMMENT, 0.2)
    assert delivery.parts == CHUNKS[:1]


def test_an_error_body_takes_the_place_of_a_stream() -> None:
    delivery = stream("error_body=402")
    assert (delivery.status, delivery.headers["Content-Type"]) == (200, "application/json")
    (part,) = delivery.parts
    assert isinstance(part, bytes)
    assert json.loads(part)["error"]["code"] == 402


def test_a_good_body_has_its_length() -> None:
    delivery = deliver_body(BODY)
    assert (delivery.parts, delivery.length, delivery.is_whole) == ((BODY,), len(BODY), True)


@pytest.mark.parametrize(
    ("fault", "part", "ending", "length"),
    [
        ("cut;after=1", BODY[:13], "cut", 27),
        ("cut", b"", "cut", 27),
        ("reset;after=1", BODY[:13], "reset", 27),
        ("end;after=1", BODY[:13], "clean", None),
        ("stall;inside", BODY[:13], "hang", 27),
        ("garbage=json", BODY[:13], "clean", 13),
    ],
)
def test_a_body_ends_as_its_fault_says(
    fault: str, part: bytes, ending: str, length: int | None
) -> None:
    delivery = body(fault)
    assert (delivery.parts, delivery.ending, delivery.length) == ((part,), ending, length)


def test_blank_lines_go_before_the_body() -> None:
    delivery = body("blank_lines=2")
    assert delivery.prelude == b"\n         \n" * 2
    assert delivery.length == len(BODY) + len(delivery.prelude)
    assert delivery.parts == (BODY,)


def test_comments_before_a_body_are_blank_lines() -> None:
    assert body("comments").endless == (b"\n         \n", 0.05)


@pytest.mark.parametrize("deliver", [stream, body])
def test_the_content_type_can_be_wrong(deliver: object) -> None:
    assert callable(deliver)
    assert deliver("wrong_content_type").headers["Content-Type"] == "text/plain"


def test_a_status_has_its_body_and_when_to_come_back() -> None:
    delivery = deliver_fault_status(Fault.parse("status=429;retry_after=2;delay=0.1"))
    assert delivery is not None
    assert (delivery.status, delivery.delay) == (429, 0.1)
    assert delivery.headers == {"Content-Type": "application/json", "Retry-After": "2"}


def test_a_proxy_answers_in_html_or_not_at_all() -> None:
    page = deliver_fault_status(Fault.parse("html=502"))
    nothing = deliver_fault_status(Fault.parse("empty=503;retry_after=1"))
    assert page is not None
    assert nothing is not None
    assert page.headers["Content-Type"].startswith("text/html")
    assert (nothing.status, nothing.parts, nothing.length) == (503, (), 0)
    assert nothing.headers == {"Retry-After": "1"}


def test_other_faults_are_no_status() -> None:
    assert deliver_fault_status(Fault.parse("error_body=402")) is None


def test_a_scattered_delivery_is_the_same_bytes_in_other_parts() -> None:
    delivery = deliver_stream(SCRIPT, Fault.parse("cut;after=2;inside"))
    scattered = scatter(delivery, random.Random(0))
    assert b"".join(scattered.parts) == b"".join(delivery.parts)  # type: ignore[arg-type]
    assert scattered.parts != delivery.parts
    assert (scattered.separate, scattered.ending, scattered.prelude) == (True, "cut", COMMENT)
    assert scattered == scatter(delivery, random.Random(0))


def test_only_the_refusal_of_a_replay_is_a_rejection() -> None:
    assert deliver_refusal(Refusal.invalid("no")).rejection is None
    assert deliver_refusal(ReplayRefusal.by_upstream("no", "raw", "X")).rejection == "no"


def test_a_refusal_is_json() -> None:
    delivery = deliver_refusal(Refusal.invalid("no"))
    (part,) = delivery.parts
    assert isinstance(part, bytes)
    assert (delivery.status, json.loads(part)["message"]) == (400, "no")
