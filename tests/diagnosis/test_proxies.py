"""Facts about what is said of proxies."""

from __future__ import annotations

import pytest

from kilo_sdk.diagnosis.finding import Health
from kilo_sdk.diagnosis.proxies import current_proxies, proxy_finding

GATEWAY = "https://api.kilo.ai/api/gateway/"


@pytest.mark.parametrize(
    "proxies", [{}, {"http": "http://proxy:3128"}, {"https": ""}, {"no": "api.kilo.ai"}]
)
def test_without_a_proxy_for_the_scheme_all_is_well(proxies: dict[str, str]) -> None:
    assert proxy_finding(GATEWAY, proxies).health is Health.OK


@pytest.mark.parametrize("scheme", ["https", "all"])
@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://proxy.example:3128", "proxy.example:3128"),
        ("http://me:s3cret@proxy.example:3128/", "proxy.example:3128"),
        ("proxy.example:3128", "proxy.example:3128"),
        ("me:s3cret@proxy.example", "proxy.example"),
        ("http://[::1", "(no valid URL)"),
        ("http://me:s3cret@proxy:port", "(no valid URL)"),
    ],
)
def test_a_proxy_that_is_not_used_is_named_without_its_password(
    scheme: str, proxy: str, shown: str
) -> None:
    finding = proxy_finding(GATEWAY, {scheme: proxy})
    assert finding.health is Health.WARNING
    assert finding.words == f"HTTPS_PROXY names the proxy {shown}, and it is not used"
    assert "trust_env=True" in (finding.advice or "")
    assert "s3cret" not in repr(finding)


@pytest.mark.parametrize("no", ["api.kilo.ai", ".kilo.ai", "*", "other.example, kilo.ai"])
def test_a_host_that_is_to_go_without_is_well(no: str) -> None:
    finding = proxy_finding(GATEWAY, {"https": "http://proxy:3128", "no": no})
    assert (finding.health, "NO_PROXY" in finding.words) == (Health.OK, True)


def test_the_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    proxies = current_proxies()
    assert (proxies["https"], proxies["no"]) == ("http://proxy:3128", "localhost")
