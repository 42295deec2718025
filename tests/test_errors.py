"""The exception tree: who descends from whom, and that every member pickles and copies."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from decimal import Decimal
from typing import Any

import pytest

from kilo_sdk import errors
from kilo_sdk.errors import KiloError
from kilo_sdk.types.completion import ChatCompletion

# Every class and its bases.
TREE: dict[str, tuple[str, ...]] = {
    "KiloError": ("Exception",),
    "ConfigurationError": ("KiloError",),
    "ToolArgumentsError": ("KiloError",),
    "BudgetExceededError": ("KiloError",),
    "SerializationError": ("KiloError", "ValueError"),
    "APIError": ("KiloError",),
    "APIConnectionError": ("APIError",),
    "APITimeoutError": ("APIConnectionError",),
    "APIStatusError": ("APIError",),
    "BadRequestError": ("APIStatusError",),
    "ContextLengthExceededError": ("BadRequestError",),
    "AuthenticationError": ("APIStatusError",),
    "InsufficientCreditsError": ("APIStatusError",),
    "PermissionDeniedError": ("APIStatusError",),
    "NotFoundError": ("APIStatusError",),
    "RateLimitError": ("APIStatusError",),
    "InternalServerError": ("APIStatusError",),
    "UpstreamError": ("InternalServerError",),
    "ServiceUnavailableError": ("InternalServerError",),
    "ProtocolError": ("APIError",),
    "StreamError": ("APIError",),
    "StreamInterruptedError": ("StreamError",),
    "StreamProtocolError": ("StreamError", "ProtocolError"),
}

API_FIELDS: dict[str, Any] = {
    "request_id": "req_1",
    "body": {"error": {"message": "no", "code": 402}},
    "model": "anthropic/claude-sonnet-4",
    "partial": None,
}
STATUS_FIELDS: dict[str, Any] = {
    **API_FIELDS,
    "status_code": 402,
    "code": "payment_required",
    "metadata": {"provider_name": "Anthropic", "raw": "{}"},
    "provider_name": "Anthropic",
    "upstream_message": "out of money",
    "retry_after": 1.5,
    "headers": {"request-id": "req_1"},
}

BUDGET_FIELDS: dict[str, Any] = {
    "max_cost": Decimal("0.01"),
    "cost": Decimal("0.0100001"),
    "model": "anthropic/claude-sonnet-4",
    "partial": ChatCompletion("gen-1", None, None, None, [], None),
}

CLASSES: list[type[KiloError]] = [getattr(errors, name) for name in TREE]


def fields_of(cls: type[KiloError]) -> dict[str, Any]:
    """A value for everything that ``cls`` can hold."""
    if issubclass(cls, errors.InsufficientCreditsError):
        return {**STATUS_FIELDS, "balance": Decimal("-0.12"), "buy_credits_url": "https://x.test"}
    if issubclass(cls, errors.ContextLengthExceededError):
        return {**STATUS_FIELDS, "limit": 8192, "requested": 9001}
    if issubclass(cls, errors.APIStatusError):
        return STATUS_FIELDS
    if issubclass(cls, errors.APITimeoutError):
        return {**API_FIELDS, "phase": "first_token"}
    if issubclass(cls, errors.APIError):
        return API_FIELDS
    if issubclass(cls, errors.ToolArgumentsError):
        return {"arguments": '{"a": '}
    if issubclass(cls, errors.BudgetExceededError):
        return BUDGET_FIELDS
    return {}


def test_the_tree_is_exact() -> None:
    defined = {
        name: tuple(base.__name__ for base in cls.__bases__)
        for name, cls in vars(errors).items()
        if inspect.isclass(cls) and issubclass(cls, BaseException)
    }
    assert defined == TREE


def test_every_class_is_public() -> None:
    assert set(TREE) | {"TimeoutPhase"} == set(errors.__all__)


def test_the_docstring_shows_every_class_under_its_first_base() -> None:
    assert errors.__doc__ is not None
    lines = re.findall(r"^ {4}([│├└─ ]*)(\w+(?:Error))\b", errors.__doc__, re.MULTILINE)
    shown: dict[str, str] = {}
    path: list[str] = []
    for indent, name in lines:
        depth = len(indent) // 4
        path[depth:] = [name]
        shown[name] = path[depth - 1] if depth else "Exception"
    assert shown == {name: bases[0] for name, bases in TREE.items()}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_says_what_it_stands_for(cls: type[KiloError]) -> None:
    assert cls.__doc__
    assert cls.__doc__ != KiloError.__doc__ or cls is KiloError


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_can_be_built_from_its_message_alone(cls: type[KiloError]) -> None:
    error = cls("what failed")
    assert str(error) == error.message == "what failed"
    assert repr(error) == f"{cls.__name__}('what failed')"
    assert set(fields_of(cls)) | {"message"} == set(vars(error))


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_keeps_what_it_is_given_in_attributes(cls: type[KiloError]) -> None:
    fields = fields_of(cls)
    error = cls("what failed", **fields)
    assert vars(error) == {"message": "what failed", **fields}
    assert repr(error) == f"{cls.__name__}('what failed')"


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_class_pickles(cls: type[KiloError], protocol: int) -> None:
    error = cls("what failed", **fields_of(cls))
    error.add_note("model x/y failed first")
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is cls
    assert str(again) == "what failed"
    assert vars(again) == vars(error)
    assert again.__notes__ == ["model x/y failed first"]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy])
def test_every_class_copies(cls: type[KiloError], make_copy: Any) -> None:
    error = cls("what failed", **fields_of(cls))
    again = make_copy(error)
    assert again is not error
    assert type(again) is cls
    assert again.args == ("what failed",)
    assert vars(again) == vars(error)


def test_a_deep_copy_shares_nothing_that_can_change() -> None:
    error = errors.RateLimitError("no", metadata={"headers": {"a": "b"}}, body={"error": {}})
    again = copy.deepcopy(error)
    again.metadata["headers"]["a"] = "c"
    assert error.metadata == {"headers": {"a": "b"}}
    assert again.body is not error.body
