from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.bench.outputs import note_outputs
from kilo_sdk.bench.record import RequestRecord


def noted(*batches: list[Any]) -> RequestRecord:
    record = RequestRecord(intended=0.0, sent=0.0)
    note_outputs(record, [float(n) for n in range(1, len(batches) + 1)], batches)
    return record


def chunk(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


@pytest.mark.parametrize(
    "silent",
    [
        chunk(role="assistant"),
        chunk(content=""),
        chunk(content=None, reasoning=None, reasoning_details=[]),
        chunk(reasoning_details=[{"type": "reasoning.text", "signature": "abc"}]),
        {"choices": [], "usage": {"completion_tokens": 1}},
        (None, ""),
    ],
)
def test_what_brings_nothing_does_not_count(silent: Any) -> None:
    record = noted([silent], [chunk(content="x")])
    assert (record.arrivals, record.outputs) == ([2.0], [1])


@pytest.mark.parametrize(
    "said",
    [chunk(content="x"), chunk(refusal="no"), chunk(tool_calls=[{"index": 0}]), (None, "x")],
)
def test_content_is_told_from_reasoning(said: Any) -> None:
    record = noted([chunk(role="assistant")], [said])
    assert (record.first_content, record.first_reasoning) == (2.0, None)


@pytest.mark.parametrize(
    "thought",
    [
        chunk(reasoning="x"),
        chunk(reasoning_details=[{"type": "reasoning.summary", "summary": "x"}]),
        chunk(reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}]),
    ],
)
def test_reasoning_is_output_of_its_own(thought: Any) -> None:
    record = noted([thought], [chunk(content="x")])
    assert (record.first_reasoning, record.first_content) == (1.0, 2.0)
    assert record.outputs == [1, 1]


def test_chunks_of_one_read_arrive_together() -> None:
    record = noted([(None, "a"), (None, "b"), chunk(content="")], [(None, "c")])
    assert (record.arrivals, record.outputs) == ([1.0, 2.0], [2, 1])
