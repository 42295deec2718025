"""Facts about the catalogue as a value."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from kilo_sdk.catalog import ModelCatalog
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.model_info import ModelInfo

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
