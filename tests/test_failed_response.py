"""Facts about responses that are no answers: what becomes of one, and of its connection."""

from __future__ import annotations

import orjson
import pytest

from kilo_sdk import (
    ContextLengthExceededError,
    ProtocolError,
    ServiceUnavailableError,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.emulator.delivery import Ending
from kilo_sdk.failed_response import failure_of, request_id_of
from kilo_sdk.http import Connections
from tests.support.sending import send

pytestmark = pytest.mark.anyio

BUSY = b'{"error": {"message": "busy", "code": 503}}'


async def test_a_refusal_is_read_whole_and_told_in_its_own_words(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(status=503, body=BUSY))
    exchange = await send(connections, gateway, model="m/x")
    error = await failure_of(exchange, model="m/x")
    assert type(error) is ServiceUnavailableError
    assert (error.body, error.model) == ({"error": {"message": "busy", "code": 503}}, "m/x")
    assert error.request_id == request_id_of(exchange) == "req-0-00000001"
    assert exchange.closed
    assert gateway.requests[0].completed_at is not None


@pytest.mark.parametrize("ending", ["cut", "hang"])
async def test_a_body_that_came_whole_says_all_of_it_though_its_end_is_missing(
    ending: Ending, gateway: LocalGateway, connections: Connections
) -> None:
    words = "maximum context length is 8192 tokens. However, you requested about 9001 tokens"
    said = {"error": {"message": words, "code": "context_length_exceeded"}}
    gateway.enqueue(RawReply(status=400, body=[orjson.dumps(said)], ending=ending))
    exchange = await send(connections, gateway, timeouts=Timeouts(idle=0.1))
    error = await failure_of(exchange, model=None)
    assert type(error) is ContextLengthExceededError
    assert (error.limit, error.requested) == (8192, 9001)
    assert error.body == said
    assert exchange.closed


async def test_a_body_that_breaks_off_is_told_as_far_as_it_came(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(*[RawReply(status=503, body=[BUSY[:n]], ending="cut") for n in (-2, 10)])
    error = await failure_of(await send(connections, gateway), model=None)
    assert type(error) is ServiceUnavailableError
    assert error.message.endswith("): busy")
    assert error.body == '{"error": {"message": "busy", "code": 503'
    error = await failure_of(await send(connections, gateway), model=None)
    assert type(error) is ServiceUnavailableError
    assert error.message.endswith("): no details were given")
    assert error.body == '{"error": '


async def test_a_body_without_an_end_is_told_by_its_beginning(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(status=503, body=[BUSY[:-1], b" " * 2**22], ending="hang"))
    exchange = await send(connections, gateway)
    error = await failure_of(exchange, model=None)
    assert type(error) is ServiceUnavailableError
    assert error.message.endswith("): busy")
    assert error.body == BUSY[:-1].decode() + " " * (2**16 - len(BUSY) + 1)
    assert exchange.closed


async def test_a_key_that_a_body_breaks_off_inside_of_is_masked(
    gateway: LocalGateway, connections: Connections
) -> None:
    body = b'{"error": {"message": "no our-teams-'
    gateway.enqueue(RawReply(status=401, body=[body], ending="cut"))
    exchange = await send(connections, gateway, key="our-teams-key")
    error = await failure_of(exchange, model=None)
    assert error.message.endswith("): no [redacted]")
    assert error.body == '{"error": {"message": "no [redacted]'


async def test_a_body_that_never_comes_is_not_awaited_past_the_clocks(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(status=503, body=[b"x"], ending="hang"))
    exchange = await send(connections, gateway, timeouts=Timeouts(idle=0.1))
    assert type(await failure_of(exchange, model=None)) is ServiceUnavailableError
    assert exchange.closed


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Location": "http://127.0.0.1:9/"}, "redirects are not followed"),
        ({}, "the server answered 302 where 200 was expected; model m/x; request id "),
    ],
)
async def test_what_is_neither_answer_nor_refusal_is_named_and_closed(
    headers: dict[str, str], words: str, gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(status=302, headers=headers))
    exchange = await send(connections, gateway)
    error = await failure_of(exchange, model="m/x")
    assert type(error) is ProtocolError
    assert words in str(error)
    assert exchange.closed
