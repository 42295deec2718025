"""How many tokens something is, as long as nobody has counted them.

No tokenizer: the gateway serves hundreds of models, and each counts differently. A token is
taken for four bytes of UTF-8, of prompt and output alike, which is near the mark for
English prose and code and too many for little else. A reported usage replaces it.
"""

from __future__ import annotations

from typing import Any, Final

from kilo_sdk.chunk_template import DecodedChunk
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.fields import object_field, text_field
from kilo_sdk.types.wire import WirePayload

__all__ = [
    "BYTES_PER_TOKEN",
    "MEDIA_TOKENS",
    "estimate_prompt_tokens",
    "output_bytes",
    "output_bytes_of",
    "tokens_in",
]

BYTES_PER_TOKEN: Final = 4
"""UTF-8 bytes taken for one token."""

MEDIA_TOKENS: Final = 1000
"""Tokens that an image, a recording or a file is taken for: its bytes say nothing."""

_PROMPT_FIELDS: Final = ("messages", "tools", "response_format")
_MEDIA_TYPES: Final = frozenset(
    {"image_url", "input_image", "image", "input_audio", "audio", "video_url", "file"}
)
# Kept for the upstream that made them, and read by no model.
_UNREAD_FIELDS: Final = frozenset(
    {"reasoning_details", "extra_content", "thought_signature", "thoughtSignature", "signature"}
)
_TEXT_FIELDS: Final = ("content", "reasoning", "refusal")


def tokens_in(size: int) -> int:
    """Return how many tokens so many bytes of text are, rounded up."""
    return -(-size // BYTES_PER_TOKEN)


def estimate_prompt_tokens(payload: WirePayload) -> int:
    """Return how many tokens a request's prompt is.

    Every text in ``messages``, ``tools`` and ``response_format`` counts by its bytes, names
    of fields below the latter two included; images, recordings and files count 1,000 tokens
    each. Signatures and the vendor's form of reasoning do not count.
    """
    size = media = 0
    # A stack: what callers nest may be deeper than Python's own.
    pending: list[tuple[object, bool]] = [
        (payload.get(field), field != "messages") for field in _PROMPT_FIELDS
    ]
    while pending:
        value, names_count = pending.pop()
        if isinstance(value, str):
            size += _size(value)
        elif isinstance(value, dict):
            if names_count:
                size += sum(_size(name) for name in value if isinstance(name, str))
                pending.extend((inner, True) for inner in value.values())
            elif text_field(value, "type") in _MEDIA_TYPES:
                media += 1
            else:
                pending.extend(
                    (inner, False) for name, inner in value.items() if name not in _UNREAD_FIELDS
                )
        elif isinstance(value, list | tuple):
            pending.extend((inner, names_count) for inner in value)
    return tokens_in(size) + media * MEDIA_TOKENS


def output_bytes(decoded: DecodedChunk) -> int:
    """Return the bytes of output that a repaired chunk brings.

    Text, reasoning, refusal and the arguments of tool calls, of every choice.
    """
    if isinstance(decoded, tuple):
        return _size(decoded[1])
    return sum(_message_bytes(choice["delta"]) for choice in decoded["choices"])


def output_bytes_of(completion: ChatCompletion) -> int:
    """Return the bytes of output in an answer: the sum over the chunks it came in."""
    return sum(_message_bytes(choice.message.raw) for choice in completion.choices)


def _message_bytes(message: dict[str, Any]) -> int:
    size = 0
    for field in _TEXT_FIELDS:
        size += _text_size(message.get(field))
    for call in message.get("tool_calls") or ():
        size += _text_size((object_field(call, "function") or {}).get("arguments"))
    return size


def _text_size(value: object) -> int:
    return _size(value) if isinstance(value, str) else 0


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
