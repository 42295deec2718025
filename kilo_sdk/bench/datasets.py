"""Prompts, traces and tools from files: text, JSON lines as Hugging Face data sets have them.

Every line is read once and checked; a message names the file and the line. A line ends with
a line feed and nothing else: str.splitlines() cuts at U+2028, U+0085 and others as well, which
JSON allows inside a text (RFC 8259, section 7).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import orjson

from kilo_sdk.errors import ConfigurationError

__all__ = ["DatasetEntry", "TraceEntry", "load_dataset", "load_tools", "load_trace"]

_PROMPT_FIELDS: Final = ("prompt", "question", "text", "instruction", "input")
_ROLES: Final = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}


@attrs.frozen(slots=True)
class DatasetEntry:
    """One conversation to be had.

    Attributes:
        turns: What the user says, turn by turn; each is a list of messages that are put
            behind the history, of which the last is the user's.
        output_tokens: Most tokens of each answer, or None.
        tools: Tools that are offered, or None.
    """

    turns: tuple[tuple[dict[str, Any], ...], ...] = attrs.field(repr=False)
    output_tokens: int | None = None
    tools: tuple[dict[str, Any], ...] | None = attrs.field(default=None, repr=False)


@attrs.frozen(slots=True)
class TraceEntry:
    """One request of a trace.

    Attributes:
        at: Seconds from the beginning of the trace.
        input_tokens: Length of its prompt, where it brings none.
        output_tokens: Length of its answer, or None.
        entry: The conversation that it brings, or None.
    """

    at: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    entry: DatasetEntry | None = attrs.field(default=None, repr=False)


def load_dataset(path: str | Path) -> list[DatasetEntry]:
    """Read prompts from a file.

    A ``.jsonl`` or ``.ndjson`` file has an object per line (a ``.json`` file a list of
    them) with ``messages`` as chat completions take them; or ``conversations`` of
    ``{"from": "human" | "gpt", "value"}`` as ShareGPT has them, or ``turns``, a list of
    texts, each of which is a multi-turn conversation; or a text under ``prompt``,
    ``question``, ``text``, ``instruction`` or ``input``; and, if it likes,
    ``output_tokens`` and ``tools``. Any other file has a prompt per line.

    Raises:
        ConfigurationError: It cannot be read, is empty, or a line is none of that.
    """
    where = Path(path)
    if where.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        entries = [_entry(_object(raw, at), at) for at, raw in _json_lines(where)]
    else:
        lines = (line.strip() for line in _text_of(where).split("\n"))
        entries = [DatasetEntry((_turn(line),)) for line in lines if line]
    if not entries:
        raise ConfigurationError(f"the data set {where} holds no prompt")
    return entries


def load_trace(path: str | Path) -> list[TraceEntry]:
    """Read a trace: JSON lines, each with a ``timestamp``.

    The timestamp is in seconds, or, as ``timestamp_ms``, in milliseconds; the first one is
    where the trace begins. A line brings a conversation as in ``load_dataset``, or
    ``input_length`` (also ``input_tokens``) and ``output_length`` (``output_tokens``).

    Returns:
        The requests in order of time.

    Raises:
        ConfigurationError: It cannot be read, is empty, or a line is none of that.
    """
    where = Path(path)
    entries = sorted(
        (_trace_entry(_object(raw, at), at) for at, raw in _json_lines(where)),
        key=lambda entry: entry.at,
    )
    if not entries:
        raise ConfigurationError(f"the trace {where} holds no request")
    begin = entries[0].at
    if not math.isfinite(entries[-1].at - begin):
        raise ConfigurationError(f"the timestamps of {where} are too far apart to be seconds")
    return [attrs.evolve(entry, at=entry.at - begin) for entry in entries]


def load_tools(path: str | Path) -> list[dict[str, Any]]:
    """Read tools from a JSON file: a list of them in the form that chat completions take.

    An object that has the list under ``tools``, as a request does, is read as well.

    Raises:
        ConfigurationError: It cannot be read, is empty, or an entry is no tool; the message
            says which.
    """
    where = Path(path)
    try:
        whole = orjson.loads(_text_of(where))
    except orjson.JSONDecodeError as exc:
        raise ConfigurationError(f"{where} is no JSON: {exc}") from exc
    tools = whole.get("tools") if isinstance(whole, dict) else whole
    if not isinstance(tools, list):
        raise ConfigurationError(f"{where} holds no list of tools, nor an object with one")
    if not tools:
        raise ConfigurationError(f"{where} holds no tool")
    names: set[str] = set()
    for number, tool in enumerate(tools, 1):
        name = _tool_name(tool, f"{where}, tool {number}")
        if name in names:
            raise ConfigurationError(f"{where}, tool {number}: a second one named {name!r}")
        if name is not None:
            names.add(name)
    return tools


def _tool_name(tool: object, at: str) -> str | None:
    """Return the name of a function; a tool of another type may have none."""
    kind = tool.get("type") if isinstance(tool, dict) else None
    if not isinstance(tool, dict) or not isinstance(kind, str):
        raise ConfigurationError(
            f'{at}: an object is expected such as {{"type": "function", "function": '
            '{"name": ..., "parameters": {...}}}'
        )
    if kind != "function":
        return None
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        raise ConfigurationError(f"{at}: function is an object with a name")
    if not isinstance(function.get("parameters", {}), dict):
        raise ConfigurationError(f"{at}: parameters of a function are a JSON schema, an object")
    return name


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{path} is no UTF-8 text") from exc


def _json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    text = _text_of(path)
    if path.suffix.lower() == ".json":
        yield from ((f"{path}, entry {n}", raw) for n, raw in enumerate(_json_list(text, path), 1))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield f"{path}:{number}", orjson.loads(line)
            except orjson.JSONDecodeError as exc:
                raise ConfigurationError(f"{path}:{number} is no JSON: {exc}") from exc


def _json_list(text: str, path: Path) -> list[Any]:
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise ConfigurationError(f"{path} is no JSON: {exc}") from exc
    if not isinstance(whole, list):
        raise ConfigurationError(f"{path} holds no list of objects")
    return whole


def _object(raw: object, at: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{at}: a JSON object is expected")
    return raw


def _turn(prompt: str) -> tuple[dict[str, Any], ...]:
    return ({"role": "user", "content": prompt},)


def _entry(raw: Mapping[str, Any], at: str) -> DatasetEntry:
    found = _conversation(raw, at)
    if found is None:
        raise ConfigurationError(
            f"{at}: no prompt in it; accepted are the fields messages, conversations, turns, "
            f"{', '.join(_PROMPT_FIELDS)}"
        )
    return found


def _conversation(raw: Mapping[str, Any], at: str) -> DatasetEntry | None:
    tools = raw.get("tools")
    if tools is not None and not (isinstance(tools, list) and all(map(_is_object, tools))):
        raise ConfigurationError(f"{at}: tools is a list of objects")
    turns = _turns(raw, at)
    if turns is None:
        return None
    if not turns:
        raise ConfigurationError(f"{at}: its conversation has no message of a user")
    tokens = _whole_number(raw, ("output_tokens", "max_tokens", "output_length"), at)
    return DatasetEntry(tuple(turns), tokens, None if tools is None else tuple(tools))


def _turns(raw: Mapping[str, Any], at: str) -> list[tuple[dict[str, Any], ...]] | None:
    if "messages" in raw:
        return _split(_list(raw, "messages", at, _is_message))
    for field in ("conversations", "conversation"):
        if field in raw:
            said = _list(raw, field, at, _is_said)
            return _split(
                [
                    {"role": _ROLES.get(one["from"], one["from"]), "content": one["value"]}
                    for one in said
                ]
            )
    if "turns" in raw:
        return [_turn(text) for text in _list(raw, "turns", at, lambda one: isinstance(one, str))]
    for field in _PROMPT_FIELDS:
        if isinstance(raw.get(field), str) and raw[field]:
            return [_turn(raw[field])]
    return None


def _split(messages: list[dict[str, Any]]) -> list[tuple[dict[str, Any], ...]]:
    """Split messages into turns; the answers in them are left to the model that is asked."""
    turns: list[tuple[dict[str, Any], ...]] = []
    pending: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "assistant":
            continue
        pending.append(message)
        if message["role"] == "user":
            turns.append(tuple(pending))
            pending = []
    return turns


def _list(raw: Mapping[str, Any], field: str, at: str, fits: Callable[[Any], bool]) -> list[Any]:
    value = raw[field]
    if not isinstance(value, list) or not value or not all(map(fits, value)):
        raise ConfigurationError(f"{at}: {field} has another shape than data sets give it")
    return value


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and "content" in value


def _is_said(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(k), str) for k in ("from", "value"))


def _trace_entry(raw: Mapping[str, Any], at: str) -> TraceEntry:
    unit = 1000.0 if "timestamp_ms" in raw else 1.0
    time = raw.get("timestamp_ms", raw.get("timestamp"))
    if isinstance(time, bool) or not isinstance(time, int | float):
        raise ConfigurationError(
            f"{at}: timestamp, in seconds, or timestamp_ms is a number and has to be there"
        )
    entry = _conversation(raw, at)
    tokens = _whole_number(raw, ("input_length", "input_tokens"), at)
    if entry is None and tokens is None:
        raise ConfigurationError(f"{at}: neither a conversation nor input_length is in it")
    answer = _whole_number(raw, ("output_length", "output_tokens", "max_tokens"), at)
    return TraceEntry(time / unit, tokens, answer, entry)


def _whole_number(raw: Mapping[str, Any], fields: tuple[str, ...], at: str) -> int | None:
    for field in fields:
        value = raw.get(field)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{at}: {field} is a whole number from 1 up")
            return value
    return None
