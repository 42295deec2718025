from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from joining import essence, join, tool_calls

from kilo_sdk.emulator.call_pieces import cut_tool_calls, riffle

seeds = st.integers(0, 2**32)


def read(deltas: list[dict[str, Any]]) -> Any:
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return join(chunks)["choices"][0]["message"]["tool_calls"]


def expected(calls: list[dict[str, Any]]) -> Any:
    whole = {"choices": [{"index": 0, "message": {"tool_calls": calls}}]}
    return essence(whole)["choices"][0]["message"]["tool_calls"]


@given(st.data(), st.integers(1, 4), seeds)
def test_pieces_join_into_the_calls(data: st.DataObject, count: int, seed: int) -> None:
    calls = [data.draw(tool_calls(number)) for number in range(count)]
    deltas = cut_tool_calls(calls, random.Random(seed))
    assert read(deltas) == expected(calls)


@given(st.integers(1, 3), st.sampled_from(["same", None, ""]), seeds)
def test_calls_that_no_id_tells_apart_say_their_index(count: int, id_: Any, seed: int) -> None:
    call = {"id": id_, "type": "function", "function": {"name": "a", "arguments": "{}"}}
    deltas = cut_tool_calls([call] * count, random.Random(seed))
    if count > 1 or not id_:
        assert all("index" in delta["tool_calls"][0] for delta in deltas)
    assert len(read(deltas)) == count


def test_where_order_tells_calls_apart_their_names_are_said_once() -> None:
    calls = [
        {"id": f"call_{name}", "function": {"name": name, "arguments": "{}"}} for name in "abc"
    ]
    orders = 0
    for seed in range(300):
        deltas = cut_tool_calls(calls, random.Random(seed))
        pieces = [delta["tool_calls"][0] for delta in deltas]
        if "index" not in pieces[0] and not all(piece.get("id") for piece in pieces):
            orders += 1
            assert [one["function"]["name"] for one in pieces if "name" in one["function"]] == [
                *"abc"
            ]
    assert orders > 10


def test_no_calls_make_no_deltas() -> None:
    assert cut_tool_calls([], random.Random(0)) == []


@given(st.lists(st.lists(st.integers(), max_size=5), max_size=4), seeds)
def test_rows_keep_their_order_when_riffled(rows: list[list[int]], seed: int) -> None:
    marked = [[(number, value) for value in row] for number, row in enumerate(rows)]
    shuffled = riffle(marked, random.Random(seed))
    assert [[one for one in shuffled if one[0] == number] for number in range(len(rows))] == marked
