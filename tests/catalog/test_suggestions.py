"""Facts about the words for a model that is not there."""

from __future__ import annotations

from kilo_sdk.catalog import ModelCatalog
from kilo_sdk.catalog.suggestions import did_you_mean
from kilo_sdk.types.model_info import ModelInfo

CATALOG = ModelCatalog(
    [ModelInfo(id=id_, name=id_) for id_ in ("v/sonnet-4", "v/sonnet-5", "w/devstral:free")],
    source="gateway",
)


def test_ids_like_the_wrong_one_are_named_the_likeliest_first() -> None:
    assert did_you_mean("v/sonet-5", CATALOG) == "did you mean v/sonnet-5, v/sonnet-4?"
    assert did_you_mean("w/devstral", CATALOG) == "did you mean w/devstral:free?"


def test_there_are_no_words_where_nothing_is_like_it() -> None:
    assert did_you_mean("qqq/zzz", CATALOG) == ""


def test_there_are_no_words_for_a_model_that_is_listed() -> None:
    assert did_you_mean("v/sonnet-4", CATALOG) == ""


def test_where_no_list_was_obtained_the_bundled_one_is_searched() -> None:
    assert did_you_mean("kilo/atuo", None) == "did you mean kilo/auto?"
    assert did_you_mean("kilo/auto", None) == ""
    assert did_you_mean("anthropic/claude-sonnet-4", None) == ""


def test_an_id_as_long_as_a_book_does_not_fill_the_message() -> None:
    long = ModelCatalog([ModelInfo(id="x" * 10**5 + "/sonnet-4", name="X")], source="gateway")
    assert len(did_you_mean("v/sonnet-4", long)) < 150
