"""One check after the other, from this machine outwards; what hangs on a failed one is skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.client import KiloClient
from kilo_sdk.config import KiloConfig
from kilo_sdk.cost.dollars import show_dollars
from kilo_sdk.diagnosis.advice import GET_A_KEY, advice_on
from kilo_sdk.diagnosis.clock import clock_finding
from kilo_sdk.diagnosis.finding import Finding, Health
from kilo_sdk.diagnosis.key_check import KeyVerdict, check_key
from kilo_sdk.diagnosis.key_form import expiry_of
from kilo_sdk.diagnosis.one_token import ask_for_one_token, free_models
from kilo_sdk.diagnosis.proxies import proxy_finding
from kilo_sdk.diagnosis.reachability import Reply, reach
from kilo_sdk.errors import APIError, KiloError, RateLimitError
from kilo_sdk.proxies import environment_proxy
from kilo_sdk.types.completion import ChatCompletion

__all__ = ["answer_words", "examine"]

_SLOW_S: Final = 3.0


async def examine(client: KiloClient, config: KiloConfig) -> AsyncIterator[Finding]:
    """Look at proxy, gateway, clock, catalogue, key and a completion, in this order.

    Whatever fails is a finding. It ends within about three minutes however the gateway
    behaves, and in a second or two where all is well. It costs a fraction of a cent: one
    token of a paid model tells whether the key is good.

    Args:
        client: A client set up by the configuration.
        config: The configuration, which knows where the key is from.

    Raises:
        ConfigurationError: The client is closed, or belongs to another event loop.
    """
    network = client.connections.network
    yield proxy_finding(
        environment_proxy(client.base_url), in_use=network.trust_env and network.proxy is None
    )
    try:
        reply = await reach(client)
    except APIError as error:
        yield _failed("gateway", error)
        for check in ("clock", "catalogue", "key", "completion"):
            yield Finding(check, Health.SKIPPED, "not looked at: the gateway was not reached")
        return
    yield _reached(client.base_url, reply)
    yield clock_finding(reply.date, reply.at)
    catalog = await client.models.list(refresh=True)
    yield _listed(catalog)
    if config.api_key is None:
        yield Finding(
            "key", Health.FAILED, "none is configured; only free models answer", GET_A_KEY
        )
    else:
        yield _key(config, await check_key(client, catalog), datetime.now(UTC))
    yield await _free_completion(client, free_models(catalog))


def answer_words(model: str, completion: ChatCompletion | None) -> str:
    """Say who answered, and what it cost where that is known."""
    cost = completion.usage.cost if completion is not None and completion.usage else None
    return f"{model} answered" + (f" ({show_dollars(cost)})" if cost is not None else "")


def _failed(check: str, error: KiloError) -> Finding:
    return Finding(check, Health.FAILED, error.message, advice_on(error))


def _reached(base_url: str, reply: Reply) -> Finding:
    where = urlsplit(base_url).netloc
    words = f"{where} answers, after {reply.seconds:.2f} s"
    if reply.seconds > _SLOW_S:
        return Finding("gateway", Health.WARNING, words, "check the network if it stays so slow")
    return Finding("gateway", Health.OK, words)


def _listed(catalog: ModelCatalog) -> Finding:
    if catalog.failure is None:
        return Finding("catalogue", Health.OK, f"the gateway lists {len(catalog)} models")
    serving = (
        "the bundled list serves"
        if catalog.source == "static"
        else "the list obtained earlier serves"
    )
    return Finding(
        "catalogue",
        Health.FAILED,
        f"the model list cannot be had: {catalog.failure}",
        f"{serving} meanwhile; check base_url, the organization and any proxy between "
        "('kilo-sdk config show' says where they are from)",
    )


def _key(config: KiloConfig, verdict: KeyVerdict, now: datetime) -> Finding:
    source = f"it comes from: {config.sources.get('api_key', 'an argument')}"
    expiry = expiry_of(config.api_key) if isinstance(config.api_key, str) else None
    if expiry is not None and expiry <= now:
        source = f"it expired on {expiry:%Y-%m-%d}; {source}"
    error = verdict.error
    if verdict.standing == "accepted" and error is None:
        answered = answer_words(verdict.model, verdict.completion)
        return Finding("key", Health.OK, f"the key is good: {answered}; {source}")
    if error is None:
        raise AssertionError("a verdict without an answer has an error")
    if verdict.standing == "accepted":
        return Finding(
            "key",
            Health.WARNING,
            f"the key is good, but its account is empty: {error.message}; {source}",
            advice_on(error),
        )
    what = "was refused" if verdict.standing == "refused" else "could not be checked"
    return Finding(
        "key", Health.FAILED, f"the key {what}: {error.message}; {source}", advice_on(error)
    )


async def _free_completion(client: KiloClient, models: Sequence[str]) -> Finding:
    failure: APIError | None = None
    for model in models:
        try:
            completion = await ask_for_one_token(client, model)
        except APIError as error:
            failure = error
        else:
            return Finding("completion", Health.OK, answer_words(model, completion))
    if failure is None:
        return Finding(
            "completion", Health.SKIPPED, "the model list has no free model that could be asked"
        )
    if isinstance(failure, RateLimitError):  # all works, and there is too much of it
        return Finding("completion", Health.WARNING, failure.message, advice_on(failure))
    return _failed("completion", failure)
