"""Facts about advice: every error has some, and it is about that error."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import anyio
import pytest

from kilo_sdk import KiloClient, RetryPolicy, errors
from kilo_sdk.diagnosis.advice import GET_A_KEY, advice_on
from kilo_sdk.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    ConfigurationError,
    InsufficientCreditsError,
    InternalServerError,
    KiloError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    StreamError,
    UpstreamError,
)


def every_class(root: type[KiloError] = KiloError) -> Iterator[type[KiloError]]:
    yield root
    for one in root.__subclasses__():
        yield from every_class(one)


def test_every_error_has_advice_in_one_line() -> None:
    found = {one for one in every_class() if one.__module__ == errors.__name__}
    assert len(found) > 20
    for one in found:
        advice = advice_on(one("words"))
        assert advice
        assert "\n" not in advice


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AuthenticationError("x"), GET_A_KEY),
        (InsufficientCreditsError("x", buy_credits_url="https://buy"), "add credit at https://buy"),
        (InsufficientCreditsError("x"), "https://app.kilo.ai"),
        (RateLimitError("x", retry_after=7.4), "try again in 7 s"),
        (RateLimitError("x"), "try again in a while"),
        (PermissionDeniedError("x"), "organization"),
        (NotFoundError("x"), "kilo-sdk models list"),
        (InternalServerError("x"), "try again"),
        (UpstreamError("x"), "try again"),
        (APITimeoutError("x", phase="first_token"), "try again"),
        (APITimeoutError("x", phase="connect"), "check the network"),
        (APIConnectionError("the certificate is not valid (x)"), "check the clock"),
        (APIConnectionError("TLS failed (x)"), "https"),
        (APIConnectionError("the connection broke (x)"), "check the network"),
        (ProtocolError("x"), "something else answers at that address"),
        (APIStatusError("x", status_code=302), "something else answers at that address"),
        (StreamError("x"), "try again"),
        (ConfigurationError("x"), "kilo-sdk config show"),
    ],
)
def test_it_is_about_the_error(error: KiloError, words: str) -> None:
    assert words in advice_on(error)


@pytest.mark.anyio
async def test_it_knows_the_words_of_failures_to_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    told = []
    for host in (f"127.0.0.1:{port}", "no-such-host.invalid"):
        async with KiloClient(
            base_url=f"http://{host}/", retries=RetryPolicy(max_attempts=1)
        ) as client:
            with anyio.fail_after(60), pytest.raises(APIConnectionError) as caught:
                await client.providers.list()
            told.append(advice_on(caught.value))
    assert told[0].endswith("is a server listening there?")
    assert told[1].endswith("a network that wants a proxy answers no names")
