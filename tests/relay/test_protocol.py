"""What clients may send, word for word."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk import KiloError, relay
from kilo_sdk.relay import refusals
from kilo_sdk.relay.protocol import (
    Cancel,
    CloseCode,
    Prompt,
    Resume,
    negotiate,
    read_message,
)
from kilo_sdk.relay.refusals import RelayRefusedError, failure_of


def test_a_prompt_keeps_what_was_sent() -> None:
    message = {
        "type": "prompt",
        "v": 1,
        "id": "mine",
        "key": "k" * 16,
        "messages": [{"role": "user", "content": "hi"}],
        "model": "a/b",
        "temperature": 0.5,
        "top_p": None,
        "data": {"chat": 7},
    }
    assert read_message(message, "anna") == Prompt(
        messages=[{"role": "user", "content": "hi"}],
        request="mine",
        key="k" * 16,
        model="a/b",
        params={"temperature": 0.5},
        data={"chat": 7},
        owner="anna",
    )


def test_a_prompt_shows_nothing_of_what_it_asks() -> None:
    prompt = read_message({"type": "prompt", "messages": "a secret", "data": "a secret"})
    assert "secret" not in repr(prompt)


def test_cancel_and_resume_name_a_stream() -> None:
    assert read_message({"type": "cancel", "stream": "s-1"}) == Cancel("s-1")
    assert read_message({"type": "resume", "stream": "s-1"}) == Resume("s-1", 0)
    assert read_message({"type": "resume", "stream": "s", "after": 9}) == Resume("s", 9)


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (None, "bad_message", "an object with a type"),
        ([], "bad_message", "an object with a type"),
        ({}, "unknown_type", "prompt, cancel, resume"),
        ({"type": ["prompt"]}, "unknown_type", "prompt, cancel, resume"),
        ({"type": "prompt", "v": 2}, "unsupported_version", "v is 1"),
        ({"type": "prompt", "v": True}, "unsupported_version", "v is 1"),
        ({"type": "prompt", "id": 7}, "bad_message", "id is a string"),
        ({"type": "prompt", "id": "x" * 129}, "bad_message", "id is a string"),
        ({"type": "prompt", "messages": ""}, "bad_prompt", "messages is a text"),
        ({"type": "prompt", "messages": []}, "bad_prompt", "messages is a text"),
        ({"type": "prompt", "messages": {"a": 1}}, "bad_prompt", "messages is a text"),
        ({"type": "prompt", "messages": ["hi"]}, "bad_prompt", "messages[0]"),
        ({"type": "prompt", "messages": [{"role": 1}]}, "bad_prompt", "messages[0]"),
        ({"type": "prompt", "messages": "x", "model": 1}, "bad_prompt", "model is a string"),
        ({"type": "prompt", "messages": "x", "key": "short"}, "bad_prompt", "key is 16"),
        ({"type": "cancel"}, "bad_message", "stream is the id"),
        ({"type": "resume", "stream": "../x"}, "bad_message", "stream is the id"),
        ({"type": "resume", "stream": "s", "after": -1}, "bad_message", "after is the last"),
        ({"type": "resume", "stream": "s", "after": "1"}, "bad_message", "after is the last"),
        ({"type": "resume", "stream": "s", "after": True}, "bad_message", "after is the last"),
    ],
)
def test_what_is_no_message_is_refused(message: Any, code: str, words: str) -> None:
    with pytest.raises(RelayRefusedError) as refused:
        read_message(message)
    assert refused.value.code == code
    assert words in refused.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {"type": st.sampled_from(["prompt", "cancel", "resume"])},
    optional=dict.fromkeys(("v", "id", "messages", "model", "key", "stream", "after"), JSON),
)


@given(FIELDS | JSON)
def test_whatever_was_sent_is_read_or_refused(message: Any) -> None:
    with suppress(RelayRefusedError):
        assert isinstance(read_message(message), Prompt | Cancel | Resume)


def test_the_first_known_subprotocol_is_taken() -> None:
    assert negotiate([]) == ("json", None)
    assert negotiate(["chat", "kilo-relay.v1.openai", "kilo-relay.v1.json"]) == (
        "openai",
        "kilo-relay.v1.openai",
    )
    assert negotiate(["kilo-relay.v1.msgpack"]) == ("msgpack", "kilo-relay.v1.msgpack")
    with pytest.raises(RelayRefusedError, match=r"kilo-relay\.v1\.json"):
        negotiate(["kilo-relay.v2.json"])


def test_close_codes_are_those_that_an_app_may_use() -> None:
    assert all(code < 1016 or 4000 <= code < 5000 for code in CloseCode)


PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "relay-protocol.md").read_text("utf-8")


def table_under(heading: str) -> dict[str, str]:
    """First cells, and what follows, of the rows under a heading."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return {cells[0].strip("`"): cells[1] for cells in rows[2:]}


def test_the_close_codes_of_the_reference_are_those_of_the_protocol() -> None:
    told = {int(code): name.strip("`") for code, name in table_under("Close codes").items()}
    assert told == {int(code): code.name for code in CloseCode}


def test_every_error_code_is_in_the_reference() -> None:
    package = Path(relay.__file__).parent
    used = {
        code
        for module in package.glob("*.py")
        for code in re.findall(r'code="([a-z_]+)"', module.read_text("utf-8"))
    }
    used |= {failure_of(cls("")).code for cls in KiloError.__subclasses__()}
    used |= {code for _, code, _ in refusals._WORDS} | {"bad_message", "cut", "internal"}
    assert set(table_under("Error codes")) == used


def test_the_table_of_limits_is_true() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "relay.md").read_text("utf-8")
    limits = page.partition("## Limits")[2]
    told = dict(re.findall(r"^\| `(\w+)` \| .* \| (\S+) \|$", limits, re.MULTILINE))
    assert told == {
        field.name: f"{field.default:.10g}" for field in attrs.fields(relay.RelayLimits)
    }
