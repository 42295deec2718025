"""From chunks to the whole answer, one code for streams and for plain answers.

The accumulator takes repaired and normalised wire dicts and builds the wire dict of a
non-streaming completion; a non-streaming answer is a stream of one. ``add`` runs for
every chunk: it does the least it can and leaves all joining to the end.

Source: GATEWAY 5 (shapes), GATEWAY 6 (reasoning details).
"""

from __future__ import annotations

from typing import Any

import orjson

from kilo_sdk.reasoning_details import ReasoningDetailsAccumulator
from kilo_sdk.text_pieces import TextPieces
from kilo_sdk.types.fields import object_field, objects_field, text_field
from kilo_sdk.types.wire import WireChunk, WireCompletion, WireDict

__all__ = ["CompletionAccumulator"]

_JOINED_FIELDS = frozenset({"content", "reasoning", "refusal"})
_LISTED_FIELDS = frozenset({"annotations", "images"})
_OWN_CHOICE_FIELDS = frozenset({"index", "delta", "message", "logprobs", "finish_reason"})
_STOPPED_SHORT = frozenset({"length", "content_filter"})
_OWN_TOP_FIELDS = frozenset({"choices", "object", "usage"})


class CompletionAccumulator:
    """Collects one answer. Not for several at once."""

    __slots__ = ("_choices", "_head", "_last", "_usage")

    def __init__(self) -> None:
        self._choices: dict[int, _ChoiceState] = {}
        self._head: WireDict | None = None
        self._last: WireDict = {}
        self._usage: WireDict | None = None

    @property
    def finished(self) -> bool:
        """Whether a finish_reason came for every choice seen, of which there is one."""
        choices = self._choices
        return bool(choices) and all(state.finish_reason for state in choices.values())

    def add(self, chunk: WireChunk) -> None:
        """Take one repaired and normalised chunk."""
        for choice in chunk["choices"]:
            state = self._choices.get(choice["index"])
            if state is None:
                state = self._choices[choice["index"]] = _ChoiceState(choice)
            elif (
                len(choice) != state.choice_length
                or choice.get("finish_reason")
                or choice.get("native_finish_reason")
                or "error" in choice
            ):
                state.add_choice_fields(choice)
            for key, value in choice["delta"].items():
                if key == "content":
                    if value:
                        state.content.pieces.append(value)
                elif value is not None and key != "role":
                    state.add_field(key, value)
            if choice.get("logprobs"):
                state.add_logprobs(choice["logprobs"])
        if chunk.get("usage"):
            self._add_usage(chunk)
        # Nearly all chunks of a stream share their top-level fields: only the first, the
        # last and those of another size are looked at.
        if len(chunk) != len(self._last):
            self._add_top_fields(chunk)
        self._last = chunk

    def add_whole(self, completion: WireCompletion) -> None:
        """Take a repaired and normalised non-streaming answer as a stream of one chunk."""
        for choice in completion["choices"]:
            message = choice["message"]
            details = message.get("reasoning_details")
            # Whole details are nobody's pieces: joining neighbours would corrupt them.
            delta = {**message, "reasoning_details": None} if details else message
            self.add({"choices": [{**choice, "delta": delta}]})
            if details is not None:
                state = self._choices[choice["index"]]
                state.whole_details = objects_field(message, "reasoning_details")
        self._add_usage(completion)
        self._last = completion

    def text_of(self, choice: int) -> TextPieces:
        """Return where the text of a choice that was seen before is collected."""
        return self._choices[choice].content

    def repeated(
        self, choice: int, *, call: int | None, has_detail: bool
    ) -> tuple[TextPieces, ...]:
        """Return where the text of the last chunk went: reasoning, or arguments of a call.

        Args:
            choice: Its choice.
            call: Index of the tool call, or None for reasoning.
            has_detail: Whether the reasoning stood in a detail as well.
        """
        return self._choices[choice].repeated(call, has_detail=has_detail)

    def see(self, chunk: WireChunk) -> None:
        """Take of a chunk, whose text went where it belongs, what stands beside its choices."""
        self._last = chunk

    def fold(self) -> None:
        """Bound the memory of what has come; to be called once per network read."""
        for state in self._choices.values():
            state.content.fold()

    def forget_usage(self) -> None:
        """Forget what usage came: another answer brings the rest of this one, and its own."""
        self._usage = None

    def headed(self, chunk: WireChunk) -> WireChunk:
        """Return a chunk that nobody sent under the top-level fields of those that came."""
        self._add_top_fields(self._last)
        return {**(self._head or {}), "object": "chat.completion.chunk", **chunk}

    def build(self) -> WireCompletion:
        """Return the answer so far in the shape of a non-streaming completion; a new dict."""
        self._add_top_fields(self._last)
        head = self._head or {}
        return {
            **head,
            "object": "chat.completion",
            "choices": [self._choices[index].build() for index in sorted(self._choices)],
            "usage": self._usage,
        }

    def finished_tool_calls(self) -> list[tuple[int, WireDict]]:
        """Return the tool calls that are whole, each with the index of its choice.

        To be asked when the answer is complete. Where the model had to stop
        (``length`` and its like) a call counts only if its arguments are a JSON object.
        """
        return [
            (index, call)
            for index, state in sorted(self._choices.items())
            for call in state.build_tool_calls()
            if state.finish_reason not in _STOPPED_SHORT or _is_object(call)
        ]

    def error(self) -> object:
        """Return the error that a choice ended in, or None (GATEWAY 5: finish reasons)."""
        for state in self._choices.values():
            if state.error or state.finish_reason == "error":
                return state.error or "the model's answer ended in an error"
        return None

    def _add_usage(self, chunk: WireDict) -> None:
        # A later empty or malformed report does not unset the one that came.
        self._usage = object_field(chunk, "usage") or self._usage

    def _add_top_fields(self, chunk: WireDict) -> None:
        head = self._head
        if head is None:
            self._head = {k: v for k, v in chunk.items() if k not in _OWN_TOP_FIELDS}
            return
        for key, value in chunk.items():
            # The first to say who answers is right: some upstreams rename in mid-stream.
            if key not in _OWN_TOP_FIELDS and head.get(key) in (None, ""):
                head[key] = value


