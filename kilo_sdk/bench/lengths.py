"""Distributions of lengths in tokens: ``128``, ``uniform:64:256``, ``normal:128:32``."""

from __future__ import annotations

import math
import random
from typing import Final, Self

import attrs

from kilo_sdk.errors import ConfigurationError

__all__ = ["Lengths"]

_PARAMETERS: Final = {"fixed": 1, "uniform": 2, "normal": 2, "lognormal": 2}
_LONGEST: Final = 10_000_000


@attrs.frozen(slots=True)
class Lengths:
    """A distribution of whole numbers of at least 1.

    Attributes:
        kind: ``fixed``, ``uniform``, ``normal`` or ``lognormal``.
        first: The length, the least length, or the mean.
        second: The greatest length, or the standard deviation.
    """

    kind: str
    first: float
    second: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a distribution from its text.

        Raises:
            ConfigurationError: It cannot be read; the message says what is accepted.
        """
        kind, *values = text.strip().split(":")
        if not values:
            kind, values = "fixed", [kind]
        try:
            numbers = [float(value) for value in values]
            fits = _PARAMETERS[kind] == len(numbers) and all(
                0 <= number <= _LONGEST for number in numbers
            )
            if not fits or numbers[0] < 1 or (kind == "uniform" and numbers[1] < numbers[0]):
                raise ValueError
        except (KeyError, ValueError):
            raise ConfigurationError(
                f"length {text!r} cannot be read; accepted are N, uniform:LEAST:GREATEST, "
                "normal:MEAN:DEVIATION and lognormal:MEAN:DEVIATION, in tokens from 1 up"
            ) from None
        return cls(kind, *numbers)

    def __str__(self) -> str:
        if self.kind == "fixed":
            return f"{self.first:g}"
        return f"{self.kind}:{self.first:g}:{self.second:g}"

    def draw(self, rng: random.Random) -> int:
        """Draw a length."""
        if self.kind == "uniform":
            return rng.randint(round(self.first), round(self.second))
        drawn = self.first
        if self.kind == "normal":
            drawn = rng.gauss(self.first, self.second)
        elif self.kind == "lognormal" and self.second:
            # The mean and deviation asked for are those of the lengths, not of their logarithms.
            variance = math.log1p((self.second / self.first) ** 2)
            drawn = rng.lognormvariate(math.log(self.first) - variance / 2, math.sqrt(variance))
        return min(max(round(drawn), 1), _LONGEST)
