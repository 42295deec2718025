"""Amounts of US dollars: exact arithmetic, limits as callers write them, amounts as shown."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Final, TypeAlias

from kilo_sdk.errors import ConfigurationError

__all__ = ["EXACT", "ZERO", "Dollars", "read_limit", "show_dollars"]

Dollars: TypeAlias = Decimal | int | float | str
"""An amount as callers write it; a float counts as the decimal it is shown as."""

ZERO: Final = Decimal(0)

EXACT: Final = Context(prec=2000, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Wide enough for any sum and product of costs and prices: nothing is ever rounded, whatever
decimal context the caller's thread has set."""

# Nobody's budget; and shown in full they would fill the log.
_LARGEST: Final = Decimal("1e15")
_FINEST_EXPONENT: Final = -60


def read_limit(value: object, name: str) -> Decimal | None:
    """Return a limit of US dollars exactly as it was written; None is no limit.

    Args:
        value: What the caller gave: a Decimal, a number or its text.
        name: What the caller gave it as, for the message.

    Raises:
        ConfigurationError: It is no amount from 0 up.
    """
    if value is None:
        return None
    amount: Decimal | None = None
    if isinstance(value, Decimal | int | float | str) and not isinstance(value, bool):
        try:
            amount = Decimal(str(value))
        except (ArithmeticError, ValueError):
            amount = None
    if amount is None or not amount.is_finite() or not 0 <= amount <= _LARGEST:
        shown = f"of type {type(value).__name__}"
        if amount is not None or isinstance(value, str):
            shown = repr(str(value)[:40])
        raise ConfigurationError(
            f"{name} is {shown}, which is no amount; accepted are US dollars from 0 up, as a "
            "Decimal, a number or its text, or None for no limit"
        )
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < _FINEST_EXPONENT:
        raise ConfigurationError(f"{name} has more than {-_FINEST_EXPONENT} decimal places")
    return amount.copy_abs()


def show_dollars(amount: Decimal) -> str:
    """Return an amount as people write it: ``$0.0000125``, ``$2``."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"-${text[1:]}" if text.startswith("-") else f"${text}"
