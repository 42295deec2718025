"""The whole answer, streamed or not.

Source: GATEWAY 5.
"""

from __future__ import annotations

import attrs

from kilo_sdk.refs import ModelRef
from kilo_sdk.types.construction import MAKERS
from kilo_sdk.types.fields import int_field, text_field
from kilo_sdk.types.message import Message
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.usage import Usage
from kilo_sdk.types.wire import WireCompletion, WireDict

__all__ = ["ChatCompletion", "Choice"]


@attrs.frozen(slots=True)
class Choice:
    """One of the ``n`` answers.

    Attributes:
        index: Which one, from 0.
        message: What the model said; ``to_param()`` puts it back into a history.
        finish_reason: Why it ended, as sent; None where nobody said.
        native_finish_reason: The upstream's own word for it.
        logprobs: Log probabilities, where asked for.
        raw: The wire dict, unknown fields included.
    """

    index: int
    message: Message
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    logprobs: WireDict | None = None
    raw: WireDict = attrs.field(factory=dict, repr=False, eq=False)

    @classmethod
    def from_wire(
        cls, wire: WireDict, *, provider: str | None = None, model: str | None = None
    ) -> Choice:
        """Read one entry of a completion's ``choices``; its message knows who made it."""
        reason, native = wire.get("finish_reason"), wire.get("native_finish_reason")
        logprobs = wire.get("logprobs")
        return MAKERS[cls](
            wire["index"],
            Message.from_answer(wire["message"], provider=provider, model=model),
            reason if isinstance(reason, str) else None,
            native if isinstance(native, str) else None,
            logprobs if isinstance(logprobs, dict) else None,
            wire,
        )


@attrs.frozen(slots=True)
class ChatCompletion:
    """A whole answer, or with an error's ``partial`` what there is of one.

    Two completions are equal when their fields are, ``raw`` and ``request_id`` aside:
    an answer is the same whether it was streamed or not.

    Attributes:
        id: The gateway's id of the answer.
        model: The model that answered.
        provider: The upstream that answered.
        created: Unix time in seconds.
        choices: The answers in order of their index; one, unless more were asked for.
        usage: Counts and cost, or None where none were reported.
        model_ref: The ref that was asked and answered; with fallback models, which one.
        request_id: The ``request-id`` header, or None.
        raw: The wire dict in the shape of a non-streaming answer, unknown fields included.
    """

    id: str | None
    model: str | None
    provider: str | None
    created: int | None
    choices: list[Choice]
    usage: Usage | None
    model_ref: ModelRef | None = None
    request_id: str | None = attrs.field(default=None, eq=False)
    raw: WireCompletion = attrs.field(factory=dict, repr=False, eq=False)

    @classmethod
    def from_wire(
        cls,
        wire: WireCompletion,
        *,
        model_ref: ModelRef | None = None,
        request_id: str | None = None,
    ) -> ChatCompletion:
        """Make the typed completion of what the accumulator built."""
        # ``text_field`` in place: a call for each of them costs as much as an object.
        get = wire.get
        id_, model, provider, created = get("id"), get("model"), get("provider"), get("created")
        id_ = id_ if isinstance(id_, str) else None
        model = model if isinstance(model, str) else None
        provider = provider if isinstance(provider, str) else None
        choices: list[Choice] = []
        # A comprehension is a function more, for one choice nearly always.
        for choice in wire["choices"]:
            choices.append(Choice.from_wire(choice, provider=provider, model=model))  # noqa: PERF401
        return MAKERS[cls](
            id_,
            model,
            provider,
            created if type(created) is int else int_field(wire, "created"),
            choices,
            Usage.of(wire),
            model_ref,
            request_id,
            wire,
        )

    def to_json(self) -> str:
        """Return the text to store the completion as: JSON in ASCII.

        It keeps every attribute and ``raw``, ``model_ref`` and ``request_id`` included; keep
        it in a column of text, for databases reorder keys and rewrite numbers in one of JSON.

        Raises:
            SerializationError: Something in it is no JSON; it says where.
        """
        from kilo_sdk.types.stored import completion_to_json

        return completion_to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ChatCompletion:
        """Read what ``to_json`` returned.

        Raises:
            SerializationError: It is something else, was cut off, or is of a version that
                this SDK does not know; it says which.
        """
        from kilo_sdk.types.stored import completion_from_json

        return completion_from_json(text)

    @property
    def message(self) -> Message:
        """The first choice's message; an empty one where nothing came."""
        return self.choices[0].message if self.choices else Message("assistant")

    @property
    def text(self) -> str:
        """The first choice's text; empty where there is none."""
        content = self.choices[0].message.content if self.choices else None
        if isinstance(content, list):
            parts = (part for part in content if isinstance(part, dict))
            return "".join(text_field(part, "text") or "" for part in parts)
        return content or ""

    @property
    def reasoning(self) -> str | None:
        """The first choice's reasoning text, or None."""
        return self.message.reasoning

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The first choice's tool calls."""
        return self.message.tool_calls

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended, as sent."""
        return self.choices[0].finish_reason if self.choices else None
