"""ClientOptions: what a client was told, as it was told, for the views made from it.

Values alone; what they mean is decided where they are used. ``KiloClient`` describes each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.resilience.policy import CallPolicy, ResumeOption

if TYPE_CHECKING:
    from kilo_sdk.cost.meter import CostMeter
    from kilo_sdk.middleware.auth import TokenSource
    from kilo_sdk.middleware.chain import AnyRequestMiddleware, AnyResponseMiddleware
    from kilo_sdk.middleware.reasoning_injection import ModelHints
    from kilo_sdk.refs import ModelRef
    from kilo_sdk.resilience.limits import Limits
    from kilo_sdk.resilience.retry_budget import RetryBudget
    from kilo_sdk.resilience.try_report import OnTry
    from kilo_sdk.retry import RetryPolicy
    from kilo_sdk.timeouts import Timeouts
    from kilo_sdk.transports.base import TransportAdapter
    from kilo_sdk.types.params import ProviderPin, ReasoningOption

__all__ = ["ClientOptions"]


@attrs.frozen(slots=True, kw_only=True, repr=False, eq=False)
class ClientOptions:
    """The arguments of a client that a view of it may replace."""

    api_key: str | TokenSource | None
    base_url: str | None
    organization_id: str | None
    default_model: str | ModelRef
    reasoning: ReasoningOption
    feature: str | None
    headers: Mapping[str, str] | None
    timeouts: Timeouts | None
    retries: RetryPolicy | None
    retry_budget: RetryBudget | None
    limits: Limits | None
    on_try: OnTry | None
    hedge_after: float | None
    resume: ResumeOption
    hints: ModelHints | None
    pin_provider: ProviderPin
    transports: Sequence[TransportAdapter]
    request_middleware: Sequence[AnyRequestMiddleware]
    response_middleware: Sequence[AnyResponseMiddleware]
    cost_meter: CostMeter | None
    allow_insecure: bool

    def replace(self, **options: Any) -> ClientOptions:
        """Return the options with some of them replaced.

        Raises:
            ConfigurationError: There is no such option.
        """
        names = [field.name for field in attrs.fields(ClientOptions)]
        unknown = sorted(options.keys() - set(names))
        if unknown:
            raise ConfigurationError(
                f"with_options() does not take {', '.join(unknown)}; accepted are "
                f"{', '.join(sorted(names))}"
            )
        return attrs.evolve(self, **options)

    def call_policy(self) -> CallPolicy:
        """Return what calls do when their first try does not bring the answer.

        Raises:
            ConfigurationError: One of the options is of no accepted form.
        """
        return CallPolicy(
            retries=self.retries,
            retry_budget=self.retry_budget,
            limits=self.limits,
            on_try=self.on_try,
            hedge_after=self.hedge_after,
            resume=self.resume,
        )
