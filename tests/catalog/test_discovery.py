"""Facts about turning the gateway's model list into a catalogue."""

from __future__ import annotations

import contextlib
import logging
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.catalog import ModelCatalog, catalog_from_wire, static_catalog
from kilo_sdk.catalog.discovery import valid_entries
from kilo_sdk.types.model_info import ModelInfo

AUTO = ModelInfo(id="kilo/auto", name="Kilo Auto")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "data"]), inner)
    ),
    max_leaves=10,
)
entries = st.fixed_dictionaries(
    {"id": st.sampled_from(["a/b", "c/d", "kilo/auto", "kilocode/a/b", "bad", "e/ f", ""])},
    optional={"name": st.text(max_size=3) | st.none(), "context_length": json_values},
)


def ids(catalog: ModelCatalog) -> list[str]:
    return [model.id for model in catalog]


def test_discovered_models_come_first_in_the_gateways_order_then_the_bundled() -> None:
    body = {"data": [{"id": "z/last"}, {"id": "a/first"}]}
    catalog = catalog_from_wire(body, bundled=static_catalog())
    assert ids(catalog) == ["z/last", "a/first", *(model.id for model in static_catalog())]
    assert catalog.source == "gateway"


def test_a_bundled_model_is_added_only_where_discovery_lacks_it() -> None:
    body = {"data": [{"id": "a/b"}, {"id": "kilo/auto", "name": "Fresh", "context_length": 5}]}
    catalog = catalog_from_wire(body, bundled=[AUTO])
    assert ids(catalog) == ["a/b", "kilo/auto"]
    auto = catalog.get("kilo/auto")
    assert auto is not None
    assert (auto.name, auto.context_window) == ("Fresh", 5)


def test_a_malformed_entry_costs_that_entry_and_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = {"data": [{"id": "a/b"}, None, {"name": "x"}, {"id": "claude"}, {"id": "c/d"}]}
    with caplog.at_level(logging.DEBUG):
        assert ids(catalog_from_wire(body, bundled=[])) == ["a/b", "c/d"]
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        (
            "kilo_sdk.catalog",
            "WARNING",
            "model_entry.skipped index=1 reason=a model is described by a JSON object, "
            "not NoneType",
        ),
        ("kilo_sdk.catalog", "WARNING", "model_entry.skipped index=2 reason=the entry has no 'id'"),
        (
            "kilo_sdk.catalog",
            "WARNING",
            "model_entry.skipped index=3 reason='claude' is no model ref; accepted are "
            "'vendor/model', 'vendor/model:tag' and 'kilocode/vendor/model'",
        ),
    ]


def test_a_monstrous_id_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    catalog_from_wire({"data": [{"id": "x" * 10**6}, {"id": "a/b"}]}, bundled=[])
    (record,) = caplog.records
    assert len(record.getMessage()) < 300


def test_of_valid_repeats_the_first_wins_and_the_rest_pass_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = {"data": [{"id": "a/b", "name": "1"}, {"id": "a/b", "name": "2"}]}
    catalog = catalog_from_wire(body, bundled=[])
    assert [model.name for model in catalog] == ["1"]
    assert caplog.records == []


def test_a_valid_repeat_of_a_malformed_entry_counts() -> None:
    body = {"data": [{"id": "a/b "}, {"id": "c/d"}, {"id": "a/b", "name": "whole"}]}
    catalog = catalog_from_wire(body, bundled=[])
    assert ids(catalog) == ["c/d", "a/b"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "the answer is no JSON object, but NoneType"),
        ("<html>", "the answer is no JSON object, but str"),
        (7, "the answer is no JSON object, but int"),
        ([{"id": "a/b"}], "the answer is no JSON object, but list"),
        ({}, "the answer holds no list 'data'"),
        ({"data": None}, "the answer holds no list 'data'"),
        ({"data": {"id": "a/b"}}, "the answer holds no list 'data'"),
        ({"data": "a/b"}, "the answer holds no list 'data'"),
        ({"data": []}, "the list is empty"),
        ({"data": [None, {}, {"id": "bad"}]}, "none of the 3 entries describes a model"),
        ({"error": {"message": "no", "code": 500}}, "the answer is an error"),
        ({"error": "Rate limit exceeded", "message": "slow down"}, "the answer is an error"),
        ({"error": {"message": "no"}, "data": [{"id": "a/b"}]}, "the answer is an error"),
    ],
)
def test_what_holds_no_model_is_refused_with_the_reason(body: object, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        catalog_from_wire(body, bundled=static_catalog())


def test_an_error_that_is_null_is_none() -> None:
    assert ids(catalog_from_wire({"error": None, "data": [{"id": "a/b"}]}, bundled=[])) == ["a/b"]


@given(json_values)
def test_any_json_gives_a_catalogue_or_a_value_error(body: object) -> None:
    with contextlib.suppress(ValueError):
        assert len(catalog_from_wire(body, bundled=[])) > 0


@given(st.lists(json_values | entries, max_size=6))
def test_the_first_valid_entry_of_each_id_counts_in_the_gateways_order(data: list[object]) -> None:
    catalog = catalog_from_wire({"data": [*data, {"id": "z/last"}]}, bundled=[AUTO])
    valid: dict[str, ModelInfo] = {}
    for entry in [*data, {"id": "z/last"}]:
        with contextlib.suppress(ValueError):
            model = ModelInfo.from_wire(entry)
            valid.setdefault(model.id, model)
    assert list(catalog) == list({**valid, "kilo/auto": valid.get("kilo/auto", AUTO)}.values())


def test_of_a_thousand_bad_entries_ten_are_named_and_the_rest_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = {"data": [*([{}] * 1000), {"id": "a/b"}]}
    assert ids(catalog_from_wire(body, bundled=[])) == ["a/b"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 11
    assert said[9:] == [
        "model_entry.skipped index=9 reason=the entry has no 'id'",
        "model_entry.skipped more=990",
    ]


def test_a_list_without_end_is_cut_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    body = {"data": [{"id": f"v/{number}"} for number in range(10_003)]}
    catalog = catalog_from_wire(body, bundled=[AUTO])
    assert len(catalog) == 10_001
    assert catalog.get("kilo/auto") is AUTO
    assert [record.getMessage() for record in caplog.records] == [
        "model_list.cut entries=10003 read=10000"
    ]


def test_it_keeps_when_it_was_fetched() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    body = {"data": [{"id": "a/b"}]}
    assert catalog_from_wire(body, bundled=[], fetched_at=now).fetched_at is now
    assert catalog_from_wire(body, bundled=[]).fetched_at is None


def test_valid_entries_reads_lazily_and_only_value_errors_are_skipped() -> None:
    def read(entry: object) -> int:
        if entry == "bad":
            raise ValueError("bad")
        if entry == "bug":
            raise KeyError("bug")
        return len(str(entry))

    read_so_far = valid_entries(["a", "bad", "ccc", "bug"], read, what="thing")
    assert next(read_so_far) == 1
    assert next(read_so_far) == 3
    with pytest.raises(KeyError):
        next(read_so_far)