class _ChoiceState:
    __slots__ = (
        "_annotations",
        "_details",
        "_extra",
        "_extra_choice",
        "_logprobs",
        "_texts",
        "_tool_calls",
        "choice_length",
        "content",
        "finish_reason",
        "index",
        "whole_details",
    )

    def __init__(self, choice: WireDict) -> None:
        self.index: int = choice["index"]
        self.content = TextPieces()
        self.finish_reason: str | None = None
        self.choice_length = len(choice)
        self.whole_details: list[WireDict] | None = None
        self._texts: dict[str, TextPieces] = {}
        self._annotations: dict[str, list[Any]] = {}
        self._details: ReasoningDetailsAccumulator | None = None
        self._tool_calls: dict[int, _ToolCallState] = {}
        self._extra: WireDict = {}
        self._extra_choice: WireDict = {}
        self._logprobs: WireDict = {}
        self.add_choice_fields(choice)

    def add_field(self, key: str, value: Any) -> None:
        """Take a delta's field other than content and role."""
        if key == "tool_calls":
            for call in value:
                state = self._tool_calls.get(call["index"])
                if state is None:
                    state = self._tool_calls[call["index"]] = _ToolCallState()
                state.add(call)
        elif key == "reasoning_details" and isinstance(value, list):
            if self._details is None:
                self._details = ReasoningDetailsAccumulator()
            self._details.add(value)
        elif key in _JOINED_FIELDS and isinstance(value, str):
            texts = self._texts.get(key)
            if texts is None:
                texts = self._texts[key] = TextPieces()
            texts.append(value)
        elif key in _LISTED_FIELDS and isinstance(value, list):
            self._annotations.setdefault(key, []).extend(value)
        else:
            self._extra[key] = value

    def repeated(self, call: int | None, *, has_detail: bool) -> tuple[TextPieces, ...]:
        """Return where the reasoning, or the arguments, of the last chunk went."""
        if call is not None:
            return (self._tool_calls[call].arguments,)
        texts = self._texts["reasoning"]
        detail = self._details.latest_text if has_detail and self._details is not None else None
        return (texts,) if detail is None else (texts, detail)

    def add_choice_fields(self, choice: WireDict) -> None:
        """Take what stands beside the delta; a later null does not unset a reason."""
        for key, value in choice.items():
            if key not in _OWN_CHOICE_FIELDS and value is not None:
                self._extra_choice[key] = value
        self.finish_reason = text_field(choice, "finish_reason") or self.finish_reason

    def add_logprobs(self, logprobs: object) -> None:
        """Append the log probabilities of one chunk: lists of tokens grow, the rest is set."""
        if isinstance(logprobs, dict):
            for key, value in logprobs.items():
                before = self._logprobs.get(key)
                if isinstance(value, list) and isinstance(before, list):
                    before.extend(value)
                elif before is None:
                    self._logprobs[key] = list(value) if isinstance(value, list) else value

    @property
    def error(self) -> object:
        """The error object of the choice, where it has one."""
        return self._extra_choice.get("error")

    def build_tool_calls(self) -> list[WireDict]:
        """Return the calls so far, in order of their index."""
        return [self._tool_calls[index].build() for index in sorted(self._tool_calls)]

    def build(self) -> WireDict:
        message: WireDict = {"role": "assistant", "content": str(self.content) or None}
        message.update(self._extra)
        for key, texts in self._texts.items():
            message[key] = str(texts) or None
        message.update((key, list(value)) for key, value in self._annotations.items())
        if self.whole_details is not None:
            message["reasoning_details"] = list(self.whole_details)
        elif self._details is not None:
            message["reasoning_details"] = self._details.build()
        if self._tool_calls:
            message["tool_calls"] = self.build_tool_calls()
        logprobs = {
            key: list(value) if isinstance(value, list) else value
            for key, value in self._logprobs.items()
        }
        return {
            **self._extra_choice,
            "index": self.index,
            "message": message,
            "finish_reason": self.finish_reason,
            "logprobs": logprobs or None,
        }


