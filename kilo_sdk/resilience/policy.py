"""CallPolicy: what the calls of a client do to come to an answer, checked once.

Values only; ``attempts`` and its neighbours act on them.
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from math import inf
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.resilience.limits import Limits
from kilo_sdk.resilience.retry_budget import RetryBudget
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.settings import of_class

if TYPE_CHECKING:
    from kilo_sdk.resilience.try_progress import TryProgress
    from kilo_sdk.resilience.try_report import OnTry

__all__ = ["RESUME_OPTIONS", "CallPolicy", "ResumeOption"]

ResumeOption: TypeAlias = Literal["off", "continue"]
"""What is done about a stream that was cut after something of it had reached the caller.

``off``: the error is raised, with what came as ``partial``. ``continue``: the model is asked to
go on where it was cut off, where that can be done (``continuation``).
"""

RESUME_OPTIONS: Final[tuple[ResumeOption, ...]] = get_args(ResumeOption)
"""All that ``resume`` may be."""


class CallPolicy:
    """What a call does when its first try does not bring the answer, or not soon; never changed.

    Args:
        retries: How often and how patiently to try; None for the default, as with the next.
        retry_budget: How many retries all calls may make together.
        limits: What they may ask at once and per minute; None for no limits.
        on_try: Told of each try.
        hedge_after: Seconds without output after which the same is asked once more, beside
            the try that is slow; None for never.
        resume: What is done about a stream that was cut.

    Raises:
        ConfigurationError: One of them is of no accepted form.
    """

    __slots__ = ("budget", "hedge_after", "limits", "on_try", "resume", "retries")

    def __init__(
        self,
        *,
        retries: RetryPolicy | None = None,
        retry_budget: RetryBudget | None = None,
        limits: Limits | None = None,
        on_try: OnTry | None = None,
        hedge_after: float | None = None,
        resume: ResumeOption = "off",
    ) -> None:
        retries = of_class(retries, RetryPolicy, "retries", "RetryPolicy(max_attempts=5)")
        budget = of_class(retry_budget, RetryBudget, "retry_budget", "RetryBudget(size=20)")
        limits = of_class(limits, Limits, "limits", "Limits(max_concurrent=20)")
        if on_try is not None and not callable(on_try):
            raise ConfigurationError(
                f"on_try is a function of a TryReport, not {type(on_try).__name__}"
            )
        if iscoroutinefunction(on_try):
            raise ConfigurationError(
                "on_try is a plain function, not an async one: nobody would await it; let it put "
                "the report into a queue, or start a task"
            )
        if resume not in RESUME_OPTIONS:
            raise ConfigurationError(f"resume={resume!r}: accepted are 'off' and 'continue'")
        self.retries: RetryPolicy = retries or RetryPolicy()
        self.budget: RetryBudget = budget or RetryBudget()
        self.limits = limits
        self.on_try = on_try
        self.hedge_after = _hedge_after(hedge_after)
        self.resume: ResumeOption = resume

    def progress(self, *, is_hedge: bool) -> TryProgress | None:
        """Return what follows the tries of a call, where anybody is told of them or hedges."""
        if self.on_try is None and self.hedge_after is None:
            return None
        # Imported where it was asked for: most processes are told of no try.
        from kilo_sdk.resilience.try_progress import TryProgress

        return TryProgress(self.on_try, is_hedge=is_hedge)

    def for_call(
        self,
        *,
        retries: RetryPolicy | None = None,
        on_try: OnTry | None = None,
        hedge_after: float | None = None,
        resume: ResumeOption | None = None,
    ) -> CallPolicy:
        """Return the policy of one call that has options of its own; None is the client's.

        Raises:
            ConfigurationError: One of them is of no accepted form.
        """
        if retries is None and on_try is None and hedge_after is None and resume is None:
            return self
        return CallPolicy(
            retries=self.retries if retries is None else retries,
            retry_budget=self.budget,
            limits=self.limits,
            on_try=self.on_try if on_try is None else on_try,
            hedge_after=self.hedge_after if hedge_after is None else hedge_after,
            resume=self.resume if resume is None else resume,
        )


def _hedge_after(seconds: object) -> float | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise ConfigurationError(
            f"hedge_after={seconds!r}: accepted are seconds above 0, math.inf for never"
        )
    return None if seconds == inf else float(seconds)
