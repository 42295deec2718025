"""What a call takes, for type checkers and for who passes such options on.

Nothing of the SDK imports it while it runs: a class of forty fields takes its time to be made.

Source: GATEWAY 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kilo_sdk.cost.dollars import Dollars
from kilo_sdk.cost.meter import CostMeter
from kilo_sdk.refs import ModelRef
from kilo_sdk.resilience.policy import ResumeOption
from kilo_sdk.resilience.try_report import OnTry
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.timeouts import Timeouts
from kilo_sdk.types.params import CompletionParams, ProviderPin, ReasoningOption

__all__ = ["CompletionOptions"]


class CompletionOptions(CompletionParams, total=False):
    """What a call takes besides ``messages`` and ``stream``; ``create`` describes each."""

    model: str | ModelRef | None
    reasoning: ReasoningOption
    fallback_models: Sequence[str | ModelRef]
    task_id: str | None
    mode: str | None
    max_cost: Dollars | None
    cost_meter: CostMeter | None
    pin_provider: ProviderPin | None
    timeouts: Timeouts | None
    retries: RetryPolicy | None
    on_try: OnTry | None
    hedge_after: float | None
    resume: ResumeOption | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, Any] | None
