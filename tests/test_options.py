"""What a client was told, and what a view of it was told otherwise."""

from __future__ import annotations

import inspect

import attrs
import pytest

from kilo_sdk import ConfigurationError, KiloClient, RetryBudget, RetryPolicy
from kilo_sdk.options import ClientOptions

SHARED = {"max_connections", "session", "ssl", "proxy", "trust_env", "catalog"}


def test_a_view_may_replace_every_argument_but_those_about_what_is_shared() -> None:
    names = {field.name for field in attrs.fields(ClientOptions)}
    arguments = set(inspect.signature(KiloClient).parameters)
    assert arguments - names == SHARED
    assert names <= arguments


@pytest.mark.anyio
async def test_a_view_shares_the_retry_budget_unless_it_is_given_another() -> None:
    async with KiloClient("key") as client:
        view = client.with_options(retries=RetryPolicy(max_attempts=1))
        assert view.policy.budget is client.policy.budget
        assert view.retries.max_attempts == 1
        own = RetryBudget(3)
        assert client.with_options(retry_budget=own).policy.budget is own


@pytest.mark.anyio
@pytest.mark.parametrize("name", [*sorted(SHARED), "modle"])
async def test_what_a_view_cannot_have_is_named(name: str) -> None:
    async with KiloClient("key") as client:
        with pytest.raises(ConfigurationError, match=rf"does not take {name}; accepted are allow"):
            client.with_options(**{name: None})


def test_the_options_show_nothing_of_the_key() -> None:
    client = KiloClient("a-key-that-is-secret")
    assert "secret" not in repr(client._options)
