from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from kilo_sdk.emulator.models import EmulatedModel, ReasoningStyle
from kilo_sdk.emulator.signing import call_id, is_signed_call
from kilo_sdk.emulator.thinking import Call, Said, Thinking
from kilo_sdk.emulator.varied_thinking import REDACTED, call_extras, think_variedly
from kilo_sdk.emulator.verification import is_base64, verify_history

ANSWER = "0123456789abcd"
TOKENS = tuple(f" word{number}" for number in range(12))
STYLES: tuple[ReasoningStyle, ...] = ("anthropic", "google", "openai", "xai", "plain")
VENDORS = {"anthropic": "anthropic", "google": "google", "openai": "openai", "xai": "x-ai"}


def said(style: ReasoningStyle, calls: int = 0) -> Said:
    made = tuple(
        Call(call_id(style, ANSWER, number, signed=True), f"tool{number}", "{}")
        for number in range(calls)
    )
    return Said(ANSWER, "" if calls else "It rains.", made)


def vary(style: ReasoningStyle, seed: int, calls: int = 0, **options: Any) -> Thinking:
    return think_variedly(style, TOKENS, said(style, calls), rng=random.Random(seed), **options)


def draws(style: ReasoningStyle, **options: Any) -> Iterator[Thinking]:
    for seed in range(300):
        yield vary(style, seed, calls=seed % 3, **options)


