"""Facts about the memory of who gave which answer."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.provider_memory import ProviderMemory, check_pin
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.message import Message

GEMINI = ModelRef("google/gemini-3-pro-preview")
CLAUDE = ModelRef("anthropic/claude-sonnet-4")
USER: dict[str, Any] = {"role": "user", "content": "Hi"}
CALL: dict[str, Any] = {
    "id": "tool_0_weather",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
}


def signed(signature: str, text: str = "Hm.") -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "signature": signature, "format": "x"}


def sealed(data: str) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": data, "id": CALL["id"]}


def answer(
    message: dict[str, Any],
    *more: dict[str, Any],
    provider: str | None = "Google AI Studio",
    model: str | None = GEMINI.id,
    asked: ModelRef | None = GEMINI,
) -> ChatCompletion:
    choices = [
        {"index": index, "message": {"role": "assistant", **one}}
        for index, one in enumerate([message, *more])
    ]
    wire = {"id": "g", "provider": provider, "model": model, "choices": choices}
    return ChatCompletion.from_wire(copy.deepcopy(wire), model_ref=asked)


def stored(message: Message) -> dict[str, Any]:
    """What a message is after a trip through a database."""
    wire: dict[str, Any] = orjson.loads(orjson.dumps(message.to_param()))
    return wire


def recalled(
    completion: ChatCompletion, *, plain: bool = False, ref: ModelRef = GEMINI
) -> str | None:
    memory = ProviderMemory()
    memory.remember(completion, plain=plain)
    return memory.provider_for([USER, stored(completion.message), USER], ref)


BOUND = {
    "signed": {"content": "Ho", "reasoning_details": [signed("s1")]},
    "sealed": {"content": None, "reasoning_details": [sealed("d1")], "tool_calls": [CALL]},
    "both": {"content": "Ho", "reasoning_details": [signed("s1"), sealed("d1"), signed("s2")]},
    "called": {"content": None, "tool_calls": [CALL]},
    "unsigned": {
        "content": "Ho",
        "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}],
        "tool_calls": [CALL],
    },
}


@pytest.mark.parametrize("message", BOUND.values(), ids=BOUND)
def test_an_answer_is_known_again_after_a_trip_through_a_database(message: dict[str, Any]) -> None:
    assert recalled(answer(message)) == "Google AI Studio"


@pytest.mark.parametrize("content", ["Ho", [{"type": "text", "text": "H"}, {"text": "o"}]])
def test_a_plain_answer_is_noted_only_where_that_is_asked_for(content: Any) -> None:
    assert recalled(answer({"content": content})) is None
    assert recalled(answer({"content": content}), plain=True) == "Google AI Studio"


def test_text_is_the_same_in_parts() -> None:
    memory = ProviderMemory()
    memory.remember(answer({"content": "Ho"}), plain=True)
    parts = [{"type": "text", "text": "Ho", "cache_control": {"type": "ephemeral"}}]
    assert memory.provider_for([{"role": "assistant", "content": parts}], GEMINI) is not None


def test_signatures_alone_tell_where_there_are_any() -> None:
    """So that sanitation, which drops unsigned and repeated details, changes nothing."""
    memory = ProviderMemory()
    details = [signed("s1"), {"type": "reasoning.text", "text": "unsigned"}, sealed("d1")]
    memory.remember(answer({"content": "Ho", "reasoning_details": details, "tool_calls": [CALL]}))
    kept = {"role": "assistant", "content": "", "reasoning_details": [sealed("d1"), signed("s1")]}
    assert memory.provider_for([kept], GEMINI) == "Google AI Studio"
    less = {**kept, "reasoning_details": [signed("s1")]}
    assert memory.provider_for([less], GEMINI) is None


@pytest.mark.parametrize(
    "other",
    [
        {"content": "Ho", "reasoning_details": [signed("s2")]},
        {"content": None, "reasoning_details": [sealed("d2")], "tool_calls": [CALL]},
        {"content": None, "tool_calls": [{**CALL, "id": "other"}]},
        {"content": None, "tool_calls": [CALL, CALL]},
        {"content": "Ho"},
        {"content": None},
    ],
)
def test_another_answer_is_not_taken_for_it(other: dict[str, Any]) -> None:
    memory = ProviderMemory()
    for message in BOUND.values():
        memory.remember(answer(message))
    assert memory.provider_for([{"role": "assistant", **other}], GEMINI) is None


@pytest.mark.parametrize("role", ["user", "tool", "system", None])
def test_only_what_the_assistant_said_counts(role: str | None) -> None:
    memory = ProviderMemory()
    memory.remember(answer(BOUND["signed"]))
    assert memory.provider_for([{"role": role, **BOUND["signed"]}], GEMINI) is None
    message = Message(str(role), "Hi", provider="Elsewhere", model=GEMINI.id)
    assert memory.provider_for([message], GEMINI) is None


def test_the_last_answer_of_the_vendor_counts() -> None:
    memory = ProviderMemory()
    first = answer(BOUND["signed"], provider="First")
    second = answer(BOUND["sealed"], provider="Second")
    claude = answer(
        {"content": "Hm", "reasoning_details": [signed("c1")]},
        provider="Anthropic",
        model=CLAUDE.id,
        asked=CLAUDE,
    )
    history: list[dict[str, Any]] = []
    for completion in (first, second, claude):
        memory.remember(completion)
        history += [USER, stored(completion.message)]
    unknown = {"role": "assistant", "content": "written by hand"}
    assert memory.provider_for([*history, unknown, USER], GEMINI) == "Second"
    assert memory.provider_for([*history, unknown, USER], CLAUDE) == "Anthropic"
    assert memory.provider_for(history[:2], GEMINI) == "First"
    assert memory.provider_for(history[:2], CLAUDE) is None


@pytest.mark.parametrize(
    ("model", "asked", "vendor"),
    [
        (GEMINI.id, CLAUDE, "google"),
        ("Google/Gemini-3", None, "google"),
        ("gemini-3", GEMINI, "google"),
        ("accounts/x/models/gemini-3", GEMINI, "google"),
        (None, GEMINI, "google"),
        (GEMINI.id, ModelRef("kilo/auto"), "google"),
        (CLAUDE.id, GEMINI, "anthropic"),
        ("gemini-3", ModelRef("kilo/auto"), "kilo"),
    ],
)
def test_the_model_that_answered_tells_the_vendor_and_else_the_one_asked(
    model: str | None, asked: ModelRef | None, vendor: str
) -> None:
    completion = answer(BOUND["signed"], model=model, asked=asked)
    found = {
        ref.vendor: recalled(completion, ref=ref)
        for ref in (ModelRef("google/a"), ModelRef("anthropic/b"), ModelRef("kilo/c"))
    }
    assert [name for name, provider in found.items() if provider is not None] == [vendor]


@pytest.mark.parametrize("ref", ["kilo/auto", "kilo/auto:free", "kilo-auto/frontier"])
def test_nothing_is_pinned_where_the_gateway_picks_the_model(ref: str) -> None:
    completion = answer(BOUND["signed"], model="kilo/auto", asked=ModelRef(ref))
    memory = ProviderMemory()
    memory.remember(completion)
    assert memory.provider_for([completion.message], ModelRef(ref)) is None
    assert memory.provider_for([stored(completion.message)], ModelRef(ref)) is None


@pytest.mark.parametrize(
    ("model", "found"),
    [(GEMINI.id, "Elsewhere"), (None, "Elsewhere"), ("gemini", "Elsewhere"), (CLAUDE.id, None)],
)
def test_a_message_says_itself_who_made_it(model: str | None, found: str | None) -> None:
    message = Message("assistant", "Ho", provider="Elsewhere", model=model)
    assert ProviderMemory().provider_for([Message.user("Hi"), message], GEMINI) == found


def test_a_message_that_does_not_say_is_looked_up() -> None:
    memory = ProviderMemory()
    completion = answer(BOUND["sealed"])
    memory.remember(completion)
    assert memory.provider_for([Message.from_param(stored(completion.message))], GEMINI)


def test_an_answer_without_a_provider_is_not_noted() -> None:
    assert recalled(answer(BOUND["signed"], provider=None)) is None


def test_each_choice_is_noted() -> None:
    memory = ProviderMemory()
    completion = answer(BOUND["signed"], BOUND["sealed"], BOUND["called"])
    memory.remember(completion)
    assert len(memory) == 3
    for choice in completion.choices:
        assert memory.provider_for([stored(choice.message)], GEMINI) == "Google AI Studio"


@pytest.mark.parametrize("messages", ["Hi", [], [USER]])
def test_a_conversation_without_an_answer_has_nobody_to_go_on_with(messages: Any) -> None:
    memory = ProviderMemory()
    memory.remember(answer(BOUND["signed"]))
    assert memory.provider_for(messages, GEMINI) is None


def test_past_its_size_what_was_unused_for_longest_is_forgotten() -> None:
    memory = ProviderMemory(size=3)
    answers = [
        answer({"content": "", "reasoning_details": [signed(str(n))]}, provider=f"P{n}")
        for n in range(5)
    ]
    for completion in answers[:3]:
        memory.remember(completion)
    assert memory.provider_for([stored(answers[0].message)], GEMINI) == "P0"
    memory.remember(answers[1])
    for completion in answers[3:]:
        memory.remember(completion)
    known = [memory.provider_for([stored(one.message)], GEMINI) for one in answers]
    assert known == [None, "P1", None, "P3", "P4"]
    assert len(memory) == 3


def test_it_remembers_a_thousand_answers_and_no_more() -> None:
    memory = ProviderMemory()
    for n in range(1100):
        memory.remember(answer({"content": "", "reasoning_details": [signed(str(n))]}))
    assert len(memory) == 1024


# Whatever a caller's history holds

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "id", "function", "data", "name"]), inner)
    ),
    max_leaves=8,
)
histories = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["assistant", "user"])},
        optional=dict.fromkeys(("content", "reasoning_details", "tool_calls"), json_values),
    ),
    max_size=4,
)


@given(history=histories)
def test_no_history_breaks_it_and_none_is_changed(history: list[dict[str, Any]]) -> None:
    memory = ProviderMemory()
    memory.remember(answer(BOUND["signed"]))
    before = copy.deepcopy(history)
    assert memory.provider_for(history, GEMINI) is None
    assert history == before


def test_half_a_character_breaks_nothing() -> None:
    memory = ProviderMemory()
    completion = answer({"content": "", "reasoning_details": [signed("\ud800")]})
    memory.remember(completion)
    assert memory.provider_for([completion.message.to_param()], GEMINI) is not None


@given(
    first=st.lists(st.text(min_size=1), min_size=1, max_size=3),
    second=st.lists(st.text(min_size=1), min_size=1, max_size=3),
)
def test_answers_with_other_signatures_are_told_apart(first: list[str], second: list[str]) -> None:
    memory = ProviderMemory()
    memory.remember(answer({"content": "", "reasoning_details": list(map(signed, first))}))
    other = {"role": "assistant", "reasoning_details": list(map(signed, second))}
    assert (memory.provider_for([other], GEMINI) is not None) == (set(first) == set(second))


# The option


@pytest.mark.parametrize("pin", [True, False, "Google AI Studio", "google-vertex/global"])
def test_a_pin_is_a_boolean_or_a_name(pin: bool | str) -> None:
    assert check_pin(pin) is pin


@pytest.mark.parametrize(
    ("pin", "words"),
    [
        ("", "not an empty string"),
        (" ", "not an empty string"),
        (5, "not int"),
        (["a"], "not list"),
    ],
)
def test_anything_else_is_refused_with_words_that_help(pin: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        check_pin(pin)
    assert "such as 'Google AI Studio'" in str(caught.value)
