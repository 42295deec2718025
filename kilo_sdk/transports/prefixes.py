"""How models take the beginning of their own answer, to go on with it where it stops.

What a vendor documents is data here. Others would begin a new answer, and are not asked.

Source: Anthropic, 'Prefill Claude's response' and the notes on Claude 4.6; DeepSeek, 'Chat Prefix
Completion'; Mistral, ``prefix`` of an assistant message; Moonshot and Alibaba, 'Partial Mode'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol, runtime_checkable

import attrs

from kilo_sdk.refs import ModelRef
from kilo_sdk.seam import Echo

__all__ = ["AssistantPrefix", "ContinuingTransport", "vendors_prefix"]

# Models that think whatever they are told, and so would think again before they go on.
_ALWAYS_THINKS: Final = r"(?i)thinking|reasoner|magistral|\bqwq\b|\br1\b"
_CLAUDE_VERSION: Final = r"-(\d{1,2})(?:[.-](\d{1,2}))?(?!\d)"
_NO_PREFIX_SINCE: Final = (4, 6)


@attrs.frozen(slots=True, kw_only=True)
class AssistantPrefix:
    """How a model is told to go on with the assistant's message that ends the conversation.

    Attributes:
        message: What stands in that message besides its role and content.
        body: What stands in the request's body for that.
        echo: Whether the answer begins with that message: ``always``, ``never``, or
            ``perhaps``, where hosts differ. Then what repeats it is taken for an echo only if it
            is 16 characters or longer and does not repeat itself.
    """

    message: Mapping[str, Any] = MappingProxyType({})
    body: Mapping[str, Any] = MappingProxyType({})
    echo: Echo = "never"


@runtime_checkable
class ContinuingTransport(Protocol):
    """A transport that knows which of its models go on with the beginning of an answer."""

    def assistant_prefix(self, ref: ModelRef, /) -> AssistantPrefix | str:
        """Return how the model is told to, or in a few words why it cannot be."""
        ...


_PREFIX: Final = MappingProxyType({"prefix": True})
_PARTIAL: Final = MappingProxyType({"partial": True})
_OF_VENDORS: Final[Mapping[str, AssistantPrefix]] = MappingProxyType(
    {
        "anthropic": AssistantPrefix(),
        "deepseek": AssistantPrefix(message=_PREFIX, echo="perhaps"),
        "mistralai": AssistantPrefix(message=_PREFIX, echo="always"),
        "moonshotai": AssistantPrefix(message=_PARTIAL, echo="perhaps"),
        "qwen": AssistantPrefix(message=_PARTIAL, echo="perhaps"),
    }
)


def vendors_prefix(ref: ModelRef) -> AssistantPrefix | str:
    """Return how a model of the gateway is told to go on, or why it is not."""
    vendor = ref.vendor.lower()
    prefix = _OF_VENDORS.get(vendor)
    if ref.is_auto or prefix is None:
        return f"{ref.id} is not known to go on with a beginning that it is given"
    if re.search(_ALWAYS_THINKS, ref.id):
        return f"{ref.id} thinks before it writes, and would think again"
    if vendor == "anthropic":
        version = _claude_version(ref.id)
        if version is None or version >= _NO_PREFIX_SINCE:
            return f"{ref.id} takes no beginning of its answer, as no Claude from 4.6 on does"
    return prefix


def _claude_version(id_: str) -> tuple[int, int] | None:
    """Return major and minor version; a date is neither."""
    found = re.search(_CLAUDE_VERSION, id_)
    return None if found is None else (int(found[1]), int(found[2] or 0))
