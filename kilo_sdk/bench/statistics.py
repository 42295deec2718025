"""How sure a number is, and whether two differ by more than chance.

Over repetitions: Student's t for a mean's confidence interval, Welch's for the difference
of two. Within one run each: the Mann-Whitney U test over all values, by normal
approximation with ties corrected, which takes requests for independent of each other.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Final, Self

import attrs

__all__ = ["Estimate", "mann_whitney", "t_critical", "welch_interval"]

# Two-sided 95 % quantiles of Student's t by degrees of freedom, from 1.
_T95: Final = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
    2.120,
    2.110,
    2.101,
    2.093,
    2.086,
    2.080,
    2.074,
    2.069,
    2.064,
    2.060,
    2.056,
    2.052,
    2.048,
    2.045,
    2.042,
)


def t_critical(freedom: float) -> float:
    """Return the two-sided 95 % quantile of Student's t.

    Between whole degrees of freedom the lower counts, which errs on the safe side; past the
    table a series in 1/freedom that is right to three digits.
    """
    whole = int(freedom)
    if whole < 1:
        raise ValueError("Student's t needs one degree of freedom or more")
    if whole <= len(_T95):
        return _T95[whole - 1]
    z = NormalDist().inv_cdf(0.975)
    # Abramowitz and Stegun 26.7.5, the first two terms.
    return z + (z**3 + z) / (4 * whole) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * whole**2)


@attrs.frozen(slots=True)
class Estimate:
    """A number, and between what the true one lies with 95 % confidence.

    Attributes:
        value: The number; None where nothing was measured.
        low: Lower end of the interval; None with fewer than two repetitions.
        high: Upper end.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def over(cls, value: float | None, repetitions: Iterable[float | None]) -> Self:
        """Return a number with the interval that repetitions of it give.

        Args:
            value: The number over all of them.
            repetitions: The number in each.
        """
        known = [each for each in repetitions if each is not None]
        if value is None or len(known) < 2:
            return cls(value)
        margin = t_critical(len(known) - 1) * statistics.stdev(known) / math.sqrt(len(known))
        return cls(value, value - margin, value + margin)


def welch_interval(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of how much the mean of ``after`` is above that of ``before``.

    Args:
        before: At least two repetitions.
        after: At least two.
    """
    difference = statistics.fmean(after) - statistics.fmean(before)
    first = statistics.variance(before) / len(before)
    second = statistics.variance(after) / len(after)
    spread = first + second
    if not spread:
        return difference, difference
    # Welch and Satterthwaite.
    freedom = spread**2 / (first**2 / (len(before) - 1) + second**2 / (len(after) - 1))
    margin = t_critical(freedom) * math.sqrt(spread)
    return difference - margin, difference + margin


def mann_whitney(
    before: Iterable[tuple[float, int]], after: Iterable[tuple[float, int]]
) -> float | None:
    """Return the two-sided p-value of two samples being drawn from one distribution.

    Args:
        before: Values and how often each occurs.
        after: Likewise.

    Returns:
        The p-value, or None where a sample is too small to say (fewer than 8 values).
    """
    counts: dict[float, list[int]] = {}
    for side, sample in enumerate((before, after)):
        for value, count in sample:
            counts.setdefault(value, [0, 0])[side] += count
    first = sum(count[0] for count in counts.values())
    second = sum(count[1] for count in counts.values())
    if min(first, second) < 8:
        return None
    both = first + second
    below = 0
    rank_sum = 0.0
    ties = 0.0
    for value in sorted(counts):
        mine, theirs = counts[value]
        tied = mine + theirs
        rank_sum += mine * (below + (tied + 1) / 2)
        ties += tied**3 - tied
        below += tied
    u = rank_sum - first * (first + 1) / 2
    variance = first * second / 12 * ((both + 1) - ties / (both * (both - 1)))
    if variance <= 0:
        return 1.0  # all values are one value
    z = (u - first * second / 2) / math.sqrt(variance)
    return 2 * NormalDist().cdf(-abs(z))
