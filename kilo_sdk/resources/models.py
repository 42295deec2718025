"""``client.models``: the catalogue, one model, and who serves it.

Listing never fails for the gateway's sake: where discovery brings nothing, the bundled
catalogue serves.

Source: GATEWAY 1 (paths), GATEWAY 9 (discovery).
"""

from __future__ import annotations

import builtins
from collections.abc import Awaitable
from typing import Final

from kilo_sdk.catalog.cache import CatalogCache
from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.catalog.discovery import valid_entries
from kilo_sdk.catalog.suggestions import did_you_mean
from kilo_sdk.error_mapping import append_advice, is_about_unknown_model
from kilo_sdk.errors import APIError, NotFoundError, ProtocolError
from kilo_sdk.outgoing import quoted_path
from kilo_sdk.refs import ModelRef
from kilo_sdk.resources.base import JSONFetcher
from kilo_sdk.settings import parse_ref
from kilo_sdk.types.model_info import ModelEndpoint, ModelInfo

__all__ = ["ModelsResource", "models_url"]

_DISCOVERY_TIMEOUT: Final = 5.0
_GATEWAY_SEGMENTS: Final = ("gateway", "openrouter")


def models_url(base_url: str, organization_id: str | None = None) -> str:
    """Return where the model list is.

    An organisation's list is beside the gateway, not under it: the last segment of the
    base URL, ``gateway`` or its older name ``openrouter``, gives way. A base URL that ends
    otherwise is another server's, which is asked under the base as anyone would be.

    Returns:
        ``"models"``, relative to the base URL, or the absolute URL of an organisation's list.

    Source: GATEWAY 1.
    """
    parent, _, last = base_url.rstrip("/").rpartition("/")
    # A parent that ends in a slash means the last segment was the host: http://gateway/.
    if not organization_id or last not in _GATEWAY_SEGMENTS or parent.endswith("/"):
        return "models"
    return f"{parent}/organizations/{quoted_path(organization_id, 'organization_id')}/models"


class ModelsResource:
    """What models there are. Any number of tasks may call it at once.

    What was obtained is kept in the cache, for all who share it.
    """

    def __init__(
        self,
        fetcher: JSONFetcher,
        *,
        base_url: str,
        organization_id: str | None = None,
        cache: CatalogCache,
    ) -> None:
        self._fetcher = fetcher
        self._cache = cache
        self._list_url = models_url(base_url, organization_id)

    async def list(self, *, refresh: bool = False) -> ModelCatalog:
        """Return the gateway's models; falls back to the bundled catalogue.

        The gateway is asked the first time, and again when the list has grown old
        (``CatalogOptions``); many callers at once share one request. Discovery has 5
        seconds. When it fails, answers an error or names no model, what serves is the list
        obtained earlier, or else the bundled catalogue with ``catalog.source == "static"``;
        the log has a warning, and the gateway is left in peace for a while.

        Args:
            refresh: Ask now, however fresh the list is and whatever failed before.

        Raises:
            ConfigurationError: The client is closed, belongs to another event loop, or
                cannot send what it was set up to send.
        """
        self._fetcher.check_usable()
        return await self._cache.get(self._fetch, refresh=refresh)

    def _fetch(self) -> Awaitable[object]:
        return self._fetcher.get_json(self._list_url, timeout=_DISCOVERY_TIMEOUT)

    async def get(self, ref: str | ModelRef) -> ModelInfo:
        """Return one model of the catalogue.

        Raises:
            ConfigurationError: ``ref`` is no model ref; nothing was sent.
            NotFoundError: The catalogue lacks the model; the message names up to three
                whose ids look alike.
        """
        wanted = parse_ref(ref)
        catalog = await self.list()
        model = catalog.get(wanted)
        if model is None:
            raise NotFoundError(_unknown(wanted, catalog), status_code=404, model=wanted.id)
        return model

    async def endpoints(self, ref: str | ModelRef) -> builtins.list[ModelEndpoint]:
        """Ask which providers serve a model, at what price and within what limits.

        Raises:
            ConfigurationError: ``ref`` is no model ref; nothing was sent.
            NotFoundError: The gateway knows no such model; the message names up to three of
                the list whose ids look alike.
            ProtocolError: The answer lists no endpoints.
            APIError: The call failed otherwise.
        """
        id_ = parse_ref(ref).id
        path = f"models/{quoted_path(id_, 'the model id', safe='/:')}/endpoints"
        try:
            body = await self._fetcher.get_json(path, model=id_)
        except APIError as error:
            if is_about_unknown_model(error):
                append_advice(error, did_you_mean(id_, self._cache.loaded))
            raise
        data = body.get("data") if isinstance(body, dict) else None
        entries = data.get("endpoints") if isinstance(data, dict) else None
        if not isinstance(entries, list):
            raise ProtocolError(
                f"the endpoints of {id_} came without a 'data.endpoints' list",
                body=body,
                model=id_,
            )
        return [*valid_entries(entries, ModelEndpoint.from_wire, what="endpoint")]


def _unknown(wanted: ModelRef, catalog: ModelCatalog) -> str:
    """Say what is missing, from which list, and what may have been meant."""
    where = (
        "the gateway's model list"
        if catalog.source == "gateway"
        else "the bundled model list, which serves while the gateway's cannot be had"
    )
    hint = did_you_mean(wanted.id, catalog)
    return f"no model {wanted.id} in {where}" + (f"; {hint}" if hint else "")
