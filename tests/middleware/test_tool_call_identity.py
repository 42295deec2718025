"""Which call a piece belongs to: the rules in their order, and streams that break OpenAI's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from growth import assert_linear
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.middleware.tool_call_identity import ToolCallIdentity


def piece(arguments: Any = "", name: Any = None, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"arguments": arguments, "name": name}
    return {**fields, "function": function}


def indexes(*pieces: Any) -> list[int]:
    identity = ToolCallIdentity()
    return [identity.index_of(one) for one in pieces]


CASES: dict[str, tuple[list[Any], list[int]]] = {
    "equal index, one call": (
        [piece("", "f", index=0, id="c1"), piece("{", index=0), piece("}", index=0)],
        [0, 0, 0],
    ),
    "indexes as sent": (
        [piece("", "f", index=1, id="c1"), piece("", "g", index=3, id="c2"), piece(index=1)],
        [1, 3, 1],
    ),
    # 1. An id that was seen before names its call
    "a known id, whatever the index": (
        [piece("", "f", index=0, id="c1"), piece(index=1, id="c2"), piece(index=1, id="c1")],
        [0, 1, 0],
    ),
    "a known id without an index": (
        [piece("", "f", id="c1"), piece("", "g", id="c2"), piece(id="c1"), piece(id="c2")],
        [0, 1, 0, 1],
    ),
    "a piece with neither follows the last one": (
        [piece("", "f", id="c1"), piece("", "g", id="c2"), piece(id="c1"), piece()],
        [0, 1, 0, 0],
    ),
    # 2. An index that was seen before names its call
    "a known index with another id and no name": (
        [piece("", "f", index=0, id="c1"), piece(index=0, id="c2")],
        [0, 0],
    ),
    "a known index with another id and a name": (
        [
            piece("", "f", index=0, id="c1"),
            piece("{", index=0),
            piece("", "f", index=0, id="c2"),
            piece("{", index=0),
            piece("", index=0, id="c1"),
        ],
        [0, 0, 1, 1, 0],
    ),
    "a known index whose call had no id yet": (
        [piece("", "f", index=0), piece("", "f", index=0, id="c1")],
        [0, 0],
    ),
    "every parallel call numbered 0, three of them": (
        [piece("{}", "f", index=0, id=f"c{n}") for n in range(3)],
        [0, 1, 2],
    ),
    "a number that a call without index has taken": (
        [piece("", "f", id="c1"), piece("", "g", index=0, id="c2"), piece(index=0)],
        [0, 1, 1],
    ),
    # 3. A new id, or a new index, begins a new call
    "a new id without an index": ([piece("", "f", id="c1"), piece(id="c2")], [0, 1]),
    "a new index without an id": ([piece("", "f", index=0), piece("", "f", index=1)], [0, 1]),
    "a new id after a high index": (
        [piece("", "f", index=5, id="c1"), piece("", "g", id="c2")],
        [5, 6],
    ),
    # 4. With neither, the piece continues the last call
    "neither, from the first": ([piece("{", "f"), piece("}"), piece()], [0, 0, 0]),
    "neither, a name after a whole object": (
        [piece("{}", "f"), piece("{}", "f"), piece("{", "g"), piece("}"), piece("{}", "g")],
        [0, 1, 2, 2, 3],
    ),
    "neither, a name after half an object": (
        [piece('{"a":', "f"), piece("1", "f"), piece("}", "f")],
        [0, 0, 0],
    ),
    "neither, a name before any arguments": (
        [piece("", "get_"), piece("", "weather"), piece("{}")],
        [0, 0, 0],
    ),
    "neither, more arguments after a whole object": ([piece("{}", "f"), piece(" ")], [0, 0]),
    "neither, braces within strings": (
        [
            piece('{"a":"}', "f"),
            piece('\\"}', "f"),
            piece("\\\\", "f"),
            piece('"', "f"),
            piece("}", "f"),
            piece("{}", "f"),
        ],
        [0, 0, 0, 0, 0, 1],
    ),
    "neither, an escape cut in two": (
        [piece('{"a":"\\', "f"), piece('"}', "f"), piece('"}', "f"), piece("{}", "f")],
        [0, 0, 0, 1],
    ),
    "neither, nested objects": (
        [piece('{"a":{', "f"), piece("}", "f"), piece("}", "f"), piece("{}", "f")],
        [0, 0, 0, 1],
    ),
    "nothing before it": ([piece("}")], [0]),
    # What is no id and no index
    "ids and indexes that are null, empty or of another type": (
        [
            piece("{", "f", id=None, index=None),
            piece(id="", index="0"),
            piece(id=7, index=True),
            piece(id=[], index=0.0),
        ],
        [0, 0, 0, 0],
    ),
    "a name that is empty or null is none": (
        [piece("{}", "f"), piece("", ""), {"function": {"name": None}}],
        [0, 0, 0],
    ),
    "arguments null": ([{"function": {"name": "f", "arguments": None}}, piece("{}")], [0, 0]),
}


@pytest.mark.parametrize("case", CASES)
def test_each_piece_finds_its_call(case: str) -> None:
    pieces, expected = CASES[case]
    assert indexes(*pieces) == expected


Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

arguments = st.sampled_from(["{}", '{"a":"}"}', '{"a":{"b":[1,"\\"{"]}}', "{ }"])


def cut(text: str, draw: Draw) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(st.data(), st.lists(arguments, min_size=1, max_size=4), st.booleans())
def test_calls_that_come_one_after_another_are_told_apart_by_name_alone(
    data: st.DataObject, whole: list[str], repeated: bool
) -> None:
    pieces: list[Any] = []
    expected: list[int] = []
    for index, text in enumerate(whole):
        first, *rest = cut(text, data.draw)
        pieces += [piece(first, "f"), *(piece(one, "f" if repeated else None) for one in rest)]
        expected += [index] * (1 + len(rest))
    if repeated:
        # A name on a piece that adds nothing to a whole object would begin another call.
        kept = [
            (one, index)
            for one, index in zip(pieces, expected, strict=True)
            if one["function"]["arguments"]
        ]
        pieces, expected = [one for one, _ in kept], [index for _, index in kept]
    assert indexes(*pieces) == expected


@given(st.data(), st.integers(1, 4), st.sampled_from(["index", "id", "both"]))
def test_calls_interleaved_in_any_order_are_told_apart(
    data: st.DataObject, count: int, by: str
) -> None:
    pieces = []
    for number in range(count):
        fields: dict[str, Any] = {} if by == "id" else {"index": number}
        named = {} if by == "index" else {"id": f"c{number}"}
        pieces.append(piece("", "f", **fields, **named))
    order = data.draw(st.lists(st.integers(0, count - 1), max_size=12))
    pieces += [
        piece("x", id=f"c{number}") if by == "id" else piece("x", index=number) for number in order
    ]
    assert indexes(*pieces) == [*range(count), *order]


@given(
    st.lists(
        st.builds(
            piece,
            st.sampled_from(["", "{", "}", "{}", '"', "\\"]),
            st.sampled_from([None, "", "f", "g", 3]),
            index=st.sampled_from([None, 0, 1, -1, "0", True, 1.5]),
            id=st.sampled_from([None, "", "c1", "c2", 7]),
        ),
        max_size=10,
    )
)
def test_pieces_of_any_shape_get_a_number_that_stays(pieces: list[Any]) -> None:
    identity = ToolCallIdentity()
    by_id: dict[str, int] = {}
    for one in pieces:
        index = identity.index_of(one)
        assert type(index) is int
        if isinstance(one["id"], str) and one["id"]:
            assert by_id.setdefault(one["id"], index) == index


def test_arguments_without_index_are_read_in_linear_work() -> None:
    def work(count: int) -> None:
        identity = ToolCallIdentity()
        identity.index_of(piece('{"a":"', "f"))
        for _ in range(count):
            identity.index_of(piece("0123456789"))

    assert_linear(work, 500)
