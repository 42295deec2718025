"""Chunks: what a stream is made of, reading as OpenAI's chunk does.

Three objects are built for every token, so each is a thin view: it shares the wire
dict's fields, holds only what is its own, and puts ``raw`` together when it is asked for.
They are not frozen, since a frozen class pays for each field that its constructor sets, and have no
constructor, whose call is half of what an object costs: who makes them sets what they hold.

Source: GATEWAY 5.
"""

from __future__ import annotations

from kilo_sdk.types.fields import int_field, object_field, objects_field, text_field
from kilo_sdk.types.tool_call import ToolCallChunk
from kilo_sdk.types.usage import Usage
from kilo_sdk.types.wire import WireChunk, WireDict

__all__ = ["ChunkChoice", "CompletionChunk", "Delta"]


class _WireView:
    """Compares and shows itself by its wire dict."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    @property
    def raw(self) -> WireDict:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _WireView) or type(other) is not type(self):
            return NotImplemented
        return self.raw == other.raw

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw!r})"


class Delta(_WireView):
    """What a chunk adds to one choice; a field that did not come is None.

    Attributes:
        content: Text to append to the answer.
    """

    __slots__ = ("_fields", "content")

    _fields: WireDict
    content: str | None

    @property
    def raw(self) -> WireDict:
        """The wire dict, unknown fields included."""
        fields = self._fields
        return {**fields, "content": self.content} if "content" in fields else fields

    @property
    def role(self) -> str | None:
        """Usually ``assistant``, on the first chunk or on each."""
        return text_field(self._fields, "role")

    @property
    def reasoning(self) -> str | None:
        """Text to append to the reasoning."""
        return text_field(self._fields, "reasoning")

    @property
    def reasoning_details(self) -> list[WireDict] | None:
        """Pieces of reasoning in the vendor's form (GATEWAY 6)."""
        return objects_field(self._fields, "reasoning_details")

    @property
    def refusal(self) -> str | None:
        """Text to append to the refusal."""
        return text_field(self._fields, "refusal")

    @property
    def tool_calls(self) -> list[ToolCallChunk] | None:
        """Pieces of tool calls, each saying by ``index`` which call it belongs to."""
        return list(map(ToolCallChunk, objects_field(self._fields, "tool_calls") or ())) or None


class ChunkChoice(_WireView):
    """One choice of a chunk.

    Attributes:
        delta: What the chunk adds to this choice.
    """

    __slots__ = ("_fields", "delta")

    _fields: WireDict
    delta: Delta

    @property
    def raw(self) -> WireDict:
        """The wire dict, unknown fields included."""
        return {**self._fields, "delta": self.delta.raw}

    @property
    def index(self) -> int:
        """Which of the ``n`` choices."""
        index = self._fields.get("index")
        return index if isinstance(index, int) else 0

    @property
    def finish_reason(self) -> str | None:
        """Why the choice ended, as sent; None while it goes on."""
        return text_field(self._fields, "finish_reason")

    @property
    def native_finish_reason(self) -> str | None:
        """The upstream's own word for it."""
        return text_field(self._fields, "native_finish_reason")

    @property
    def logprobs(self) -> WireDict | None:
        """Log probabilities, where they were asked for."""
        return object_field(self._fields, "logprobs")


class CompletionChunk(_WireView):
    """One ``chat.completion.chunk``.

    Attributes:
        choices: Always a list, empty on chunks that carry only usage.
    """

    __slots__ = ("_fields", "choices")

    _fields: WireChunk
    choices: list[ChunkChoice]

    @property
    def raw(self) -> WireChunk:
        """The wire dict after the response middleware; unknown fields included."""
        return {**self._fields, "choices": [choice.raw for choice in self.choices]}

    @classmethod
    def from_wire(cls, wire: WireChunk) -> CompletionChunk:
        """Make the typed chunk of a repaired wire dict: each choice has its delta."""
        chunk = cls()
        chunk._fields = wire
        chunk.choices = choices = []
        for fields in wire["choices"]:
            delta, choice = Delta(), ChunkChoice()
            delta._fields = said = fields["delta"]
            delta.content = said.get("content")
            choice._fields, choice.delta = fields, delta
            choices.append(choice)
        return chunk

    @property
    def id(self) -> str | None:
        """The completion's id."""
        return text_field(self._fields, "id")

    @property
    def model(self) -> str | None:
        """The model that answers, which may differ from the one asked for."""
        return text_field(self._fields, "model")

    @property
    def provider(self) -> str | None:
        """The upstream that answers."""
        return text_field(self._fields, "provider")

    @property
    def created(self) -> int | None:
        """Unix time in seconds."""
        return int_field(self._fields, "created")

    @property
    def object(self) -> str | None:
        """``chat.completion.chunk``."""
        return text_field(self._fields, "object")

    @property
    def system_fingerprint(self) -> str | None:
        """The upstream's fingerprint, where it sends one."""
        return text_field(self._fields, "system_fingerprint")

    @property
    def usage(self) -> Usage | None:
        """Counts and cost, on the chunk that reports them."""
        return Usage.of(self._fields)
