"""CallPolicy: what the calls of a client do to come to an answer, checked once.

Values only; ``attempts`` and its neighbours act on them.
"""

from __future__ import annotations

import attrs

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.resilience.limits import Limits
from kilo_sdk.resilience.retry_budget import RetryBudget
from kilo_sdk.resilience.try_report import OnTry
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.settings import of_class

__all__ = ["CallPolicy"]


@attrs.frozen(slots=True, kw_only=True)
class CallPolicy:
    """What a call does when its first try does not bring the answer, or not soon.

    Attributes:
        retries: How often and how patiently to try.
        budget: How many retries all calls may make together.
        limits: What they may ask at once and per minute; None for no limits.
        on_try: Told of each try.
    """

    retries: RetryPolicy
    budget: RetryBudget
    limits: Limits | None
    on_try: OnTry | None

    @classmethod
    def of(
        cls,
        *,
        retries: RetryPolicy | None = None,
        retry_budget: RetryBudget | None = None,
        limits: Limits | None = None,
        on_try: OnTry | None = None,
    ) -> CallPolicy:
        """Return the policy of these options; None is the default of each.

        Raises:
            ConfigurationError: One of them is of no accepted form.
        """
        retries = of_class(retries, RetryPolicy, "retries", "RetryPolicy(max_attempts=5)")
        budget = of_class(retry_budget, RetryBudget, "retry_budget", "RetryBudget(size=20)")
        limits = of_class(limits, Limits, "limits", "Limits(max_concurrent=20)")
        if on_try is not None and not callable(on_try):
            raise ConfigurationError(
                f"on_try is a function of a TryReport, not {type(on_try).__name__}"
            )
        return cls(
            retries=retries or RetryPolicy(),
            budget=budget or RetryBudget(),
            limits=limits,
            on_try=on_try,
        )

    def for_call(
        self,
        *,
        retries: RetryPolicy | None = None,
        on_try: OnTry | None = None,
    ) -> CallPolicy:
        """Return the policy of one call that has options of its own; None is the client's.

        Raises:
            ConfigurationError: One of them is of no accepted form.
        """
        if retries is None and on_try is None:
            return self
        return CallPolicy.of(
            retries=self.retries if retries is None else retries,
            retry_budget=self.budget,
            limits=self.limits,
            on_try=self.on_try if on_try is None else on_try,
        )
