"""The key in the request (GATEWAY 2)."""

from __future__ import annotations

import traceback
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from passing import led_through

from kilo_sdk.errors import ConfigurationError, KiloError
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.base import OutgoingRequest, RequestMiddleware, UnauthorizedHandler
from kilo_sdk.refs import ModelRef

pytestmark = pytest.mark.anyio

KEY = "sk-kilo-5f3a.Zz_9-"


def a_request(**headers: str) -> OutgoingRequest:
    return OutgoingRequest(
        ref=ModelRef.parse("anthropic/claude-sonnet-4"),
        url="http://127.0.0.1:1/chat/completions",
        headers=headers,
        payload={},
    )


def test_it_is_a_request_middleware_that_handles_a_401() -> None:
    auth = BearerAuth(KEY)
    assert isinstance(auth, RequestMiddleware)
    assert isinstance(auth, UnauthorizedHandler)


async def test_a_key_becomes_a_bearer_header() -> None:
    request = a_request()
    await led_through(request, BearerAuth(KEY))
    assert request.headers == {"Authorization": f"Bearer {KEY}"}


async def test_a_key_wins_over_the_callers_own_header_whatever_its_case() -> None:
    request = a_request(authorization="Basic bWU6bWU=", Accept="text/event-stream")
    await led_through(request, BearerAuth(KEY))
    assert request.headers == {"Accept": "text/event-stream", "Authorization": f"Bearer {KEY}"}


async def test_without_a_key_nothing_is_set_and_the_callers_own_header_stays() -> None:
    bare, own = a_request(), a_request(authorization="Basic bWU6bWU=")
    await led_through(bare, BearerAuth(None))
    await led_through(own, BearerAuth(None))
    assert bare.headers == {}
    assert own.headers == {"authorization": "Basic bWU6bWU="}


async def test_a_plain_callable_is_asked_for_each_request() -> None:
    tokens = iter(["first", "second"])
    auth = BearerAuth(lambda: next(tokens))
    seen = []
    for _ in range(2):
        request = a_request()
        await led_through(request, auth)
        seen.append(request.headers["Authorization"])
    assert seen == ["Bearer first", "Bearer second"]


async def test_a_coroutine_function_is_awaited() -> None:
    async def source() -> str:
        await anyio.lowlevel.checkpoint()
        return KEY

    request = a_request()
    await led_through(request, BearerAuth(source))
    assert request.headers == {"Authorization": f"Bearer {KEY}"}


async def test_an_object_with_an_async_call_is_a_source() -> None:
    class Source:
        async def __call__(self) -> str:
            return KEY

    request = a_request()
    await led_through(request, BearerAuth(Source()))
    assert request.headers == {"Authorization": f"Bearer {KEY}"}


def test_only_a_callable_can_bring_another_token_after_a_401() -> None:
    assert BearerAuth(lambda: KEY).on_unauthorized() is True
    assert BearerAuth(KEY).on_unauthorized() is False
    assert BearerAuth(None).on_unauthorized() is False


BAD_TOKENS = [
    ("", "is empty; for anonymous calls give None"),
    (f"{KEY}\n", "ends in a newline; strip it"),
    (f"{KEY}\r\n", "ends in a newline; strip it"),
    (f" {KEY}", "has white space around it; strip it"),
    (f"{KEY}\t", "has white space around it; strip it"),
    (f"Bearer {KEY}", "has white space inside; give the key alone, without 'Bearer'"),
    (f"{KEY}\r\nX-Evil: 1", "has white space inside; give the key alone, without 'Bearer'"),
    (f"{KEY}\u00e9", "has a non-ASCII character; copy it again from where it was issued"),
    (f"{KEY}\u200b", "has a non-ASCII character; copy it again from where it was issued"),
    (f"{KEY}\x00", "has a control character; copy it again from where it was issued"),
    (f"{KEY}\x7f", "has a control character; copy it again from where it was issued"),
]


