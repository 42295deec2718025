"""What the embedded gateway answers: a plan of values, before it is written as JSON.

The plan follows from the request alone, so that the same request gets the same words,
streamed or not. Nothing here awaits or reads a clock.

The rules:

- A user's last message is said back (``You said: ...``, its first 64 tokens) and 24
  tokens of filler follow. "N tokens" or "N words" in the message makes the text exactly
  N tokens long, and so does ``answer_tokens`` for the whole gateway. ``max_tokens`` (or
  ``max_completion_tokens``) cuts the text short, with finish reason ``length``; reasoning
  is not counted against it.
- Where tools are offered and the last message is a user's, the first tool is called, or
  the one that ``tool_choice`` names; two of them with ``parallel_tool_calls: true``.
- Where the last message is a tool's, its result is said back.
- Where the conversation ends in the beginning of an answer, and the model is of those that go
  on with one (``prefix``), the answer is what comes after it, without reasoning.
- ``response_format`` for JSON is answered with an object that fits the schema.
- "N thoughts" in a user's last message shares varied reasoning out among N details.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.prefix import after_prefix, echoes_prefix, prefix_of
from kilo_sdk.emulator.schema import example_of
from kilo_sdk.emulator.signing import call_id
from kilo_sdk.emulator.thinking import Call, Said, Thinking, reasoning_text, think
from kilo_sdk.emulator.tokens import count_tokens, split_tokens
from kilo_sdk.emulator.varied_thinking import call_extras, think_variedly

__all__ = ["Answer", "ChoicePlan", "ToolCallPlan", "plan_answer"]

_ECHOED = 64
_FILLER = (
    "The river runs past the old mill and on to the sea.",
    "Nobody had counted the swallows under its roof that year.",
    "By the evening the wind had turned, and the water was still.",
    "A letter lay on the table, sealed and not yet answered.",
)
_LENGTH = re.compile(r"\b([1-9]\d{0,5})[ -](?:tokens?|words?)\b", re.IGNORECASE)
_THOUGHTS = re.compile(r"\b([1-9]\d?)[ -]thoughts?\b", re.IGNORECASE)


@attrs.frozen(slots=True)
class ToolCallPlan:
    """One tool call.

    Attributes:
        id: Unique to the conversation.
        name: The function's.
        pieces: Joined they are the arguments, a JSON object unless cut short.
        extra: Fields of the call beside those of the protocol.
    """

    id: str
    name: str
    pieces: tuple[str, ...]
    extra: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def arguments(self) -> str:
        """The arguments as one string."""
        return "".join(self.pieces)


@attrs.frozen(slots=True)
class ChoicePlan:
    """One choice of an answer, in the order in which it is streamed.

    ``content`` is text in pieces, with the reasoning before it where the model writes it
    between ``<think>`` tags (GATEWAY 6).
    """

    index: int
    thinking: Thinking | None
    content: tuple[str, ...]
    tool_calls: tuple[ToolCallPlan, ...]
    finish_reason: str


@attrs.frozen(slots=True)
class Answer:
    """All choices, and the token counts the usage is made from.

    Attributes:
        choices: As many as ``n`` asked for.
        prompt_tokens: Tokens of messages and tools.
        cached_tokens: Those of them up to the last ``cache_control`` mark.
        completion_tokens: Tokens of all choices, reasoning among them.
        reasoning_tokens: Tokens of reasoning, also where it is not shown.
    """

    choices: tuple[ChoicePlan, ...]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int


def plan_answer(
    payload: Mapping[str, Any],
    model: EmulatedModel,
    *,
    answer_tokens: int | None = None,
    variety: int | None = None,
) -> Answer:
    """Plan the answer to a request that has passed validation.

    Args:
        payload: The request body.
        model: The model that is asked.
        answer_tokens: Length of a text answer, where the message asks for none.
        variety: What the reasoning's form is drawn from, together with the request; None
            gives every vendor's plainest.
    """
    messages: list[dict[str, Any]] = payload["messages"]
    prefix = prefix_of(payload, model)
    # What is gone on with is the answer to the conversation before it.
    said = payload if prefix is None else {**payload, "messages": messages[:-1]}
    question = _last_user_text(messages)
    seal = _seal(payload)
    called = _called_tools(payload) if messages[-1]["role"] == "user" else []
    limit = payload.get("max_tokens") or payload.get("max_completion_tokens")
    thought = _thought(payload, model, question)
    shown = thought if (payload.get("reasoning") or {}).get("exclude") is not True else ()

    choices = []
    written = 0
    for index in range(payload.get("n") or 1):
        answer = f"{seal}{index:02x}"
        calls = _tool_calls(called, answer, limit, model, signed=bool(shown))
        tokens = () if calls else _content(said, question, index, answer_tokens)
        echo: tuple[str, ...] = ()
        if prefix is not None:
            tokens = after_prefix(tokens, prefix)
            echo = (prefix,) if echoes_prefix(model) else ()
        cut = limit is not None and len(tokens) > limit
        finish_reason = "stop"
        if calls:
            whole = sum(len(split_tokens(_arguments(tool))) for tool in called)
            cut = limit is not None and whole > limit
            finish_reason = "tool_calls"
        plan = ChoicePlan(
            index=index,
            thinking=None,
            content=echo + tokens[:limit],
            tool_calls=calls,
            finish_reason="length" if cut else finish_reason,
        )
        written += len(tokens[:limit]) + sum(len(call.pieces) + 1 for call in calls)
        choices.append(_with_thinking(plan, shown, answer, model, payload, question, variety))
    reasoning = len(thought) * len(choices)
    prompt, cached = _prompt_tokens(payload)
    return Answer(
        choices=tuple(choices),
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=written + reasoning,
        reasoning_tokens=reasoning,
    )


def _text_of(content: object) -> str:
    """The text of a message's content, a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return " ".join(text for text in texts if isinstance(text, str))


