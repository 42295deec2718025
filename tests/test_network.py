"""The way to the gateway: certificates that are trusted, proxies that are gone through."""

from __future__ import annotations

import asyncio
import ssl
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import attrs
import pytest
import trustme

from kilo_sdk import APIConnectionError, ConfigurationError, KiloClient, RetryPolicy
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.network import Network

pytestmark = pytest.mark.anyio

GPT = "openai/gpt-4.1"
ONCE = RetryPolicy(max_attempts=1)
HOST = "gateway.kilo.test"


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, ssl.SSLError):
        pass
    finally:
        writer.close()


@attrs.define(eq=False)
class Relay:
    """Forwards connections to a port of this machine, as a TLS front or as a proxy.

    Attributes:
        upstream: The port they end at, whatever the client asked for.
        heads: What clients asked the proxy for, to the end of the headers.
    """

    upstream: int
    is_proxy: bool
    heads: list[str] = attrs.field(factory=list)
    _tasks: set[asyncio.Task[Any]] = attrs.field(factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there: asyncio.StreamWriter | None = None
        try:
            if self.is_proxy:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back, there = await asyncio.open_connection("127.0.0.1", self.upstream)
            await asyncio.gather(copy(reader, there), copy(back, writer))
        except (asyncio.IncompleteReadError, OSError):
            pass
        except asyncio.CancelledError:
            pass  # the end of the test; asyncio.streams would log it
        finally:
            self._tasks.discard(task)
            writer.close()
            if there is not None:
                there.close()

    @asynccontextmanager
    async def running(self, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
async def tls_port(gateway: LocalGateway, authority: trustme.CA) -> AsyncIterator[int]:
    """A gateway behind TLS, known as ``127.0.0.1`` and as a name that nobody resolves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", HOST).configure_cert(context)
    async with Relay(port_of(gateway.base_url), is_proxy=False).running(context) as port:
        yield port


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def ask(client: KiloClient, *, stream: bool = False) -> str:
    if stream:
        async with client.chat.completions.stream(messages="Hi", model=GPT) as opened:
            return (await opened.get_final_completion()).text
    return (await client.chat.completions.create(messages="Hi", model=GPT)).text


@pytest.mark.parametrize("stream", [False, True])
async def test_a_certificate_of_an_authority_of_your_own(
    tls_port: int, trusting: ssl.SSLContext, stream: bool
) -> None:
    url = f"https://127.0.0.1:{tls_port}/api/gateway/"
    async with KiloClient("key", base_url=url, ssl=trusting, retries=ONCE) as client:
        assert (await ask(client, stream=stream)).startswith("You said: Hi")


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    gateway: LocalGateway, tls_port: int
) -> None:
    url = f"https://127.0.0.1:{tls_port}/api/gateway/"
    async with KiloClient("key", base_url=url, retries=ONCE) as client:
        with pytest.raises(APIConnectionError, match="the certificate is not valid"):
            await ask(client)
    assert not gateway.requests


async def test_a_certificate_for_another_name_is_refused(
    gateway: LocalGateway, tls_port: int, trusting: ssl.SSLContext
) -> None:
    url = f"https://localhost:{tls_port}/api/gateway/"
    async with KiloClient("key", base_url=url, ssl=trusting, retries=ONCE) as client:
        with pytest.raises(APIConnectionError, match="the certificate is not valid"):
            await ask(client)
    assert not gateway.requests


@pytest.mark.parametrize("how", ["proxy", "trust_env", "all_proxy"])
async def test_through_a_proxy_that_sees_nothing_but_the_name_of_the_host(
    gateway: LocalGateway,
    tls_port: int,
    trusting: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    relay = Relay(tls_port, is_proxy=True)
    async with relay.running() as port:
        url = f"http://user:word@127.0.0.1:{port}"
        options: dict[str, Any] = {"proxy": url} if how == "proxy" else {"trust_env": True}
        if how != "proxy":
            monkeypatch.setenv("HTTPS_PROXY" if how == "trust_env" else "ALL_PROXY", url)
        base_url = f"https://{HOST}/api/gateway/"
        async with KiloClient(
            "secret-key", base_url=base_url, ssl=trusting, retries=ONCE, **options
        ) as client:
            assert (await ask(client)).startswith("You said: Hi")
            assert (await ask(client, stream=True)).startswith("You said: Hi")
    assert gateway.requests[0].headers["authorization"] == "Bearer secret-key"
    (head, *_) = relay.heads
    assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n" in head
    assert "secret-key" not in "".join(relay.heads)
    assert "proxy-authorization" not in gateway.requests[0].headers


async def test_the_environment_is_not_looked_at_unless_asked(
    gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    for trust_env in (False, True):  # this machine is reached without a proxy in any case
        async with KiloClient(
            "key", base_url=gateway.base_url, trust_env=trust_env, retries=ONCE
        ) as client:
            assert (await ask(client)).startswith("You said: Hi")


async def test_a_password_file_is_not_read(
    gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with KiloClient(base_url=gateway.base_url, trust_env=True, retries=ONCE) as client:
        await client.models.list()
    assert "authorization" not in gateway.requests[0].headers


async def test_a_proxy_that_is_not_there_is_named_as_what_fails() -> None:
    async with KiloClient("key", proxy="http://127.0.0.1:9", retries=ONCE) as client:
        with pytest.raises(APIConnectionError, match="the proxy cannot be reached"):
            await ask(client)


async def test_a_proxy_that_wants_a_password_is_not_taken_for_a_broken_server() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        url = f"http://user:word@127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        async with KiloClient("secret-key", proxy=url, retries=ONCE) as client:
            with pytest.raises(APIConnectionError) as raised:
                await ask(client)
    assert str(raised.value) == (
        "the proxy did not let the call through (status 407, it wants a user and a password); "
        f"model {GPT}"
    )
    shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value.__cause__)
    assert "user:word" not in shown
    assert "secret-key" not in repr(raised.value.__cause__)


def test_which_proxy_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(trust_env=True)
    assert network.proxy_for("https://a.example/") is None
    monkeypatch.setenv("ALL_PROXY", "http://all.example:1")
    monkeypatch.setenv("https_proxy", "http://secure.example:2")
    assert network.proxy_for("https://a.example/") == "http://secure.example:2"
    assert network.proxy_for("http://a.example/") == "http://all.example:1"
    assert network.proxy_for("https://[::1]:8080/") is None
    monkeypatch.setenv("NO_PROXY", "a.example,.internal")
    assert network.proxy_for("https://a.example/") is None
    assert network.proxy_for("https://x.internal/") is None
    assert network.proxy_for("https://b.example/") == "http://secure.example:2"
    assert Network(trust_env=False).proxy_for("https://b.example/") is None
    monkeypatch.setenv("https_proxy", "socks5://secret:word@secure.example:2")
    with pytest.raises(ConfigurationError, match="the environment's HTTPS_PROXY is no") as raised:
        network.proxy_for("https://b.example/")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ssl": "ca.pem"}, r"ssl is an ssl\.SSLContext, not str"),
        ({"ssl": True}, r"ssl is an ssl\.SSLContext, not bool"),
        ({"trust_env": "yes"}, "trust_env is True or False, not str"),
        ({"proxy": "proxy.example:3128"}, "proxy is no http or https URL"),
        ({"proxy": "socks5://proxy.example"}, "proxy is no http or https URL"),
        ({"proxy": "http://"}, "proxy is no http or https URL"),
        ({"proxy": "http://a:99999"}, "proxy is no http or https URL"),
        ({"proxy": 3128}, "proxy is no http or https URL"),
        ({"max_connections": -1}, "max_connections is 0 or more"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        KiloClient("key", **options)


async def test_a_session_of_yours_has_its_own_way() -> None:
    async with aiohttp.ClientSession() as session:
        for options in ({"proxy": "http://p.example"}, {"trust_env": True}):
            with pytest.raises(ConfigurationError, match="a session of yours has its own"):
                KiloClient("key", session=session, **options)  # type: ignore[arg-type]


def test_a_key_in_clear_text_goes_through_no_other_machine() -> None:
    options: dict[str, Any] = {"base_url": "http://127.0.0.1:1/", "proxy": "http://p.example:1"}
    with pytest.raises(ConfigurationError, match="the proxy is not this machine"):
        KiloClient("key", **options)
    KiloClient("key", **options, allow_insecure=True)
    KiloClient(**options)
    KiloClient("key", base_url="http://127.0.0.1:1/", proxy="http://localhost:1")


def test_nothing_of_a_proxys_password_is_shown() -> None:
    assert "word" not in repr(Network(proxy="http://user:word@p.example"))
