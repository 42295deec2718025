"""Turns the caller's reasoning level into the ``reasoning`` object, where the model takes one.

Which models are left alone is data, in ``ModelHints``; everything else is one rule.

Source: GATEWAY 3 (the object, no flat field), GATEWAY 4 (levels, hints, who wins).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.reasoning import REASONING_EFFORTS, Reasoning, check_level, effort_for_level
from kilo_sdk.types.wire import WireDict

__all__ = ["SKIP_VENDORS", "ModelHints", "ReasoningInjection"]

SKIP_VENDORS: frozenset[str] = frozenset({"x-ai"})
"""Vendors whose proxies refuse a ``reasoning`` object (GATEWAY 4)."""


def _names(values: Iterable[str]) -> frozenset[str]:
    if isinstance(values, str):
        raise ValueError(f"a set of names is wanted, not the single string {values!r}")
    return frozenset(value.lower() for value in values)


@attrs.frozen(slots=True)
class ModelHints:
    """What is known of single models and vendors, where they differ from the rest.

    Auto refs are always skipped: the gateway decides for them. To add to the vendors that
    are known, give ``SKIP_VENDORS | {"another"}``; what is given replaces the default.

    Attributes:
        skip_vendors: Vendors that get no reasoning injected, in lower case.
        skip_ids: Gateway ids that get none, in lower case, with or without the tag.

    Source: GATEWAY 4.
    """

    skip_vendors: frozenset[str] = attrs.field(default=SKIP_VENDORS, converter=_names)
    skip_ids: frozenset[str] = attrs.field(default=frozenset(), converter=_names)

    def skips_reasoning(self, ref: ModelRef) -> bool:
        """Whether no reasoning is injected for this model."""
        if ref.is_auto or ref.vendor.lower() in self.skip_vendors:
            return True
        id_ = ref.id.lower()
        return id_ in self.skip_ids or id_.partition(":")[0] in self.skip_ids


class ReasoningInjection:
    """Puts ``reasoning.effort`` into the payload; a request middleware.

    - The flat ``reasoning_effort`` is always dropped: some upstreams refuse it. Where no
      level is chosen it is taken as the level; the effort ``none``, which is no level,
      goes along as an effort.
    - A caller's ``reasoning`` object wins: with ``effort`` or ``max_tokens`` in it nothing
      is added, with neither the level's effort is.
    - For level ``off`` and for models that skip reasoning nothing is injected; a caller's
      object goes out as it is.

    The caller's object is copied before it is added to. An unknown level is refused
    whatever the model, so that a failover to another model changes nothing.

    Args:
        hints: Which models to leave alone.
    """

    __slots__ = ("_hints",)

    def __init__(self, hints: ModelHints | None = None) -> None:
        self._hints = ModelHints() if hints is None else hints

    def on_request(self, request: OutgoingRequest, /) -> None:
        """Set or complete ``payload["reasoning"]``.

        Raises:
            ConfigurationError: The level is unknown, or ``payload["reasoning"]`` is
                neither an object nor a ``Reasoning``.
        """
        payload = request.payload
        flat = payload.pop("reasoning_effort", None)
        effort = _effort(request.reasoning, flat)
        supplied = _wire_object(payload.pop("reasoning", None))
        if supplied is not None:
            payload["reasoning"] = supplied
        if effort is None or self._hints.skips_reasoning(request.ref):
            return
        if supplied is None:
            payload["reasoning"] = {"effort": effort}
        elif supplied.get("effort") is None and supplied.get("max_tokens") is None:
            payload["reasoning"] = {**supplied, "effort": effort}


def _effort(level: str | None, flat: object) -> str | None:
    if level is not None:
        return effort_for_level(level)
    if flat is None:
        return None
    if isinstance(flat, str) and flat in REASONING_EFFORTS:
        return flat
    return effort_for_level(check_level(flat))


def _wire_object(supplied: Any) -> WireDict | None:
    if supplied is None or type(supplied) is dict:
        return supplied
    if isinstance(supplied, Reasoning):
        return supplied.to_param()
    if isinstance(supplied, Mapping):
        return dict(supplied)
    raise ConfigurationError(
        "reasoning in the payload is an object such as {'effort': 'high'} or a Reasoning, not "
        f"{type(supplied).__name__}; a level goes into the argument reasoning= of the call"
    )
