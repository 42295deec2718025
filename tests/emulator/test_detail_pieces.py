from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joining import detail_lists, essence, join

from kilo_sdk.emulator.detail_pieces import cut_reasoning

seeds = st.integers(0, 2**32)
SIGNED: dict[str, Any] = {"type": "reasoning.text", "text": "a b c", "signature": "AAAA"}
SEALED: dict[str, Any] = {"type": "reasoning.encrypted", "data": "BBBB"}


def cuts(message: dict[str, Any], times: int = 300) -> list[tuple[list[Any], list[Any]]]:
    return [cut_reasoning(message, random.Random(seed)) for seed in range(times)]


def pieces_of(deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [piece for delta in deltas for piece in delta.get("reasoning_details", ())]


@given(detail_lists(), seeds)
def test_pieces_join_into_the_details(details: list[dict[str, Any]], seed: int) -> None:
    early, late = cut_reasoning({"reasoning_details": details}, random.Random(seed))
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in [{}, *early, *late]]
    message = {"role": "assistant", "reasoning_details": details}
    assert join(chunks) == essence({"choices": [{"index": 0, "message": message}]})


def test_what_comes_late_holds_no_text() -> None:
    message = {"reasoning": "a b c", "reasoning_details": [{**SIGNED, "index": 0}, SEALED]}
    for early, late in cuts(message):
        assert "".join(delta.get("reasoning", "") for delta in early) == "a b c"
        assert not any("reasoning" in delta for delta in late)
    assert any(late for _, late in cuts(message))


def test_encrypted_details_come_whole_and_may_come_amid_the_text() -> None:
    message = {"reasoning": "a b c", "reasoning_details": [{**SIGNED, "index": 0}, SEALED]}
    places, counts = set(), set()
    for early, late in cuts(message):
        pieces = pieces_of([*early, *late])
        sealed = [piece for piece in pieces if piece["type"] == SEALED["type"]]
        assert all(piece == SEALED for piece in sealed)
        counts.add(len(sealed))
        texts = [at for at, piece in enumerate(pieces) if piece.get("text")]
        places.add("amid" if pieces.index(SEALED) < texts[-1] else "after")
        assert pieces.index(SEALED) > 0
    assert (places, counts) == ({"amid", "after"}, {1, 2})


def test_nothing_comes_between_pieces_that_only_their_order_tells() -> None:
    details = [SEALED, SIGNED, {**SEALED, "data": "CCCC"}]
    for early, late in cuts({"reasoning": "a b c", "reasoning_details": details}):
        kinds = [piece["type"] for piece in pieces_of([*early, *late])]
        texts = [at for at, kind in enumerate(kinds) if kind == SIGNED["type"]]
        assert texts == list(range(texts[0], texts[-1] + 1))


def test_redacted_reasoning_keeps_its_place_in_the_text() -> None:
    details = [{**SIGNED, "index": 0}, SEALED, {**SIGNED, "text": "d", "index": 2}]
    for early, _ in cuts({"reasoning": "a b c[REDACTED]d", "reasoning_details": details}):
        beside = [delta for delta in early if delta.get("reasoning") == "[REDACTED]"]
        assert beside == [{"reasoning": "[REDACTED]", "reasoning_details": [SEALED]}]
        assert "".join(delta.get("reasoning", "") for delta in early) == "a b c[REDACTED]d"


def test_text_without_details_is_cut_alike_under_all_its_names() -> None:
    message = {"reasoning_content": "a b c", "reasoning": "a b c"}
    for early, late in cuts(message, 50):
        assert late == []
        assert all(delta["reasoning"] == delta["reasoning_content"] for delta in early)
        assert "".join(delta["reasoning"] for delta in early) == "a b c"
    assert cut_reasoning({}, random.Random(0)) == ([], [])


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning": "other", "reasoning_details": [{**SIGNED, "index": 0}, SEALED]},
        {"reasoning": "a b c", "reasoning_text": "d", "reasoning_details": [SIGNED]},
        {"reasoning": "a b c", "reasoning_content": "d"},
    ],
)
def test_what_does_not_add_up_comes_in_one_piece(message: dict[str, Any]) -> None:
    assert cut_reasoning(message, random.Random(0)) == ([message], [])
