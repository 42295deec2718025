"""Reasoning details in pieces, rule by rule (GATEWAY 6)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.reasoning_details import ReasoningDetailsAccumulator, StandInDetail


def text(text: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", **({} if text is None else {"text": text}), **more}


def stand_in(text: str) -> dict[str, Any]:
    return StandInDetail(type="reasoning.text", text=text)


def summary(summary: Any = None, **more: Any) -> dict[str, Any]:
    fields = {} if summary is None else {"summary": summary}
    return {"type": "reasoning.summary", **fields, **more}


def encrypted(data: Any, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": data, **more}


def join(*deltas: list[Any]) -> list[dict[str, Any]]:
    accumulator = ReasoningDetailsAccumulator()
    for delta in deltas:
        accumulator.add(delta)
    return accumulator.build()


def join_one_by_one(*pieces: Any) -> list[dict[str, Any]]:
    return join(*([piece] for piece in pieces))


RULES: dict[str, tuple[list[Any], list[dict[str, Any]]]] = {
    # Which pieces belong to one detail
    "equal type and index": (
        [text("a", index=0), text("b", index=0)],
        [text("ab", index=0)],
    ),
    "equal type and index, another detail between them": (
        [text("a", index=0), text("x", index=1), text("b", index=0), text("y", index=1)],
        [text("ab", index=0), text("xy", index=1)],
    ),
    "equal index and another type": (
        [text("a", index=0), summary("s", index=0), text("b", index=0)],
        [text("ab", index=0), summary("s", index=0)],
    ),
    "equal type and index, other ids: the index decides": (
        [text("a", index=0, id="r1"), text("b", index=0, id="r2")],
        [text("ab", index=0, id="r2")],
    ),
    "equal id, other indexes: the index decides": (
        [text("a", index=0, id="r1"), text("b", index=1, id="r1")],
        [text("a", index=0, id="r1"), text("b", index=1, id="r1")],
    ),
    "without an index, equal type and id": (
        [text("a", id="r1"), text("x", id="r2"), text("b", id="r1")],
        [text("ab", id="r1"), text("x", id="r2")],
    ),
    "without an index, equal id and another type": (
        [text("a", id="r1"), summary("s", id="r1")],
        [text("a", id="r1"), summary("s", id="r1")],
    ),
    "without an index, an id that names one that has both": (
        [text("a", index=0, id="r1"), text("x", index=1), text("b", id="r1")],
        [text("ab", index=0, id="r1"), text("x", index=1)],
    ),
    "with neither, when they follow each other": (
        [text("a"), text("b"), text("c")],
        [text("abc")],
    ),
    "with neither, an encrypted one between them": (
        [text("a"), encrypted("x"), text("b")],
        [text("a"), encrypted("x"), text("b")],
    ),
    "with neither, one of another type between them": (
        [text("a"), summary("s"), text("b")],
        [text("a"), summary("s"), text("b")],
    ),
    "with neither, after one that has an index": (
        [text("a", index=0), text("b")],
        [text("ab", index=0)],
    ),
    "a null or empty index or id is none": (
        [text("a", index=None, id=None), text("b", index=None, id=""), text("c")],
        [text("abc", index=None, id=None)],
    ),
    "an index of another type is none": (
        [text("a", index=[0]), text("b", index={}), text("c", id=[])],
        [text("abc", index={}, id=[])],
    ),
    "an index that is a string": (
        [text("a", index="0"), text("x", index="1"), text("b", index="0")],
        [text("ab", index="0"), text("x", index="1")],
    ),
    # What may come on any piece
    "a signature alone and last, by index": (
        [text("a", index=0), text("b", index=0), text(index=0, signature="s")],
        [text("ab", index=0, signature="s")],
    ),
    "a signature alone and last, beside an empty text": (
        [text("a", index=0), text("", index=0, signature="s")],
        [text("a", index=0, signature="s")],
    ),
    "a signature alone and last, with neither": (
        [text("a"), text(signature="s")],
        [text("a", signature="s")],
    ),
    "a signature alone after an encrypted one": (
        [text("a"), encrypted("x"), text(signature="s")],
        [text("a", signature="s"), encrypted("x")],
    ),
    "a signature alone after a summary": (
        [text("a"), summary("b"), text(signature="s", text="")],
        [text("a", signature="s"), summary("b")],
    ),
    "a signature alone is not for one that has its own": (
        [text("a", signature="s"), summary("b"), text(text="", signature="t"), text("c")],
        [text("a", signature="s"), summary("b"), text("c", signature="t")],
    ),
    "text after a signature alone is not of the one that it was for": (
        [text("a"), encrypted("x"), text(signature="s"), text("b")],
        [text("a", signature="s"), encrypted("x"), text("b")],
    ),
    "an empty text alone after another detail begins one": (
        [text("a"), summary("s"), text(""), text("b")],
        [text("a"), summary("s"), text("b")],
    ),
    "an id alone is not of one that has another, or an index": (
        [text("a", id="r1"), text(id="r2", format="f"), text("b", index=0), text(id="r3")],
        [text("a", id="r1"), text(id="r2", format="f"), text("b", index=0), text(id="r3")],
    ),
    "a signature alone with an id that no piece had": (
        [text("a"), text(id="r1", signature="s")],
        [text("a", id="r1", signature="s")],
    ),
    "a signature alone belongs to the last of its type": (
        [text("a", index=0), text("b", index=1), encrypted("x"), text(signature="s")],
        [text("a", index=0), text("b", index=1, signature="s"), encrypted("x")],
    ),
    "a signature before its text": (
        [text(index=0, signature="s"), text("a", index=0)],
        [text("a", index=0, signature="s")],
    ),
    "a signature alone with nothing before it": (
        [text(signature="s")],
        [text(signature="s")],
    ),
    "format and id on a later piece": (
        [text("a", index=0), text("b", index=0, format="anthropic-claude-v1", id="r1")],
        [text("ab", index=0, format="anthropic-claude-v1", id="r1")],
    ),
    "a null on a later piece unsets nothing": (
        [
            text("a", index=0, signature="s", format="f", id="r1"),
            text(None, index=0, signature=None, format="", id=None),
        ],
        [text("a", index=0, signature="s", format="f", id="r1")],
    ),
    "a null on the first piece gives way": (
        [text("a", index=0, signature=None), text("b", index=0, signature="s")],
        [text("ab", index=0, signature="s")],
    ),
    "fields it does not know": (
        [text("a", index=0, new=1), text("b", index=0, newer=[2])],
        [text("ab", index=0, new=1, newer=[2])],
    ),
    # What the SDK made of text that came without details
    "text without details is one detail": (
        [stand_in("a"), stand_in("b")],
        [text("ab")],
    ),
    "the vendor's own take its place": (
        [stand_in("a"), stand_in("b"), text("ab", signature="s")],
        [text("ab", signature="s")],
    ),
    "the vendor's own take its place, whatever they are": (
        [stand_in("a"), encrypted("x"), stand_in("b")],
        [encrypted("x")],
    ),
    "the vendor's own are not added to": (
        [text("a"), stand_in("b"), text("c", index=0)],
        [text("a"), text("c", index=0)],
    ),
    "a signature alone makes it the vendor's own": (
        [stand_in("a"), text(signature="s"), stand_in("b")],
        [text("a", signature="s")],
    ),
    # Encrypted details
    "text and encrypted with one index stay apart": (
        [text("a", index=0), encrypted("x", index=0), text("b", index=0)],
        [text("ab", index=0), encrypted("x", index=0)],
    ),
    "an exact repeat of an encrypted one is dropped": (
        [encrypted("x", id="c1", index=0), encrypted("x", id="c1", index=0)],
        [encrypted("x", id="c1", index=0)],
    ),
    "a repeat whose fields come in another order is exact": (
        [encrypted("x", id="c1"), {"id": "c1", "data": "x", "type": "reasoning.encrypted"}],
        [encrypted("x", id="c1")],
    ),
    "a repeat after other details is dropped": (
        [encrypted("x"), text("a"), encrypted("y"), encrypted("x")],
        [encrypted("x"), text("a"), encrypted("y")],
    ),
    "several encrypted with one index and different data": (
        [encrypted("x", index=0), encrypted("y", index=0)],
        [encrypted("x", index=0), encrypted("y", index=0)],
    ),
    "several encrypted with one index and different ids": (
        [encrypted("x", index=0, id="c1"), encrypted("x", index=0, id="c2")],
        [encrypted("x", index=0, id="c1"), encrypted("x", index=0, id="c2")],
    ),
    "details of an unknown type arrive whole": (
        [{"type": "reasoning.new", "text": "a"}, {"type": "reasoning.new", "text": "b"}],
        [{"type": "reasoning.new", "text": "a"}, {"type": "reasoning.new", "text": "b"}],
    ),
    "details without a type arrive whole": (
        [{"text": "a"}, {"type": None, "text": "a"}, {"type": ["reasoning.text"], "text": "a"}],
        [{"text": "a"}, {"type": None, "text": "a"}, {"type": ["reasoning.text"], "text": "a"}],
    ),
    # Order and bytes
    "the order is that of first appearance": (
        [
            text("b", index=1),
            encrypted("x", index=0),
            text("a", index=0),
            summary("s", index=0),
            text("b", index=1),
        ],
        [text("bb", index=1), encrypted("x", index=0), text("a", index=0), summary("s", index=0)],
    ),
    "equal summary pieces are no duplicates": (
        [summary("ha", index=0), summary("ha", index=0), summary(" ", index=0)] * 2,
        [summary("haha haha ", index=0)],
    ),
    "equal text pieces with neither index nor id are no duplicates": (
        [text("ha"), text("ha")],
        [text("haha")],
    ),
    "white space, controls and U+2028 are text like any other": (
        [text(" \n\t"), text("\x00\x1f"), text("\u2028\ufeff"), text("\r\n ")],
        [text(" \n\t\x00\x1f\u2028\ufeff\r\n ")],
    ),
    "[REDACTED] in a detail is left as the model made it": (
        [text("[REDACTED]", signature="s"), encrypted("x")],
        [text("[REDACTED]", signature="s"), encrypted("x")],
    ),
    "an empty text stays a text": (
        [text("", index=0), text("", index=0)],
        [text("", index=0)],
    ),
    "a null text gives way": (
        [{"type": "reasoning.text", "text": None, "index": 0}, text("a", index=0)],
        [text("a", index=0)],
    ),
    "a text of another type is kept until one comes": (
        [text({"a": 1}, index=0), text(["b"], index=0), text("c", index=0)],
        [text("c", index=0)],
    ),
    "entries that are no objects are left out": (
        [None, "x", 3, [], text("a")],
        [text("a")],
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_pieces_one_by_one_make_the_details(rule: str) -> None:
    pieces, expected = RULES[rule]
    assert join_one_by_one(*pieces) == expected


@pytest.mark.parametrize("rule", RULES)
def test_pieces_in_one_delta_make_the_same_details(rule: str) -> None:
    pieces, expected = RULES[rule]
    assert join(pieces) == expected


@pytest.mark.parametrize("rule", RULES)
def test_pieces_are_not_changed_and_what_is_built_is_new(rule: str) -> None:
    pieces, expected = copy.deepcopy(RULES[rule])
    before = copy.deepcopy(pieces)
    accumulator = ReasoningDetailsAccumulator()
    for piece in pieces:
        accumulator.add([piece])
        accumulator.build()
    for built in accumulator.build():
        built.clear()
    assert accumulator.build() == expected
    assert pieces == before


def test_nothing_makes_no_details() -> None:
    assert join() == []
    assert join([]) == []


def test_a_repeat_nested_too_deep_to_compare_is_kept() -> None:
    nested = orjson.loads(b'{"data":' * 400 + b"1" + b"}" * 400)
    assert len(join([nested, nested])) == 2


Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

texts = st.text(max_size=6)


@st.composite
def whole_details(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Details as a model makes them: each with an index of its own within its type."""
    details = []
    for index in range(draw(st.integers(0, 4))):
        kind, field = draw(
            st.sampled_from([("reasoning.text", "text"), ("reasoning.summary", "summary")])
        )
        detail: dict[str, Any] = {"type": kind, field: draw(texts), "index": index}
        if draw(st.booleans()):
            detail["signature"] = draw(texts.filter(bool))
        if draw(st.booleans()):
            detail["id"] = f"r{index}"
        details.append(detail)
        if draw(st.booleans()):
            details.append(encrypted(f"{index}", index=index))
    return details


