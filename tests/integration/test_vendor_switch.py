"""A conversation that goes on with another vendor: what of the first one's answer is sent.

Each vendor's answer is what its models send through the gateway. It passes the whole way in,
is put back with ``to_param`` and passes the whole way out; what arrives is compared as a
whole.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from kilo_sdk import KiloClient, dump_history, load_history
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio

CLAUDE, GEMINI, GPT = "anthropic/claude-sonnet-4", "google/gemini-3-pro-preview", "openai/gpt-5"
GROK, DEEPSEEK = "x-ai/grok-4", "deepseek/deepseek-r1"
TARGETS = [CLAUDE, GEMINI, GPT, GROK, DEEPSEEK]
GEMINI_ALONE = frozenset({GEMINI})
OTHERS = frozenset(TARGETS) - GEMINI_ALONE
ALL = frozenset(TARGETS)


def call(id_: str = "call_1", **signature: Any) -> dict[str, Any]:
    function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    return {"id": id_, "type": "function", "function": function, **signature}


def assistant(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, **fields}


CLAUDE_SIGNED = {
    "type": "reasoning.text",
    "text": "Oslo\u2028is cold. ",
    "signature": "ErUBCkYIBBgCIkAx+/==",
    "format": "anthropic-claude-v1",
    "index": 0,
}
CLAUDE_REDACTED = {
    "type": "reasoning.encrypted",
    "data": "EmwKAhgBEgy3va3pzix",
    "format": "anthropic-claude-v1",
    "index": 1,
}
GEMINI_TEXT = {"type": "reasoning.text", "text": "Cold.", "format": "google-gemini-v1", "index": 0}
GEMINI_SIGNATURE = {
    "type": "reasoning.encrypted",
    "data": "CiQB0e2Kb8Xv+/w=",
    "id": "call_1",
    "format": "google-gemini-v1",
    "index": 0,
}
GOOGLE = {"extra_content": {"google": {"thought_signature": "CiQB0e2Kb8Xv-_w"}}}
OPENAI_SUMMARY = {
    "type": "reasoning.summary",
    "summary": "**Weather**",
    "format": "openai-responses-v1",
    "index": 0,
}
OPENAI_SEALED = {
    "type": "reasoning.encrypted",
    "data": "gAAAAABo-not_base64!",
    "id": "rs_68f1",
    "format": "openai-responses-v1",
    "index": 0,
}
XAI_SUMMARY = {
    "type": "reasoning.summary",
    "summary": "The user asks.",
    "format": "xai-responses-v1",
    "index": 0,
}
XAI_SEALED = {
    "type": "reasoning.encrypted",
    "data": "nIZ4vw==",
    "id": "rs_x1",
    "format": "xai-responses-v1",
    "index": 0,
}
UNKNOWN_FORMAT = {"type": "reasoning.text", "text": "Hm.", "format": "unknown", "index": 0}
MSG = {"google": {"thought_signature": "msg_01abc"}}
MSG_CALL = call(thought_signature="msg_01abc", extra_content=MSG)

# What a vendor answers, and what of it which targets are sent.
SWITCHES: dict[str, tuple[str, dict[str, Any], dict[frozenset[str], dict[str, Any]]]] = {
    "claude, signed": (
        CLAUDE,
        assistant(
            reasoning="Oslo\u2028is cold. ",
            reasoning_details=[CLAUDE_SIGNED, CLAUDE_REDACTED],
            tool_calls=[call()],
        ),
        {
            ALL: assistant(
                reasoning="Oslo\u2028is cold. ",
                reasoning_details=[CLAUDE_SIGNED, CLAUDE_REDACTED],
                tool_calls=[call()],
            )
        },
    ),
    "claude, cut off before its signature": (
        CLAUDE,
        {
            "role": "assistant",
            "content": "Cold",
            "reasoning": "Oslo",
            "reasoning_details": [{**CLAUDE_SIGNED, "signature": None}],
        },
        {ALL: {"role": "assistant", "content": "Cold", "reasoning_details": []}},
    ),
    "claude, with ids where Gemini has signatures": (
        CLAUDE,
        assistant(reasoning_details=[CLAUDE_REDACTED], tool_calls=[MSG_CALL]),
        {
            OTHERS: assistant(
                reasoning_details=[CLAUDE_REDACTED], tool_calls=[call(extra_content=MSG)]
            ),
            GEMINI_ALONE: assistant(
                reasoning_details=[CLAUDE_REDACTED], tool_calls=[call(extra_content={"google": {}})]
            ),
        },
    ),
    "gemini": (
        GEMINI,
        assistant(
            reasoning="Cold.",
            reasoning_details=[GEMINI_TEXT, GEMINI_SIGNATURE],
            tool_calls=[call(**GOOGLE)],
        ),
        {
            ALL: assistant(
                reasoning="Cold.",
                reasoning_details=[GEMINI_SIGNATURE],
                tool_calls=[call(**GOOGLE)],
            )
        },
    ),
    "openai": (
        GPT,
        assistant(
            reasoning="**Weather**",
            reasoning_details=[OPENAI_SUMMARY, OPENAI_SEALED],
            tool_calls=[call()],
        ),
        {
            ALL: assistant(
                reasoning="**Weather**",
                reasoning_details=[OPENAI_SUMMARY, OPENAI_SEALED],
                tool_calls=[call()],
            )
        },
    ),
    "x-ai": (
        GROK,
        assistant(
            reasoning="The user asks.",
            reasoning_details=[XAI_SUMMARY, XAI_SEALED],
            tool_calls=[call()],
        ),
        {
            ALL: assistant(
                reasoning="The user asks.",
                reasoning_details=[XAI_SUMMARY, XAI_SEALED],
                tool_calls=[call()],
            )
        },
    ),
    "plain reasoning_content": (
        DEEPSEEK,
        {"role": "assistant", "content": "Cold.", "reasoning_content": "Hm."},
        {ALL: {"role": "assistant", "content": "Cold.", "reasoning_details": []}},
    ),
    "reasoning of an unknown format": (
        DEEPSEEK,
        assistant(reasoning="Hm.", reasoning_details=[UNKNOWN_FORMAT], tool_calls=[call()]),
        {ALL: assistant(reasoning="Hm.", reasoning_details=[UNKNOWN_FORMAT], tool_calls=[call()])},
    ),
}


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    async with KiloClient("key", base_url=gateway.base_url) as client:
        yield client


def answer(message: dict[str, Any]) -> RawReply:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return RawReply(body=orjson.dumps({"id": "g", "provider": "P", "choices": [choice]}))


WORD = answer({"role": "assistant", "content": "word"})


@pytest.mark.parametrize("stored", [False, True], ids=["at once", "from storage"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("switch", SWITCHES)
async def test_another_vendor_gets_what_it_accepts(
    switch: str, target: str, stored: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    source, message, expected = SWITCHES[switch]
    gateway.enqueue(answer(message), WORD)
    history: list[Any] = [{"role": "user", "content": "Weather?"}]
    completion = await client.chat.completions.create(messages=history, model=source)
    history.append(completion.message.to_param())
    if stored:
        history = [*load_history(dump_history([history[0], completion.message]))]
    before = copy.deepcopy(history)
    await client.chat.completions.create(messages=history, model=target)
    sent = gateway.requests[-1].payload["messages"]
    assert sent[1] == next(wire for targets, wire in expected.items() if target in targets)
    made = [orjson.dumps(detail) for detail in message.get("reasoning_details", ())]
    kept = [orjson.dumps(detail) for detail in sent[1]["reasoning_details"]]
    assert [detail for detail in made if detail in kept] == kept, "byte for byte, in order"
    assert history == before


@pytest.mark.parametrize("target", TARGETS)
async def test_a_conversation_through_all_vendors_keeps_each_ones_own(
    target: str, gateway: LocalGateway, client: KiloClient
) -> None:
    history: list[Any] = []
    expected: list[Any] = []
    for source, message, sent in SWITCHES.values():
        gateway.enqueue(answer(message))
        history.append({"role": "user", "content": "Weather?"})
        completion = await client.chat.completions.create(messages=history, model=source)
        history.append(completion.message.to_param())
        expected.append(next(wire for targets, wire in sent.items() if target in targets))
    # What was sent before is sent once: the redacted reasoning of the first came again.
    expected[2] = {**expected[2], "reasoning_details": []}
    gateway.enqueue(WORD)
    await client.chat.completions.create(
        messages=[*history, {"role": "user", "content": "And now?"}], model=target
    )
    assert gateway.requests[-1].payload["messages"][1::2] == expected


@pytest.mark.parametrize("target", TARGETS)
async def test_signatures_on_content_blocks_go_to_whom_they_are_for(
    target: str, gateway: LocalGateway, client: KiloClient
) -> None:
    blocks = [
        {"type": "text", "text": "a", "thought_signature": "CiQB0e2Kb8Xv+/w="},
        {"type": "text", "text": "b", "thoughtSignature": "no base64!"},
        {"type": "text", "text": "c", "thought_signature": "msg_01abc"},
    ]
    gateway.enqueue(WORD)
    await client.chat.completions.create(
        messages=[{"role": "assistant", "content": blocks}, {"role": "user", "content": "Go on"}],
        model=target,
    )
    bare = [{"type": "text", "text": "b"}] if target == GEMINI else blocks[1:2]
    assert gateway.requests[-1].payload["messages"][0]["content"] == [
        blocks[0],
        *bare,
        {"type": "text", "text": "c"},
    ]
