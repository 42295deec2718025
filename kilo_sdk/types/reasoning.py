"""How much a model should think: the levels callers use and the object the wire takes.

A level is a word of the SDK's; an effort is a word of the gateway's. Which models get one
injected is decided in ``kilo_sdk.middleware.reasoning_injection``.

Source: GATEWAY 3 (the object), GATEWAY 4 (levels and their mapping).
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import attrs

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.types.wire import WireDict

__all__ = [
    "REASONING_EFFORTS",
    "REASONING_LEVELS",
    "Reasoning",
    "ReasoningEffort",
    "ReasoningLevel",
    "check_level",
    "effort_for_level",
]

ReasoningLevel: TypeAlias = Literal[
    "off", "minimal", "low", "medium", "high", "xhigh", "adaptive", "max"
]
"""What callers choose from (GATEWAY 4)."""

ReasoningEffort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
"""What the gateway understands as ``reasoning.effort`` (GATEWAY 3)."""

REASONING_LEVELS: tuple[ReasoningLevel, ...] = get_args(ReasoningLevel)
"""Every level, from none to most."""

REASONING_EFFORTS: tuple[ReasoningEffort, ...] = get_args(ReasoningEffort)
"""Every effort, from none to most."""

_EFFORTS: dict[ReasoningLevel, ReasoningEffort | None] = {
    "off": None,
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "adaptive": "medium",
    "max": "xhigh",
}

_LONGEST_SHOWN = 40


def _check_effort(_: object, __: object, value: Any) -> None:
    if value is not None and value not in REASONING_EFFORTS:
        raise ValueError(f"effort is one of {', '.join(REASONING_EFFORTS)}; got {value!r}")


def _check_max_tokens(_: object, __: object, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"max_tokens is a whole number of at least 1; got {value!r}")


def _check_flag(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{attribute.name} is True, False or None; got {value!r}")


@attrs.frozen(slots=True)
class Reasoning:
    """The ``reasoning`` object of a request; it goes out as it is.

    Attributes:
        effort: How hard to think; an alternative to ``max_tokens``.
        max_tokens: How many tokens to spend on thinking, at least 1.
        exclude: Think, but leave the reasoning out of the answer.
        enabled: Think at the model's own default effort.

    Raises:
        ValueError: A value is not of the kind above, or both ``effort`` and
            ``max_tokens`` are given.

    Source: GATEWAY 3.
    """

    effort: ReasoningEffort | None = attrs.field(default=None, validator=_check_effort)
    max_tokens: int | None = attrs.field(default=None, validator=_check_max_tokens)
    exclude: bool | None = attrs.field(default=None, validator=_check_flag)
    enabled: bool | None = attrs.field(default=None, validator=_check_flag)

    def __attrs_post_init__(self) -> None:
        if self.effort is not None and self.max_tokens is not None:
            raise ValueError("effort and max_tokens are alternatives; give one of them")

    def to_param(self) -> WireDict:
        """Return the wire dict, without what is not set."""
        return attrs.asdict(self, filter=lambda _, value: value is not None)


def check_level(level: object) -> ReasoningLevel:
    """Return ``level`` when it is one.

    Raises:
        ConfigurationError: It is none; the message names the accepted ones and the
            nearest of them.
    """
    for known in REASONING_LEVELS:
        if level == known:
            return known
    accepted = f"accepted are {', '.join(REASONING_LEVELS)}"
    if not isinstance(level, str):
        raise ConfigurationError(
            f"a reasoning level is a string, not {type(level).__name__}; {accepted}"
        )
    shown = level if len(level) <= _LONGEST_SHOWN else level[:_LONGEST_SHOWN] + "..."
    nearest = _nearest_level(shown)
    hint = f"; did you mean {nearest!r}?" if nearest else ""
    raise ConfigurationError(f"{shown!r} is no reasoning level; {accepted}{hint}")


def effort_for_level(level: str) -> ReasoningEffort | None:
    """Return the effort a level stands for, or None for ``off``.

    Raises:
        ConfigurationError: ``level`` is no level.

    Source: GATEWAY 4.
    """
    return _EFFORTS[check_level(level)]


def _nearest_level(text: str) -> str | None:
    word = text.strip().lower()
    if word == "none":  # an effort, and what OpenAI's own field calls it
        return "off"
    import difflib  # for a mistake alone

    return next(iter(difflib.get_close_matches(word, REASONING_LEVELS, n=1)), None)