class _ToolCallState:
    __slots__ = ("_fields", "_function", "_name", "arguments")

    def __init__(self) -> None:
        self._fields: WireDict = {}
        self._function: WireDict = {}
        self._name = TextPieces()
        self.arguments = TextPieces()

    def add(self, call: WireDict) -> None:
        for key, value in call.items():
            if key == "function":
                self._add_function(value)
            elif key != "index" and value not in (None, ""):
                if key == "id":
                    # The first id is the one that other upstream state refers to.
                    self._fields.setdefault(key, value)
                else:
                    self._fields[key] = value

    def _add_function(self, function: WireDict) -> None:
        for key, value in function.items():
            if key == "arguments":
                if value:
                    self.arguments.append(value)
            elif key == "name":
                # In pieces it grows, repeated it does not.
                if isinstance(value, str) and value and value != str(self._name):
                    self._name.append(value)
            elif value is not None:
                self._function[key] = value

    def build(self) -> WireDict:
        return {
            **self._fields,
            "id": self._fields.get("id", ""),
            "type": self._fields.get("type", "function"),
            "function": {
                **self._function,
                "name": str(self._name),
                "arguments": str(self.arguments),
            },
        }


def _is_object(call: WireDict) -> bool:
    try:
        return isinstance(orjson.loads(call["function"]["arguments"]), dict)
    except orjson.JSONDecodeError:
        return False
