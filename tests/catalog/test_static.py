"""Facts about the bundled catalogue."""

from __future__ import annotations

from kilo_sdk.catalog import static_catalog
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.model_info import Pricing


def test_kilo_auto_is_always_there_with_its_published_values() -> None:
    auto = static_catalog().get("kilocode/kilo/auto")
    assert auto is not None
    assert auto.id == "kilo/auto"
    assert auto.ref == "kilocode/kilo/auto"
    assert auto.vendor == "kilo"
    assert auto.name == "Kilo Auto"
    assert auto.input_modalities == ("text", "image")
    assert auto.output_modalities == ("text",)
    assert auto.supports_reasoning is True
    assert auto.supports_tools is True
    assert auto.supports_images is True
    assert auto.context_window == 1_000_000
    assert auto.max_output_tokens == 128_000
    assert auto.pricing == Pricing()
    assert auto.is_free is False


def test_it_holds_the_gateways_own_routing_models_and_no_others() -> None:
    catalog = static_catalog()
    assert catalog.source == "static"
    assert [model.id for model in catalog] == [
        "kilo/auto",
        "kilo-auto/frontier",
        "kilo-auto/balanced",
        "kilo-auto/efficient",
        "kilo-auto/free",
        "kilo-auto/small",
    ]
    assert all(ModelRef.parse(model.id).is_auto for model in catalog)


def test_what_is_not_published_is_unknown() -> None:
    frontier = static_catalog().get("kilo-auto/frontier")
    assert frontier is not None
    assert frontier.context_window is None
    assert frontier.max_output_tokens is None
    assert frontier.pricing == Pricing()


def test_nothing_is_free_but_what_its_id_promises_to_be() -> None:
    assert [model.id for model in static_catalog() if model.is_free] == ["kilo-auto/free"]
    assert static_catalog().fetched_at is None


def test_whether_the_family_takes_reasoning_is_not_told() -> None:
    told = {model.id: model.supported_parameters for model in static_catalog()}
    assert told.pop("kilo/auto") == ("reasoning", "tools")
    assert set(told.values()) == {None}


def test_a_caller_who_changes_a_raw_entry_changes_nobody_elses() -> None:
    mine = static_catalog().get("kilo/auto")
    assert mine is not None
    mine.raw["architecture"]["input_modalities"].clear()
    theirs = static_catalog().get("kilo/auto")
    assert theirs is not None
    assert theirs.raw["architecture"]["input_modalities"] == ["text", "image"]
