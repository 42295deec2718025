"""Delta repairs: whatever shape an upstream chose, chunks leave here in one.

After this middleware ``choices`` is a list of dicts, each with a number as ``index`` and a
``delta`` dict (chunks) or a ``message`` dict (completions); content is text or None; an
empty finish_reason is None; usage stands at the top; every piece of a tool call says its
``index``, belongs to exactly one call by it, and carries its arguments as text.

Source: GATEWAY 5 ('seen in the wild').
"""

from __future__ import annotations

from kilo_sdk.middleware.base import ResponseMiddleware
from kilo_sdk.middleware.tool_call_identity import ToolCallIdentity
from kilo_sdk.types.tool_call import arguments_text
from kilo_sdk.types.wire import WireChunk, WireCompletion, WireDict

__all__ = ["DeltaRepairs"]


class DeltaRepairs:
    """Brings chunks and completions into the one shape that the rest relies on.

    Which call an index-less piece belongs to depends on the pieces before it, so each
    answer gets an object of its own from ``for_call``.
    """

    ignores_text = True
    passes_repeats = True
    shares_completions = True
    passes_plain_answers = True

    def for_call(self) -> ResponseMiddleware:
        """Return the middleware for one answer."""
        return _AnswerRepairs()


class _AnswerRepairs:
    __slots__ = ("_identities",)

    def __init__(self) -> None:
        self._identities: dict[int, ToolCallIdentity] = {}

    def on_chunk(self, chunk: WireChunk, /) -> None:
        """Repair one chunk in place."""
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            choices = chunk["choices"] = _as_choices(choices)
        for position, choice in enumerate(choices):
            if not isinstance(choice, dict):
                chunk["choices"] = [entry for entry in choices if isinstance(entry, dict)]
                return self.on_chunk(chunk)
            if type(choice.get("index")) is not int:
                choice["index"] = position
            delta = choice.get("delta")
            if not isinstance(delta, dict):
                # Some upstreams end a stream with the whole message in the delta's place.
                message = choice.get("message")
                delta = choice["delta"] = message if isinstance(message, dict) else {}
            content = delta.get("content")
            if content is not None and type(content) is not str:
                delta["content"] = _text_of_parts(content)
            if delta.get("tool_calls") is not None:
                self._repair_tool_calls(choice, delta)
            if "usage" in choice or choice.get("finish_reason") == "":
                _repair_ending(chunk, choice)
        return None

    def on_completion(self, completion: WireCompletion, /) -> None:
        """Repair one completion in place."""
        choices = completion.get("choices")
        if not isinstance(choices, list):
            choices = _as_choices(choices)
            completion["choices"] = choices
        for position, choice in enumerate(choices):
            if not isinstance(choice, dict):
                completion["choices"] = [entry for entry in choices if isinstance(entry, dict)]
                return self.on_completion(completion)
            if type(choice.get("index")) is not int:
                choice["index"] = position
            message = choice.get("message")
            if not isinstance(message, dict):
                delta = choice.get("delta")
                message = choice["message"] = delta if isinstance(delta, dict) else {}
            content = message.get("content")
            if content is not None and not isinstance(content, str):
                message["content"] = _text_of_parts(content)
            if message.get("tool_calls") is not None:
                _repair_whole_tool_calls(message)
            if "usage" in choice or choice.get("finish_reason") == "":
                _repair_ending(completion, choice)
        return None

    def _repair_tool_calls(self, choice: WireDict, delta: WireDict) -> None:
        calls = _as_tool_calls(delta)
        if not calls:
            del delta["tool_calls"]
            return
        identity = self._identities.get(choice["index"])
        if identity is None:
            identity = self._identities[choice["index"]] = ToolCallIdentity()
        for call in calls:
            _repair_function(call)
            call["index"] = identity.index_of(call)
        delta["tool_calls"] = calls


def _repair_whole_tool_calls(message: WireDict) -> None:
    calls = _as_tool_calls(message)
    for index, call in enumerate(calls):
        _repair_function(call)
        call["index"] = index
    message["tool_calls"] = calls


def _as_choices(choices: object) -> list[WireDict]:
    # Missing on usage chunks; a single object where one upstream forgot the list.
    return [choices] if isinstance(choices, dict) else []


def _as_tool_calls(owner: WireDict) -> list[WireDict]:
    calls = owner["tool_calls"]
    if isinstance(calls, dict):
        return [calls]
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def _repair_function(call: WireDict) -> None:
    function = call.get("function")
    if not isinstance(function, dict):
        function = call["function"] = {}
    arguments = function.get("arguments")
    if arguments is not None and type(arguments) is not str:
        function["arguments"] = arguments_text(arguments)


def _repair_ending(chunk: WireDict, choice: WireDict) -> None:
    usage = choice.pop("usage", None)
    if usage and not chunk.get("usage"):
        chunk["usage"] = usage
    if choice.get("finish_reason") == "":
        choice["finish_reason"] = None


def _text_of_parts(content: object) -> str | None:
    """Return the text of a list of content parts, None where there is none."""
    if not isinstance(content, list):
        return None
    texts = [
        part["text"]
        for part in content
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
    return "".join(texts) or None
