"""CostMeter: what many calls cost together, and the budget they share.

Source: GATEWAY 5 (the gateway reports what an answer cost).
"""

from __future__ import annotations

import threading
from collections import deque
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import attrs

from kilo_sdk.cost.dollars import EXACT, ZERO, Dollars, read_limit, show_dollars
from kilo_sdk.cost.totals import CallRecord, CostSnapshot, CostTotals
from kilo_sdk.errors import BudgetExceededError, ConfigurationError

__all__ = ["CostMeter", "OnUnknownPrice", "Reservation"]

OnUnknownPrice: TypeAlias = Literal["refuse", "allow"]
"""What a budget does with a call to a model whose price is not known."""

_NOTHING: Final = CostTotals()


class Reservation:
    """What a budget holds back for one call in flight.

    Attributes:
        amount: US dollars; the meter changes it.
    """

    __slots__ = ("amount",)

    def __init__(self, amount: Decimal) -> None:
        self.amount = amount


class CostMeter:
    """Sums what calls cost, and refuses those that a budget does not allow.

    Give it to a client, or to single calls. Any number of clients, tasks and threads may
    share one. Money is exact ``Decimal`` US dollars.

    Args:
        max_cost: The budget of all calls together, in US dollars; None for no limit.
        on_unknown_price: With a budget, what to do with a call to a model whose price is
            not known, such as ``kilo/auto``: ``"refuse"`` it with a ``ConfigurationError``,
            or ``"allow"`` it, to count as what the gateway reports in the end.

    Raises:
        ConfigurationError: ``max_cost`` is no amount, or ``on_unknown_price`` neither word.
    """

    def __init__(
        self, *, max_cost: Dollars | None = None, on_unknown_price: OnUnknownPrice = "refuse"
    ) -> None:
        if on_unknown_price not in ("refuse", "allow"):
            raise ConfigurationError("on_unknown_price is 'refuse' or 'allow'")
        self._max_cost = read_limit(max_cost, "CostMeter(max_cost=...)")
        self._allows_unknown_prices = on_unknown_price == "allow"
        self._lock = threading.Lock()
        # What happened and is not summed yet. A stream may be dropped, and counted, whenever
        # the garbage collector runs, in the middle of a sum too: appending needs no lock.
        self._inbox: deque[tuple[Reservation | None, CallRecord | None]] = deque()
        self._reserved = ZERO
        self._totals = _NOTHING
        self._by_model: dict[str, CostTotals] = {}
        self._by_task: dict[str, CostTotals] = {}

    @property
    def max_cost(self) -> Decimal | None:
        """The budget in US dollars; None for no limit."""
        return self._max_cost

    @property
    def allows_unknown_prices(self) -> bool:
        """Whether a call passes whose price is not known."""
        return self._allows_unknown_prices

    @property
    def total(self) -> Decimal:
        """US dollars of all calls, as far as they are known."""
        return self._current().total

    @property
    def estimated(self) -> Decimal:
        """The part of ``total`` that the gateway did not report."""
        return self._current().estimated

    @property
    def calls(self) -> int:
        """How many answers were counted."""
        return self._current().calls

    @property
    def unknown(self) -> int:
        """How many of them cost nobody knows how much; ``total`` lacks them."""
        return self._current().unknown

    @property
    def prompt_tokens(self) -> int:
        """Tokens read, as reported or, where that was not, estimated."""
        return self._current().prompt_tokens

    @property
    def completion_tokens(self) -> int:
        """Tokens written, likewise."""
        return self._current().completion_tokens

    @property
    def by_model(self) -> dict[str, CostTotals]:
        """The sums by the id of the model that was asked; a copy."""
        return self.snapshot().by_model

    @property
    def by_task(self) -> dict[str, CostTotals]:
        """The sums by ``task_id``, for the calls that had one; a copy."""
        return self.snapshot().by_task

    @property
    def reserved(self) -> Decimal:
        """US dollars held back for calls in flight; 0 without a budget."""
        with self._lock:
            self._fold()
            return self._reserved

    @property
    def remaining(self) -> Decimal | None:
        """US dollars of the budget that are neither spent nor held back; None without one.

        Below 0 when answers cost more than was estimated.
        """
        with self._lock:
            self._fold()
            return None if self._max_cost is None else EXACT.subtract(self._max_cost, self._bound())

    def snapshot(self) -> CostSnapshot:
        """Return all sums as they stand at one moment."""
        with self._lock:
            return self._snapshot()

    def reset(self) -> CostSnapshot:
        """Begin anew from zero, and return what was counted until then.

        Nothing is lost between two resets. Calls in flight count when they are over.
        """
        with self._lock:
            before = self._snapshot()
            self._totals = _NOTHING
            self._by_model = {}
            self._by_task = {}
            return before

    def record(self, record: CallRecord, reservation: Reservation | None = None) -> None:
        """Count an answer. Never waits and never refuses: what was spent is spent.

        Args:
            record: The answer.
            reservation: What was held back for it, which is given back.
        """
        self._put(reservation, record)

    def reserve(self, amount: Decimal | None, *, model: str) -> Reservation:
        """Hold back what a call will cost at least.

        Args:
            amount: US dollars; None where its price is not known.
            model: The id of the model that is asked, for the message.

        Raises:
            BudgetExceededError: The budget is used up, or the call would pass it.
        """
        amount = ZERO if amount is None else amount
        with self._lock:
            self._fold()
            bound = self._bound()
            needed = EXACT.add(bound, amount)
            budget = self._max_cost
            if budget is not None and (bound >= budget or needed > budget):
                raise BudgetExceededError(
                    self._refusal(bound, amount, budget, model),
                    max_cost=budget,
                    cost=needed,
                    model=model,
                )
            self._reserved = EXACT.add(self._reserved, amount)
            return Reservation(amount)

    def adjust(self, reservation: Reservation, amount: Decimal) -> Decimal | None:
        """Hold back another amount for a call in flight: what it has cost by now.

        Returns:
            None while the budget allows it, else what all calls come to.
        """
        with self._lock:
            self._fold()
            change = EXACT.subtract(amount, reservation.amount)
            reservation.amount = amount
            self._reserved = EXACT.add(self._reserved, change)
            bound = self._bound()
            return bound if self._max_cost is not None and bound > self._max_cost else None

    def release(self, reservation: Reservation) -> None:
        """Give back what was held back for a call that is over and did not count."""
        self._put(reservation, None)

    def __repr__(self) -> str:
        totals = self._current()
        limit = "" if self._max_cost is None else f" of {show_dollars(self._max_cost)}"
        return f"<CostMeter {show_dollars(totals.total)}{limit}, calls={totals.calls}>"

    def _current(self) -> CostTotals:
        with self._lock:
            self._fold()
            return self._totals

    def _bound(self) -> Decimal:
        """What is spent or held back."""
        return EXACT.add(self._totals.total, self._reserved)

    def _refusal(self, bound: Decimal, amount: Decimal, budget: Decimal, model: str) -> str:
        limit = f"the cost meter's budget of {show_dollars(budget)}"
        what = (
            f"{limit} is used up"
            if bound >= budget
            else f"the prompt alone, at about {show_dollars(amount)}, would pass {limit}"
        )
        return (
            f"{what}: {show_dollars(self._totals.total)} spent, {show_dollars(self._reserved)} "
            f"held back for calls in flight; nothing was sent; model {model}"
        )

    def _put(self, reservation: Reservation | None, record: CallRecord | None) -> None:
        self._inbox.append((reservation, record))
        # Where another holds the lock, whoever asks next takes it up.
        if self._lock.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._lock.release()

    def _fold(self) -> None:
        """Sum what came in; the lock is held."""
        while self._inbox:
            reservation, record = self._inbox.popleft()
            if reservation is not None:
                self._reserved = EXACT.subtract(self._reserved, reservation.amount)
                reservation.amount = ZERO
            if record is not None:
                self._totals = self._totals.plus(record)
                by_model, by_task = self._by_model, self._by_task
                by_model[record.model] = by_model.get(record.model, _NOTHING).plus(record)
                if record.task_id is not None:
                    by_task[record.task_id] = by_task.get(record.task_id, _NOTHING).plus(record)

    def _snapshot(self) -> CostSnapshot:
        self._fold()
        totals = attrs.asdict(self._totals)
        return CostSnapshot(**totals, by_model=dict(self._by_model), by_task=dict(self._by_task))
