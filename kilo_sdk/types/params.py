"""The parameters of a completion that the SDK knows by name.

Any other field of the chat-completions API may be given as well, as a keyword argument or
in ``extra_body``; what stands here is what editors complete and type checkers check.

Source: GATEWAY 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from kilo_sdk.types.message import Message
from kilo_sdk.types.reasoning import Reasoning, ReasoningLevel
from kilo_sdk.types.wire import WireDict

__all__ = [
    "CompletionParams",
    "Messages",
    "ProviderPin",
    "ProviderPreferences",
    "ReasoningOption",
]

Messages: TypeAlias = str | Sequence[Message | Mapping[str, Any]]
"""One user message as a string, or a list of wire dicts and ``Message`` objects."""

ReasoningOption: TypeAlias = ReasoningLevel | Reasoning | WireDict | None
"""A level (GATEWAY 4), or an object that goes out as it is."""

ProviderPin: TypeAlias = bool | str
"""Whether to go on with the provider of the last answer, or the name of one to go to."""


class ProviderPreferences(TypedDict, total=False):
    """Which upstreams may serve the call (GATEWAY 3)."""

    order: list[str]
    only: list[str]
    ignore: list[str]
    allow_fallbacks: bool
    data_collection: Literal["allow", "deny"]
    zdr: bool


class CompletionParams(TypedDict, total=False):
    """Parameters of a completion; one that is None is not sent."""

    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    max_tokens: int | None
    max_completion_tokens: int | None
    stop: str | Sequence[str] | None
    tools: Sequence[WireDict] | None
    tool_choice: str | WireDict | None
    parallel_tool_calls: bool | None
    response_format: WireDict | None
    seed: int | None
    n: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    repetition_penalty: float | None
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    top_logprobs: int | None
    provider: ProviderPreferences | WireDict | None
    user: str | None
    reasoning_effort: ReasoningLevel | None
    stream_options: WireDict | None
    plugins: Sequence[WireDict] | None
    modalities: Sequence[str] | None
    metadata: Mapping[str, str] | None
    verbosity: str | None
