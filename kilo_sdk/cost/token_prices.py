"""TokenPrices: what a model charges, and what tokens cost by that.

Source: GATEWAY 5 (usage), GATEWAY 9 (prices).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import attrs

from kilo_sdk.cost.dollars import EXACT, ZERO
from kilo_sdk.types.usage import Usage

if TYPE_CHECKING:
    from kilo_sdk.types.model_info import ModelInfo

__all__ = ["FREE", "TokenPrices"]

# 10 to this power: prices are per million tokens.
_PER_MILLION: Final = Decimal(-6)


@attrs.frozen(slots=True, kw_only=True)
class TokenPrices:
    """What a model charges, in US dollars; None is unknown.

    Attributes:
        prompt: Per million input tokens.
        completion: Per million output tokens, reasoning included.
        cached: Per million input tokens read from a cache. A model that lists no price of
            its own for them charges the input's.
        cache_write: The same for those written to a cache.
        request: Per request; 0 where none is listed.
        is_free: Whether the model costs nothing, whatever it does.
    """

    prompt: Decimal | None = None
    completion: Decimal | None = None
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    request: Decimal = ZERO
    is_free: bool = False

    @classmethod
    def of(cls, model: ModelInfo) -> TokenPrices:
        """Return what a model of the catalogue charges."""
        if model.is_free:
            return FREE
        listed = model.pricing
        return cls(
            prompt=listed.prompt,
            completion=listed.completion,
            cached=listed.prompt if listed.input_cache_read is None else listed.input_cache_read,
            cache_write=(
                listed.prompt if listed.input_cache_write is None else listed.input_cache_write
            ),
            request=ZERO if listed.request is None else listed.request,
        )

    @property
    def are_known(self) -> bool:
        """Whether any number of tokens has a price."""
        return self.is_free or (self.prompt is not None and self.completion is not None)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
        """Return what a request of so many tokens costs; None where a price is unknown."""
        return self._sum((prompt_tokens, self.prompt), (completion_tokens, self.completion))

    def add_output(self, cost: Decimal | None, tokens: int) -> Decimal | None:
        """Return a cost with that of more output tokens added; None where either is unknown."""
        if cost is None or not tokens:
            return cost
        return None if self.completion is None else EXACT.add(cost, _of(self.completion, tokens))

    def cost_of(self, usage: Usage) -> Decimal | None:
        """Return what an answer with that usage cost.

        None where a price that is needed is unknown, where the tokens were not told, and
        where the user's own upstream key paid: what the gateway charges for that is in no
        catalogue. A free model costs 0 whatever its usage says.
        """
        if self.is_free:
            return ZERO
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        if usage.total_tokens is not None:
            if prompt is None and completion is not None:
                prompt = usage.total_tokens - completion
            elif completion is None and prompt is not None:
                completion = usage.total_tokens - prompt
        cached, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
        if usage.is_byok or prompt is None or completion is None:
            return None
        if min(prompt, completion, cached, written) < 0:
            return None
        return self._sum(
            # Some upstreams leave the cached ones out of the prompt's.
            (max(prompt - cached - written, 0), self.prompt),
            (cached, self.cached),
            (written, self.cache_write),
            (completion, self.completion),
        )

    def _sum(self, *parts: tuple[int, Decimal | None]) -> Decimal | None:
        if self.is_free:
            return ZERO
        cost = self.request
        for tokens, price in parts:
            if tokens:
                if price is None:
                    return None
                cost = EXACT.add(cost, _of(price, tokens))
        return cost


def _of(price: Decimal, tokens: int) -> Decimal:
    return EXACT.scaleb(EXACT.multiply(price, Decimal(tokens)), _PER_MILLION)


FREE: Final = TokenPrices(prompt=ZERO, completion=ZERO, is_free=True)
"""What a free model charges."""