def _last_user_text(messages: list[dict[str, Any]]) -> str:
    for message in reversed(messages):
        if message["role"] == "user":
            return _text_of(message.get("content"))
    return ""


def _seal(payload: Mapping[str, Any]) -> str:
    """Twelve characters that belong to this conversation, streamed or not."""
    asked = orjson.dumps([payload["model"], payload["messages"], payload.get("tools")])
    return hashlib.sha256(asked).hexdigest()[:12]


def _thought(payload: Mapping[str, Any], model: EmulatedModel, question: str) -> tuple[str, ...]:
    asked = payload.get("reasoning") or {}
    off = asked.get("effort") == "none" or asked.get("enabled") is False
    if off or prefix_of(payload, model) is not None or not model.supports_reasoning:
        return ()
    return reasoning_text(question, asked.get("effort"), asked.get("max_tokens"))


def _with_thinking(
    plan: ChoicePlan,
    tokens: tuple[str, ...],
    answer: str,
    model: EmulatedModel,
    payload: Mapping[str, Any],
    question: str,
    variety: int | None,
) -> ChoicePlan:
    """Put the reasoning into a choice that is otherwise ready: signatures cover the rest."""
    if not tokens:
        return plan
    if model.style == "tags":
        tagged = ("<think>", *tokens, "</think>", "\n\n", *plan.content)
        return attrs.evolve(plan, content=tagged)
    calls = tuple(Call(call.id, call.name, call.arguments) for call in plan.tool_calls)
    said = Said(answer, "".join(plan.content), calls)
    if variety is None:
        return attrs.evolve(plan, thinking=think(model.style, tokens, said))
    # Chance that comes out the same wherever the same is asked; no secret hangs on it.
    rng = random.Random(f"{variety}/{answer}")  # noqa: S311
    asked = _THOUGHTS.search(question)
    thinking = think_variedly(
        model.style,
        tokens,
        said,
        rng=rng,
        thoughts=int(asked[1]) if asked else None,
        history=payload["messages"],
    )
    extras = call_extras(model.style, said, rng)
    return attrs.evolve(
        plan,
        thinking=thinking,
        tool_calls=tuple(
            attrs.evolve(call, extra=extra)
            for call, extra in zip(plan.tool_calls, extras, strict=True)
        ),
    )