def message(style: ReasoningStyle, thinking: Thinking, calls: int) -> dict[str, Any]:
    one = said(style, calls)
    return {
        "role": "assistant",
        "content": one.content,
        "reasoning_details": list(thinking.details),
        "tool_calls": [
            {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
            for call in one.calls
        ],
    }


@pytest.mark.parametrize("style", STYLES)
def test_the_same_is_drawn_from_the_same_seed(style: ReasoningStyle) -> None:
    assert vary(style, 7) == vary(style, 7)
    assert len({repr(thinking) for thinking in draws(style)}) > 2


@pytest.mark.parametrize("style", ["anthropic", "openai", "xai"])
def test_its_own_vendor_takes_it_back(style: ReasoningStyle) -> None:
    model = EmulatedModel.from_entry({"id": f"{VENDORS[style]}/x"})
    for seed, thinking in enumerate(draws(style)):
        verify_history([message(style, thinking, seed % 3)], model)


def test_gemini_takes_back_all_but_its_unsigned_text() -> None:
    model = EmulatedModel.from_entry({"id": "google/x"})
    for seed, thinking in enumerate(draws("google")):
        back = message("google", thinking, seed % 3)
        back["reasoning_details"] = [
            one
            for one in back["reasoning_details"]
            if one["type"] == "reasoning.encrypted" or "signature" in one
        ]
        assert back["reasoning_details"]
        verify_history([back], model)


def test_claude_gives_several_thoughts_some_of_them_redacted() -> None:
    counts: Counter[int] = Counter()
    kinds: Counter[str] = Counter()
    keys: set[frozenset[str]] = set()
    shown: set[bool] = set()
    for thinking in draws("anthropic"):
        counts[len(thinking.details)] += 1
        kinds.update(one["type"] for one in thinking.details)
        keys.update(frozenset(one) & {"index", "id"} for one in thinking.details)
        if any(one["type"] == "reasoning.encrypted" for one in thinking.details):
            shown.add(REDACTED in thinking.text)
        for one in thinking.details:
            assert one.get("signature") or one.get("data")
            assert one.get("format") in (None, "anthropic-claude-v1")
    assert set(counts) == {1, 2, 3}
    assert set(kinds) == {"reasoning.text", "reasoning.encrypted"}
    assert keys == {frozenset(names) for names in ((), ("index",), ("id",), ("id", "index"))}
    assert shown == {True, False}


def test_thoughts_without_index_and_id_come_alone() -> None:
    for thinking in draws("anthropic"):
        if any(not {"index", "id"} & one.keys() for one in thinking.details):
            texts = [one for one in thinking.details if one["type"] == "reasoning.text"]
            assert len(texts) <= 1 or all("id" in one for one in texts)


@pytest.mark.parametrize("thoughts", [1, 2, 5, 99])
def test_the_number_of_thoughts_can_be_asked_for(thoughts: int) -> None:
    for style in ("anthropic", "openai"):
        kinds = [one["type"] for one in vary(style, 3, thoughts=thoughts).details]
        told = kinds if style == "anthropic" else [one for one in kinds if one.endswith("summary")]
        assert len(told) == min(thoughts, len(TOKENS))


def test_gemini_shares_one_index_and_signs_every_call() -> None:
    signed = set()
    for seed, thinking in enumerate(draws("google")):
        text, *sealed = thinking.details
        assert {one["index"] for one in thinking.details} == {0}
        signed.add("signature" in text)
        calls = said("google", seed % 3).calls
        assert [one.get("id") for one in sealed] == ([call.id for call in calls] or [None])
        assert all(is_signed_call(call.id) for call in calls)
    assert signed == {True, False}


def test_summaries_repeat_a_word_and_end_in_an_item() -> None:
    formats = set()
    for thinking in draws("openai"):
        *summaries, item = thinking.details
        assert [one["index"] for one in summaries] == list(range(len(summaries)))
        assert (item["type"], item["id"]) == ("reasoning.encrypted", f"rs_{ANSWER}")
        formats.add(item["format"])
        pieces = [piece["summary"] for _, (piece,) in thinking.deltas[:-1]]
        assert pieces.count(" hm") >= 2
    assert formats == {"openai-responses-v1", "azure-openai-responses-v1"}


def test_an_item_at_times_comes_again_with_the_answer_to_a_tool() -> None:
    first = vary("openai", 1, calls=1)
    calling = message("openai", first, 1)
    tool = {"role": "tool", "tool_call_id": "x", "content": "7 degrees"}
    again = [
        thinking.details[0] == first.details[-1]
        for thinking in draws("openai", history=[calling, tool])
    ]
    assert 0 < sum(again) < len(again)
    for history in ([], [calling], [tool], [{"role": "assistant"}, tool]):
        kinds = {one.details[0]["type"] for one in draws("openai", history=history)}
        assert kinds == {"reasoning.summary"}


def test_xai_at_times_has_an_item() -> None:
    kinds = {tuple(sorted({one["type"] for one in t.details})) for t in draws("xai")}
    assert kinds == {
        ("reasoning.summary",),
        ("reasoning.encrypted", "reasoning.summary"),
    }


def test_plain_models_give_text_under_several_names_or_a_detail_without_format() -> None:
    seen = set()
    for thinking in draws("plain"):
        seen.add((thinking.names, bool(thinking.details)))
        assert all(one.keys() == {"type", "text", "index"} for one in thinking.details)
    assert seen == {
        (("reasoning",), True),
        (("reasoning_content",), False),
        (("reasoning_content", "reasoning"), False),
        (("reasoning_text",), False),
    }


def test_no_two_texts_are_equal_and_all_hold_what_is_easily_broken() -> None:
    texts = [one["text"] for one in vary("anthropic", 2, thoughts=12).details if "text" in one]
    assert len(set(texts)) == len(texts) > 5
    assert all("\u2028" in text and "\U0001f9f5" in text for text in texts)


def test_calls_at_times_carry_signatures_of_their_own() -> None:
    google = [call_extras("google", said("google", 1), random.Random(seed)) for seed in range(99)]
    found = [one["extra_content"]["google"]["thought_signature"] for (one,) in google if one]
    assert 0 < len(found) < 99
    assert all(map(is_base64, found))
    claude = [call_extras("anthropic", said("anthropic", 1), random.Random(n)) for n in range(99)]
    foreign = [one["thought_signature"] for (one,) in claude if one]
    assert 0 < len(foreign) < 99
    assert all(one.startswith("msg_") for one in foreign)
    assert call_extras("openai", said("openai", 2), random.Random(0)) == [{}, {}]
