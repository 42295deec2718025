"""What a resource needs of the client: fetching JSON, and nothing of HTTP.

The front of each resource is written against this protocol; the client's HTTP shell
satisfies it.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["JSONFetcher"]


@runtime_checkable
class JSONFetcher(Protocol):
    """Fetches JSON with the client's connections, headers and retries."""

    def check_usable(self) -> None:
        """Refuse to go on where the client cannot be used.

        Raises:
            ConfigurationError: It is closed, or belongs to another event loop.
        """
        ...

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
                of it than is reasonable.
        """
        ...
