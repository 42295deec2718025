"""What the gateway reported about tokens and money.

Source: GATEWAY 5 (where usage comes from and what it carries).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import attrs

from kilo_sdk.types.construction import MAKERS
from kilo_sdk.types.fields import int_field
from kilo_sdk.types.wire import WireDict

__all__ = ["Usage"]

_MOST_DIGITS: Final = 400


@attrs.frozen(slots=True)
class Usage:
    """Token counts and cost of one answer; what was not reported is None, never 0.

    Attributes:
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written, reasoning included.
        total_tokens: Both.
        cached_tokens: Of the prompt, those served from a cache.
        cache_write_tokens: Of the prompt, those written to a cache.
        reasoning_tokens: Of the completion, those spent on reasoning.
        cost: US dollars as the gateway reported them, else as the catalogue's prices make
            them; None where neither is known.
        is_byok: Whether the user's own upstream key paid.
        cost_is_estimated: Whether ``cost`` comes from the catalogue's prices; no part of
            equality.
        raw: The object as it came.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: Decimal | None = None
    is_byok: bool | None = None
    cost_is_estimated: bool = attrs.field(default=False, eq=False, kw_only=True)
    raw: WireDict = attrs.field(factory=dict, repr=False, eq=False)

    @classmethod
    def from_wire(cls, wire: WireDict) -> Usage:
        """Read a ``usage`` object; fields of a wrong type count as not reported."""
        cached = cache_write = reasoning = None
        get = wire.get
        prompt, completion = get("prompt_tokens_details"), get("completion_tokens_details")
        if isinstance(prompt, dict):
            cached = int_field(prompt, "cached_tokens")
            cache_write = int_field(prompt, "cache_write_tokens")
        if isinstance(completion, dict):
            reasoning = int_field(completion, "reasoning_tokens")
        if reasoning is None and "reasoning_tokens" in wire:
            # Some upstreams report it flat, without the details object.
            reasoning = int_field(wire, "reasoning_tokens")
        read, written, total = get("prompt_tokens"), get("completion_tokens"), get("total_tokens")
        byok, cost = get("is_byok"), get("cost")
        return MAKERS[cls](
            read if type(read) is int else int_field(wire, "prompt_tokens"),
            written if type(written) is int else int_field(wire, "completion_tokens"),
            total if type(total) is int else int_field(wire, "total_tokens"),
            cached,
            cache_write,
            reasoning,
            None if cost is None else _dollars(cost),
            byok if isinstance(byok, bool) else None,
            False,
            wire,
        )

    @classmethod
    def of(cls, owner: WireDict) -> Usage | None:
        """Read ``owner["usage"]``; None where nothing was reported there."""
        usage = owner.get("usage")
        return cls.from_wire(usage) if usage and isinstance(usage, dict) else None


def _dollars(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        # The shortest text that reads back as the same float is what the gateway wrote.
        dollars = Decimal(str(value))
    except (ArithmeticError, ValueError):
        return None
    # Any float passes; a text can have a thousand million digits, and sums are exact.
    plausible = dollars.is_finite() and abs(dollars.adjusted()) < _MOST_DIGITS
    return dollars if plausible and len(dollars.as_tuple().digits) < _MOST_DIGITS else None