def _called_tools(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ``function`` of each tool to call."""
    functions = [tool["function"] for tool in payload.get("tools") or ()]
    choice = payload.get("tool_choice")
    if not functions or choice == "none":
        return []
    if isinstance(choice, dict):
        named = choice["function"]["name"]
        return [function for function in functions if function["name"] == named][:1]
    return functions[: 2 if payload.get("parallel_tool_calls") is True else 1]


def _arguments(function: Mapping[str, Any]) -> str:
    example = example_of(function.get("parameters"))
    return orjson.dumps(example if isinstance(example, dict) else {}).decode()


def _tool_calls(
    functions: list[dict[str, Any]],
    answer: str,
    limit: int | None,
    model: EmulatedModel,
    *,
    signed: bool,
) -> tuple[ToolCallPlan, ...]:
    calls = []
    left = limit
    for position, function in enumerate(functions):
        pieces = split_tokens(_arguments(function))[:left]
        if left is not None:
            left -= len(pieces)
        id_ = call_id(model.style, answer, position, signed=signed)
        calls.append(ToolCallPlan(id_, function["name"], pieces))
        if left == 0:
            break
    return tuple(calls)


def _content(
    payload: Mapping[str, Any], question: str, index: int, answer_tokens: int | None
) -> tuple[str, ...]:
    messages = payload["messages"]
    opening = f"You said: {' '.join(question.split()) or 'nothing'}"
    if messages[-1]["role"] == "tool":
        opening = _tool_opening(messages)
    structured = _structured(payload.get("response_format"), opening)
    if structured is not None:
        return split_tokens(structured)
    echo = split_tokens(opening)
    tokens = echo[:_ECHOED] + ((" ...",) if len(echo) > _ECHOED else (".",))
    asked = _LENGTH.search(question)
    length = int(asked[1]) if asked else answer_tokens
    if length is None:
        length = len(tokens) + 24
    # Each choice of several takes up the filler at another sentence, so that they differ.
    turned = _FILLER[index % 4 :] + _FILLER[: index % 4]
    filler = split_tokens(" " + " ".join(turned))
    repeats = max(0, length - len(tokens)) // len(filler) + 1
    return (tokens + filler * repeats)[:length]


def _tool_opening(messages: list[dict[str, Any]]) -> str:
    result = messages[-1]
    name = "tool"
    for message in messages:
        for call in message.get("tool_calls") or ():
            if isinstance(call, dict) and call.get("id") == result["tool_call_id"]:
                function = call.get("function")
                name = str(function.get("name")) if isinstance(function, dict) else name
    return f"The {name} returned: {' '.join(_text_of(result.get('content')).split())}"


def _structured(response_format: object, opening: str) -> str | None:
    if not isinstance(response_format, dict):
        return None
    if response_format.get("type") == "json_object":
        return orjson.dumps({"answer": opening}).decode()
    if response_format.get("type") == "json_schema":
        told = response_format.get("json_schema")
        schema = told.get("schema") if isinstance(told, dict) else None
        return orjson.dumps(example_of(schema)).decode()
    return None


def _prompt_tokens(payload: Mapping[str, Any]) -> tuple[int, int]:
    """Count prompt tokens, and those of them that a ``cache_control`` mark covers."""
    tools = payload.get("tools")
    counted = count_tokens(orjson.dumps(tools).decode()) if tools else 0
    cached = 0
    for message in payload["messages"]:
        content = message.get("content")
        counted += 4 + count_tokens(_text_of(content))
        if message.get("tool_calls"):
            counted += count_tokens(orjson.dumps(message["tool_calls"]).decode())
        if isinstance(content, list) and any(
            isinstance(part, dict) and part.get("cache_control") for part in content
        ):
            cached = counted
    return counted, cached
