"""Fetching JSON: the model list, endpoints, providers.

Source: GATEWAY 1 (paths), GATEWAY 8 (errors, also inside a 200).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import anyio
import attrs
import orjson

from kilo_sdk.answers import describe_garbage, shown_body
from kilo_sdk.error_mapping import error_from_payload
from kilo_sdk.errors import APIError, AuthenticationError, ProtocolError
from kilo_sdk.failed_response import failure_of, request_id_of
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.middleware.chain import RequestChain
from kilo_sdk.outgoing import run_middleware
from kilo_sdk.retry import RetryState
from kilo_sdk.timeouts import CallClocks
from kilo_sdk.transports.base import join_url

if TYPE_CHECKING:
    from kilo_sdk.client import KiloClient
    from kilo_sdk.exchange import Exchange

__all__ = ["GatewayFetcher"]

# Ten times the longest list seen; a longer one would hold up the event loop to decode.
_BODY_MAX: Final = 16 * 2**20


class GatewayFetcher:
    """GETs JSON with the client's connections, headers and retries."""

    def __init__(self, client: KiloClient, request_chain: RequestChain) -> None:
        self._client = client
        self._request_chain = request_chain

    def check_usable(self) -> None:
        """Refuse to go on where the client cannot be used.

        Raises:
            ConfigurationError: It is closed, or belongs to another event loop.
        """
        self._client.connections.check_usable()

    async def get_json(
        self, path: str, *, timeout: float | None = None, model: str | None = None
    ) -> object:
        """GET and return the decoded JSON.

        Args:
            path: Relative to the base URL, or an absolute URL of the same origin.
            timeout: Seconds for all of it, retries included; None for the client's own.
            model: Id of the model that is asked about, for errors.

        Raises:
            APIError: No answer, an error as the answer (also inside a 200), no JSON, or more
                than 16 MiB of it.
        """
        client = self._client
        client.check_open()
        limits = client.timeouts
        clocks = CallClocks(limits if timeout is None else attrs.evolve(limits, total=timeout))
        retry = RetryState(client.retries)
        reauthenticated = False
        tries = 0
        while True:
            try:
                return await self._try(path, clocks, tries, model)
            except APIError as error:
                tries += 1
                if isinstance(error, AuthenticationError) and not reauthenticated:
                    reauthenticated = True
                    if self._request_chain.on_unauthorized():
                        continue
                wait = retry.next_wait(error)
                if wait is None or wait >= clocks.total_left:
                    raise
                if not client.policy.budget.allows(error, anyio.current_time()):
                    raise
                await client.connections.lifetime.sleep(wait)
                clocks.spend(wait)

    async def _try(self, path: str, clocks: CallClocks, tries: int, model: str | None) -> object:
        client = self._client
        request = OutgoingRequest(
            ref=client.default_model,
            url=path if "://" in path else join_url(client.base_url, path),
            headers=client.headers_with({"Accept": "application/json"}),
            payload={},
        )
        rest = run_middleware(
            self._request_chain, request, clocks, model=model, base_url=client.base_url
        )
        if rest is not None:
            await rest
        request.set_header("X-Kilo-Retry-Count", str(tries))
        clocks.begin_try()
        exchange = await client.connections.send(
            "GET", request.url, headers=request.headers, body=None, clocks=clocks, model=model
        )
        try:
            if exchange.status != 200:
                raise await failure_of(exchange, model=model)
            body = await exchange.read_all(_BODY_MAX)
            decoded = _decode(body, exchange, model)
            if isinstance(decoded, dict) and decoded.get("error"):
                raise error_from_payload(
                    decoded,
                    http_status=200,
                    headers=exchange.headers,
                    model=model,
                    now=time.time(),
                    key=exchange.key_sent(),
                )
        except BaseException:
            exchange.close()
            raise
        await exchange.finish()
        return decoded


def _decode(body: bytes, exchange: Exchange, model: str | None) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        seen = describe_garbage(body, exchange.content_type)
        where = f"; model {model}" if model else ""
        raise ProtocolError(
            f"the answer is no JSON, but {seen}{where}",
            request_id=request_id_of(exchange),
            body=shown_body(body, exchange.key_sent()),
            model=model,
        ) from exc
