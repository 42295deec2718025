"""What one call costs: admitted before it is sent, watched while it streams, counted after.

Decisions and sums only, nothing here waits: ``attempts`` asks before each try,
``streaming`` after each network read where a budget is set, and whoever has the answer
says when it is over.

Source: GATEWAY 5 (closing the connection stops generation, and the bill with it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from kilo_sdk.chunk_template import DecodedChunk
from kilo_sdk.cost.dollars import EXACT, ZERO, show_dollars
from kilo_sdk.cost.prices import NO_PRICES, PriceList
from kilo_sdk.cost.tokens import estimate_prompt_tokens, output_bytes_of, tokens_in
from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    BudgetExceededError,
    ConfigurationError,
)
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.fields import text_field
from kilo_sdk.types.usage import Usage
from kilo_sdk.types.wire import WirePayload

if TYPE_CHECKING:
    from kilo_sdk.cost.meter import CostMeter, Reservation
    from kilo_sdk.cost.running import RunningCost
    from kilo_sdk.cost.totals import CallRecord

__all__ = ["CallCost", "meters_of"]


def meters_of(*given: CostMeter | None) -> tuple[CostMeter, ...]:
    """Return the meters that count a call, each once.

    Raises:
        ConfigurationError: One of them is something else.
    """
    if given.count(None) == len(given):
        return ()
    from kilo_sdk.cost.meter import CostMeter

    meters: list[CostMeter] = []
    for one in given:
        if one is None:
            continue
        if not isinstance(one, CostMeter):
            raise ConfigurationError(
                f"cost_meter is a CostMeter object, not {type(one).__name__}: CostMeter() counts, "
                "CostMeter(max_cost=5) sets a budget as well"
            )
        if one not in meters:
            meters.append(one)
    return tuple(meters)


class CallCost:
    """The cost of one call, over all its tries. For one task at a time.

    Args:
        prices: Where prices are found.
        meters: What counts the call; each may have a budget.
        max_cost: What the call may cost, in US dollars; None for no limit.
        task_id: The task it belongs to.
    """

    __slots__ = (
        "_asked",
        "_began",
        "_beside",
        "_counted_bytes",
        "_held",
        "_max_cost",
        "_meters",
        "_on_record",
        "_payload",
        "_running",
        "_spent",
        "_task_id",
        "is_limited",
        "prices",
    )

    def __init__(
        self,
        prices: PriceList = NO_PRICES,
        *,
        meters: tuple[CostMeter, ...] = (),
        max_cost: Decimal | None = None,
        task_id: str | None = None,
    ) -> None:
        self.prices = prices
        self.is_limited = max_cost is not None or (
            bool(meters) and any(m.max_cost is not None for m in meters)
        )
        """Whether a budget applies: only then are prices needed, and streams watched."""
        self._on_record: Callable[[CallRecord], object] | None = None
        self._meters = meters
        self._max_cost = max_cost
        self._task_id = task_id
        self._spent = ZERO
        self._asked: ModelRef | None = None
        self._payload: WirePayload = {}
        self._running: RunningCost | None = None
        self._held: dict[CostMeter, Reservation] = {}
        self._began = False
        self._beside: CallCost | None = None
        self._counted_bytes = 0  # of an answer that was cut and is gone on with

    def telling(self, on_record: Callable[[CallRecord], object]) -> CallCost:
        """Have somebody told of each answer as it is counted; return what counts it."""
        self._on_record = on_record
        return self

    def beside(self) -> CallCost:
        """Return the cost of a try that runs beside this one; ``max_cost`` holds for both."""
        other = CallCost(
            self.prices, meters=self._meters, max_cost=self._max_cost, task_id=self._task_id
        )
        self._beside, other._beside = other, self
        return other

    @property
    def _is_counted(self) -> bool:
        """Whether anybody asks what the call costs; else its prompt is not kept for that."""
        return self.is_limited or bool(self._meters) or self._on_record is not None

    @property
    def so_far(self) -> Decimal:
        """What all its tries have cost, the one that is under way included; US dollars."""
        running = None if self._running is None else self._running.cost
        return EXACT.add(self._spent, running or ZERO)

    def admit(self, asked: ModelRef, payload: WirePayload) -> None:
        """Say which request is about to be sent; with a budget, hold back its prompt's cost.

        Args:
            asked: The model it goes to.
            payload: Its body.

        Raises:
            BudgetExceededError: A budget does not allow it.
            ConfigurationError: A budget applies, and the model's price is not known.
        """
        self._asked = asked
        if self._is_counted:
            self._payload = payload
        if not self.is_limited:
            return
        # Whatever was held for the try before: what is held is for the one to come.
        self._release()
        # Imported where there is a budget: most processes set none.
        from kilo_sdk.cost.running import RunningCost

        self._running = running = RunningCost(self.prices, asked, estimate_prompt_tokens(payload))
        prices = self.prices.find(asked)
        if prices is None or not prices.are_known:
            self._check_unknown_price(asked)
        if prices is None or not prices.is_free:
            self._check_limit(running.cost or ZERO, asked)
            try:
                for meter in self._meters:
                    if meter.max_cost is not None:
                        self._held[meter] = meter.reserve(running.cost, model=asked.id)
            except BudgetExceededError:
                self._release()
                raise

    def begin(self) -> None:
        """An answer has begun: from now on the call counts."""
        self._began = True

    def watch(self, chunks: Iterable[DecodedChunk]) -> BudgetExceededError | None:
        """Take what a stream has brought; return why it has to stop, if it has to.

        To be called for limited calls alone.
        """
        running, asked = self._running, self._asked
        if running is None or asked is None:
            return None
        running.add(chunks)
        cost = running.cost
        if not cost:
            return None
        so_far = EXACT.add(EXACT.add(self._spent, cost), self._elsewhere)
        if self._max_cost is not None and so_far > self._max_cost:
            return _cut("the answer has", so_far, "its max_cost", self._max_cost, asked)
        for meter, reservation in self._held.items():
            bound = meter.adjust(reservation, cost)
            if bound is not None and meter.max_cost is not None:
                whose = "the cost meter's calls have"
                return _cut(whose, bound, "their budget", meter.max_cost, asked)
        return None

    @property
    def _elsewhere(self) -> Decimal:
        return ZERO if self._beside is None else self._beside.so_far

    def settle(self, answer: Callable[[], ChatCompletion] | None = None) -> None:
        """The answer is over, whole or not: count it, once.

        Args:
            answer: Returns what came of it; None where nothing is known of that.
        """
        if self._began:
            self._began = False
            if self._is_counted:
                self._count_answer(None if answer is None else answer())
        if self.is_limited:
            # Only then is there anything to be let go, and nearly every call asks twice.
            self._release()

    def settle_cut(self, partial: ChatCompletion) -> None:
        """The answer was cut, and is to be gone on with: count what came, and that only once.

        Args:
            partial: All of the answer so far.
        """
        self.settle(lambda: partial)
        self._counted_bytes = output_bytes_of(partial)

    def fail(self, error: APIError, *, is_stream: bool) -> None:
        """A try failed before anything of its answer reached the caller.

        It counts where the error tells a usage, and where a whole answer was on its way
        and broke off. Refusals, and streams without a first chunk, do not.
        """
        self._running = None
        if not (self._began and self._is_counted):
            return
        self._began = False
        body = error.body if isinstance(error.body, dict) else {}
        usage = Usage.of(body)
        if usage is not None and self._asked is not None:
            answered = text_field(body, "model")
            self._count_usage(self.prices.with_cost(usage, self._asked, answered))
        elif isinstance(error, APIConnectionError) and not is_stream:
            self._count_answer(None)

    def _count_answer(self, completion: ChatCompletion | None) -> None:
        if completion is not None and completion.usage is not None:
            self._count_usage(completion.usage)
            return
        prompt = estimate_prompt_tokens(self._payload)
        size = 0 if completion is None else output_bytes_of(completion) - self._counted_bytes
        output = tokens_in(size)
        answered = None if completion is None else completion.model
        prices = None if self._asked is None else self.prices.find(self._asked, answered)
        cost = None if prices is None else prices.cost(prompt, output)
        self._count(cost, is_estimated=cost is not None, prompt=prompt, output=output)

    def _count_usage(self, usage: Usage) -> None:
        self._count(
            usage.cost,
            is_estimated=usage.cost_is_estimated,
            prompt=max(usage.prompt_tokens or 0, 0),
            output=max(usage.completion_tokens or 0, 0),
        )

    def _count(self, cost: Decimal | None, *, is_estimated: bool, prompt: int, output: int) -> None:
        if cost is not None:
            self._spent = EXACT.add(self._spent, cost)
        if (self._meters or self._on_record is not None) and self._asked is not None:
            # Imported where a meter was: who has none does not pay for its classes.
            from kilo_sdk.cost.totals import CallRecord

            record = CallRecord(
                model=self._asked.id,
                cost=cost,
                is_estimated=is_estimated,
                prompt_tokens=prompt,
                completion_tokens=output,
                task_id=self._task_id,
            )
            for meter in self._meters:
                meter.record(record, self._held.pop(meter, None))
            if self._on_record is not None:
                self._on_record(record)

    def _release(self) -> None:
        self._running = None
        while self._held:
            meter, reservation = self._held.popitem()
            meter.release(reservation)

    def _check_limit(self, amount: Decimal, asked: ModelRef) -> None:
        limit, earlier = self._max_cost, EXACT.add(self._spent, self._elsewhere)
        needed = EXACT.add(earlier, amount)
        if limit is None or (needed <= limit and earlier < limit):
            return
        spent = f" after {show_dollars(earlier)} for earlier tries" if earlier else ""
        raise BudgetExceededError(
            f"the prompt alone, at about {show_dollars(amount)}{spent}, would pass the call's "
            f"max_cost of {show_dollars(limit)}; nothing was sent; model {asked.id}",
            max_cost=limit,
            cost=needed,
            model=asked.id,
        )

    def _check_unknown_price(self, asked: ModelRef) -> None:
        is_allowed = all(m.allows_unknown_prices for m in self._meters if m.max_cost is not None)
        if self._max_cost is not None:
            is_allowed = is_allowed and any(m.allows_unknown_prices for m in self._meters)
        if is_allowed:
            return
        why = (
            "the gateway's model list could not be had"
            if self.prices.is_empty
            else ("the gateway's model list names none")
        )
        raise ConfigurationError(
            f"the price of {asked.id} is not known ({why}), so max_cost cannot hold; ask for a "
            "model with a price, leave max_cost out, or let such calls pass with "
            "CostMeter(on_unknown_price='allow')"
        )


def _cut(
    whose: str, cost: Decimal, what: str, limit: Decimal, asked: ModelRef
) -> BudgetExceededError:
    return BudgetExceededError(
        f"the stream was stopped: {whose} cost about {show_dollars(cost)}, past {what} of "
        f"{show_dollars(limit)}; what came before is in partial; model {asked.id}",
        max_cost=limit,
        cost=cost,
        model=asked.id,
    )
