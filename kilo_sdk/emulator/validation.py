"""What the gateway refuses, checked in the order in which it would be noticed.

Fields it does not know are let through, as the gateway does. Source: GATEWAY 3 (request
body), GATEWAY 7 (history), GATEWAY 8 (bodies of refusals).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from kilo_sdk.emulator.history import check_history
from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.prefix import check_prefix
from kilo_sdk.emulator.refusals import Refusal
from kilo_sdk.emulator.verification import verify_history

__all__ = ["decode_payload", "find_model", "validate_request"]

_ROLES = ("system", "developer", "user", "assistant", "tool")
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_ABSURD_MAX_TOKENS = 1_000_000_000
_RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}


def decode_payload(body: bytes) -> dict[str, Any]:
    """Return the request body as a JSON object.

    Raises:
        Refusal: 400 when it is not one.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Refusal.invalid("The request body is not valid JSON") from exc
    if not isinstance(payload, dict):
        raise Refusal.invalid("The request body must be a JSON object")
    return payload


def find_model(payload: Mapping[str, Any], models: Mapping[str, EmulatedModel]) -> EmulatedModel:
    """Return the model that is asked for.

    Raises:
        Refusal: 400 when none is named, 404 when nobody knows it; the ``kilocode/`` prefix
            is part of no id (GATEWAY 1).
    """
    id_ = payload.get("model")
    if not isinstance(id_, str) or not id_:
        raise Refusal.invalid("model: a non-empty string is required")
    model = models.get(id_)
    if model is None:
        raise Refusal.model_not_found(f"The model {id_!r} does not exist")
    return model


def validate_request(
    payload: Mapping[str, Any], model: EmulatedModel, *, verify_signatures: bool = False
) -> None:
    """Check everything but the model's name.

    Args:
        payload: The request body.
        model: The model that is asked.
        verify_signatures: Whether reasoning must come back byte for byte.

    Raises:
        Refusal: 400 for what is malformed or a history that was tampered with, 404 for
            tools on a model without, 500 for ``reasoning_details`` that is no list, 503
            for an absurd ``max_tokens``.
    """
    _check_messages(payload.get("messages"))
    if verify_signatures:
        verify_history(payload["messages"], model)
    else:
        check_history(payload["messages"], model)
    _check_numbers(payload)
    _check_reasoning(payload, model)
    check_prefix(payload, model)
    _check_tools(payload, model)
    stop = payload.get("stop")
    if stop is not None and not (
        isinstance(stop, list) and all(isinstance(text, str) for text in stop)
    ):
        raise Refusal.invalid("stop: a list of strings is required")
    if not isinstance(payload.get("stream"), bool | None):
        raise Refusal.invalid("stream: a boolean is required")
    if not isinstance(payload.get("response_format"), dict | None):
        raise Refusal.invalid("response_format: an object is required")


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise Refusal.invalid("messages: a non-empty list is required")
    for position, message in enumerate(messages):
        where = f"messages[{position}]"
        if not isinstance(message, dict):
            raise Refusal.invalid(f"{where}: an object is required")
        role = message.get("role")
        if role not in _ROLES:
            raise Refusal.invalid(f"{where}.role: one of {', '.join(_ROLES)} is required")
        content = message.get("content")
        if not isinstance(content, str | list) and (role != "assistant" or content is not None):
            raise Refusal.invalid(f"{where}.content: a string or a list of parts is required")
        if isinstance(content, list) and not all(
            isinstance(part, dict) and isinstance(part.get("type"), str) for part in content
        ):
            raise Refusal.invalid(f"{where}.content: every part needs a type")
        if role == "tool" and not isinstance(message.get("tool_call_id"), str):
            raise Refusal.invalid(f"{where}.tool_call_id: a string is required")
        if not isinstance(message.get("tool_calls"), list | None):
            raise Refusal.invalid(f"{where}.tool_calls: a list is required")
        details = message.get("reasoning_details")
        if details is not None and not isinstance(details, list):
            # The gateway really breaks here instead of saying no (GATEWAY 7).
            raise Refusal.coded(500, "Internal Server Error")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_numbers(payload: Mapping[str, Any]) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        value = payload.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Refusal.invalid(f"{name}: a positive integer is required")
        if value > _ABSURD_MAX_TOKENS:
            raise Refusal.coded(503, "No instances available", provider_name=None)
    for name, (low, high) in _RANGES.items():
        value = payload.get(name)
        if value is not None and not (_is_number(value) and low <= value <= high):
            raise Refusal.invalid(f"{name}: a number from {low} to {high} is required")
    count = payload.get("n")
    if count is not None and not (
        isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= 128
    ):
        raise Refusal.invalid("n: an integer from 1 to 128 is required")


def _check_reasoning(payload: Mapping[str, Any], model: EmulatedModel) -> None:
    if payload.get("reasoning_effort") is not None:
        raise Refusal.invalid("reasoning_effort: not accepted, use reasoning.effort")
    reasoning = payload.get("reasoning")
    if reasoning is None:
        return
    if not isinstance(reasoning, dict):
        raise Refusal.invalid("reasoning: an object is required")
    effort, limit = reasoning.get("effort"), reasoning.get("max_tokens")
    if effort is not None and effort not in _EFFORTS:
        raise Refusal.invalid(f"reasoning.effort: one of {', '.join(_EFFORTS)} is required")
    if effort is not None and limit is not None:
        raise Refusal.invalid("reasoning: only one of effort and max_tokens is accepted")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise Refusal.invalid("reasoning.max_tokens: a positive integer is required")
    if model.vendor == "x-ai" and effort is not None:
        # GATEWAY 4: the proxies of this vendor refuse it.
        raise Refusal.coded(400, "Argument not supported on this model: reasoning")


def _check_tools(payload: Mapping[str, Any], model: EmulatedModel) -> None:
    tools = payload.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list) or not all(_is_tool(tool) for tool in tools):
        raise Refusal.invalid("tools: a list of {type: 'function', function: {name}} is required")
    if tools and not model.supports_tools:
        raise Refusal.coded(404, "No endpoints found that support tool use")
    choice = payload.get("tool_choice")
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if name not in [tool["function"]["name"] for tool in tools]:
            raise Refusal.invalid("tool_choice: names no tool of this request")
    elif choice not in (None, "auto", "none", "required"):
        raise Refusal.invalid("tool_choice: auto, none, required or a function is required")


def _is_tool(tool: object) -> bool:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        return False
    function = tool.get("function")
    return isinstance(function, dict) and isinstance(function.get("name"), str)
