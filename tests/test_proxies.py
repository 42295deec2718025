"""Facts about proxies: which one the environment names, and that calls go through it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.proxies import Proxy, environment_proxy

GATEWAY = "https://api.kilo.ai/api/gateway/"
# Nobody has that name: whoever gets an answer of it has gone through a proxy.
ELSEWHERE = "http://gateway.invalid/api/gateway/"


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        (GATEWAY, {}, None),
        (GATEWAY, {"HTTP_PROXY": "http://p:1"}, None),
        (GATEWAY, {"HTTPS_PROXY": ""}, None),
        (GATEWAY, {"HTTPS_PROXY": "http://p:1"}, ("http://p:1", "HTTPS_PROXY")),
        (GATEWAY, {"https_proxy": "p:1"}, ("http://p:1", "HTTPS_PROXY")),
        (GATEWAY, {"ALL_PROXY": "http://p:1"}, ("http://p:1", "ALL_PROXY")),
        (
            GATEWAY,
            {"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://p:1"},
            ("http://p:1", "HTTPS_PROXY"),
        ),
        (ELSEWHERE, {"http_proxy": "http://p:1"}, ("http://p:1", "HTTP_PROXY")),
        (GATEWAY, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "kilo.ai"}, None),
        (GATEWAY, {"HTTPS_PROXY": "http://p:1", "no_proxy": "a.example, .kilo.ai"}, None),
        (GATEWAY, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("http://127.0.0.1:8080/", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://localhost/", {"ALL_PROXY": "http://p:1"}, None),
    ],
)
def test_the_environment_names_a_proxy(
    url: str,
    environment: Mapping[str, str],
    expected: tuple[str, str] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert environment_proxy(url) == (expected and Proxy(*expected))


@pytest.mark.parametrize(
    ("url", "shown", "usable"),
    [
        ("http://proxy.example:3128", "proxy.example:3128", True),
        ("https://me:s3cret@proxy.example/", "proxy.example", True),
        ("socks5://me:s3cret@proxy.example:1080", "proxy.example:1080", False),
        ("http://[::1", "(no valid URL)", False),
        ("http://me:s3cret@proxy:port", "(no valid URL)", False),
        ("http://", "(no valid URL)", False),
        ("http://me:s3cret@proxy.example:0", "proxy.example:0", False),
    ],
)
def test_a_proxy_shows_no_password_and_knows_whether_it_can_be_used(
    url: str, shown: str, usable: bool
) -> None:
    proxy = Proxy(url, "HTTPS_PROXY")
    assert (str(proxy), proxy.is_usable) == (shown, usable)
    assert "s3cret" not in repr(proxy)
    if not usable:
        with pytest.raises(ConfigurationError, match="no http or https URL of a proxy") as caught:
            KiloClient(proxy=url)
        assert "s3cret" not in str(caught.value)


@pytest.mark.anyio
async def test_calls_go_through_it_with_its_password_and_their_own_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With aiohttp's own trust_env=True this entry would make aiohttp refuse the call.
    netrc = tmp_path / "netrc"
    netrc.write_text("machine gateway.invalid login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with LocalGateway() as gateway:
        port = gateway.base_url.split(":")[2].partition("/")[0]
        monkeypatch.setenv("HTTP_PROXY", f"http://me:s3%40cret@127.0.0.1:{port}")
        async with KiloClient(
            "sk-mine", base_url=ELSEWHERE, trust_env=True, allow_insecure=True
        ) as client:
            answer = await client.chat.completions.create(messages="Hi", model="openai/gpt-4.1")
        assert answer.text.startswith("You said: Hi.")
        (request,) = gateway.requests
    assert request.headers["host"] == "gateway.invalid"
    assert request.headers["authorization"] == "Bearer sk-mine"
    told = base64.b64decode(request.headers["proxy-authorization"].removeprefix("Basic "))
    assert told == b"me:s3@cret"
