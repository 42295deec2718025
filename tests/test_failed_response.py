"""Facts about responses that are no answers: what becomes of one, and of its connection."""

from __future__ import annotations

import pytest

from kilo_sdk import ProtocolError, ServiceUnavailableError, Timeouts
from kilo_sdk.emulator import LocalGateway, RawReply
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


async def test_a_status_says_enough_where_its_body_breaks_off(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(status=503, body=[BUSY[:10]], ending="reset"))
    error = await failure_of(await send(connections, gateway), model=None)
    assert type(error) is ServiceUnavailableError
    assert error.body is None


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
