"""Whether a key is good: found out by using it.

There is no endpoint that tells. Lists need no key, and a free model may answer whoever
asks; so a model that costs something is asked for one token, the cheapest first, which is
a small fraction of a cent.

Source: GATEWAY 1 (which endpoints need a key), GATEWAY 8 (401, 402, ``[BYOK]``).
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.client import KiloClient
from kilo_sdk.diagnosis.one_token import ask_for_one_token, paid_models
from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    InsufficientCreditsError,
)
from kilo_sdk.types.completion import ChatCompletion

__all__ = ["KeyVerdict", "Standing", "check_key"]

Standing: TypeAlias = Literal["accepted", "refused", "unknown"]
"""What the gateway made of a key; ``unknown`` where it could not be found out."""

_ABOUT_THE_UPSTREAMS_KEY: Final = "[BYOK]"
_ABOUT_A_PROMOTION: Final = "PROMOTION_MODEL_LIMIT_REACHED"


@attrs.frozen(slots=True)
class KeyVerdict:
    """What the gateway made of a key.

    Attributes:
        standing: The verdict.
        model: The gateway id of the model that was asked last.
        completion: Its answer, or None where it gave none.
        error: Why there is no answer, or None. With ``accepted`` it is an
            ``InsufficientCreditsError``: the gateway knows the account, which is empty.
    """

    standing: Standing
    model: str
    completion: ChatCompletion | None = None
    error: APIError | None = None


async def check_key(client: KiloClient, catalog: ModelCatalog) -> KeyVerdict:
    """Find out whether the client's key is good.

    Up to three models are asked, one after the other, until one of them tells.

    Args:
        client: The client, with the key.
        catalog: The model list to choose from; the bundled one will do.

    Raises:
        ConfigurationError: The client cannot be used, or the key cannot be sent.
    """
    verdict = KeyVerdict("unknown", "")
    for model in paid_models(catalog):
        try:
            completion = await ask_for_one_token(client, model)
        except InsufficientCreditsError as error:
            return KeyVerdict("accepted", model, error=error)
        except AuthenticationError as error:
            if not _is_about_something_else(error):
                return KeyVerdict("refused", model, error=error)
            verdict = KeyVerdict("unknown", model, error=error)
        except APIError as error:
            verdict = KeyVerdict("unknown", model, error=error)
            if _is_about_the_network(error):
                break
        else:
            return KeyVerdict("accepted", model, completion)
    return verdict


def _is_about_something_else(error: AuthenticationError) -> bool:
    """Whether a 401 is not about the gateway's key."""
    return error.code == _ABOUT_A_PROMOTION or _ABOUT_THE_UPSTREAMS_KEY in error.message


def _is_about_the_network(error: APIError) -> bool:
    if isinstance(error, APITimeoutError):
        return error.phase == "connect"
    return isinstance(error, APIConnectionError)
