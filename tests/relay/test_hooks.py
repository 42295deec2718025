"""Hooks may be async or not."""

from __future__ import annotations

import pytest

from kilo_sdk.relay.hooks import answer_of

pytestmark = pytest.mark.anyio


async def test_what_a_hook_returned_is_had_either_way() -> None:
    async def later() -> str:
        return "anna"

    assert await answer_of("anna") == "anna"
    assert await answer_of(later()) == "anna"
    assert await answer_of(None) is None
