"""Facts about joining an answer and its continuation: no character twice, and none lost."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kilo_sdk.errors import StreamProtocolError
from kilo_sdk.seam import Echo, Seam

OPENING = "Once upon a time, in a land far away, there lived a queen who counted all her swallows."


def joined(seam: Seam, *pieces: str) -> str:
    """What the caller gets of a continuation that ends well."""
    return "".join([*map(seam.take, pieces), seam.take("", is_last=True)])


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    places = sorted({cut % (len(text) + 1) for cut in cuts} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(places)]


TEXT = st.text(st.sampled_from('ab \n\tä👋"\\'), max_size=60) | st.text(max_size=60)
CUTS = st.lists(st.integers(min_value=0), max_size=20)


@given(whole=TEXT, cut=st.integers(min_value=0), cuts=CUTS, echoes=st.booleans())
@example(whole="la la la la la la", cut=6, cuts=[], echoes=False)
@example(whole="word  word", cut=5, cuts=[1], echoes=False)
@example(whole="a\n\n\nb", cut=2, cuts=[0, 1], echoes=True)
def test_any_text_cut_anywhere_is_whole_again(
    whole: str, cut: int, cuts: list[int], echoes: bool
) -> None:
    """The model goes on from the prefix, says the missing white space, and maybe the prefix."""
    had = whole[: cut % (len(whole) + 1)]
    prefix = had.rstrip()
    rest = whole[len(prefix) :]
    echo: Echo = "always" if echoes else "never"
    seam = Seam(prefix, had[len(prefix) :], echo=echo)
    assert had + joined(seam, *pieces_of((prefix if echoes else "") + rest, cuts)) == whole


@given(whole=TEXT, cut=st.integers(min_value=0), cuts=CUTS, echoes=st.booleans())
def test_it_is_whole_where_nobody_knows_whether_a_host_echoes(
    whole: str, cut: int, cuts: list[int], echoes: bool
) -> None:
    whole = OPENING + whole
    had = whole[: len(OPENING) + cut % (len(whole) - len(OPENING) + 1)]
    prefix = had.rstrip()
    rest = whole[len(prefix) :]
    assume(not rest.startswith(prefix))
    seam = Seam(prefix, had[len(prefix) :], echo="perhaps")
    assert had + joined(seam, *pieces_of((prefix if echoes else "") + rest, cuts)) == whole


@given(blank=st.text(st.sampled_from(" \n\t"), min_size=1, max_size=4), cuts=CUTS)
def test_white_space_that_the_caller_has_does_not_come_twice(blank: str, cuts: list[int]) -> None:
    for said in (blank, "", blank[:1], blank[:-1]):
        seam = Seam("word", blank)
        assert joined(seam, *pieces_of(f"{said}more", cuts)) == "more"


@pytest.mark.parametrize(
    ("blank", "pieces", "new"),
    [
        ("", [" more"], " more"),
        ("\n", ["\n", "\n", "more"], "\nmore"),
        ("\n\n", ["\n", "more"], "more"),
        (" ", ["\n", "\n", "more"], "more"),
        (" ", ["\n\n"], ""),
        ("  ", [" "], ""),
        (" ", ["", " ", " ", "more"], " more"),
    ],
)
def test_of_white_space_only_what_is_beyond_it_is_new(
    blank: str, pieces: list[str], new: str
) -> None:
    assert joined(Seam("word", blank), *pieces) == new


@pytest.mark.parametrize(
    ("prefix", "echo", "said", "new"),
    [
        ("la", "always", "la la", " la"),
        ("la", "perhaps", "la la", "la la"),
        ("la", "never", "la la", "la la"),
        ("la la la la la la la", "perhaps", "la la la la la la la la", "la la la la la la la la"),
        ("abcdefgabcdefgabc", "perhaps", "abcdefgabcdefgabcd", "abcdefgabcdefgabcd"),
        ("abcdefghijklmnop", "perhaps", "abcdefghijklmnopq", "q"),
        ("abcdefghijklmno", "perhaps", "abcdefghijklmnop", "abcdefghijklmnop"),
        ("abcdefghijklmnop", "perhaps", "abcdefghij", "abcdefghij"),
        ("abcdefghijklmnop", "perhaps", "abcdefghij!", "abcdefghij!"),
        ("abcdefghijklmnop", "never", "abcdefghijklmnop", "abcdefghijklmnop"),
        ("word", "always", "word", ""),
        ("", "always", "word", "word"),
    ],
)
def test_what_repeats_the_prefix_is_an_echo_or_the_model_saying_the_same(
    prefix: str, echo: Echo, said: str, new: str
) -> None:
    for size in range(1, len(said) + 1):
        pieces = [said[start : start + size] for start in range(0, len(said), size)]
        assert joined(Seam(prefix, "", echo=echo), *pieces) == new


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_that_begins_anew_is_no_continuation(size: int) -> None:
    said = OPENING[:64] + "..., and that is all."
    seam = Seam(OPENING, "", echo="perhaps")
    with pytest.raises(StreamProtocolError, match="began its answer anew"):
        joined(seam, *[said[start : start + size] for start in range(0, len(said), size)])
    assert seam.failed


def test_an_echo_does_not_cost_the_square_of_its_length() -> None:
    seam = Seam("x" + "word " * 200_000 + "end", "", echo="always")
    assert seam.take("x") == ""
    assert all(seam.take("word ") == "" for _ in range(200_000))
    assert seam.take("end and more") == " and more"


def chunk(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def test_what_is_held_back_comes_with_the_finish_reason() -> None:
    seam = Seam("abcdefghijklmnop", "", echo="perhaps")
    first, last = chunk(content="abc"), chunk("stop", content="")
    seam.on_chunk(first)
    seam.on_chunk(last)
    assert [one["choices"][0]["delta"]["content"] for one in (first, last)] == ["", "abc"]
    assert seam.on_end() is None


def test_what_is_held_back_comes_at_the_end_where_no_finish_reason_does() -> None:
    seam = Seam("abcdefghijklmnop", "", echo="perhaps")
    seam.on_chunk(chunk(content="abc"))
    assert seam.on_end() == {"choices": [{"index": 0, "delta": {"content": "abc"}}]}


def test_reasoning_of_a_continuation_is_left_out_and_that_of_a_new_answer_is_not() -> None:
    thought = {"reasoning": "Hm", "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]}
    left_out = chunk(content="", **thought)
    Seam("word", "").on_chunk(left_out)
    assert left_out == chunk(content="")
    kept = chunk(content="", **thought)
    Seam("", "", keeps_reasoning=True).on_chunk(kept)
    assert kept == chunk(content="", **thought)


@pytest.mark.parametrize("ends", ["finish_reason", "done"])
def test_reasoning_in_the_place_of_text_is_no_continuation(ends: str) -> None:
    seam = Seam("word", "")
    seam.on_chunk(chunk(reasoning="and more"))
    with pytest.raises(StreamProtocolError, match="reasoning alone"):
        seam.on_end() if ends == "done" else seam.on_chunk(chunk("stop", content=""))


def test_tool_calls_and_other_choices_pass() -> None:
    seam = Seam("word", " ")
    calls = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]
    told = chunk("tool_calls", reasoning="Hm", tool_calls=calls)
    seam.on_chunk(told)
    assert told == chunk("tool_calls", tool_calls=calls)
    other = {"choices": [{"index": 1, "delta": {"content": " word"}}]}
    seam.on_chunk(other)
    assert other == {"choices": [{"index": 1, "delta": {"content": " word"}}]}


def test_a_continuation_that_comes_whole_is_joined_at_once() -> None:
    whole = {"choices": [{"index": 0, "message": {"content": "word and more", "reasoning": "H"}}]}
    Seam("word", " ", echo="always").on_completion(whole)
    assert whole == {"choices": [{"index": 0, "message": {"content": "and more"}}]}