@pytest.mark.parametrize(("token", "problem"), BAD_TOKENS)
def test_a_string_no_header_can_carry_is_refused_at_once_without_being_shown(
    token: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        BearerAuth(token)
    assert str(caught.value) == f"the key {problem}"
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize(("token", "problem"), BAD_TOKENS)
async def test_a_source_that_returns_such_a_string_is_refused_when_asked(
    token: str, problem: str
) -> None:
    auth = BearerAuth(lambda: token)
    request = a_request()
    with pytest.raises(ConfigurationError) as caught:
        await led_through(request, auth)
    assert str(caught.value) == f"the token source's key {problem}"
    assert request.headers == {}


@pytest.mark.parametrize("token", [None, b"sk-bytes", 7])
async def test_a_source_that_returns_no_string_is_refused(token: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await led_through(a_request(), BearerAuth(lambda: token))
    assert str(caught.value) == f"the token source's key is no string but {type(token).__name__}"


@pytest.mark.parametrize("source", [b"sk-bytes", 7, ["sk-list"], object()])
def test_a_source_of_another_kind_is_refused(source: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"not {type(source).__name__}$") as caught:
        BearerAuth(source)
    assert "sk-" not in str(caught.value)


async def test_a_failing_source_is_named_by_its_class_and_kept_as_the_cause() -> None:
    def source() -> str:
        raise OSError(f"no vault for {KEY}")

    with pytest.raises(ConfigurationError) as caught:
        await led_through(a_request(), BearerAuth(source))
    assert str(caught.value) == "the token source failed: OSError"
    assert isinstance(caught.value.__cause__, OSError)
    assert KEY not in "".join(traceback.format_exception_only(caught.value))


async def test_a_source_that_fails_while_awaited_is_wrapped_too() -> None:
    async def source() -> str:
        await anyio.lowlevel.checkpoint()
        raise TimeoutError

    with pytest.raises(ConfigurationError, match=r"^the token source failed: TimeoutError$"):
        await led_through(a_request(), BearerAuth(source))


async def test_an_error_of_the_sdks_own_passes_through_a_source() -> None:
    mine = KiloError("sign in first")

    async def source() -> str:
        raise mine

    with pytest.raises(KiloError) as caught:
        await led_through(a_request(), BearerAuth(source))
    assert caught.value is mine


async def test_cancellation_passes_through_a_waiting_source() -> None:
    entered = anyio.Event()

    async def source() -> str:
        entered.set()
        await anyio.sleep_forever()
        return KEY

    request = a_request()
    after = False
    async with anyio.create_task_group() as tasks:

        async def build() -> None:
            nonlocal after
            await led_through(request, BearerAuth(source))
            after = True

        tasks.start_soon(build)
        await entered.wait()
        tasks.cancel_scope.cancel()
    assert not after
    assert request.headers == {}


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (KEY, "BearerAuth(<key>)"),
        (None, "BearerAuth(None)"),
        (lambda: KEY, "BearerAuth(<token source>)"),
    ],
)
def test_the_key_is_not_in_the_repr(source: Any, shown: str) -> None:
    assert repr(BearerAuth(source)) == shown


@pytest.mark.parametrize(
    "url",
    ["https://api.kilo.ai/x", "http://127.0.0.1:8000/x", "http://[::1]/x", "http://localhost/"],
)
async def test_the_key_goes_over_https_and_to_this_machine(url: str) -> None:
    request = OutgoingRequest(ModelRef.parse("a/b"), url, {}, {})
    await led_through(request, BearerAuth("key"))
    assert request.headers == {"Authorization": "Bearer key"}


async def test_the_key_is_not_sent_in_the_clear() -> None:
    """Whatever transport made the URL: the last hand before the key is put on decides."""
    request = OutgoingRequest(ModelRef.parse("a/b"), "http://192.0.2.1/x", {}, {})
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1 is not this machine"):
        await led_through(request, BearerAuth("key"))
    assert request.headers == {}
    await led_through(request, BearerAuth("key", allow_insecure=True))
    assert request.headers == {"Authorization": "Bearer key"}
