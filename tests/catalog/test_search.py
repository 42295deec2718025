"""Facts about finding models by words, and about what a wrong ref was meant to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.catalog.search import ranked, similar_ids
from kilo_sdk.types.model_info import ModelInfo

MODELS = [
    ModelInfo(id=id_, name=name)
    for id_, name in {
        "kilo/auto": "Kilo Auto",
        "thirdparty/not-claude": "A finetune",
        "anthropic/claude-sonnet-4": "Anthropic: Claude Sonnet 4",
        "anthropic/claude-sonnet-4.5": "Anthropic: Claude Sonnet 4.5",
        "anthropic/claude-opus-4": "Anthropic: Claude Opus 4",
        "openai/gpt-5": "OpenAI: GPT-5",
        "openai/gpt-4o-mini": "OpenAI: GPT-4o mini",
        "mistralai/devstral:free": "Mistral: Devstral (free)",
        "mistralai/devstral": "Mistral: Devstral",
        "qwen/qwen3-coder": "通义千问3",
    }.items()
]
letters = st.text("abcdeknorsu/-:45 ", max_size=12)
ids = st.from_regex(r"[a-z]{1,5}/[a-z0-9.-]{1,8}(:free)?", fullmatch=True)
lists = st.lists(ids, unique=True, max_size=12).map(
    lambda many: [ModelInfo(id=one, name=one.title()) for one in many]
)


def found(text: str) -> list[str]:
    return [model.id for model in ranked(MODELS, text)]


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        # 1: what was typed is the id, or names a model without its vendor or tag.
        ("kilo/auto", ["kilo/auto"]),
        ("KILOCODE/Kilo/Auto", ["kilo/auto"]),
        ("  openai: gpt-5 ", ["openai/gpt-5"]),
        ("devstral", ["mistralai/devstral:free", "mistralai/devstral"]),
        ("mistralai/devstral", ["mistralai/devstral", "mistralai/devstral:free"]),
        # 2 before 3: a beginning before a word in the middle.
        (
            "claude",
            [
                "anthropic/claude-sonnet-4",
                "anthropic/claude-sonnet-4.5",
                "anthropic/claude-opus-4",
                "thirdparty/not-claude",
            ],
        ),
        (
            "claude-sonnet-4",
            ["anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4.5"],
        ),
        # 3: words in any order, letters and digits apart.
        ("sonnet anthropic", ["anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4.5"]),
        ("gpt4", ["openai/gpt-4o-mini"]),
        ("opus4", ["anthropic/claude-opus-4"]),
        ("mini gp", ["openai/gpt-4o-mini"]),
        ("通义", ["qwen/qwen3-coder"]),
        # 4: parts of words.
        ("onnet", ["anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4.5"]),
        # 5: slips, where nothing better is there.
        ("sonett", ["anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4.5"]),
        ("cluade opus", ["anthropic/claude-opus-4"]),
        # 6: letters in order, close together.
        ("g4om", ["openai/gpt-4o-mini"]),
        ("dvstrl", ["mistralai/devstral:free", "mistralai/devstral"]),
        ("gpt 9", []),
        ("zzzz", []),
        ("", []),
        ("   ", []),
        ("/-:", []),
        ("kilocode/", []),
    ],
)
def test_the_better_a_name_fits_the_earlier_it_comes(typed: str, ids: list[str]) -> None:
    assert found(typed) == ids


def test_letters_strewn_over_a_whole_id_are_chance() -> None:
    far = [ModelInfo(id="v/a-very-long-name-of-x", name="N")]
    assert ranked(far, "vax") == []
    assert ranked([ModelInfo(id="v/qaqx", name="N")], "vax") != []


def test_a_query_as_long_as_a_book_is_cut() -> None:
    assert ranked(MODELS, "kilo/auto" * 10**5) == []


@given(lists, letters)
def test_what_is_found_is_of_the_list_once_each_and_the_same_each_time(
    models: list[ModelInfo], typed: str
) -> None:
    first = ranked(models, typed)
    assert len({model.id for model in first}) == len(first)
    assert all(model in models for model in first)
    assert ranked(models, typed) == first
    assert ranked(models, f" {typed.upper()} ") == first


@given(lists, st.data())
def test_the_exact_id_comes_first(models: list[ModelInfo], data: st.DataObject) -> None:
    if models:
        wanted = data.draw(st.sampled_from(models))
        assert ranked(models, wanted.id)[0] is wanted
        assert ranked(models, wanted.ref)[0] is wanted


@given(lists, st.text(max_size=30))
def test_no_text_makes_it_fail(models: list[ModelInfo], typed: str) -> None:
    ranked([*models, *MODELS], typed)
    similar_ids([*models, *MODELS], typed, 3)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("anthropic/claude-sonet-4", "anthropic/claude-sonnet-4"),
        ("Anthropic/Claude-Sonnet-4", "anthropic/claude-sonnet-4"),
        ("claude-sonnet-4", "anthropic/claude-sonnet-4"),
        ("google/claude-opus-4", "anthropic/claude-opus-4"),
        ("kilocode/openai/gtp-5", "openai/gpt-5"),
        ("gpt-5", "openai/gpt-5"),
        ("mistralai/devstral:fre", "mistralai/devstral:free"),
        ("kilo-auto", "kilo/auto"),
    ],
)
def test_the_likeliest_comes_first(wrong: str, meant: str) -> None:
    assert similar_ids(MODELS, wrong, 3)[0] == meant


def test_the_same_vendor_is_the_better_guess() -> None:
    models = [ModelInfo(id=id_, name="N") for id_ in ("other/claude", "mine/claude")]
    assert similar_ids(models, "mine/claude:x", 2) == ["mine/claude", "other/claude"]


def test_of_equal_guesses_the_lists_order_stays_and_only_so_many_come() -> None:
    models = [ModelInfo(id=f"{vendor}/m", name="N") for vendor in "dcba"]
    assert similar_ids(models, "m", 9) == ["d/m", "c/m", "b/m", "a/m"]
    assert similar_ids(models, "m", 2) == ["d/m", "c/m"]
    assert similar_ids(models, "m", 0) == []


def test_the_ref_itself_is_no_suggestion() -> None:
    assert "openai/gpt-5" not in similar_ids(MODELS, "kilocode/openai/gpt-5", 9)


@pytest.mark.parametrize("wrong", ["", " ", "qqq/zzz", "x" * 10**6, "/"])
def test_what_is_like_nothing_gives_nothing(wrong: str) -> None:
    assert similar_ids(MODELS, wrong, 3) == []


@given(lists, letters, st.integers(1, 4))
def test_fewer_guesses_are_the_first_of_more(
    models: list[ModelInfo], wrong: str, most: int
) -> None:
    guesses = similar_ids(models, wrong, 20)
    assert similar_ids(models, wrong, most) == guesses[:most]
    assert set(guesses) <= {model.id for model in models} - {wrong}
