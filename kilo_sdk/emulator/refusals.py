"""The error bodies of the gateway, by what went wrong.

Source: GATEWAY 8 (statuses and the bodies seen with them).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

__all__ = ["HTML_PAGE", "Refusal", "ReplayRefusal", "error_of_status", "refusal_of_status"]

HTML_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head>"
    b"<body><h1>Bad gateway</h1><p>The web server reported an error.</p></body></html>\n"
)
"""The page of a proxy that stands before the gateway."""

_WORDS = {
    400: "Provider returned error",
    401: "Invalid API key",
    403: "The model is not allowed for this organization",
    408: "Request timed out",
    409: "Conflict",
    413: "Request too large",
    422: "Unprocessable request",
    429: "Rate limit exceeded",
    500: "Internal Server Error",
    502: "Provider returned error",
    503: "No instances available",
    504: "Upstream timed out",
    529: "Overloaded",
}


class Refusal(Exception):  # noqa: N818 - part of the protocol, not a fault of the gateway
    """Raised to end a request with an error for an answer.

    Attributes:
        status: HTTP status, 400 to 599.
        body: The JSON body.
    """

    status: int
    body: Mapping[str, Any]

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body

    @classmethod
    def invalid(cls, message: str) -> Refusal:
        """400 for a request that is not as it must be."""
        return cls(400, {"error": "Invalid request", "message": message})

    @classmethod
    def model_not_found(cls, message: str) -> Refusal:
        """404 for a model nobody knows."""
        return cls(404, {"error": "Model not found", "message": message})

    @classmethod
    def coded(cls, status: int, message: str, **metadata: object) -> Refusal:
        """An error in OpenRouter's shape."""
        error: dict[str, Any] = {"message": message, "code": status}
        if metadata:
            error["metadata"] = metadata
        return cls(status, {"error": error})


class ReplayRefusal(Refusal):
    """Raised for reasoning in the history that did not come back as it was given.

    Attributes:
        words: What was said about it.
    """

    words: str

    def __init__(self, words: str, body: Mapping[str, Any]) -> None:
        super().__init__(400, body)
        self.words = words

    @classmethod
    def by_upstream(cls, words: str, raw: str, provider_name: str) -> ReplayRefusal:
        """A provider's refusal: its own body is handed on as text (GATEWAY 8)."""
        metadata = {"raw": raw, "provider_name": provider_name}
        error = {"message": "Provider returned error", "code": 400, "metadata": metadata}
        return cls(words, {"error": error})


def error_of_status(code: int | str) -> dict[str, Any]:
    """Return the ``error`` object that goes with a status, or with a word as code."""
    if isinstance(code, str):
        return {"message": "Provider returned error", "code": code}
    if code == 402:
        return {
            "message": "This request requires more credits, or fewer max_tokens.",
            "code": 402,
            "metadata": {"buyCreditsUrl": "https://app.kilo.ai/credits", "provider_name": None},
        }
    error: dict[str, Any] = {"message": _WORDS.get(code, "Provider returned error"), "code": code}
    if error["message"] == "Provider returned error":
        upstream = {"error": {"message": "The emulated upstream failed", "type": "server_error"}}
        error["metadata"] = {
            "raw": orjson.dumps(upstream).decode(),
            "provider_name": "Emulated",
        }
    return error


def refusal_of_status(status: int) -> Refusal:
    """Return the answer the gateway gives with a status."""
    if status == 402:
        return Refusal(
            402,
            {
                "error": {
                    "title": "Low Credit Warning!",
                    "message": "Add credits to continue.",
                    "balance": -0.12,
                    "buyCreditsUrl": "https://app.kilo.ai/credits",
                }
            },
        )
    if status == 404:
        return Refusal.model_not_found("The requested model could not be found")
    if status == 429:
        return Refusal(
            429, {"error": "Rate limit exceeded", "message": "Too many requests, slow down."}
        )
    return Refusal(status, {"error": error_of_status(status)})
