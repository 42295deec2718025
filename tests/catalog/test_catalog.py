"""Facts about the catalogue as a value."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

from kilo_sdk.catalog import ModelCatalog
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.model_info import ModelInfo, Pricing

A = ModelInfo(id="v/a", name="A")
B = ModelInfo(id="v/b:free", name="B", raw={"extra": [1]})
LATER_A = ModelInfo(id="v/a", name="later")
CATALOG = ModelCatalog([A, B], source="gateway")


def test_it_iterates_in_order_and_knows_its_length() -> None:
    assert list(CATALOG) == [A, B]
    assert CATALOG.models == (A, B)
    assert len(CATALOG) == 2
    assert CATALOG.source == "gateway"


@pytest.mark.parametrize("ref", ["v/a", "kilocode/v/a", ModelRef("v/a")])
def test_a_model_is_found_by_id_by_ref_and_by_model_ref(ref: str | ModelRef) -> None:
    assert CATALOG.get(ref) is A
    assert ref in CATALOG


def test_a_tag_is_part_of_the_name() -> None:
    assert CATALOG.get("v/b:free") is B
    assert CATALOG.get("v/b") is None
    assert CATALOG.get("v/a:free") is None


@pytest.mark.parametrize("ref", ["v/z", "a", "", "V/A", " v/a"])
def test_an_unknown_name_gives_none(ref: str) -> None:
    assert CATALOG.get(ref) is None
    assert ref not in CATALOG


def test_only_its_own_models_and_names_are_in_it() -> None:
    assert A in CATALOG
    assert LATER_A not in CATALOG
    for other in (None, 7, ["v/a"], b"v/a"):
        assert other not in CATALOG


def test_of_repeats_the_first_stays() -> None:
    catalog = ModelCatalog([A, B, LATER_A], source="static")
    assert list(catalog) == [A, B]
    assert catalog.get("v/a") is A


def test_an_empty_catalogue_is_a_catalogue() -> None:
    empty = ModelCatalog([], source="static")
    assert len(empty) == 0
    assert list(empty) == []
    assert empty.get("v/a") is None


def test_its_repr_is_short_however_many_models() -> None:
    models = [ModelInfo(id=f"v/{n}", name="N") for n in range(400)]
    assert repr(ModelCatalog(models, source="gateway")) == (
        "<ModelCatalog of 400 models, source='gateway'>"
    )


def test_it_cannot_be_changed() -> None:
    changed: Any = CATALOG
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        changed.source = "static"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        changed.models = ()


def test_a_list_handed_in_can_change_without_it() -> None:
    models = [A]
    catalog = ModelCatalog(models, source="static")
    models.append(B)
    assert list(catalog) == [A]


def test_equal_catalogues_are_equal_and_survive_copy_and_pickle() -> None:
    assert ModelCatalog((A, B), source="gateway") == CATALOG
    assert ModelCatalog((B, A), source="gateway") != CATALOG
    assert ModelCatalog((A, B), source="static") != CATALOG
    for twin in (copy.deepcopy(CATALOG), pickle.loads(pickle.dumps(CATALOG))):
        assert twin == CATALOG
        assert hash(twin) == hash(CATALOG)
        assert twin.get("v/a") == A


NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ONE = ModelInfo(
    id="acme/one", name="One", supports_reasoning=True, pricing=Pricing(prompt=Decimal(2))
)
TWO = ModelInfo(id="acme/two:free", name="Two", supports_reasoning=True, is_free=True)
PICTURES = ModelInfo(id="acme/pictures", name="P", output_modalities=("image",))
THREE = ModelInfo(id="beta/three", name="Three", pricing=Pricing(prompt=Decimal(1)))
SHOP = ModelCatalog([ONE, TWO, PICTURES, THREE], source="gateway", fetched_at=NOW)


def test_a_place_gives_a_model_and_several_a_catalogue() -> None:
    assert SHOP[0] is ONE
    assert SHOP[-1] is THREE
    assert list(SHOP[1:3]) == [TWO, PICTURES]
    assert SHOP[:2].source == "gateway"
    with pytest.raises(IndexError):
        SHOP[4]


def test_when_it_was_fetched_is_told_and_does_not_count_in_comparing() -> None:
    assert SHOP.fetched_at == NOW
    assert CATALOG.fetched_at is None
    assert ModelCatalog(SHOP.models, source="gateway") == SHOP


def test_questions_can_be_chained_and_keep_where_the_answer_comes_from() -> None:
    answer = SHOP.chat_models().filter(vendor="acme", reasoning=True).sort_by("name")
    assert list(answer) == [ONE, TWO]
    assert list(answer.find("two")) == [TWO]
    assert (answer.source, answer.fetched_at) == ("gateway", NOW)
    assert len(SHOP) == 4


def test_each_question_reaches_its_rule() -> None:
    assert list(SHOP.chat_models()) == [ONE, TWO, THREE]
    assert list(SHOP.find("THREE")) == [THREE]
    assert list(SHOP.filter()) == list(SHOP)
    assert list(SHOP.filter(free=True)) == [TWO]
    assert list(SHOP.filter(max_input_price=1)) == [THREE]
    assert list(SHOP.filter(tools=False)) == []
    assert list(SHOP.sort_by("price")) == [ONE, TWO, PICTURES, THREE]
    assert list(SHOP.sort_by("name", descending=True)) == [TWO, THREE, PICTURES, ONE]


def test_a_wrong_ref_gets_suggestions_which_are_the_callers_own_list() -> None:
    assert SHOP.suggest("kilocode/acme/on") == ["acme/one"]
    assert SHOP.suggest(ModelRef("acme/two"))[0] == "acme/two:free"
    SHOP.suggest("acme/on", most=1).clear()
    assert SHOP.suggest("acme/on", most=1) == ["acme/one"]
    assert SHOP.suggest("zz/top") == []
    assert SHOP.suggest("acme/on", most=1) == ["acme/one"]


def test_what_was_suggested_before_does_not_fill_the_memory() -> None:
    catalog = ModelCatalog([ONE], source="gateway")
    for number in range(1000):
        catalog.suggest(f"acme/one-{number}")
    assert len(catalog._suggested) <= 100
