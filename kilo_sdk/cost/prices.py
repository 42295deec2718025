"""From the catalogue's prices to what an answer cost, where the gateway did not say.

Nothing here asks for the catalogue: what was obtained counts, and what is not known stays
unknown.

Source: GATEWAY 5 (usage), GATEWAY 9 (prices).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.usage import Usage

if TYPE_CHECKING:
    from kilo_sdk.catalog.catalog import ModelCatalog
    from kilo_sdk.cost.token_prices import TokenPrices

__all__ = ["NO_PRICES", "PriceList"]


class PriceList:
    """Finds what models charge, in the catalogue as it was last obtained.

    Args:
        catalog: Returns that catalogue, or None while there is none.
    """

    __slots__ = ("_catalog",)

    def __init__(self, catalog: Callable[[], ModelCatalog | None]) -> None:
        self._catalog = catalog

    @property
    def is_empty(self) -> bool:
        """Whether no catalogue was obtained yet."""
        return self._catalog() is None

    def find(self, asked: ModelRef, answered: str | None = None) -> TokenPrices | None:
        """Return what the model charges that answered, else the one that was asked.

        Asking a free model is free, whoever answers for it.

        Args:
            asked: The model that was asked.
            answered: The ``model`` of its answer; where the catalogue lacks that, or where
                it is the asked one without its tag, what was asked counts.

        Returns:
            None where the catalogue has neither. A ``:free`` model is free all the same.
        """
        catalog = self._catalog()
        model = None if catalog is None else catalog.get(asked)
        is_free = asked.id.endswith(":free") if model is None else model.is_free
        if answered and catalog is not None and not is_free:
            without_tag = asked.id.partition(":")[0]
            if answered != without_tag:
                model = catalog.get(answered) or model
        if model is None and not is_free:
            return None
        # Imported where there are prices: most processes ask for no catalogue.
        from kilo_sdk.cost.token_prices import FREE, TokenPrices

        return FREE if model is None else TokenPrices.of(model)

    def with_cost(self, usage: Usage, asked: ModelRef, answered: str | None) -> Usage:
        """Return the usage with an estimated cost, where none was reported and one can be."""
        if usage.cost is not None:
            return usage
        prices = self.find(asked, answered)
        cost = None if prices is None else prices.cost_of(usage)
        if cost is None:
            return usage
        return attrs.evolve(usage, cost=cost, cost_is_estimated=True)

    def price(self, completion: ChatCompletion, asked: ModelRef) -> ChatCompletion:
        """Return the completion with its usage's cost estimated, where that is called for."""
        usage = completion.usage
        if usage is None or usage.cost is not None:
            return completion
        priced = self.with_cost(usage, asked, completion.model)
        return completion if priced is usage else attrs.evolve(completion, usage=priced)


NO_PRICES: Final = PriceList(lambda: None)
"""For who knows no catalogue."""
