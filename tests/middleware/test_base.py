"""The request on its way out, and what counts as a middleware."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.base import (
    CallScopedResponseMiddleware,
    HoldingResponseMiddleware,
    OutgoingRequest,
    RequestMiddleware,
    ResponseMiddleware,
    UnauthorizedHandler,
)
from kilo_sdk.middleware.delta_repairs import DeltaRepairs
from kilo_sdk.middleware.reasoning_normalisation import ReasoningNormalisation
from kilo_sdk.middleware.replay import ReplaySanitation
from kilo_sdk.middleware.think_tags import ThinkTagExtraction
from kilo_sdk.middleware.thought_signatures import ThoughtSignatureSanitation
from kilo_sdk.refs import ModelRef


def request(**headers: str) -> OutgoingRequest:
    return OutgoingRequest(
        ref=ModelRef.parse("kilocode/a/b"),
        url="https://example.com/chat/completions",
        headers=dict(headers),
        payload={"messages": [{"role": "user", "content": "the secret plan"}]},
        stream=True,
    )


def test_a_repr_names_the_model_and_the_url_and_neither_key_nor_prompt() -> None:
    shown = repr(request(Authorization="Bearer sk-secret"))
    assert shown == (
        "OutgoingRequest('a/b', url='https://example.com/chat/completions', stream=True)"
    )


def test_what_is_not_given_is_none() -> None:
    one = OutgoingRequest(ref=ModelRef.parse("a/b"), url="", headers={}, payload={})
    assert (one.stream, one.reasoning, one.task_id, one.mode) == (False, None, None, None)


def test_setting_a_header_replaces_it_whatever_its_case() -> None:
    one = request(**{"X-Team": "1", "x-team": "2", "X-Other": "3"})
    one.set_header("x-TEAM", "4")
    assert one.headers == {"X-Other": "3", "x-TEAM": "4"}


def test_removing_a_header_removes_it_whatever_its_case() -> None:
    one = request(**{"X-Team": "1", "x-team": "2", "X-Other": "3"})
    one.remove_header("X-TEAM")
    one.remove_header("absent")
    assert one.headers == {"X-Other": "3"}


@pytest.mark.parametrize(
    ("middleware", "kinds"),
    [
        (BearerAuth("k"), {RequestMiddleware, UnauthorizedHandler}),
        (ReplaySanitation(), {RequestMiddleware}),
        (ThoughtSignatureSanitation(), {RequestMiddleware, ResponseMiddleware}),
        (
            ReasoningNormalisation(),
            {ResponseMiddleware, CallScopedResponseMiddleware, HoldingResponseMiddleware},
        ),
        (ThinkTagExtraction(), {CallScopedResponseMiddleware}),
        (ThinkTagExtraction().for_call(), {ResponseMiddleware, HoldingResponseMiddleware}),
        (DeltaRepairs(), {CallScopedResponseMiddleware}),
        (DeltaRepairs().for_call(), {ResponseMiddleware}),
        (object(), set()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_middleware_is_shows_by_its_methods(middleware: Any, kinds: set[type]) -> None:
    protocols = {
        RequestMiddleware,
        ResponseMiddleware,
        CallScopedResponseMiddleware,
        HoldingResponseMiddleware,
        UnauthorizedHandler,
    }
    assert {protocol for protocol in protocols if isinstance(middleware, protocol)} == kinds
