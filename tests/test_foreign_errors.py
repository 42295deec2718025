"""Every error of aiohttp and of the system is translated, and none of their words leak."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import ContentEncodingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    KiloError,
    ProtocolError,
)
from kilo_sdk.foreign_errors import api_error_of, never_sent


def family(cls: type[BaseException]) -> Iterator[type[BaseException]]:
    yield cls
    for child in cls.__subclasses__():
        yield from family(child)


def bare(cls: type[BaseException]) -> BaseException:
    """An instance that skipped the constructor, whose arguments each class has its own."""
    return cls.__new__(cls)


FOREIGN = sorted(
    {*family(aiohttp.ClientError), *family(aiohttp.ServerTimeoutError)},
    key=lambda cls: cls.__name__,
)
WRONG_URLS = (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)


@pytest.mark.parametrize("cls", FOREIGN, ids=lambda cls: cls.__name__)
def test_every_error_of_aiohttp_is_translated(cls: type[BaseException]) -> None:
    error = api_error_of(bare(cls), model="m/x")
    if issubclass(cls, WRONG_URLS):
        expected: type[KiloError] = ConfigurationError
    elif cls is aiohttp.ClientHttpProxyError:
        expected = APIConnectionError
    elif issubclass(cls, aiohttp.ClientResponseError):
        expected = ProtocolError
    elif issubclass(cls, TimeoutError):
        expected = APITimeoutError
    else:
        expected = APIConnectionError
    assert type(error) is expected
    assert cls.__name__ in str(error)
    if isinstance(error, APIError):
        assert error.model == "m/x"
        assert "model m/x" in str(error)
    if isinstance(error, APITimeoutError):
        assert error.phase == "connect"


def test_the_walk_meets_the_classes_it_is_about() -> None:
    names = {cls.__name__ for cls in FOREIGN}
    assert {"ClientPayloadError", "ConnectionTimeoutError", "TooManyRedirects"} <= names
    assert {"InvalidURL", "NonHttpUrlClientError", "InvalidUrlClientError"} <= names


@pytest.mark.parametrize(
    ("exc", "cls", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), None, "refused"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), None, "reset"),
        (ssl.SSLError(1, "wrong version"), None, "wrong version"),
        (TimeoutError(), APITimeoutError, "no connection in time"),
        (RuntimeError("Connection closed."), None, "the connection was closed"),
    ],
)
def test_errors_of_the_system_are_translated(
    exc: Exception, cls: type[KiloError] | None, words: str
) -> None:
    error = api_error_of(exc, model=None)
    assert type(error) is (cls or APIConnectionError)
    assert words in str(error)


def test_texts_of_aiohttp_do_not_get_through() -> None:
    leak = aiohttp.ClientPayloadError("Authorization: Bearer secret https://x/?prompt=hello")
    assert "secret" not in str(api_error_of(leak, model=None))
    assert "prompt" not in str(api_error_of(leak, model=None))


def test_words_of_aiohttp_that_stand_where_the_systems_do_are_not_shown() -> None:
    error = api_error_of(aiohttp.ClientOSError(None, "Can not write to https://x/"), model=None)
    assert str(error) == "the connection broke (ClientOSError)"


def test_which_rule_of_http_was_broken_is_named() -> None:
    exc = aiohttp.ClientPayloadError("400, message: ...")
    exc.__cause__ = ContentEncodingError("gzip")
    assert str(api_error_of(exc, model=None)) == "the answer was cut (ContentEncodingError)"


def test_the_host_that_was_not_reached_is_named_and_a_proxys_user_is_not() -> None:
    """A log shows the cause as well: neither its text nor its repr may tell a password."""
    key = ConnectionKey(
        "gateway.example",
        443,
        is_ssl=True,
        ssl=True,
        proxy=URL("http://user:word@p.example"),
        proxy_auth=None,
        proxy_headers_hash=None,
    )
    exc = aiohttp.ClientConnectorDNSError(key, OSError(-2, "Name or service not known"))
    assert str(api_error_of(exc, model=None)) == (
        "the host name was not found (gateway.example:443: Name or service not known)"
    )
    assert "word" not in repr(exc)
    assert "gateway.example:443" in str(exc)


def test_what_aiohttp_keeps_of_a_request_is_forgotten() -> None:
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": "Bearer secret"}))
    info = aiohttp.RequestInfo(URL("http://user:word@p.example/"), "CONNECT", headers)
    exc = aiohttp.ClientHttpProxyError(info, (), status=407, message="No")
    error = api_error_of(exc, model=None)
    assert type(error) is APIConnectionError
    assert str(error) == (
        "the proxy did not let the call through (status 407, it wants a user and a password)"
    )
    assert never_sent(raised_from(error, exc))
    for told in (str(exc), repr(exc), repr(exc.args)):
        assert "word" not in told
        assert "secret" not in told


def raised_from(error: KiloError, cause: Exception) -> KiloError:
    error.__cause__ = cause
    return error


def test_an_error_that_is_nobodys_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="KeyError is not a foreign error"):
        api_error_of(KeyError("x"), model=None)
