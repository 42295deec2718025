"""What a check found: how things stand, in words, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

import attrs

__all__ = ["Finding", "Health"]


class Health(StrEnum):
    """How things stand.

    Attributes:
        OK: As they should.
        WARNING: Something may get in the way, but does not now.
        FAILED: Something does not work.
        SKIPPED: It was not looked at, because of what failed before.
    """

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen(slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: What was looked at: ``key``, ``proxy``, ``gateway``, ``clock``, ``catalogue`` or
            ``completion``.
        health: How things stand.
        words: What was found, in a sentence. No key is in it.
        advice: What to do, or None where nothing needs doing.
    """

    check: str
    health: Health
    words: str
    advice: str | None = None
