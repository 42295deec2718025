"""Answer: what a try that was answered leaves to be read.

Source: GATEWAY 5.
"""

from __future__ import annotations

from kilo_sdk.answers import AnswerContext
from kilo_sdk.cost.prices import PriceList
from kilo_sdk.exchange import Exchange
from kilo_sdk.refs import ModelRef
from kilo_sdk.routes import Route

__all__ = ["Answer", "answer_context"]


class Answer:
    """A response with status 200 whose body has not been read; never changed.

    Args:
        exchange: The bytes as they arrive.
        route: How to decode them.
        ref: The model that was asked.
        request_id: The gateway's id of the request, where its headers name one.
    """

    __slots__ = ("exchange", "ref", "request_id", "route")

    def __init__(
        self, exchange: Exchange, route: Route, ref: ModelRef, request_id: str | None
    ) -> None:
        self.exchange = exchange
        self.route = route
        self.ref = ref
        self.request_id = request_id


def answer_context(answer: Answer, prices: PriceList) -> AnswerContext:
    """Return what decoding needs to know of an answer."""
    return AnswerContext(
        answer.route.transport,
        answer.route.response_chain,
        answer.ref,
        answer.request_id,
        answer.exchange.headers,
        answer.exchange.content_type,
        prices,
        answer.exchange.key_sent,
    )
