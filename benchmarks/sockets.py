"""As many sockets as the system lets a process have: ten thousand streams are as many."""

from __future__ import annotations

import resource

__all__ = ["allow_most_sockets"]


def allow_most_sockets() -> None:
    """Raise this process's limit of open files as far as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
