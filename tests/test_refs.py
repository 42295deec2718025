"""Model refs, with and without the prefix (GATEWAY 1)."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.refs import ModelRef

ACCEPTED = {
    # What a user writes, and the id, the vendor and whether the gateway picks the model.
    "kilocode/anthropic/claude-sonnet-4": ("anthropic/claude-sonnet-4", "anthropic", False),
    "anthropic/claude-sonnet-4": ("anthropic/claude-sonnet-4", "anthropic", False),
    "mistralai/devstral-2512:free": ("mistralai/devstral-2512:free", "mistralai", False),
    "kilocode/kilo/auto": ("kilo/auto", "kilo", True),
    "kilo/auto": ("kilo/auto", "kilo", True),
    "kilo/auto:free": ("kilo/auto:free", "kilo", True),
    "kilocode/kilo-auto/frontier": ("kilo-auto/frontier", "kilo-auto", True),
    "kilo-auto/free": ("kilo-auto/free", "kilo-auto", True),
    "kilo/automatic": ("kilo/automatic", "kilo", False),
    "kilo/other": ("kilo/other", "kilo", False),
    "vendor/auto": ("vendor/auto", "vendor", False),
    "kilocode/kilocode/model": ("kilocode/model", "kilocode", False),
    "vendor/family/model": ("vendor/family/model", "vendor", False),
    "Vendor/Model-1.5_x": ("Vendor/Model-1.5_x", "Vendor", False),
}


@pytest.mark.parametrize("written", ACCEPTED)
def test_a_ref_reads(written: str) -> None:
    id_, vendor, is_auto = ACCEPTED[written]
    ref = ModelRef.parse(written)
    assert (ref.id, ref.vendor, ref.is_auto) == (id_, vendor, is_auto)
    assert ref.ref == f"kilocode/{id_}"
    assert str(ref) == ref.ref
    assert repr(ref) == f"ModelRef('kilocode/{id_}')"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "auto",
        "gpt-4.1",
        "kilocode/auto",
        "kilocode/",
        "/",
        "/model",
        "vendor/",
        "kilocode//model",
        "kilocode/vendor/",
        " vendor/model",
        "vendor/model ",
        "vendor/mo del",
        "vendor/model\n",
        "vendor\t/model",
        "vendor/mo\u00a0del",
    ],
)
def test_what_is_no_ref_is_refused_with_the_accepted_forms(written: str) -> None:
    with pytest.raises(ValueError, match="accepted are 'vendor/model'"):
        ModelRef.parse(written)


@pytest.mark.parametrize("written", [None, 3, b"vendor/model", ["vendor/model"], object()])
def test_what_is_no_string_is_refused_by_its_type(written: Any) -> None:
    with pytest.raises(ValueError, match=f"not {type(written).__name__}; accepted are"):
        ModelRef.parse(written)


def test_a_ref_that_was_read_reads_as_itself() -> None:
    ref = ModelRef.parse("kilo/auto")
    assert ModelRef.parse(ref) is ref


def test_with_and_without_prefix_it_is_one_ref() -> None:
    with_prefix, without = ModelRef.parse("kilocode/a/b"), ModelRef.parse("a/b")
    assert with_prefix == without
    assert len({with_prefix, without}) == 1


@given(st.text(max_size=20) | st.from_regex(r"(kilocode/)?[a-z-]+/[a-z:/]+", fullmatch=True))
def test_reading_what_it_says_of_itself_gives_the_same_ref(written: str) -> None:
    try:
        ref = ModelRef.parse(written)
    except ValueError:
        return
    assert ModelRef.parse(ref.ref) == ref


def test_it_pickles_and_copies_and_cannot_be_changed() -> None:
    ref = ModelRef.parse("a/b")
    for twin in (pickle.loads(pickle.dumps(ref)), copy.copy(ref), copy.deepcopy(ref)):
        assert twin == ref
    with pytest.raises(AttributeError):
        ref.id = "c/d"  # type: ignore[misc]
