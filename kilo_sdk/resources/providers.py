"""``client.providers``: whom the gateway can route to.

Source: GATEWAY 1 (path).
"""

from __future__ import annotations

from kilo_sdk.catalog.discovery import valid_entries
from kilo_sdk.errors import ProtocolError
from kilo_sdk.resources.base import JSONFetcher
from kilo_sdk.types.model_info import ProviderInfo

__all__ = ["ProvidersResource"]


class ProvidersResource:
    """What providers there are. Holds no state: any number of tasks may call it at once."""

    def __init__(self, fetcher: JSONFetcher) -> None:
        self._fetcher = fetcher

    async def list(self) -> list[ProviderInfo]:
        """Ask the gateway for its providers, in its order; malformed entries are skipped.

        Raises:
            ProtocolError: The answer holds no list.
            APIError: The call failed otherwise.
        """
        body = await self._fetcher.get_json("providers")
        entries = body.get("data") if isinstance(body, dict) else None
        if not isinstance(entries, list):
            raise ProtocolError("the providers came without a 'data' list", body=body)
        return [*valid_entries(entries, ProviderInfo.from_wire, what="provider")]
