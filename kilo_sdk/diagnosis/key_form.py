"""What can be said of a key without asking anybody: where it is from, and until when it is good.

Kilo's keys are JSON Web Tokens; their second part says when they expire. Any other key is
taken as it is. Nothing of the key is shown.

Source: RFC 7519, 4.1.4 (``exp``).
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

import orjson

__all__ = ["expiry_of"]


def expiry_of(key: str) -> datetime | None:
    """Return when a key expires, or None where it does not say."""
    parts = key.split(".")
    if len(parts) != 3:
        return None
    payload = parts[1]
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expires = claims.get("exp") if isinstance(claims, dict) else None
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            return None
        return datetime.fromtimestamp(expires, UTC)
    except (ValueError, OverflowError, OSError, binascii.Error):
        return None
