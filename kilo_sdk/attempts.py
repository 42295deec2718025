"""The tries of one call: building the request, sending it, retrying, failing over.

What to do after a failure is decided by ``retry``; this shell waits and sends. It ends
where an answer begins: what the answer holds is for ``resources.chat`` and ``streaming``.

Source: GATEWAY 3 (failover is the client's job), GATEWAY 8 (what can be retried).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal

import anyio

from kilo_sdk.begun_answer import Answer, begun_answer
from kilo_sdk.cost.call import CallCost
from kilo_sdk.cost.tokens import estimate_prompt_tokens
from kilo_sdk.error_mapping import append_advice, is_about_unknown_model
from kilo_sdk.errors import APIError, APITimeoutError, AuthenticationError, BudgetExceededError
from kilo_sdk.failed_response import failure_of
from kilo_sdk.foreign_errors import never_sent
from kilo_sdk.http import Connections
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.outgoing import begin_request, encode_body, within_total
from kilo_sdk.provider_memory import ProviderMemory
from kilo_sdk.resilience.limits import Limits, Permit
from kilo_sdk.resilience.policy import CallPolicy
from kilo_sdk.retry import RetryPolicy, RetryState, may_fail_over
from kilo_sdk.routes import Route
from kilo_sdk.timeouts import CallClocks
from kilo_sdk.transports.base import CompletionCall
from kilo_sdk.types.completion import ChatCompletion

if TYPE_CHECKING:
    from kilo_sdk.cost.totals import CallRecord
    from kilo_sdk.middleware.dropped import DroppedPart
    from kilo_sdk.resilience.try_report import TryOutcome

__all__ = ["Attempts"]

_log: Final = logging.getLogger("kilo_sdk.attempts")
_ONE_TRY: Final = RetryPolicy(max_attempts=1)


class Attempts:
    """One call, until its answer begins. For one task at a time.

    Args:
        candidates: The call as it goes to each model, the first choice first, with the
            route of each.
        connections: Where to send.
        policy: How often to try each model, within which limits, and who is told.
        clocks: The clocks of the whole call.
        cost: What the call costs.
        load_prices: Sees to it that the catalogue is there, for a call with a budget.
        advice: What to say of a model that was not found, given its id; text to append to
            the error's message, or nothing.
        memory: Notes who gave the answer.
        pins_provider: Whether it is to be noted of any answer, not only of those whose
            signatures are bound to who gave them.
        is_hedge: Whether it is a single try, which runs beside a call.

    Attributes:
        candidate: What is asked, and its route; gone once delivered, unless it may be gone on with.
        ref: The model that is being asked, or that answered.
        connections: Where it is sent.
        permit: The latest try's leave to go, where calls are limited.
    """

    __slots__ = (
        "_advice",
        "_body",
        "_failures",
        "_final",
        "_load_prices",
        "_memory",
        "_order",
        "_others",
        "_policy",
        "_progress",
        "_reauthenticated",
        "_request",
        "_retry",
        "_told",
        "_tries",
        "candidate",
        "clocks",
        "connections",
        "cost",
        "permit",
        "pins_provider",
        "ref",
    )

    def __init__(
        self,
        candidates: Sequence[tuple[CompletionCall, Route]],
        connections: Connections,
        policy: CallPolicy,
        clocks: CallClocks,
        cost: CallCost,
        load_prices: Callable[[], Awaitable[object]],
        advice: Callable[[str], str],
        memory: ProviderMemory,
        *,
        pins_provider: bool = False,
        is_hedge: bool = False,
    ) -> None:
        self._load_prices = load_prices
        self._advice = advice
        self._memory = memory
        self.pins_provider = pins_provider
        self._others: Sequence[tuple[CompletionCall, Route]] = candidates[1:]
        self._ask(candidates[0])
        self.connections = connections
        self._policy = policy
        self.clocks = clocks
        self._tries, self._order = 0, 0
        self._retry: RetryState | None = None  # until a try of this model has failed
        self._failures: tuple[APIError, ...] = ()
        self._final: APIError | None = None
        self._told: frozenset[DroppedPart] = frozenset()
        self._body = b""
        self._progress = policy.progress(is_hedge=is_hedge)
        self.permit: Permit | None = None
        if policy.limits is not None:
            self._order = policy.limits.next_order()
            if policy.limits.counts_tokens:
                cost = cost.telling(self._count_tokens)
        self.cost = cost

    def _ask(self, candidate: tuple[CompletionCall, Route]) -> None:
        self.candidate = candidate
        self.ref = candidate[0].ref
        self._request: OutgoingRequest | None = None
        self._reauthenticated = False

    @property
    def resumes(self) -> bool:
        """Whether a stream that is cut is to be gone on with."""
        return self._policy.resume == "continue" and self.candidate[0].stream

    @property
    def hedge_after(self) -> float | None:
        """Seconds without output after which another try may run beside; None for never."""
        return self._policy.hedge_after

    @property
    def tried_since(self) -> float:
        """When the try that is under way began; now where none is. Seconds, monotonic."""
        return anyio.current_time() if self._progress is None else self._progress.since

    def may_hedge(self) -> bool:
        """Take one more try, to run beside this one, out of the retry budget."""
        if self._policy.budget.take(anyio.current_time()):
            return True
        _log.info("hedge.refused model=%s budget=%r", self.ref.id, self._policy.budget)
        return False

    def beside(self, now: float) -> Attempts:
        """Return one more try of the model that is being asked, to run beside this one.

        Args:
            now: Seconds on the event loop's clock.
        """
        other = Attempts(
            [self.candidate],
            self.connections,
            self._policy,
            self.clocks.beside(now),
            self.cost.beside(),
            self._load_prices,
            self._advice,
            self._memory,
            pins_provider=self.pins_provider,
            is_hedge=True,
        )
        other._retry = RetryState(_ONE_TRY)
        other._tries = self._tries
        self._tries += 1
        return other

    async def open(self) -> Answer:
        """Send the request, again where that may help, until an answer begins.

        Raises:
            APIError: No try brought one; the last failure, the others in its notes.
            BudgetExceededError: A budget does not allow the try that would be next.
            ConfigurationError: The request cannot be built or sent.
        """
        try:
            if self.cost.is_limited:
                # Each time: a process that runs for weeks is to know this week's models.
                await within_total(self._load_prices(), self.clocks, self.ref.id)
            while True:
                # A middleware that refuses is not a try that failed, whatever it raises.
                request = self._request or await self._build()
                self.cost.admit(self.ref, request.payload)
                if self._policy.limits is not None:
                    await self._await_turn(self._policy.limits, request)
                try:
                    answer = await self._send(request)
                except APIError as error:
                    await self.recover(error)
                else:
                    self.cost.begin()
                    return answer
        except BudgetExceededError as error:
            self._note_failures(error)
            raise
        except BaseException:
            self.cost.settle()
            raise

    async def recover(self, error: APIError) -> None:
        """Wait until another try is due, or raise the error when none is.

        To be called only while nothing of the answer has reached the caller. An error that
        was final stays so.

        Raises:
            APIError: The error, or the last of several.
            ConfigurationError: The client was closed, before the wait or during it.
        """
        self.cost.fail(error, is_stream=self.candidate[0].stream)
        if error is self._final:
            raise error
        if self.permit is not None:
            self.permit.refused(error)
        if is_about_unknown_model(error):
            append_advice(error, self._advice(self.ref.id))
        if self._may_reauthenticate(error):
            self._ended("new_key", error)
            self._request = None
            return
        if (wait := self._next_wait(error)) is not None:
            await self._wait("retry", error, wait)
            return
        if self._others and may_fail_over(error):
            _log.info("failover.next model=%s reason=%s", self.ref.id, type(error).__name__)
            self._ended("next_model", error)
            self._failures = (*self._failures, error)
            self._ask(self._others[0])
            self._others = self._others[1:]
            self._retry = None
            return
        self._final = error
        self._note_failures(error)
        self._ended("failed", error)
        raise error

    async def go_on(self, call: CompletionCall, error: APIError, *, progressed: bool) -> None:
        """Wait until the rest of a cut answer is to be asked of its model; ``open`` does it then.

        Args:
            call: What asks for the rest.
            error: How the answer was cut.
            progressed: Whether more of it has come, and the model gets all of its tries again.

        Raises:
            APIError: The error, when no try is left; a note says so.
            ConfigurationError: The client was closed, before the wait or during it.
        """
        if progressed:
            self._retry = None
        wait = self._next_wait(error, is_cut=True)
        if wait is None:
            error.add_note("not resumed: retries, time or the retry budget do not allow it")
            raise error
        self._ask((call, self.candidate[1]))
        self._others = ()
        await self._wait("continue", error, wait)

    def delivered(self) -> None:
        """The answer has reached the caller, or its first chunk has."""
        self._ended("answered")
        # It is not sent again: a long conversation is not held as long as its answer comes.
        self._body, self._request = b"", None
        if not self.resumes:
            del self.candidate
            self._others = ()

    def lost(self) -> None:
        """A try that ran beside was the first to answer, and this one was given up."""
        if self._progress is not None and self._progress.under_way:
            if not self._progress.answer_began:
                # It was sent: what it cost is not known, and is the prompt at the least.
                self.cost.begin()
                self.cost.settle()
            self._ended("lost")

    async def _wait(
        self, outcome: Literal["retry", "continue"], error: APIError, wait: float
    ) -> None:
        told = "%s.waiting model=%s try=%d wait=%.3f reason=%s"
        _log.info(told, outcome, self.ref.id, self._tries, wait, type(error).__name__)
        self._ended(outcome, error, wait)
        await self.connections.lifetime.sleep(wait)
        self.clocks.spend(wait)

    def _next_wait(self, error: APIError, *, is_cut: bool = False) -> float | None:
        """Return the seconds until this model is tried again, or None when it is not."""
        if self._retry is None:
            self._retry = RetryState(self._policy.retries)
        wait = self._retry.next_wait(error, is_cut=is_cut)
        if wait is None or wait >= self.clocks.total_left:
            return None
        if self._policy.budget.allows(error, anyio.current_time()):
            return wait
        _log.info("retry.refused model=%s budget=%r", self.ref.id, self._policy.budget)
        return None

    def _ended(self, outcome: TryOutcome, error: APIError | None = None, wait: float = 0.0) -> None:
        if self._progress is not None:
            never = error is not None and never_sent(error)
            self._progress.end(self.ref, outcome, error, wait=wait, never_sent=never)

    def _note_failures(self, error: Exception) -> None:
        for failure in self._failures:
            error.add_note(f"before it: {type(failure).__name__}: {failure}")

    def remember(self, completion: ChatCompletion) -> None:
        """Note who gave the whole answer, for the call that goes on from it."""
        self._memory.remember(completion, plain=self.pins_provider)

    def _may_reauthenticate(self, error: APIError) -> bool:
        if not isinstance(error, AuthenticationError) or self._reauthenticated:
            return False
        self._reauthenticated = True
        return self.candidate[1].request_chain.on_unauthorized()

    async def _send(self, request: OutgoingRequest) -> Answer:
        call, route = self.candidate
        permit = self.permit
        request.set_header("X-Kilo-Retry-Count", str(self._tries))
        self.clocks.begin_try()
        self._tries += 1
        progress = self._progress
        if progress is not None:
            progress.begin(self._tries)
        debug = _log.isEnabledFor(logging.DEBUG)
        if debug:
            _log.debug("> request.started model=%s try=%d", call.ref.id, self._tries)
        try:
            exchange = await self.connections.send(
                "POST",
                request.url,
                headers=request.headers,
                body=self._body,
                clocks=self.clocks,
                model=call.ref.id,
            )
        except BaseException:
            if permit is not None:
                permit.release()
            raise
        if permit is not None:
            exchange.on_close = permit.release
        if debug:
            _log.debug("< response.headers model=%s status=%d", call.ref.id, exchange.status)
        if exchange.status != 200:
            raise await failure_of(exchange, model=call.ref.id)
        if progress is not None:
            progress.answer_began = True
        self._policy.budget.answered()
        if permit is not None:
            permit.answered()
        return begun_answer(exchange, route, call.ref, self.cost.prices)

    async def _await_turn(self, limits: Limits, request: OutgoingRequest) -> None:
        tokens = estimate_prompt_tokens(request.payload) if limits.counts_tokens else 0
        turn = limits.enter(self._order, self.connections.lifetime, tokens=tokens)
        try:
            self.permit = await within_total(turn, self.clocks, self.ref.id)
        except APITimeoutError as error:
            self._note_failures(error)
            raise

    def _count_tokens(self, record: CallRecord) -> None:
        if self.permit is not None:
            self.permit.count(record)

    async def _build(self) -> OutgoingRequest:
        call, route = self.candidate
        request, rest = begin_request(call, route, self.clocks)
        if rest is not None:
            await rest
        self._request = request
        self._body = encode_body(request.payload)
        if request.dropped:
            from kilo_sdk.middleware.dropped import tell_dropped

            self._told = tell_dropped(call.ref.id, request.dropped, self._told)
        return request
