"""Makes ``stop`` the list it always is on the wire.

Source: GATEWAY 3.
"""

from __future__ import annotations

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import OutgoingRequest

__all__ = ["StopNormalisation"]


class StopNormalisation:
    """Turns a single stop string into a list of one; a request middleware.

    None is removed; a list or tuple of strings becomes a list of its own.
    """

    __slots__ = ()
    passes_plain_requests = True

    def on_request(self, request: OutgoingRequest, /) -> None:
        """Normalise ``payload["stop"]``, where there is one.

        Raises:
            ConfigurationError: It is neither a string nor a list of strings.
        """
        payload = request.payload
        if "stop" not in payload:
            return
        stop = payload["stop"]
        if stop is None:
            del payload["stop"]
        elif isinstance(stop, str):
            payload["stop"] = [stop]
        elif isinstance(stop, list | tuple):
            payload["stop"] = [_checked(sequence) for sequence in stop]
        else:
            raise ConfigurationError(
                f"stop is a string or a list of strings, not {type(stop).__name__}"
            )


def _checked(sequence: object) -> str:
    if isinstance(sequence, str):
        return sequence
    raise ConfigurationError(f"every entry of stop is a string; one is {type(sequence).__name__}")
