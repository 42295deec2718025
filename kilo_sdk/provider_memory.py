"""Which provider gave which answer, so that a conversation can go on with the same one.

Signatures of reasoning may be good for the endpoint alone that made them: Gemini's, made by
Google AI Studio, are refused by Vertex as corrupted. A history of wire dicts does not say
who made its answers. What is remembered here is a digest of each answer's signatures, which
come back with the history, byte for byte; no text of it.

Source: GATEWAY 3 (``provider.order``), GATEWAY 7 (what comes back unchanged).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.message import Message

if TYPE_CHECKING:
    from kilo_sdk.types.params import Messages, ProviderPin

__all__ = ["ProviderMemory", "check_pin"]

_REMEMBERED: Final = 1024
_DIGEST_BYTES: Final = 16


_Source: TypeAlias = tuple[str, str | None]
"""Who gave an answer: the provider as the gateway calls it, and the model's vendor in lower case,
None where that is not known."""


class ProviderMemory:
    """The providers of the last answers. For the tasks of one event loop.

    Args:
        size: How many answers to remember; past it the one unused for longest is forgotten.
    """

    __slots__ = ("_size", "_sources")

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._size = size
        self._sources: OrderedDict[bytes, _Source] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def remember(self, completion: ChatCompletion, *, plain: bool = False) -> None:
        """Note who gave a whole answer.

        Args:
            completion: The answer; one that names no provider is not noted.
            plain: Note it even if it has neither reasoning details nor tool calls, so that
                nothing in it is bound to who made it.
        """
        if completion.provider is None:
            return
        for choice in completion.choices:
            message = choice.message
            if plain or message.reasoning_details or message.tool_calls:
                digest = _digest(message)
                if digest is not None:
                    self._sources[digest] = _source_of_answer(completion.provider, completion)
                    self._sources.move_to_end(digest)
        while len(self._sources) > self._size:
            self._sources.popitem(last=False)

    def provider_for(self, messages: Messages, ref: ModelRef) -> str | None:
        """Return who gave the last answer of a conversation that a model can go on from.

        That is the last one by a model of the same vendor: who serves Claude is no good
        for Gemini. A ``Message`` says itself who made it.

        Args:
            messages: The conversation as the caller gave it.
            ref: The model that is to go on. For an auto ref, where the gateway picks the
                model and who serves it, the answer is None.
        """
        if isinstance(messages, str) or ref.is_auto:
            return None
        vendor = ref.vendor.lower()
        for message in reversed(messages):
            source = self._source_of(message)
            if source is not None:
                provider, its_vendor = source
                if its_vendor in (vendor, None):
                    return provider
        return None

    def _source_of(self, message: Message | Mapping[str, Any]) -> _Source | None:
        if isinstance(message, Message):
            role: object = message.role
            if role == "assistant" and message.provider is not None:
                return message.provider, _vendor_of(message.model)
        else:
            role = message.get("role")
        if role != "assistant" or not self._sources:
            return None
        digest = _digest(message)
        if digest is None or digest not in self._sources:
            return None
        self._sources.move_to_end(digest)
        return self._sources[digest]


def _source_of_answer(provider: str, completion: ChatCompletion) -> _Source:
    vendor = _vendor_of(completion.model)
    if vendor is None and completion.model_ref is not None:
        vendor = completion.model_ref.vendor.lower()
    return provider, vendor


def check_pin(pin: ProviderPin) -> ProviderPin:
    """Return the option ``pin_provider`` when it is one.

    Raises:
        ConfigurationError: It is neither a boolean nor a name.
    """
    if isinstance(pin, bool) or (isinstance(pin, str) and pin.strip()):
        return pin
    given = "an empty string" if isinstance(pin, str) else type(pin).__name__
    raise ConfigurationError(
        "pin_provider is True (go on with the provider of the last answer), False, or the name "
        f"of a provider such as 'Google AI Studio', not {given}"
    )


def _vendor_of(model: str | None) -> str | None:
    """Return the vendor of what an answer calls its model, where that is a gateway id."""
    vendor, _, name = (model or "").partition("/")
    return vendor.lower() if vendor and name and "/" not in name else None


def _digest(message: Message | Mapping[str, Any]) -> bytes | None:
    """Return what an answer is known by, or None where there is nothing.

    Its signatures and encrypted reasoning, where it has any: nobody else's are the same,
    and sanitation keeps them. Else its tool calls, else its text.
    """
    if isinstance(message, Message):
        details: object = message.reasoning_details
        calls = [(call.id, call.name, call.arguments) for call in message.tool_calls]
        content: object = message.content
    else:
        details, content = message.get("reasoning_details"), message.get("content")
        calls = list(_wire_calls(message.get("tool_calls")))
    seals = sorted(set(_seals(details)))
    if seals:
        return _hashed("seals", *seals)
    if calls:
        return _hashed("calls", *(part for call in calls for part in call))
    text = content if isinstance(content, str) else "".join(_texts(content))
    return _hashed("text", text) if text else None


def _objects(entries: object) -> Iterator[Mapping[str, Any]]:
    # A caller's history may hold anything: what cannot be read is known by nothing.
    if isinstance(entries, list | tuple):
        yield from (entry for entry in entries if isinstance(entry, Mapping))


def _strings(entry: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        value = entry.get(name)
        if isinstance(value, str) and value:
            yield value


def _seals(details: object) -> Iterator[str]:
    for detail in _objects(details):
        yield from _strings(detail, ("signature", "data"))


def _texts(content: object) -> Iterator[str]:
    for part in _objects(content):
        yield from _strings(part, ("text",))


def _wire_calls(calls: object) -> Iterator[tuple[str, str, str]]:
    for call in _objects(calls):
        function = call.get("function")
        told = function if isinstance(function, Mapping) else {}
        values = (call.get("id"), told.get("name"), told.get("arguments"))
        id_, name, arguments = (value if isinstance(value, str) else "" for value in values)
        yield id_, name, arguments


def _hashed(*parts: str) -> bytes:
    hashed = blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hashed.update(b"%d:" % len(data))
        hashed.update(data)
    return hashed.digest()
