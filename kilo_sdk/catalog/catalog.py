"""The catalogue: models in the gateway's order, found by ref, by words and by what they can do.

A value like any other: it never changes and never asks the network. What narrows it or
puts it in order returns another catalogue, so questions can be chained.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final, Literal, TypeAlias, overload

import attrs

from kilo_sdk.catalog.search import ranked, similar_ids
from kilo_sdk.catalog.selection import Criteria, Price, SortKey, is_chat_model, sort_models
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.model_info import ModelInfo

__all__ = ["CatalogSource", "ModelCatalog"]

CatalogSource: TypeAlias = Literal["gateway", "static"]
"""Where a catalogue comes from: discovery, or the list bundled with the SDK (GATEWAY 9)."""

_MOST_REMEMBERED: Final = 100
_LONGEST_REF: Final = 200


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
        source: ``"gateway"`` when discovery answered, now or earlier (bundled models may
            have been appended), ``"static"`` when only the bundled list was at hand.
        fetched_at: When the gateway gave the list, with its time zone; None for the
            bundled one. Does not count in comparing.
        failure: Why this list serves in place of a new one that could not be had, in
            words; None where nothing failed. Does not count in comparing.
    """

    models: tuple[ModelInfo, ...] = attrs.field(converter=_first_of_each)
    source: CatalogSource = attrs.field(kw_only=True)
    fetched_at: datetime | None = attrs.field(default=None, kw_only=True, eq=False)
    failure: str | None = attrs.field(default=None, kw_only=True, eq=False)
    _by_id: dict[str, ModelInfo] = attrs.field(
        init=False,
        eq=False,
        default=attrs.Factory(lambda self: {m.id: m for m in self.models}, takes_self=True),
    )
    # What was asked before: a program that goes on asking for a wrong model pays once.
    _suggested: dict[tuple[str, int], list[str]] = attrs.field(init=False, eq=False, factory=dict)

    def get(self, ref: str | ModelRef) -> ModelInfo | None:
        """Return the model of that name, with or without the ``kilocode/`` prefix.

        None when the catalogue lacks it, which is also the answer to a name that no model
        can have.
        """
        try:
            return self._by_id.get(ModelRef.parse(ref).id)
        except ValueError:
            return None

    def chat_models(self) -> ModelCatalog:
        """Return the models that take text and answer with text.

        Left out are those that only make images or speech, and those for embeddings; see
        ``selection.is_chat_model``.
        """
        return self._of(filter(is_chat_model, self.models))

    def find(self, words: str) -> ModelCatalog:
        """Search by what a person typed, ``"claude"`` or ``"gpt 5"``; the best comes first.

        An exact name comes before a beginning, that before words, and those before parts
        of words; only where nothing has any of these are slips of the pen forgiven. The
        order is the same each time: see ``search.ranked`` for the ranks.
        """
        return self._of(ranked(self.models, words))

    def filter(
        self,
        *,
        reasoning: bool | None = None,
        tools: bool | None = None,
        images: bool | None = None,
        free: bool | None = None,
        vendor: str | Collection[str] | None = None,
        parameters: str | Collection[str] | None = None,
        max_input_price: Price | None = None,
        max_output_price: Price | None = None,
        min_context: int | None = None,
        min_output: int | None = None,
    ) -> ModelCatalog:
        """Return the models that fit all that is asked; None asks nothing.

        What the gateway does not tell fits no limit.

        Args:
            reasoning: Whether it takes reasoning settings.
            tools: Whether it takes tools.
            images: Whether it takes images.
            free: Whether it is known to cost nothing.
            vendor: A vendor, or several of which it has one; in any case.
            parameters: A request field, or several all of which it is known to take.
            max_input_price: US dollars per million input tokens, that limit included.
            max_output_price: US dollars per million output tokens.
            min_context: Tokens of prompt and answer together, at least.
            min_output: Tokens of one answer, at least.

        Raises:
            ConfigurationError: A value cannot be compared with anything.
        """
        criteria = Criteria.checked(
            reasoning=reasoning,
            tools=tools,
            images=images,
            free=free,
            vendor=vendor,
            parameters=parameters,
            max_input_price=max_input_price,
            max_output_price=max_output_price,
            min_context=min_context,
            min_output=min_output,
        )
        return self._of(filter(criteria.fits, self.models))

    def sort_by(self, key: SortKey, *, descending: bool = False) -> ModelCatalog:
        """Return the models in order: ``price``, ``context``, ``max_output`` or ``name``.

        Those of which it is unknown come last either way; equal ones stay in order.

        Raises:
            ConfigurationError: There is no such key.
        """
        return self._of(sort_models(self.models, key, descending=descending))

    def suggest(self, ref: str | ModelRef, *, most: int = 3) -> list[str]:
        """Return the ids that a wrong ref may have been meant to be, the likeliest first.

        Empty where nothing is like it. The ref itself is not among them.

        Args:
            ref: What was written, with or without a vendor or the ``kilocode/`` prefix.
            most: How many at most.
        """
        asked = (str(ref)[:_LONGEST_REF], most)
        if asked not in self._suggested:
            if len(self._suggested) >= _MOST_REMEMBERED:
                self._suggested.clear()
            self._suggested[asked] = similar_ids(self.models, *asked)
        return [*self._suggested[asked]]

    def _of(self, models: Iterable[ModelInfo]) -> ModelCatalog:
        return attrs.evolve(self, models=models)

    def __iter__(self) -> Iterator[ModelInfo]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    @overload
    def __getitem__(self, index: int) -> ModelInfo: ...

    @overload
    def __getitem__(self, index: slice) -> ModelCatalog: ...

    def __getitem__(self, index: int | slice) -> ModelInfo | ModelCatalog:
        """Return the model at that place, or a catalogue of several: ``catalog[:10]``."""
        if isinstance(index, slice):
            return self._of(self.models[index])
        return self.models[index]

    def __contains__(self, item: object) -> bool:
        if isinstance(item, ModelInfo):
            return self._by_id.get(item.id) == item
        return isinstance(item, (str, ModelRef)) and self.get(item) is not None

    def __repr__(self) -> str:
        return f"<ModelCatalog of {len(self)} models, source={self.source!r}>"
