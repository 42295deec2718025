"""Answer: what a try that was answered leaves to be read.

Source: GATEWAY 5.
"""

from __future__ import annotations

from kilo_sdk.answers import AnswerContext
from kilo_sdk.cost.prices import PriceList
from kilo_sdk.exchange import Exchange
from kilo_sdk.failed_response import request_id_of
from kilo_sdk.refs import ModelRef
from kilo_sdk.routes import Route

__all__ = ["Answer", "begun_answer"]


class Answer:
    """A response with status 200 whose body has not been read; never changed.

    Args:
        exchange: The bytes as they arrive.
        context: What decoding needs to know besides them.
    """

    __slots__ = ("context", "exchange")

    def __init__(self, exchange: Exchange, context: AnswerContext) -> None:
        self.exchange = exchange
        self.context = context


def begun_answer(exchange: Exchange, route: Route, ref: ModelRef, prices: PriceList) -> Answer:
    """Return the answer that a model has begun.

    Args:
        exchange: Its response.
        route: How to decode it.
        ref: The model that was asked.
        prices: What it cost, where it does not say so.
    """
    context = AnswerContext(
        route.transport,
        route.response_chain,
        ref,
        request_id_of(exchange),
        exchange.headers,
        exchange.content_type,
        prices,
        exchange.key_sent,
    )
    return Answer(exchange, context)
