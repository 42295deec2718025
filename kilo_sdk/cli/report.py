"""What is told about an answer or a failure, as values: one line, or a JSON object.

Nothing here prints.
"""

from __future__ import annotations

from typing import Any

from kilo_sdk.cli.progress import Progress
from kilo_sdk.config import KiloConfig
from kilo_sdk.errors import APIError, APIStatusError, KiloError
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.usage import Usage

__all__ = [
    "completion_object",
    "failure_object",
    "failure_words",
    "interruption_object",
    "interruption_words",
    "key_advice",
    "usage_line",
]

_ORDINARY_ENDS = (None, "stop")


def usage_line(completion: ChatCompletion, progress: Progress, *, seconds: float) -> str:
    """Return model, tokens, cost and TTFT in one line.

    Args:
        completion: The whole answer.
        progress: Its TTFT counts reasoning as output; an answer that was not streamed has
            none.
        seconds: How long the call took, told where there is no TTFT.
    """
    usage = completion.usage or Usage()
    asked = completion.model_ref.id if completion.model_ref else "unknown model"
    parts = [completion.model or asked]
    if usage.prompt_tokens is None and usage.completion_tokens is None:
        parts.append("tokens not reported")
    else:
        thought = f" ({usage.reasoning_tokens} reasoning)" if usage.reasoning_tokens else ""
        parts.append(f"{_known(usage.prompt_tokens)} tokens in")
        parts.append(f"{_known(usage.completion_tokens)} out{thought}")
    parts.append("cost not reported" if usage.cost is None else f"${usage.cost.normalize():f}")
    ttft = progress.ttft
    parts.append(f"took {seconds:.2f} s" if ttft is None else f"TTFT {ttft:.2f} s")
    if completion.finish_reason not in _ORDINARY_ENDS:
        parts.append(f"finish reason {completion.finish_reason}")
    return ", ".join(parts)


def completion_object(completion: ChatCompletion) -> dict[str, Any]:
    """Return a completion as ``--json`` prints it; what is not known is null."""
    return {
        "id": completion.id,
        "model": completion.model,
        "text": completion.text,
        "reasoning": completion.reasoning,
        "tool_calls": [
            {"id": call.id, "name": call.name, "arguments": call.arguments}
            for call in completion.tool_calls
        ],
        "finish_reason": completion.finish_reason,
        "usage": None if completion.usage is None else _usage_object(completion.usage),
    }


def failure_object(error: KiloError) -> dict[str, Any]:
    """Return an error as ``--json`` prints it; ``partial`` is what had arrived, or null."""
    partial = error.partial if isinstance(error, APIError) else None
    return {
        "error": {
            "type": type(error).__name__,
            "message": error.message,
            "status_code": error.status_code if isinstance(error, APIStatusError) else None,
            "request_id": error.request_id if isinstance(error, APIError) else None,
            "partial": None if partial is None else completion_object(partial),
        }
    }


def interruption_object(progress: Progress) -> dict[str, Any]:
    """Return what ``--json`` prints after Ctrl-C, in the shape of a failure."""
    partial = progress.partial
    return {
        "error": {
            "type": "Interrupted",
            "message": interruption_words(progress),
            "status_code": None,
            "request_id": None if partial is None else partial.request_id,
            "partial": None if partial is None else completion_object(partial),
        }
    }


def interruption_words(progress: Progress) -> str:
    """Say what had arrived when Ctrl-C came."""
    return f"interrupted after {progress.describe()}"


def failure_words(error: KiloError) -> list[str]:
    """Return what to tell a person about an error, a line each: what failed, what to do."""
    return [error.message, *getattr(error, "__notes__", ())]


def key_advice(config: KiloConfig) -> str:
    """Say which key was refused, or how to have one; never what it is."""
    if config.api_key is not None:
        source = config.sources.get("api_key", "an argument")
        return f"the key that was refused comes from: {source}"
    return (
        "no key is configured; set the environment variable KILOCODE_API_KEY, or store one: "
        "kilo-sdk onboard. There is no option for it, because command lines end up in "
        "histories and process lists"
    )


def _usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        # The gateway sent a JSON number, and this is the same one.
        "cost": None if usage.cost is None else float(usage.cost),
        "is_byok": usage.is_byok,
    }


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)
