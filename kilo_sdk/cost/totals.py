"""Sums over calls, as values.

Source: GATEWAY 5 (what an answer reports of itself).
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from kilo_sdk.cost.dollars import EXACT, ZERO

__all__ = ["CallRecord", "CostSnapshot", "CostTotals"]


@attrs.frozen(slots=True, kw_only=True)
class CallRecord:
    """One answer, as it is counted.

    Attributes:
        model: Id of the model that was asked.
        cost: US dollars, or None where nobody knows.
        is_estimated: Whether the gateway did not report the cost.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
        task_id: The task it belongs to, or None.
    """

    model: str
    cost: Decimal | None
    is_estimated: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    task_id: str | None = None


@attrs.frozen(slots=True, kw_only=True)
class CostTotals:
    """Sums over calls.

    Attributes:
        total: US dollars, exact, as far as they are known.
        estimated: The part of ``total`` that the gateway did not report.
        calls: How many answers were counted.
        unknown: How many of them cost nobody knows how much; ``total`` lacks them.
        prompt_tokens: Tokens read, as reported or, where that was not, estimated.
        completion_tokens: Tokens written, likewise.
    """

    total: Decimal = ZERO
    estimated: Decimal = ZERO
    calls: int = 0
    unknown: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, record: CallRecord) -> CostTotals:
        """Return the sums with one more answer in them."""
        cost = record.cost
        return CostTotals(
            total=self.total if cost is None else EXACT.add(self.total, cost),
            estimated=(
                EXACT.add(self.estimated, cost)
                if record.is_estimated and cost is not None
                else self.estimated
            ),
            calls=self.calls + 1,
            unknown=self.unknown + (cost is None),
            prompt_tokens=self.prompt_tokens + record.prompt_tokens,
            completion_tokens=self.completion_tokens + record.completion_tokens,
        )


@attrs.frozen(slots=True, kw_only=True)
class CostSnapshot(CostTotals):
    """What a meter had counted at one moment.

    Attributes:
        by_model: The same sums by the id of the model that was asked.
        by_task: The same by ``task_id``, for the calls that had one.
    """

    by_model: dict[str, CostTotals] = attrs.field(factory=dict)
    by_task: dict[str, CostTotals] = attrs.field(factory=dict)
