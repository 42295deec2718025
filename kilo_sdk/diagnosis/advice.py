"""What to do about an error, for someone at a command line.

Decisions only. The words of connection failures are those of ``foreign_errors`` and of
``timeouts``.

Source: GATEWAY 8 (what the statuses mean).
"""

from __future__ import annotations

from typing import Final

from kilo_sdk.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InsufficientCreditsError,
    InternalServerError,
    KiloError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
)

__all__ = ["GET_A_KEY", "advice_on"]

GET_A_KEY: Final = "store a key with 'kilo-sdk onboard'; keys are made at https://app.kilo.ai"
"""What to do without a key that is good."""

_NETWORK: Final = "check the network and base_url ('kilo-sdk config show' says where it is from)"
_OTHER_SERVER: Final = (
    "something else answers at that address: check base_url ('kilo-sdk config show' says where "
    "it is from) and any proxy between"
)
_AGAIN: Final = "try again in a while, or with another model"

_CONNECTION_ADVICE: Final = (
    ("the host name was not found", f"{_NETWORK}; a network that wants a proxy answers no names"),
    (
        "the certificate is not valid",
        "check the clock of this machine; a company's proxy that opens TLS needs its own "
        "certificate installed",
    ),
    (
        "the proxy cannot be reached",
        "check HTTPS_PROXY; NO_PROXY with the gateway's host in it goes without",
    ),
    ("TLS failed", "check that base_url is https where the server is, and any proxy between"),
    ("the host cannot be reached", f"{_NETWORK}; is a server listening there?"),
)


def advice_on(error: KiloError) -> str:
    """Return what to do about an error, in one sentence."""
    match error:
        case AuthenticationError():
            return GET_A_KEY
        case InsufficientCreditsError():
            where = error.buy_credits_url or "https://app.kilo.ai"
            return f"add credit at {where}, or ask a free model: kilo-sdk models list --free"
        case RateLimitError():
            wait = f"in {error.retry_after:.0f} s" if error.retry_after else "in a while"
            return f"try again {wait}; with a key of its own an account has limits of its own"
        case PermissionDeniedError():
            return (
                "ask the owner of the organization, or leave organization_id out "
                "('kilo-sdk config show' says where it is from)"
            )
        case NotFoundError():
            return "check base_url and the model; kilo-sdk models list has those there are"
        case BadRequestError():
            return "check the configuration: kilo-sdk config show"
        case InternalServerError() | APITimeoutError(phase="first_token" | "idle" | "stall"):
            return _AGAIN
        case APIConnectionError():
            for words, advice in _CONNECTION_ADVICE:
                if error.message.startswith(words):
                    return advice
            return _NETWORK
        case ProtocolError() | APIStatusError():
            return _OTHER_SERVER
        case ConfigurationError():
            return "set it right in what 'kilo-sdk config show' names"
    return _AGAIN
