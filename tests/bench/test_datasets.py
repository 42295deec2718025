from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.datasets import DatasetEntry, load_dataset, load_tools, load_trace

ASK = {"role": "user", "content": "hi"}


def written(folder: Path, name: str, *lines: object) -> Path:
    path = folder / name
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return path


def test_a_text_file_has_a_prompt_per_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("one\n\n  two \n", encoding="utf-8")
    turns = [entry.turns for entry in load_dataset(path)]
    assert turns == [
        (({"role": "user", "content": "one"},),),
        (({"role": "user", "content": "two"},),),
    ]


def test_json_lines_are_read_as_data_sets_have_them(tmp_path: Path) -> None:
    system = {"role": "system", "content": "s"}
    tool = {"type": "function", "function": {"name": "f"}}
    path = written(
        tmp_path,
        "set.jsonl",
        {"messages": [system, ASK, {"role": "assistant", "content": "x"}, ASK], "tools": [tool]},
        {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "x"}]},
        {"turns": ["hi", "hi"]},
        {"prompt": "hi", "output_tokens": 9},
        {"question": "hi"},
    )
    assert load_dataset(path) == [
        DatasetEntry(((system, ASK), (ASK,)), None, (tool,)),
        DatasetEntry(((ASK,),)),
        DatasetEntry(((ASK,), (ASK,))),
        DatasetEntry(((ASK,),), 9),
        DatasetEntry(((ASK,),)),
    ]


def test_a_line_ends_with_a_line_feed_alone(tmp_path: Path) -> None:
    said = "one\u2028two\u2029three\x85four"
    (tmp_path / "prompts.txt").write_text(f"{said}\r\nhi\r\n", encoding="utf-8", newline="")
    for path in (
        written(tmp_path, "set.jsonl", {"prompt": said}, {"prompt": "hi"}),
        tmp_path / "prompts.txt",
    ):
        assert [entry.turns[0][0]["content"] for entry in load_dataset(path)] == [said, "hi"]


def test_a_json_file_has_a_list(tmp_path: Path) -> None:
    path = written(tmp_path, "set.json", [{"prompt": "hi"}])
    assert load_dataset(path) == [DatasetEntry(((ASK,),))]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([1], "JSON object is expected"),
        ({"other": "x"}, "no prompt in it"),
        ({"messages": "x"}, "messages has another shape"),
        ({"messages": [{"role": "user"}]}, "messages has another shape"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "no message of a user"),
        ({"conversations": [{"from": "human"}]}, "conversations has another shape"),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens is a whole number"),
        ({"prompt": "x", "tools": [1]}, "tools is a list of objects"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path: Path, line: object, said: str) -> None:
    path = written(tmp_path, "set.jsonl", {"prompt": "x"}, line)
    with pytest.raises(ConfigurationError, match=rf"set\.jsonl:2.*{said}"):
        load_dataset(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_bytes(b"\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\xfd")
    (tmp_path / "broken.jsonl").write_bytes(b"{\n")
    (tmp_path / "object.json").write_bytes(b"{}")
    (tmp_path / "broken.json").write_bytes(b"[")
    for name, said in {
        "missing.txt": "cannot be read",
        "none.txt": "holds no prompt",
        "binary.txt": "no UTF-8",
        "broken.jsonl": "is no JSON",
        "object.json": "no list",
        "broken.json": "is no JSON",
    }.items():
        with pytest.raises(ConfigurationError, match=said):
            load_dataset(tmp_path / name)


def test_a_trace_begins_with_its_first_request(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "trace.jsonl",
        {"timestamp": 12.5, "input_length": 100, "output_length": 10},
        {"timestamp_ms": 11_000, "prompt": "hi", "output_tokens": 5},
    )
    first, second = load_trace(path)
    assert (first.at, first.entry, first.output_tokens) == (0.0, DatasetEntry(((ASK,),), 5), 5)
    assert (second.at, second.input_tokens, second.output_tokens) == (1.5, 100, 10)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"input_length": 1}, "timestamp"),
        ({"timestamp": "now", "input_length": 1}, "timestamp"),
        ({"timestamp": 1}, "neither a conversation nor input_length"),
        ({"timestamp": 1, "input_length": -1}, "whole number"),
    ],
)
def test_a_request_of_a_trace_that_does_not_fit_is_named(
    tmp_path: Path, line: object, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"trace\.jsonl:1.*{said}"):
        load_trace(written(tmp_path, "trace.jsonl", line))


def test_a_trace_that_never_ends_is_none(tmp_path: Path) -> None:
    lines = [{"timestamp": time, "input_length": 1} for time in (-1e308, 1e308)]
    with pytest.raises(ConfigurationError, match="too far apart"):
        load_trace(written(tmp_path, "trace.jsonl", *lines))


def test_an_empty_trace_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no request"):
        load_trace(written(tmp_path, "trace.jsonl"))


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.mark.parametrize("whole", [[FUNCTION], {"model": "m", "tools": [FUNCTION]}])
def test_tools_are_read_as_requests_have_them(tmp_path: Path, whole: object) -> None:
    assert load_tools(written(tmp_path, "tools.json", whole)) == [FUNCTION]


def test_tools_of_other_types_go_out_as_they_are(tmp_path: Path) -> None:
    tools = [{"type": "web_search"}, {"type": "web_search"}, FUNCTION]
    assert load_tools(written(tmp_path, "tools.json", tools)) == tools


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        (3, "holds no list of tools"),
        ({"messages": []}, "holds no list of tools"),
        ([], "holds no tool"),
        ([FUNCTION, "f"], r"tool 2: an object is expected such as \{"),
        ([{"name": "f"}], "tool 1: an object is expected"),
        ([{"type": "function"}], "tool 1: function is an object with a name"),
        ([{"type": "function", "function": {"name": ""}}], "tool 1: function is an object"),
        (
            [{"type": "function", "function": {"name": "f", "parameters": "x"}}],
            "tool 1: parameters of a function are a JSON schema",
        ),
        ([FUNCTION, FUNCTION], "tool 2: a second one named 'f'"),
    ],
)
def test_what_is_no_tool_is_told_with_its_place(tmp_path: Path, whole: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"tools.json.*{said}"):
        load_tools(written(tmp_path, "tools.json", whole))


def test_a_file_of_tools_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("[{")
    (tmp_path / "latin.json").write_bytes(b'["\xe9"]')
    for name, said in (
        ("broken.json", "is no JSON"),
        ("latin.json", "is no UTF-8 text"),
        ("none.json", "cannot be read: No such file"),
        (".", "cannot be read: Is a directory"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            load_tools(tmp_path / name)
