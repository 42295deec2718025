"""What decoding knows of an answer beside its bytes, for tests of decoding alone."""

from __future__ import annotations

from typing import Any, Final

from kilo_sdk.answers import AnswerContext
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport

REF: Final = ModelRef.parse("kilocode/vendor/model")
OPENAI: Final = ProxyOpenAITransport(auth=BearerAuth(None), app_headers=AppHeaders())


def context(transport: Any = OPENAI, *more: Any, **changes: Any) -> AnswerContext:
    """Return the context of an answer whose request had the id ``req-1``.

    Args:
        transport: Decodes it.
        *more: Response middleware after the transport's own.
        **changes: Arguments of ``AnswerContext`` in place of the usual ones.
    """
    plain: dict[str, Any] = {
        "transport": transport,
        "response_chain": ResponseChain((*transport.response_middleware, *more)),
        "ref": REF,
        "request_id": "req-1",
        "headers": {"x-request-id": "req-1"},
        "content_type": "",
    }
    return AnswerContext(**{**plain, **changes})
