"""The catalogue: models in the gateway's order, found by ref.

A value like any other: it never changes and never asks the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import attrs

from kilo_sdk.refs import ModelRef
from kilo_sdk.types.model_info import ModelInfo

__all__ = ["CatalogSource", "ModelCatalog"]

CatalogSource: TypeAlias = Literal["gateway", "static"]
"""Where a catalogue comes from: discovery, or the list bundled with the SDK (GATEWAY 9)."""


def _first_of_each(models: Iterable[ModelInfo]) -> tuple[ModelInfo, ...]:
    by_id: dict[str, ModelInfo] = {}
    for model in models:
        by_id.setdefault(model.id, model)
    return tuple(by_id.values())


@attrs.frozen(slots=True, repr=False)
class ModelCatalog:
    """Models in order, each id once; of repeats the first stays.

    Attributes:
        models: The models as a tuple; iterating the catalogue gives the same.
        source: ``"gateway"`` when discovery answered (bundled models may have been
            appended), ``"static"`` when only the bundled list was at hand.
    """

    models: tuple[ModelInfo, ...] = attrs.field(converter=_first_of_each)
    source: CatalogSource = attrs.field(kw_only=True)
    _by_id: dict[str, ModelInfo] = attrs.field(
        init=False,
        eq=False,
        default=attrs.Factory(lambda self: {m.id: m for m in self.models}, takes_self=True),
    )

    def get(self, ref: str | ModelRef) -> ModelInfo | None:
        """Return the model of that name, with or without the ``kilocode/`` prefix.

        None when the catalogue lacks it, which is also the answer to a name that no model
        can have.
        """
        try:
            return self._by_id.get(ModelRef.parse(ref).id)
        except ValueError:
            return None

    def __iter__(self) -> Iterator[ModelInfo]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    def __contains__(self, item: object) -> bool:
        if isinstance(item, ModelInfo):
            return self._by_id.get(item.id) == item
        return isinstance(item, (str, ModelRef)) and self.get(item) is not None

    def __repr__(self) -> str:
        return f"<ModelCatalog of {len(self)} models, source={self.source!r}>"
