"""The smallest question there is: one token of an answer, and which models to put it to.

Source: GATEWAY 1 (free models answer without a key), GATEWAY 8 (what a failure says).
"""

from __future__ import annotations

from typing import Final

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.client import KiloClient
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.timeouts import Timeouts
from kilo_sdk.types.completion import ChatCompletion

__all__ = ["ask_for_one_token", "free_models", "paid_models"]

_MOST_TRIED: Final = 3
_AUTO: Final = "kilo/auto"
_AUTO_FREE: Final = "kilo-auto/free"
_TIMEOUTS: Final = Timeouts(connect=10, first_token=20, total=20)
_RETRIES: Final = RetryPolicy(max_attempts=2, retry_after_max=2)


def paid_models(catalog: ModelCatalog) -> list[str]:
    """Return the ids of up to three models that a valid key is needed for, the cheapest first.

    ``kilo/auto`` is the last, and the only one where no price is known.
    """
    priced = [
        model.id
        for model in catalog.chat_models().filter(free=False).sort_by("price")
        if model.pricing.prompt and model.pricing.completion
    ]
    return [*priced[: _MOST_TRIED - 1], _AUTO]


def free_models(catalog: ModelCatalog) -> list[str]:
    """Return the ids of up to three free models, the gateway's own choice among them first."""
    free = [model.id for model in catalog.chat_models().filter(free=True)]
    return sorted(free, key=lambda id_: id_ != _AUTO_FREE)[:_MOST_TRIED]


async def ask_for_one_token(client: KiloClient, model: str) -> ChatCompletion:
    """Ask a model for one token, within 20 seconds.

    Raises:
        APIError: No answer came.
    """
    asking = client.with_options(
        reasoning="off", timeouts=_TIMEOUTS, retries=_RETRIES, pin_provider=False
    )
    return await asking.chat.completions.create(messages="Say OK", model=model, max_tokens=1)
