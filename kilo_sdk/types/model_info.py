"""What the gateway tells about a model, its endpoints and the providers, as frozen values.

Each class reads one entry of the wire with ``from_wire``. A field that is missing, null or
of the wrong type is unknown (None, or empty); only an entry that names nothing is refused.

Source: GATEWAY 9 (the model list), GATEWAY 1 (ids), OpenRouter's API reference (endpoints
and providers, whose shapes the gateway shares).
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from functools import lru_cache
from typing import Final

import attrs

from kilo_sdk.refs import ModelRef
from kilo_sdk.types.wire import WireDict

__all__ = ["ModelEndpoint", "ModelInfo", "Pricing", "ProviderInfo"]

_MILLION: Final = Decimal(1_000_000)
# Wide enough for every number _DECIMAL lets in: arithmetic is exact whatever decimal
# context the caller's thread has set.
_EXACT: Final = Context(prec=400, Emax=MAX_EMAX, Emin=MIN_EMIN)
# Decimal() itself also takes 'NaN', 'Infinity', '1_000' and Arabic digits, and an exponent
# of nine digits would print as a gigabyte. Prices are none of these.
_DECIMAL: Final = re.compile(
    r"[+-]?([0-9]{1,64}(\.[0-9]{0,64})?|\.[0-9]{1,64})([eE][+-]?[0-9]{1,2})?"
)
# The longest text that pattern lets in.
_LONGEST_PRICE: Final = 134


@attrs.frozen(slots=True, kw_only=True)
class Pricing:
    """What a model costs, in exact US dollars; None is unknown, never free.

    Trailing zeros are gone: the wire's ``"0.000003"`` a token reads ``Decimal("3")``.

    Attributes:
        prompt: Per million input tokens.
        completion: Per million output tokens.
        request: Per request.
        image: Per image.
        web_search: Per search.
        internal_reasoning: Per million reasoning tokens.
        input_cache_read: Per million input tokens read from the cache.
        input_cache_write: Per million input tokens written to the cache.
        raw: The entry as sent: dollars per *single* token.
    """

    prompt: Decimal | None = None
    completion: Decimal | None = None
    request: Decimal | None = None
    image: Decimal | None = None
    web_search: Decimal | None = None
    internal_reasoning: Decimal | None = None
    input_cache_read: Decimal | None = None
    input_cache_write: Decimal | None = None
    raw: WireDict = attrs.field(factory=dict, repr=False, eq=False)

    @classmethod
    def from_wire(cls, pricing: object) -> Pricing:
        """Read a ``pricing`` object; anything that is no object has no known price.

        Missing, negative and non-numeric prices are unknown (GATEWAY 9).
        """
        raw = _mapping(pricing)
        return cls(
            prompt=_per_million(raw.get("prompt")),
            completion=_per_million(raw.get("completion")),
            request=_price(raw.get("request")),
            image=_price(raw.get("image")),
            web_search=_price(raw.get("web_search")),
            internal_reasoning=_per_million(raw.get("internal_reasoning")),
            input_cache_read=_per_million(raw.get("input_cache_read")),
            input_cache_write=_per_million(raw.get("input_cache_write")),
            raw=raw,
        )


@attrs.frozen(slots=True, kw_only=True)
class ModelInfo:
    """One model of the catalogue.

    Attributes:
        id: What the gateway is told, ``vendor/model[:tag]``.
        name: The name to show; the id where none was sent.
        context_window: Tokens of prompt and answer together, or None.
        max_output_tokens: Tokens of one answer at most, or None.
        input_modalities: ``text``, ``image``, ...; empty where not told.
        output_modalities: The same of the answer.
        supports_reasoning: Whether it takes reasoning settings.
        supports_tools: Whether it takes tools; yes unless the gateway says otherwise.
        supports_images: Whether it takes images.
        supported_parameters: Request fields it takes; None where the gateway tells nothing,
            empty where it tells of none.
        pricing: Prices; every one None where none is known.
        is_free: Whether it is known to cost nothing.
        raw: The entry as sent. Shared by all who got this catalogue: copy before changing.
    """

    id: str
    name: str
    context_window: int | None = None
    max_output_tokens: int | None = None
    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    supports_reasoning: bool = False
    supports_tools: bool = True
    supports_images: bool = False
    supported_parameters: tuple[str, ...] | None = None
    pricing: Pricing = attrs.field(factory=Pricing)
    is_free: bool = False
    raw: WireDict = attrs.field(factory=dict, repr=False, eq=False)

    @property
    def ref(self) -> str:
        """The id with its ``kilocode/`` prefix, as ``ModelRef.parse`` takes it."""
        return ModelRef(self.id).ref

    @property
    def vendor(self) -> str:
        """What stands before the first slash of the id."""
        return ModelRef(self.id).vendor

    @classmethod
    def from_wire(cls, entry: object) -> ModelInfo:
        """Read one entry of the model list.

        Free is what ``isFree`` says; where that is no boolean, a model whose prompt and
        completion prices are known to be zero and that asks nothing per request, or whose
        id ends in ``:free``.

        Raises:
            ValueError: The entry is no object, or has no id that is a model ref and can be
                printed.

        Source: GATEWAY 9.
        """
        raw = _object(entry, "a model")
        if "id" not in raw:
            raise ValueError("the entry has no 'id'")
        id_ = ModelRef.parse(raw["id"]).id
        if not id_.isprintable():
            # It would be written to logs and terminals as it is.
            raise ValueError(f"{id_!r} has control characters in it")
        architecture = _mapping(raw.get("architecture"))
        top_provider = _mapping(raw.get("top_provider"))
        told = _strings_or_none(raw.get("supported_parameters"))
        parameters = told or ()
        inputs = _strings(architecture.get("input_modalities"))
        pricing = Pricing.from_wire(raw.get("pricing"))
        is_free = raw.get("isFree")
        if not isinstance(is_free, bool):
            costs_nothing = pricing.prompt == pricing.completion == 0 and not pricing.request
            is_free = id_.endswith(":free") or costs_nothing
        return cls(
            id=id_,
            name=_text(raw.get("name")) or id_,
            context_window=_count(raw.get("context_length"))
            or _count(top_provider.get("context_length")),
            max_output_tokens=_count(top_provider.get("max_completion_tokens")),
            input_modalities=inputs,
            output_modalities=_strings(architecture.get("output_modalities")),
            supports_reasoning="reasoning" in parameters or "include_reasoning" in parameters,
            supports_tools=not parameters or "tools" in parameters,
            supports_images="image" in inputs,
            supported_parameters=told,
            pricing=pricing,
            is_free=is_free,
            raw=raw,
        )


@attrs.frozen(slots=True, kw_only=True)
class ModelEndpoint:
    """One provider's offer of a model.

    Attributes:
        provider_name: Who serves it, or None.
        name: The name to show, often ``Provider | vendor/model``; or None.
        tag: What ``provider.order`` and ``provider.only`` take, such as ``anthropic``; or None.
        context_window: Tokens of prompt and answer together, or None.
        max_output_tokens: Tokens of one answer at most, or None.
        quantization: ``fp8``, ``bf16``, ...; None where not told.
        status: As sent: 0 is in service, below it degraded; None where not told.
        supported_parameters: Request fields it takes; None where not told.
        pricing: This provider's prices.
        raw: The entry as sent.
    """

    provider_name: str | None = None
    name: str | None = None
    tag: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    quantization: str | None = None
    status: int | None = None
    supported_parameters: tuple[str, ...] | None = None
    pricing: Pricing = attrs.field(factory=Pricing)
    raw: WireDict = attrs.field(factory=dict, repr=False, eq=False)

    @classmethod
    def from_wire(cls, entry: object) -> ModelEndpoint:
        """Read one entry of a model's ``endpoints``.

        Raises:
            ValueError: The entry is no object.
        """
        raw = _object(entry, "an endpoint")
        return cls(
            provider_name=_text(raw.get("provider_name")),
            name=_text(raw.get("name")),
            tag=_text(raw.get("tag")),
            context_window=_count(raw.get("context_length")),
            max_output_tokens=_count(raw.get("max_completion_tokens")),
            quantization=_text(raw.get("quantization")),
            status=_integer(raw.get("status")),
            supported_parameters=_strings_or_none(raw.get("supported_parameters")),
            pricing=Pricing.from_wire(raw.get("pricing")),
            raw=raw,
        )


@attrs.frozen(slots=True, kw_only=True)
class ProviderInfo:
    """A provider the gateway can route to.

    Attributes:
        name: The name to show; the slug where none was sent.
        slug: What ``provider.order`` and ``provider.only`` take (GATEWAY 3), or None.
        privacy_policy_url: Where it says what it does with prompts, or None.
        terms_of_service_url: Its terms, or None.
        status_page_url: Where it tells of outages, or None.
        raw: The entry as sent.
    """

    name: str
    slug: str | None = None
    privacy_policy_url: str | None = None
    terms_of_service_url: str | None = None
    status_page_url: str | None = None
    raw: WireDict = attrs.field(factory=dict, repr=False, eq=False)

    @classmethod
    def from_wire(cls, entry: object) -> ProviderInfo:
        """Read one entry of the provider list.

        Raises:
            ValueError: The entry is no object, or has neither name nor slug.
        """
        raw = _object(entry, "a provider")
        slug = _text(raw.get("slug"))
        name = _text(raw.get("name")) or slug
        if name is None:
            raise ValueError("the entry has neither 'name' nor 'slug'")
        return cls(
            name=name,
            slug=slug,
            privacy_policy_url=_text(raw.get("privacy_policy_url")),
            terms_of_service_url=_text(raw.get("terms_of_service_url")),
            status_page_url=_text(raw.get("status_page_url")),
            raw=raw,
        )


def _price(value: object) -> Decimal | None:
    """Read dollars per unit; strings are the rule, a JSON number is taken as written."""
    text = _price_text(value)
    return None if text is None else _dollars(text)


def _per_million(value: object) -> Decimal | None:
    text = _price_text(value)
    return None if text is None else _dollars_per_million(text)


def _price_text(value: object) -> str | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = repr(value)
    return value if isinstance(value, str) and len(value) <= _LONGEST_PRICE else None


# A list of hundreds of models has a few dozen different prices.
@lru_cache(maxsize=1024)
def _dollars(text: str) -> Decimal | None:
    if not _DECIMAL.fullmatch(text):
        return None
    price = Decimal(text)
    return None if price < 0 else _plain(price)


@lru_cache(maxsize=1024)
def _dollars_per_million(text: str) -> Decimal | None:
    price = _dollars(text)
    return None if price is None else _plain(_EXACT.multiply(price, _MILLION))


def _plain(price: Decimal) -> Decimal:
    """Drop the sign of zero, trailing zeros and exponents: 3 and 250, not 3.00 and 2.5E+2."""
    return Decimal(f"{_EXACT.normalize(price).copy_abs():f}")


def _object(entry: object, what: str) -> WireDict:
    if not isinstance(entry, dict):
        raise ValueError(f"{what} is described by a JSON object, not {type(entry).__name__}")
    return entry


def _mapping(value: object) -> WireDict:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> tuple[str, ...]:
    return _strings_or_none(value) or ()


def _strings_or_none(value: object) -> tuple[str, ...] | None:
    return tuple(s for s in value if isinstance(s, str)) if isinstance(value, list) else None


def _text(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _integer(value: object) -> int | None:
    """Read a JSON integer, also when written 128000.0; True is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _count(value: object) -> int | None:
    """Read a number of tokens: zero and less mean unknown."""
    number = _integer(value)
    return number if number is not None and number > 0 else None
