"""Middleware of every form runs in order."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import anyio
import pytest
from passing import led_through

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.base import OutgoingRequest, ResponseMiddleware
from kilo_sdk.middleware.chain import RequestChain, ResponseChain
from kilo_sdk.middleware.delta_repairs import DeltaRepairs
from kilo_sdk.middleware.provider_pinning import ProviderPinning
from kilo_sdk.middleware.reasoning_injection import ReasoningInjection
from kilo_sdk.middleware.reasoning_normalisation import ReasoningNormalisation
from kilo_sdk.middleware.replay import ReplaySanitation
from kilo_sdk.middleware.stop import StopNormalisation
from kilo_sdk.middleware.thought_signatures import (
    ForeignSignatureRemoval,
    ThoughtSignatureSanitation,
)
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.wire import WireChunk

pytestmark = pytest.mark.anyio


def request() -> OutgoingRequest:
    return OutgoingRequest(ref=ModelRef.parse("a/b"), url="", headers={}, payload={"seen": []})


class Plain:
    def on_request(self, request: OutgoingRequest, /) -> None:
        request.payload["seen"].append("plain object")


class Coroutine:
    async def on_request(self, request: OutgoingRequest, /) -> None:
        await anyio.lowlevel.checkpoint()
        request.payload["seen"].append("coroutine object")


def function(request: OutgoingRequest) -> None:
    request.payload["seen"].append("function")


async def coroutine_function(request: OutgoingRequest) -> None:
    await anyio.lowlevel.checkpoint()
    request.payload["seen"].append("coroutine function")


async def test_request_middleware_of_every_form_runs_in_order() -> None:
    one = request()
    await led_through(one, coroutine_function, Plain(), function, Coroutine())
    assert one.payload["seen"] == [
        "coroutine function",
        "plain object",
        "function",
        "coroutine object",
    ]


async def test_where_no_middleware_waits_there_is_nothing_to_await() -> None:
    one, other = request(), request()
    assert RequestChain([function, Plain()]).run(one) is None
    assert one.payload["seen"] == ["function", "plain object"]
    rest = RequestChain([function, Coroutine(), Plain()]).run(other)
    assert other.payload["seen"] == ["function"]
    assert rest is not None
    await rest
    assert other.payload["seen"] == ["function", "coroutine object", "plain object"]


async def test_a_chain_of_nothing_changes_nothing() -> None:
    one = request()
    assert RequestChain([]).run(one) is None
    assert one.payload == {"seen": []}


async def test_a_request_middleware_that_returns_a_request_is_told_what_to_do() -> None:
    with pytest.raises(
        ConfigurationError, match="returned OutgoingRequest; it changes the request"
    ):
        await led_through(request(), lambda one: one)


async def test_a_request_middleware_refuses_by_raising() -> None:
    def refuse(request: OutgoingRequest) -> None:
        raise PermissionError("not on a Sunday")

    one = request()
    with pytest.raises(PermissionError, match="not on a Sunday"):
        await led_through(one, function, refuse, Plain())
    assert one.payload["seen"] == ["function"]


@pytest.mark.parametrize("middleware", [None, 3, "auth", object(), DeltaRepairs()])
async def test_what_is_no_request_middleware_is_refused_by_name(middleware: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{type(middleware).__name__} is no request"):
        RequestChain([middleware])


class Handler(Plain):
    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.told = 0

    def on_unauthorized(self) -> bool:
        self.told += 1
        return self.answer


@pytest.mark.parametrize("answers", [(True, False), (False, True), (True, True), (False, False)])
async def test_every_handler_is_told_of_a_401(answers: tuple[bool, ...]) -> None:
    handlers = [Handler(answer) for answer in answers]
    chain = RequestChain([Plain(), *handlers, function])
    assert chain.on_unauthorized() is any(answers)
    assert [handler.told for handler in handlers] == [1, 1]


async def test_without_a_handler_building_the_request_again_does_not_help() -> None:
    assert RequestChain([Plain(), function]).on_unauthorized() is False


# Responses


class Stateless:
    def on_chunk(self, chunk: Any, /) -> None:
        chunk["seen"].append("object chunk")

    def on_completion(self, completion: Any, /) -> None:
        completion["seen"].append("object completion")


class Counting:
    """Numbers what one call sees."""

    def for_call(self) -> ResponseMiddleware:
        return CountingOnce()


class Sharing(Counting):
    shares_completions = True


class CountingOnce:
    def __init__(self) -> None:
        self.count = 0

    def on_chunk(self, chunk: Any, /) -> None:
        self.count += 1
        chunk["seen"].append(self.count)

    def on_completion(self, completion: Any, /) -> None:
        self.on_chunk(completion)


def either(wire: Any) -> str:
    wire["seen"].append("function")
    return "what it returns is not looked at"


def run(steps: Iterable[Callable[[Any], object]]) -> list[Any]:
    wire: dict[str, Any] = {"seen": []}
    for step in steps:
        step(wire)
    seen: list[Any] = wire["seen"]
    return seen


async def test_response_middleware_of_every_form_runs_in_order() -> None:
    chain = ResponseChain([either, Stateless(), Counting()])
    assert run([chain.for_stream().on_chunk]) == ["function", "object chunk", 1]
    assert run(chain.completion_steps()) == ["function", "object completion", 1]


async def test_each_answer_gets_a_state_of_its_own() -> None:
    chain = ResponseChain([Counting()])
    first, second = [chain.for_stream().on_chunk], [chain.for_stream().on_chunk]
    assert [run(first), run(first), run(second)] == [[1], [2], [1]]


async def test_each_whole_answer_gets_a_state_of_its_own_unless_completions_are_shared() -> None:
    chain = ResponseChain([Counting(), Stateless()])
    assert [run(chain.completion_steps()) for _ in range(2)] == [[1, "object completion"]] * 2
    chain = ResponseChain([Sharing(), Stateless(), DeltaRepairs(), ReasoningNormalisation()])
    assert chain.completion_steps() is chain.completion_steps()
    wire: dict[str, Any] = {"seen": [], "choices": []}
    for step in chain.completion_steps() * 2:
        step(wire)
    assert wire["seen"] == [1, "object completion", 2, "object completion"]


async def test_a_chain_of_nothing_changes_no_answer() -> None:
    assert run([ResponseChain([]).for_stream().on_chunk]) == []
    assert ResponseChain([]).completion_steps() == ()


@pytest.mark.parametrize("middleware", [None, 3, "repairs", object(), Plain()])
async def test_what_is_no_response_middleware_is_refused_by_name(middleware: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{type(middleware).__name__} is no response"):
        ResponseChain([middleware])


@pytest.mark.parametrize("chain", [RequestChain, ResponseChain])
@pytest.mark.parametrize("middleware", [Plain, Stateless, Counting, dict])
async def test_a_class_in_the_place_of_its_object_is_refused(chain: Any, middleware: Any) -> None:
    name = middleware.__name__
    with pytest.raises(ConfigurationError, match=rf"^{name} is a class; .* of it: {name}\(\)$"):
        chain([middleware])


async def test_a_chain_may_be_built_of_a_generator() -> None:
    chain = ResponseChain(one for one in (either, either))
    assert run([chain.for_stream().on_chunk]) == ["function", "function"]


# What is held back until the end


class Holding(Stateless):
    """Holds a word back, and gives it out as often as it is asked."""

    def __init__(self, word: str) -> None:
        self.word = word

    def on_end(self) -> Any:
        return {"seen": [self.word], "choices": []} if self.word else None


async def test_what_is_held_back_passes_the_middleware_after_it() -> None:
    chain = ResponseChain([either, Holding("a"), Counting(), Holding(""), Holding("b"), either])
    passage = chain.for_stream()
    run([passage.on_chunk])
    assert [chunk["seen"] for chunk in passage.held_back()] == [
        ["a", 2, "object chunk", "object chunk", "function"],
        ["b", "function"],
    ]


async def test_a_chain_that_holds_nothing_back_has_nothing_at_the_end() -> None:
    assert list(ResponseChain([either, Stateless(), Counting()]).for_stream().held_back()) == []


@pytest.mark.parametrize("returned", ["a", {}, {"choices": None}, [], True])
async def test_what_comes_at_the_end_is_a_chunk(returned: Any) -> None:
    class Odd(Stateless):
        def on_end(self) -> Any:
            return returned

    passage = ResponseChain([Odd()]).for_stream()
    with pytest.raises(ConfigurationError, match=r"on_end\(\) of Odd returns None, or a chunk"):
        list(passage.held_back())


# The promise to leave text alone


class Promising(Stateless):
    ignores_text = True


class HalfPromising(Stateless):
    ignores_text = "yes"


@pytest.mark.parametrize(
    ("middleware", "promised"),
    [
        ([], True),
        ([DeltaRepairs(), ReasoningNormalisation()], True),
        ([DeltaRepairs(), Promising()], True),
        ([DeltaRepairs(), Stateless()], False),
        ([DeltaRepairs(), either], False),
        ([HalfPromising()], False),
        ([Counting()], False),
    ],
)
async def test_text_is_ignored_only_where_every_middleware_promises_it(
    middleware: Any, promised: bool
) -> None:
    assert ResponseChain(middleware).ignores_text is promised


class PromisingMore(Promising):
    passes_repeats = True


class PromisingMoreAlone(Stateless):
    passes_repeats = True


@pytest.mark.parametrize(
    ("middleware", "promised"),
    [
        ([], True),
        ([DeltaRepairs(), ReasoningNormalisation(), ThoughtSignatureSanitation()], True),
        ([DeltaRepairs(), PromisingMore()], True),
        ([DeltaRepairs(), Promising()], False),
        ([PromisingMoreAlone()], False),
    ],
)
def test_repeats_pass_only_where_every_middleware_promises_that_and_the_other(
    middleware: Any, promised: bool
) -> None:
    assert ResponseChain(middleware).passes_repeats is promised


class PassingPlainAnswers(Stateless):
    passes_plain_answers = True


@pytest.mark.parametrize(
    ("middleware", "promised"),
    [
        ([], True),
        ([DeltaRepairs(), ReasoningNormalisation(), ThoughtSignatureSanitation()], True),
        ([DeltaRepairs(), PassingPlainAnswers()], True),
        ([DeltaRepairs(), PromisingMore()], False),
        ([either], False),
    ],
)
def test_plain_answers_pass_only_where_every_middleware_promises_that(
    middleware: Any, promised: bool
) -> None:
    assert ResponseChain(middleware).passes_plain_answers is promised


class Passing:
    """Notes that it was shown a request."""

    passes_plain_requests = True

    def __init__(self) -> None:
        self.shown = 0

    def on_request(self, request: OutgoingRequest) -> None:
        self.shown += 1


class Other(Passing):
    """Does something else, of which nothing is promised."""

    def on_request(self, request: OutgoingRequest) -> None:
        super().on_request(request)


class PassingAsWell(Other):
    passes_plain_requests = True


def shown(*before: Any, passing: Passing | None = None, **fields: Any) -> bool:
    one = Passing() if passing is None else passing
    payload = {"model": "m/x", "messages": [USER], **fields.get("payload", {})}
    others = {name: value for name, value in fields.items() if name != "payload"}
    request = OutgoingRequest(ModelRef("m/x"), "https://x/", {}, payload, **others)
    assert RequestChain([*before, one]).run(request) is None
    assert one.shown in (0, 1)
    return one.shown == 1


USER = {"role": "user", "content": "Hi"}
SAID = {"role": "assistant", "content": "Ho"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"stream": True, "task_id": "t", "mode": "ask"},
        {"payload": {"temperature": 0.5, "tools": [], "stream": True}},
        {"payload": {"messages": [USER, SAID, USER]}},
    ],
)
def test_a_plain_request_is_not_shown_to_who_passes_it(fields: dict[str, Any]) -> None:
    assert not shown(**fields)
    assert not shown(BearerAuth("key"), AppHeaders(), **fields)
    assert not shown(passing=PassingAsWell(), **fields)
    assert shown(passing=Other(), **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": "high"},
        {"pinned_provider": "Mistral"},
        {"payload": {"reasoning": None}},
        {"payload": {"reasoning_effort": "low"}},
        {"payload": {"provider": {}}},
        {"payload": {"stop": None}},
        {"payload": {"messages": None}},
        {"payload": {"messages": (USER,)}},
        {"payload": {"messages": [USER, {"role": "user", "content": [{"type": "text"}]}]}},
        {"payload": {"messages": [{**SAID, "reasoning": "Hm."}, USER]}},
        {"payload": {"messages": [{**SAID, "tool_calls": []}]}},
        {"payload": {"messages": [{"role": "user"}]}},
        {"payload": {"messages": ["Hi"]}},
    ],
)
def test_any_other_request_is_shown_to_all(fields: dict[str, Any]) -> None:
    assert shown(**fields)


def test_behind_one_that_may_change_anything_every_request_is_shown() -> None:
    def answers_for_another(request: OutgoingRequest) -> None:
        request.payload["messages"] = [{"role": "assistant", "reasoning": "Hm."}]

    assert shown(answers_for_another)
    assert shown(BearerAuth("key"), answers_for_another)
    assert not shown(Passing(), BearerAuth("key"))


def test_what_passes_plain_requests_would_have_done_nothing_about_one() -> None:
    for middleware in (
        ReasoningInjection(),
        ProviderPinning(),
        StopNormalisation(),
        ReplaySanitation(),
        ForeignSignatureRemoval(),
        ThoughtSignatureSanitation(),
    ):
        payload = {"model": "m/x", "messages": [USER, SAID], "max_tokens": 5}
        one = OutgoingRequest(ModelRef("m/x"), "https://x/", {}, copy.deepcopy(payload))
        middleware.on_request(one)  # type: ignore[attr-defined]
        assert (one.payload, one.headers, one.dropped) == (payload, {}, [])


class PromisedOfAnother(PromisingMore):
    def on_chunk(self, chunk: WireChunk, /) -> None:
        chunk["seen"] = True


def test_a_subclass_with_a_method_of_its_own_promises_nothing() -> None:
    assert not ResponseChain([PromisedOfAnother()]).ignores_text
    promising = PromisedOfAnother()
    promising.ignores_text = True
    assert ResponseChain([promising]).ignores_text
