"""Async streaming SDK for Kilo Gateway.

async with KiloClient() as client:
    async with client.chat.completions.stream(messages="Say hi") as stream:
        async for text in stream.text_deltas():
            print(text, end="", flush=True)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from kilo_sdk._version import __version__
from kilo_sdk.client import KiloClient
from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ConfigurationError,
    ContextLengthExceededError,
    InsufficientCreditsError,
    InternalServerError,
    KiloError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    SerializationError,
    ServiceUnavailableError,
    StreamError,
    StreamInterruptedError,
    StreamProtocolError,
    ToolArgumentsError,
    UpstreamError,
)
from kilo_sdk.history import dump_history, load_history
from kilo_sdk.middleware.base import OutgoingRequest, RequestMiddleware, ResponseMiddleware
from kilo_sdk.middleware.reasoning_injection import ModelHints
from kilo_sdk.refs import ModelRef
from kilo_sdk.resilience.limits import Limits
from kilo_sdk.resilience.retry_budget import RetryBudget
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.streaming import CompletionStream
from kilo_sdk.timeouts import Timeouts
from kilo_sdk.transports.base import OpenAICompatibleTransport, TransportAdapter
from kilo_sdk.transports.proxy_gemini import ProxyGeminiTransport
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport
from kilo_sdk.types.chunk import ChunkChoice, CompletionChunk, Delta
from kilo_sdk.types.completion import ChatCompletion, Choice
from kilo_sdk.types.message import Message
from kilo_sdk.types.reasoning import Reasoning
from kilo_sdk.types.tool_call import ToolCall, ToolCallChunk
from kilo_sdk.types.usage import Usage

if TYPE_CHECKING:
    from kilo_sdk.catalog.catalog import ModelCatalog
    from kilo_sdk.catalog.options import CatalogOptions
    from kilo_sdk.config.config import KiloConfig
    from kilo_sdk.cost.meter import CostMeter
    from kilo_sdk.cost.totals import CostSnapshot, CostTotals
    from kilo_sdk.middleware.dropped import DroppedPart
    from kilo_sdk.middleware.think_tags import ThinkTagExtraction
    from kilo_sdk.resilience.try_report import TryReport
    from kilo_sdk.transports.prefixes import AssistantPrefix, ContinuingTransport
    from kilo_sdk.types.events import (
        Finished,
        ReasoningDelta,
        StreamEvent,
        TextDelta,
        ToolCallDelta,
        ToolCallDone,
        UsageReported,
    )
    from kilo_sdk.types.model_info import ModelInfo

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AssistantPrefix",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "CatalogOptions",
    "ChatCompletion",
    "Choice",
    "ChunkChoice",
    "CompletionChunk",
    "CompletionStream",
    "ConfigurationError",
    "ContextLengthExceededError",
    "ContinuingTransport",
    "CostMeter",
    "CostSnapshot",
    "CostTotals",
    "Delta",
    "DroppedPart",
    "Finished",
    "InsufficientCreditsError",
    "InternalServerError",
    "KiloClient",
    "KiloConfig",
    "KiloError",
    "Limits",
    "Message",
    "ModelCatalog",
    "ModelHints",
    "ModelInfo",
    "ModelRef",
    "NotFoundError",
    "OpenAICompatibleTransport",
    "OutgoingRequest",
    "PermissionDeniedError",
    "ProtocolError",
    "ProxyGeminiTransport",
    "ProxyOpenAITransport",
    "RateLimitError",
    "Reasoning",
    "ReasoningDelta",
    "RequestMiddleware",
    "ResponseMiddleware",
    "RetryBudget",
    "RetryPolicy",
    "SerializationError",
    "ServiceUnavailableError",
    "StreamError",
    "StreamEvent",
    "StreamInterruptedError",
    "StreamProtocolError",
    "TextDelta",
    "ThinkTagExtraction",
    "Timeouts",
    "ToolArgumentsError",
    "ToolCall",
    "ToolCallChunk",
    "ToolCallDelta",
    "ToolCallDone",
    "TransportAdapter",
    "TryReport",
    "UpstreamError",
    "Usage",
    "UsageReported",
    "__version__",
    "dump_history",
    "load_history",
]


# Where to find what most processes do without, when it is first asked for.
_LATER: Final = {
    "AssistantPrefix": "transports.prefixes",
    "CatalogOptions": "catalog.options",
    "ContinuingTransport": "transports.prefixes",
    "CostMeter": "cost.meter",
    "CostSnapshot": "cost.totals",
    "CostTotals": "cost.totals",
    "DroppedPart": "middleware.dropped",
    "Finished": "types.events",
    "KiloConfig": "config.config",
    "ModelCatalog": "catalog.catalog",
    "ModelInfo": "types.model_info",
    "ReasoningDelta": "types.events",
    "StreamEvent": "types.events",
    "TextDelta": "types.events",
    "ThinkTagExtraction": "middleware.think_tags",
    "ToolCallDelta": "types.events",
    "ToolCallDone": "types.events",
    "TryReport": "resilience.try_report",
    "UsageReported": "types.events",
}


def __getattr__(name: str) -> object:
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value  # asked for once
    return value
