"""What an answer has cost so far, while it is being written.

Source: GATEWAY 5 (usage usually comes last).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from kilo_sdk.chunk_template import DecodedChunk
from kilo_sdk.cost.prices import PriceList
from kilo_sdk.cost.tokens import output_bytes, tokens_in
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.fields import text_field
from kilo_sdk.types.usage import Usage

__all__ = ["RunningCost"]


class RunningCost:
    """The estimate for one stream: its prompt, and what has come of its output.

    A usage in mid-stream takes the estimate's place, and output that comes after it is
    added to that. For one task at a time.

    Args:
        prices: Where prices are found.
        asked: The model that was asked.
        prompt_tokens: The prompt, as far as can be told.
    """

    __slots__ = ("_answered", "_asked", "_base", "_bytes", "_list", "_prices", "prompt_tokens")

    def __init__(self, prices: PriceList, asked: ModelRef, prompt_tokens: int) -> None:
        self.prompt_tokens = prompt_tokens
        self._list = prices
        self._asked = asked
        self._answered: str | None = None
        self._prices = prices.find(asked)
        self._base = None if self._prices is None else self._prices.cost(prompt_tokens, 0)
        self._bytes = 0

    def add(self, chunks: Iterable[DecodedChunk]) -> None:
        """Count what has arrived."""
        for decoded in chunks:
            self._bytes += output_bytes(decoded)
            # A template's chunk says nothing else that its first one did not.
            if not isinstance(decoded, tuple):
                if self._answered is None:
                    self._see_model(text_field(decoded, "model"))
                if decoded.get("usage") and (usage := Usage.of(decoded)):
                    self._see_usage(usage)

    @property
    def cost(self) -> Decimal | None:
        """US dollars so far; None while a price that is needed is unknown."""
        if self._prices is None:
            return self._base
        return self._prices.add_output(self._base, tokens_in(self._bytes))

    def _see_model(self, answered: str | None) -> None:
        if not answered:
            return
        self._answered = answered
        self._prices = self._list.find(self._asked, answered)
        self._base = None if self._prices is None else self._prices.cost(self.prompt_tokens, 0)

    def _see_usage(self, usage: Usage) -> None:
        told = self._list.with_cost(usage, self._asked, self._answered).cost
        if told is not None:
            self._base, self._bytes = told, 0
