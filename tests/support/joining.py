"""Whole completions of every kind, and a plain reader that joins chunks into one again.

The reader follows GATEWAY 5 and 6 word by word and shares nothing with the package: it is
slow, simple, and the judge of what a sequence of chunks means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

Wire = dict[str, Any]

TEXT_FIELDS = {"reasoning.text": "text", "reasoning.summary": "summary"}
REASONING_NAMES = ("reasoning", "reasoning_content", "reasoning_text")


# The reader


def join(chunks: Iterable[Wire]) -> Wire:
    """Join chunks into the essence of a completion, as ``essence`` gives it."""
    head: Wire = {}
    messages: dict[int, Wire] = {}
    endings: dict[int, Wire] = {}
    details: dict[int, list[Wire]] = {}
    owners: dict[int, list[int]] = {}
    calls: dict[int, list[Wire]] = {}
    usage = None
    for chunk in chunks:
        head |= {key: chunk[key] for key in chunk if key not in ("choices", "usage")}
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices") or ():
            index, delta = choice["index"], choice["delta"]
            usage = choice.get("usage") or usage
            ending = endings.setdefault(index, {})
            for key, value in choice.items():
                if key not in ("index", "delta", "usage") and value is not None:
                    ending[key] = value
            message = messages.setdefault(index, {})
            for key, value in delta.items():
                if key == "reasoning_details":
                    for piece in value or ():
                        _add_detail(
                            piece, details.setdefault(index, []), owners.setdefault(index, [])
                        )
                elif key == "tool_calls":
                    for piece in value or ():
                        _add_call(piece, calls.setdefault(index, []))
                elif key == "role":
                    message[key] = message.get(key) or value
                elif isinstance(value, str):
                    message[key] = message.get(key, "") + value
                elif value is not None:
                    message[key] = value
    for index, found in details.items():
        messages[index]["reasoning_details"] = found
    for index, found in calls.items():
        messages[index]["tool_calls"] = sorted(found, key=lambda call: call.get("index", 0))
    choices = [{"index": index, "message": messages[index], **endings[index]} for index in messages]
    return essence(head | {"choices": choices, "usage": usage})


def _add_detail(piece: Wire, details: list[Wire], owners: list[int]) -> None:
    """Add a piece to its detail; ``owners`` lists which detail each piece before it was of."""
    kind = piece["type"]
    field = TEXT_FIELDS.get(kind)
    if field is None:
        if kind == "reasoning.encrypted" and piece in details:
            return
        details.append(dict(piece))
        owners.append(len(details) - 1)
        return
    for name in ("index", "id"):
        if piece.get(name) not in (None, ""):
            same = [
                place
                for place, one in enumerate(details)
                if one["type"] == kind and one.get(name) == piece[name]
            ]
            break
    else:
        last = owners[-1:] and details[owners[-1]]["type"] == kind
        same = owners[-1:] if last else []
    if not same:
        details.append(dict(piece))
        owners.append(len(details) - 1)
        return
    owners.append(same[0])
    detail = details[same[0]]
    for name, value in piece.items():
        if name == field and isinstance(value, str):
            detail[name] = (detail.get(name) or "") + value
        elif value not in (None, "") or name not in detail:
            detail[name] = value


def _add_call(piece: Wire, calls: list[Wire]) -> None:
    index, id_ = piece.get("index"), piece.get("id")
    if index is not None:
        same = [call for call in calls if call["index"] == index]
    elif id_:
        same = [call for call in calls if call.get("id") == id_]
    else:
        same = calls[-1:]
    if not same:
        same = [{"function": {"name": "", "arguments": ""}}]
        if index is not None:
            same[0]["index"] = index
        calls.extend(same)
    (call,) = same
    for name, value in piece.items():
        if name not in ("function", "index") and value not in (None, ""):
            call[name] = value
    for name, value in piece.get("function", {}).items():
        if name == "arguments":
            call["function"][name] += value
        elif name == "name":
            if value and value != call["function"]["name"]:
                call["function"][name] += value
        else:
            call["function"][name] = value


def essence(completion: Wire) -> Wire:
    """What a completion says, without what differs in form alone: nulls, empty texts."""
    choices = []
    for choice in sorted(completion["choices"], key=lambda one: one["index"]):
        message = {
            name: value
            for name, value in choice["message"].items()
            if value not in (None, "", []) and name != "role"
        }
        if "tool_calls" in message:
            message["tool_calls"] = [
                {name: value for name, value in call.items() if name != "index"}
                for call in message["tool_calls"]
            ]
        told = {name: value for name, value in choice.items() if value is not None}
        choices.append({**told, "message": message})
    top = {name: value for name, value in completion.items() if value is not None}
    return {**top, "object": "", "choices": choices}


# Completions


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["\u2028", "[DONE]", "e\u0301", "\U0001f9f5", "data: x\n\n", "hm hm ", '{"a": "\\"']
)
filled = words.filter(bool)


@st.composite
def detail_lists(draw: st.DrawFn) -> list[Wire]:
    """Details that a stream can tell apart."""
    told_by_order = draw(st.booleans())
    seals = st.sampled_from(["", None, "c2ln", "c2lnbmVk"])
    # Where order alone tells details apart, a signature is taken for that of an unsigned one.
    seal = draw(seals)
    details: list[Wire] = []
    for number in range(draw(st.integers(0, 5))):
        kinds = ["reasoning.text", "reasoning.summary", "reasoning.encrypted", "reasoning.novel"]
        before = details[-1]["type"] if details else None
        kind = draw(st.sampled_from([one for one in kinds if one != before or not told_by_order]))
        detail: Wire = {"type": kind}
        if kind in TEXT_FIELDS:
            if told_by_order:
                # Without text nothing would say that a new one has begun.
                detail[TEXT_FIELDS[kind]] = draw(filled)
            else:
                if draw(st.integers(0, 9)):
                    detail[TEXT_FIELDS[kind]] = draw(words)
                by = draw(st.sampled_from(["index", "id", "both"]))
                detail |= {"index": number} if by != "id" else {}
                detail |= {"id": f"id-{number}"} if by != "index" else {}
            if told_by_order or draw(st.booleans()):
                detail["signature"] = seal if told_by_order else draw(seals)
        else:
            detail |= {"data": draw(words), "id": f"item-{number}"}
            detail |= draw(st.sampled_from([{}, {"index": 0}]))
        if draw(st.booleans()):
            detail["format"] = draw(st.sampled_from(["anthropic-claude-v1", "unknown", None]))
        if draw(st.integers(0, 5)) == 0:
            detail["extra"] = draw(st.sampled_from([1, 0.5, True, ["x"], {"b": 1, "a": None}]))
        details.append(detail)
    return details


@st.composite
def messages(draw: st.DrawFn) -> Wire:
    """A message with some of all that a message may hold."""
    message: Wire = {"role": "assistant", "content": draw(st.none() | words), "refusal": None}
    details = draw(detail_lists())
    shown = "".join(
        detail.get(TEXT_FIELDS[detail["type"]]) or ""
        if detail["type"] in TEXT_FIELDS
        else draw(st.sampled_from(["", "[REDACTED]"]))
        for detail in details
    )
    text = draw(st.sampled_from([shown, shown, None])) if details else draw(st.none() | words)
    if draw(st.integers(0, 9)) == 0:
        text = draw(words)
    for name in draw(st.sampled_from([("reasoning",), ("reasoning_content",), REASONING_NAMES])):
        message[name] = text
    if details:
        message["reasoning_details"] = details
    if draw(st.integers(0, 9)) == 0:
        message["refusal"] = draw(filled)
    if draw(st.integers(0, 9)) == 0:
        message["annotations"] = [{"type": "url_citation", "url": draw(words)}]
    count = draw(st.integers(0, 3))
    if count:
        message["tool_calls"] = [draw(tool_calls(number)) for number in range(count)]
    return message


@st.composite
def tool_calls(draw: st.DrawFn, number: int) -> Wire:
    """A tool call."""
    call: Wire = {"index": number, "id": f"call_{number}", "type": "function"}
    name = draw(st.sampled_from(["a", "aa", "get_weather", "xyxy"]))
    call["function"] = {"name": name, "arguments": draw(words)}
    if draw(st.integers(0, 3)) == 0:
        call["thought_signature"] = "c2ln"
    if draw(st.integers(0, 3)) == 0:
        call["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    return call


@st.composite
def completions(draw: st.DrawFn) -> Wire:
    """The body of an answer that is no stream."""
    reasons = st.sampled_from(["stop", "length", "tool_calls", None])
    completion: Wire = {"id": "gen-1", "provider": "X", "model": "x/y", "object": "", "created": 7}
    completion["choices"] = [
        {
            "logprobs": None,
            "finish_reason": draw(reasons),
            "native_finish_reason": "NATIVE",
            "index": index,
            "message": draw(messages()),
        }
        for index in range(draw(st.sampled_from([1, 1, 1, 2, 3])))
    ]
    completion["system_fingerprint"] = None
    completion["usage"] = draw(st.sampled_from([None, {"prompt_tokens": 3, "cost": 0.5}]))
    return completion