def cut(detail: dict[str, Any], draw: Draw) -> list[dict[str, Any]]:
    """Pieces of one detail, the signature and the id on any of them."""
    field = {"reasoning.text": "text", "reasoning.summary": "summary"}.get(detail["type"])
    if field is None:
        return [detail] * draw(st.integers(1, 2))
    whole = detail[field]
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=3)))
    pieces = [
        {"type": detail["type"], "index": detail["index"], field: whole[start:end]}
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)
    ]
    for name in ("signature", "id"):
        if name in detail:
            pieces[draw(st.integers(0, len(pieces) - 1))][name] = detail[name]
    return pieces


@given(st.data())
def test_details_cut_anywhere_come_back_byte_for_byte(data: st.DataObject) -> None:
    details = data.draw(whole_details())
    pieces = [piece for detail in details for piece in cut(detail, data.draw)]
    assert join_one_by_one(*pieces) == details
    assert join(pieces) == details


@given(st.data())
def test_the_texts_of_details_that_come_in_turns_come_back(data: st.DataObject) -> None:
    queues = [cut(detail, data.draw) for detail in data.draw(whole_details())]
    firsts = [queue.pop(0) for queue in queues]
    rest = []
    while any(queues):
        rest.append(data.draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    joined = join_one_by_one(*firsts, *rest)
    assert [detail["type"] for detail in joined] == [first["type"] for first in firsts]
    for kind, field in (("reasoning.text", "text"), ("reasoning.summary", "summary")):
        for detail in joined:
            if detail["type"] == kind:
                assert detail[field] == "".join(
                    piece[field]
                    for piece in [*firsts, *rest]
                    if (piece["type"], piece["index"]) == (kind, detail["index"])
                )


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
odd_pieces = st.dictionaries(
    st.sampled_from(["type", "text", "summary", "data", "signature", "index", "id", "format"]),
    st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.encrypted"]) | anything,
)


@given(st.lists(odd_pieces | anything, max_size=8))
def test_pieces_of_any_shape_are_taken(pieces: list[Any]) -> None:
    before = copy.deepcopy(pieces)
    joined = join_one_by_one(*pieces)
    assert join(pieces) == joined or "nan" in repr(pieces)
    assert repr(pieces) == repr(before)
    assert all(isinstance(detail, dict) for detail in joined)
    shown = "".join(
        piece["text"]
        for piece in pieces
        if isinstance(piece, dict)
        and piece.get("type") == "reasoning.text"
        and isinstance(piece.get("text"), str)
    )
    kept = "".join(
        detail["text"]
        for detail in joined
        if detail.get("type") == "reasoning.text" and isinstance(detail.get("text"), str)
    )
    assert sorted(kept) == sorted(shown)
