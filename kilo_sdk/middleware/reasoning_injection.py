"""Turns the caller's reasoning level into the ``reasoning`` object, where the model takes one.

Which models are left alone is data: ``ModelHints``, and the catalogue where the client has
obtained one. Everything else is one rule.

Source: GATEWAY 3 (the object, no flat field), GATEWAY 4 (levels, hints, who wins),
GATEWAY 9 (what the model list says of reasoning).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.reasoning import REASONING_EFFORTS, Reasoning, check_level, effort_for_level
from kilo_sdk.types.wire import WireDict

if TYPE_CHECKING:
    from kilo_sdk.catalog.catalog import ModelCatalog
    from kilo_sdk.types.model_info import ModelInfo

__all__ = ["SKIP_VENDORS", "ModelHints", "ReasoningInjection", "SkipReason"]

_logger: Final = logging.getLogger("kilo_sdk.middleware")

_ASKED_IN: Final = frozenset({"reasoning", "reasoning_effort"})

SKIP_VENDORS: frozenset[str] = frozenset({"x-ai"})
"""Vendors whose proxies refuse a ``reasoning`` object (GATEWAY 4)."""

SkipReason: TypeAlias = Literal["auto", "hint", "vendor", "catalog"]
"""Why a model gets no reasoning: the gateway picks it, ``skip_ids`` names it,
``skip_vendors`` names its vendor, or the catalogue says that it takes none."""


def _vendors(values: Iterable[str]) -> frozenset[str]:
    names = _names(values)
    for name in names:
        if not name or "/" in name:
            raise ValueError(
                f"{name!r} is no vendor: that is what stands before the slash of a model id; "
                "a single model goes into skip_ids"
            )
    return names


def _ids(values: Iterable[str | ModelRef]) -> frozenset[str]:
    names = _names(values)
    try:
        return frozenset(ModelRef.parse(name).id for name in names)
    except ValueError as exc:
        raise ValueError(f"{exc}; a whole vendor goes into skip_vendors") from exc


def _names(values: Iterable[str | ModelRef]) -> frozenset[str]:
    if isinstance(values, str | ModelRef) or not isinstance(values, Iterable):
        raise ValueError(f"a set of names is wanted, not the single {_kind(values)} {values!r}")
    names: set[str] = set()
    for value in values:
        if not isinstance(value, str | ModelRef):
            raise ValueError(f"a set of names is wanted; {value!r} is {_kind(value)}")
        names.add(value.lower() if isinstance(value, str) else value.id.lower())
    return frozenset(names)


def _kind(value: object) -> str:
    return "string" if isinstance(value, str) else type(value).__name__


@attrs.frozen(slots=True)
class ModelHints:
    """What is known of single models and vendors, where they differ from the rest.

    What is given replaces the default; ``extended`` adds to it:

        ModelHints().extended(skip_vendors={"acme"}, inject_ids={"acme/thinker"})

    The narrowest word counts: an id with its tag, then the id without it, then the vendor,
    then the catalogue. Auto refs are always skipped: the gateway decides for them.

    Attributes:
        skip_vendors: Vendors that get no reasoning injected, in lower case.
        skip_ids: Gateway ids that get none, in lower case; one without a tag stands for
            those with one too. A ``kilocode/`` prefix is taken off.
        inject_ids: Ids that get it although their vendor or the catalogue says otherwise.

    Raises:
        ValueError: A name is no vendor or no id, is both skipped and injected, or is an
            auto ref that is to be injected.

    Source: GATEWAY 4.
    """

    skip_vendors: frozenset[str] = attrs.field(default=SKIP_VENDORS, converter=_vendors)
    skip_ids: frozenset[str] = attrs.field(default=frozenset(), converter=_ids)
    inject_ids: frozenset[str] = attrs.field(default=frozenset(), converter=_ids)

    def __attrs_post_init__(self) -> None:
        both = sorted(self.skip_ids & self.inject_ids)
        if both:
            raise ValueError(f"{', '.join(both)}: in skip_ids and in inject_ids; it is one of them")
        autos = sorted(id_ for id_ in self.inject_ids if ModelRef(id_).is_auto)
        if autos:
            raise ValueError(
                f"{', '.join(autos)}: the gateway picks the model and its reasoning; to set it "
                "all the same, give calls a reasoning object such as {'effort': 'high'}"
            )

    def extended(
        self,
        *,
        skip_vendors: Iterable[str] = (),
        skip_ids: Iterable[str | ModelRef] = (),
        inject_ids: Iterable[str | ModelRef] = (),
    ) -> ModelHints:
        """Return these hints and more; of an id that is in both, the new word counts.

        Raises:
            ValueError: As for the class.
        """
        skipped, injected = _ids(skip_ids), _ids(inject_ids)
        return ModelHints(
            skip_vendors=self.skip_vendors | _vendors(skip_vendors),
            skip_ids=(self.skip_ids - injected) | skipped,
            inject_ids=(self.inject_ids - skipped) | injected,
        )

    def skips_reasoning(self, ref: ModelRef, catalog: ModelCatalog | None = None) -> bool:
        """Whether no reasoning is injected for this model."""
        return self.skip_reason(ref, catalog) is not None

    def skip_reason(self, ref: ModelRef, catalog: ModelCatalog | None = None) -> SkipReason | None:
        """Return why no reasoning is injected for this model, or None where it is.

        Args:
            ref: The model.
            catalog: What the gateway lists, where that is known. A model it lacks, and one
                whose ``supported_parameters`` are not told, are taken to reason.
        """
        if ref.is_auto:
            return "auto"
        id_ = ref.id.lower()
        for name in (id_, id_.partition(":")[0]):
            if name in self.inject_ids:
                return None
            if name in self.skip_ids:
                return "hint"
        if ref.vendor.lower() in self.skip_vendors:
            return "vendor"
        if catalog is not None:
            listed = catalog.get(ref) or catalog.get(ref.id.partition(":")[0])
            if listed is not None and _takes_no_reasoning(listed):
                return "catalog"
        return None


def _takes_no_reasoning(model: ModelInfo) -> bool:
    parameters = model.raw.get("supported_parameters")
    told = isinstance(parameters, list) and any(isinstance(name, str) for name in parameters)
    return told and not model.supports_reasoning


class ReasoningInjection:
    """Puts ``reasoning.effort`` into the payload; a request middleware.

    - The flat ``reasoning_effort`` is always dropped: some upstreams refuse it. Where no
      level is chosen it is taken as the level; the effort ``none``, which is no level,
      goes along as an effort.
    - A caller's ``reasoning`` object wins: with ``effort`` or ``max_tokens`` in it nothing
      is added, with neither the level's effort is.
    - For level ``off`` and for models that skip reasoning nothing is injected; a caller's
      object goes out as it is. Why a model is skipped is logged at DEBUG.

    The caller's object is copied before it is added to. An unknown level is refused
    whatever the model, so that a failover to another model changes nothing.

    Args:
        hints: Which models to leave alone.
        catalog: Returns the model list that is at hand, or None; never asks for one.
    """

    __slots__ = ("_catalog", "_hints")
    passes_plain_requests = True

    def __init__(
        self,
        hints: ModelHints | None = None,
        *,
        catalog: Callable[[], ModelCatalog | None] | None = None,
    ) -> None:
        self._hints = ModelHints() if hints is None else hints
        self._catalog = catalog

    def on_request(self, request: OutgoingRequest, /) -> None:
        """Set or complete ``payload["reasoning"]``.

        Raises:
            ConfigurationError: The level is unknown, or ``payload["reasoning"]`` is
                neither an object nor a ``Reasoning``.
        """
        payload = request.payload
        if request.reasoning is None and _ASKED_IN.isdisjoint(payload):
            return  # as most requests
        flat = payload.pop("reasoning_effort", None)
        effort = _effort(request.reasoning, flat)
        supplied = _wire_object(payload.pop("reasoning", None))
        if supplied is not None:
            payload["reasoning"] = supplied
            if supplied.get("effort") is not None or supplied.get("max_tokens") is not None:
                return
        if effort is None:
            return
        catalog = None if self._catalog is None else self._catalog()
        reason = self._hints.skip_reason(request.ref, catalog)
        if reason is not None:
            _logger.debug("reasoning.skipped model=%s reason=%s", request.ref.id, reason)
            return
        payload["reasoning"] = {**(supplied or {}), "effort": effort}


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
