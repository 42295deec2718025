"""Facts about what is told of models: exact rows, and objects that lose no digit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from kilo_sdk.catalog import ModelCatalog, catalog_from_wire, static_catalog
from kilo_sdk.cli.model_report import (
    endpoint_object,
    endpoint_rows,
    list_words,
    model_facts,
    model_object,
    model_rows,
)
from kilo_sdk.types.model_info import ModelEndpoint, ModelInfo

FULL: dict[str, Any] = {
    "id": "a/b:free",
    "name": "A: B",
    "context_length": 1_000_000,
    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
    "top_provider": {"max_completion_tokens": 8192},
    "pricing": {
        "prompt": "0.000000000123456789",
        "completion": "0.00001",
        "request": "0.005",
        "input_cache_read": "0.0000003",
        "image": "0",
    },
    "supported_parameters": ["tools", "reasoning"],
    "isFree": False,
}
MODEL = ModelInfo.from_wire(FULL)
BARE = ModelInfo.from_wire({"id": "c/d"})


def test_a_row_has_limits_prices_and_abilities_and_dashes_where_nothing_is_told() -> None:
    header, full, bare = model_rows([MODEL, BARE])
    assert list(header) == ["MODEL", "CONTEXT", "OUTPUT", "$ IN", "$ OUT", "CAN"]
    assert list(full) == [
        *("a/b:free", "1,000,000", "8,192", "0.000123456789", "10"),
        "reasoning tools images",
    ]
    assert list(bare) == ["c/d", "-", "-", "-", "-", "tools"]


def test_the_facts_of_a_model() -> None:
    assert dict(model_facts(MODEL)) == {
        "ref": "kilocode/a/b:free",
        "name": "A: B",
        "context": "1,000,000 tokens",
        "max output": "8,192 tokens",
        "takes": "text, image",
        "gives": "text",
        "can": "reasoning, tools, images",
        "price": "$0.000123456789 in, $10 out, $0.3 cache read per million tokens; "
        "$0.005 per request",
        "parameters": "reasoning, tools",
    }
    bare = dict(model_facts(BARE))
    assert (bare["price"], bare["parameters"], bare["context"]) == ("not told",) * 3
    silent = ModelInfo.from_wire({"id": "c/d", "supported_parameters": []})
    assert dict(model_facts(silent))["parameters"] == "none"


def test_an_object_has_prices_as_exact_numbers() -> None:
    text = orjson.dumps(model_object(MODEL)).decode()
    told = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    assert told["pricing"]["prompt"] == Decimal("0.000123456789")
    assert told["pricing"]["completion"] == 10
    assert told["pricing"]["internal_reasoning"] is None
    assert "raw" not in text
    assert (told["ref"], told["vendor"], told["is_free"]) == ("kilocode/a/b:free", "a", False)


def test_endpoints_say_who_serves_at_what_price() -> None:
    wire = {**FULL, "provider_name": "P", "tag": "p/fp8", "quantization": "fp8", "status": -2}
    served = ModelEndpoint.from_wire({**wire, "max_completion_tokens": 100})
    _, row, bare = endpoint_rows([served, ModelEndpoint()])
    assert list(row) == [
        *("P", "p/fp8", "1,000,000", "100", "0.000123456789", "10", "fp8", "degraded"),
    ]
    assert list(bare) == ["-", "-", "-", "-", "-", "-", "-", ""]
    assert json.loads(orjson.dumps(endpoint_object(served)))["tag"] == "p/fp8"


def test_the_words_say_of_which_list_and_why() -> None:
    catalog = catalog_from_wire({"data": [FULL]}, bundled=[])
    assert list_words(1, catalog) == "1 model; prices are US dollars per million tokens"
    assert list_words(0, catalog) == "0 models of 1; prices are US dollars per million tokens"
    bundled = ModelCatalog(static_catalog().models, source="static", failure="no network")
    assert list_words(6, bundled) == (
        "the gateway's list cannot be had: no network; 6 models of the list bundled with the SDK"
    )
    older = ModelCatalog(
        catalog.models, source="gateway", fetched_at=datetime.now(UTC), failure="no network"
    )
    assert "1 model of the list of 20" in list_words(1, older)
