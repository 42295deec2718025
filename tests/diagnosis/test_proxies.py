"""Facts about what is said of proxies."""

from __future__ import annotations

import pytest

from kilo_sdk.diagnosis.finding import Health
from kilo_sdk.diagnosis.proxies import proxy_finding
from kilo_sdk.proxies import Proxy


def test_without_a_proxy_all_is_well() -> None:
    finding = proxy_finding(None, in_use=False)
    assert (finding.health, finding.advice) == (Health.OK, None)


@pytest.mark.parametrize(
    ("url", "in_use", "health", "words", "advice"),
    [
        ("http://me:s3cret@p:1", True, Health.OK, "p:1, and calls go through it", ""),
        (
            "http://me:s3cret@p:1",
            False,
            Health.WARNING,
            "p:1, and it is not used",
            "KiloClient(trust_env=True)",
        ),
        ("socks5://me:s3cret@p:1", False, Health.WARNING, "no HTTP proxy", "http://host:port"),
    ],
)
def test_a_proxy_is_named_without_its_password(
    url: str, in_use: bool, health: Health, words: str, advice: str
) -> None:
    finding = proxy_finding(Proxy(url, "ALL_PROXY"), in_use=in_use)
    assert finding.health is health
    assert finding.words.startswith("ALL_PROXY names p:1, ")
    assert finding.words.endswith(words)
    assert advice in (finding.advice or "")
    assert "s3cret" not in repr(finding)
