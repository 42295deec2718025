"""Where a program's key and settings come from: ``KiloConfig.load()`` and the key store."""

from kilo_sdk.config.config import KiloConfig
from kilo_sdk.config.credentials import CredentialStore, StoredKey

__all__ = ["CredentialStore", "KiloConfig", "StoredKey"]
