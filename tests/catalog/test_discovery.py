"""Facts about turning the gateway's model list into a catalogue."""

from __future__ import annotations

import logging

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


def ids(catalog: ModelCatalog | None) -> list[str]:
    assert catalog is not None
    return [model.id for model in catalog]


def test_discovered_models_come_first_in_the_gateways_order_then_the_bundled() -> None:
    body = {"data": [{"id": "z/last"}, {"id": "a/first"}]}
    catalog = catalog_from_wire(body, bundled=static_catalog())
    assert ids(catalog) == ["z/last", "a/first", *(model.id for model in static_catalog())]
    assert catalog is not None
    assert catalog.source == "gateway"


def test_a_bundled_model_is_added_only_where_discovery_lacks_it() -> None:
    body = {"data": [{"id": "a/b"}, {"id": "kilo/auto", "name": "Fresh", "context_length": 5}]}
    catalog = catalog_from_wire(body, bundled=[AUTO])
    assert ids(catalog) == ["a/b", "kilo/auto"]
    assert catalog is not None
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
    catalog_from_wire({"data": [{"id": "x" * 10**6}]}, bundled=[])
    (record,) = caplog.records
    assert len(record.getMessage()) < 300


def test_of_valid_repeats_the_first_wins_and_the_rest_pass_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = {"data": [{"id": "a/b", "name": "1"}, {"id": "a/b", "name": "2"}]}
    catalog = catalog_from_wire(body, bundled=[])
    assert catalog is not None
    assert [model.name for model in catalog] == ["1"]
    assert caplog.records == []


def test_a_valid_repeat_of_a_malformed_entry_counts() -> None:
    body = {"data": [{"id": "a/b "}, {"id": "c/d"}, {"id": "a/b", "name": "whole"}]}
    catalog = catalog_from_wire(body, bundled=[])
    assert ids(catalog) == ["c/d", "a/b"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "<html>",
        7,
        [],
        [{"id": "a/b"}],
        {},
        {"data": None},
        {"data": {"id": "a/b"}},
        {"data": "a/b"},
        {"data": []},
        {"data": [None, {}, {"id": "bad"}]},
        {"error": {"message": "no", "code": 500}},
        {"error": "Rate limit exceeded", "message": "slow down"},
        {"error": {"message": "no"}, "data": [{"id": "a/b"}]},
    ],
)
def test_an_error_another_shape_or_no_valid_model_gives_none(body: object) -> None:
    assert catalog_from_wire(body, bundled=static_catalog()) is None


def test_an_error_that_is_null_is_none() -> None:
    assert ids(catalog_from_wire({"error": None, "data": [{"id": "a/b"}]}, bundled=[])) == ["a/b"]


@given(json_values, st.lists(json_values, max_size=4))
def test_any_json_gives_a_catalogue_or_none(body: object, entries: list[object]) -> None:
    catalog_from_wire(body, bundled=[AUTO])
    assert ids(catalog_from_wire({"data": [*entries, {"id": "a/b"}]}, bundled=[AUTO]))[-1] in (
        "kilo/auto",
        "a/b",
    )


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
