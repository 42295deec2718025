"""Choosing models by what they can do and cost, and putting them in order.

What is not known of a model fits no limit: a price that nobody told is not below any.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Final, Literal, TypeAlias, get_args

import attrs

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.types.model_info import ModelInfo

__all__ = ["Criteria", "Price", "SortKey", "is_chat_model", "sort_models"]

Price: TypeAlias = Decimal | int | float | str
"""US dollars; text is read exactly, and a float as it prints."""

SortKey: TypeAlias = Literal["price", "context", "max_output", "name"]
"""``price`` is the input price, and of equal ones the output price."""

_EMBEDDING: Final = "embed"


def is_chat_model(model: ModelInfo) -> bool:
    """Whether a model takes text and answers with text.

    Not so where the gateway says that text is not among its inputs or outputs (images
    alone, speech, ranking), that embeddings are, or where the id speaks of embeddings.
    A model that nothing is told of counts as one.
    """
    for modalities in (model.input_modalities, model.output_modalities):
        if modalities and "text" not in modalities:
            return False
    if any(modality.startswith(_EMBEDDING) for modality in model.output_modalities):
        return False
    after = model.id.lower().partition("/")[2]
    words = after.replace("_", "-").replace(":", "-").split("-")
    return not any(word.startswith(_EMBEDDING) for word in words)


@attrs.frozen(slots=True, kw_only=True)
class Criteria:
    """What a model has to fit; None asks nothing. ``ModelCatalog.filter`` describes each."""

    reasoning: bool | None
    tools: bool | None
    images: bool | None
    free: bool | None
    vendor: frozenset[str] | None
    parameters: frozenset[str] | None
    max_input_price: Decimal | None
    max_output_price: Decimal | None
    min_context: int | None
    min_output: int | None

    @classmethod
    def checked(
        cls,
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
    ) -> Criteria:
        """Take what a caller asks for.

        Raises:
            ConfigurationError: A value cannot be compared with anything.
        """
        return cls(
            reasoning=_flag("reasoning", reasoning),
            tools=_flag("tools", tools),
            images=_flag("images", images),
            free=_flag("free", free),
            vendor=_names("vendor", vendor),
            parameters=_names("parameters", parameters),
            max_input_price=_dollars("max_input_price", max_input_price),
            max_output_price=_dollars("max_output_price", max_output_price),
            min_context=_tokens("min_context", min_context),
            min_output=_tokens("min_output", min_output),
        )

    def fits(self, model: ModelInfo) -> bool:
        """Whether a model meets all of it."""
        abilities = (
            (self.reasoning, model.supports_reasoning),
            (self.tools, model.supports_tools),
            (self.images, model.supports_images),
            (self.free, model.is_free),
        )
        if any(wanted is not None and wanted is not has for wanted, has in abilities):
            return False
        if self.vendor is not None and model.vendor.lower() not in self.vendor:
            return False
        if self.parameters is not None and not self.parameters.issubset(
            parameter.lower() for parameter in model.supported_parameters or ()
        ):
            return False
        prices = (
            (self.max_input_price, model.pricing.prompt),
            (self.max_output_price, model.pricing.completion),
        )
        if any(most is not None and (price is None or price > most) for most, price in prices):
            return False
        sizes = (
            (self.min_context, model.context_window),
            (self.min_output, model.max_output_tokens),
        )
        return all(least is None or (size or 0) >= least for least, size in sizes)


def _flag(name: str, value: bool | None) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ConfigurationError(f"{name}={value!r}: accepted are True, False and None")
    return value


def _tokens(name: str, value: int | None) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ConfigurationError(f"{name}={value!r}: accepted are tokens from 0 up")
    return value


def _dollars(name: str, value: Price | None) -> Decimal | None:
    if value is None:
        return None
    price: Decimal | None = None
    if isinstance(value, Decimal | int | float | str) and not isinstance(value, bool):
        with suppress(ArithmeticError):
            price = Decimal(str(value))
    if price is None or not price.is_finite() or price < 0:
        raise ConfigurationError(
            f"{name}={value!r}: accepted are US dollars per million tokens from 0 up, "
            "such as 3 or '0.25'"
        )
    return price


def _names(name: str, value: str | Collection[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Collection) or not all(isinstance(one, str) for one in values):
        raise ConfigurationError(f"{name}={value!r}: accepted are a name or a list of names")
    return frozenset(one.strip().lower() for one in values)


_Comparable: TypeAlias = tuple[Decimal | int | str, ...]


def _by_price(model: ModelInfo) -> _Comparable | None:
    prompt, completion = model.pricing.prompt, model.pricing.completion
    return None if prompt is None or completion is None else (prompt, completion)


def _by_context(model: ModelInfo) -> _Comparable | None:
    return None if model.context_window is None else (model.context_window,)


def _by_max_output(model: ModelInfo) -> _Comparable | None:
    return None if model.max_output_tokens is None else (model.max_output_tokens,)


def _by_name(model: ModelInfo) -> _Comparable | None:
    return (model.name.casefold(),)


_SORT_KEYS: Final[dict[SortKey, Callable[[ModelInfo], _Comparable | None]]] = {
    "price": _by_price,
    "context": _by_context,
    "max_output": _by_max_output,
    "name": _by_name,
}


def sort_models(models: Iterable[ModelInfo], key: SortKey, *, descending: bool) -> list[ModelInfo]:
    """Return the models in order; those of which the value is unknown come last either way.

    Equal ones stay in the order they have.

    Raises:
        ConfigurationError: There is no such key.
    """
    if key not in _SORT_KEYS:
        accepted = ", ".join(get_args(SortKey))
        raise ConfigurationError(f"sort_by({key!r}): accepted are {accepted}")
    read = _SORT_KEYS[key]
    known: list[tuple[_Comparable, ModelInfo]] = []
    unknown: list[ModelInfo] = []
    for model in models:
        value = read(model)
        if value is None:
            unknown.append(model)
        else:
            known.append((value, model))
    known.sort(key=lambda one: one[0], reverse=descending)
    return [*(model for _, model in known), *unknown]
