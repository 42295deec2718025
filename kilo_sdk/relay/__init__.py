"""Answers into web sockets: see ``WebSocketRelay``, and ``docs/how-to/relay.md``."""

from kilo_sdk.relay.generation import EndedAnswer
from kilo_sdk.relay.limits import RelayLimits
from kilo_sdk.relay.log import StreamLog
from kilo_sdk.relay.memory_store import MemoryStreamStore
from kilo_sdk.relay.policy import PromptPolicy
from kilo_sdk.relay.protocol import CloseCode, Prompt
from kilo_sdk.relay.redis_store import RedisStreamStore
from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.relay.relay import WebSocketRelay
from kilo_sdk.relay.sockets import Handshake
from kilo_sdk.relay.store import StoreError, StreamStore, StreamWriter

__all__ = [
    "CloseCode",
    "EndedAnswer",
    "Handshake",
    "MemoryStreamStore",
    "Prompt",
    "PromptPolicy",
    "RedisStreamStore",
    "RelayLimits",
    "RelayRefusedError",
    "StoreError",
    "StreamLog",
    "StreamStore",
    "StreamWriter",
    "WebSocketRelay",
]
