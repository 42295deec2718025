"""Answer: what a try that was answered leaves to be read.

Source: GATEWAY 5.
"""

from __future__ import annotations

import attrs

from kilo_sdk.exchange import Exchange
from kilo_sdk.refs import ModelRef
from kilo_sdk.routes import Route

__all__ = ["Answer"]


@attrs.define(slots=True, eq=False)
class Answer:
    """A response with status 200 whose body has not been read; never changed.

    Attributes:
        exchange: The bytes as they arrive.
        route: How to decode them.
        ref: The model that was asked.
        request_id: The gateway's id of the request, where its headers name one.
    """

    exchange: Exchange
    route: Route
    ref: ModelRef
    request_id: str | None
