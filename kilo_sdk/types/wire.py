"""What travels as JSON: plain dicts, as the gateway sends and takes them.

Middleware works on these; callers see the typed classes beside this module. The aliases
are deliberately open: a field the SDK has never heard of must survive (GATEWAY 5).
"""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["WireChunk", "WireCompletion", "WireDict", "WireMessage", "WirePayload"]

WireDict: TypeAlias = dict[str, Any]
"""Any JSON object."""

WireMessage: TypeAlias = dict[str, Any]
"""One entry of ``messages``: ``{role, content, tool_calls, reasoning_details, ...}``."""

WirePayload: TypeAlias = dict[str, Any]
"""A request body: ``{model, messages, ...}`` (GATEWAY 3)."""

WireChunk: TypeAlias = dict[str, Any]
"""One ``chat.completion.chunk`` (GATEWAY 5)."""

WireCompletion: TypeAlias = dict[str, Any]
"""One ``chat.completion``: choices hold ``message`` where a chunk's hold ``delta``."""
