"""``python -m kilo_sdk``: the same as the command ``kilo-sdk``."""

from __future__ import annotations

from kilo_sdk_entry import main

if __name__ == "__main__":
    main()
