"""Tells the gateway who is calling: app, organisation, task, mode, client.

Values that do not change from call to call are checked once, when the middleware is made.

Source: GATEWAY 2.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import OutgoingRequest

__all__ = ["KNOWN_FEATURES", "KNOWN_MODES", "AppHeaders"]

logger = logging.getLogger("kilo_sdk.middleware")

KNOWN_FEATURES = frozenset(
    {
        "agent-manager",
        "app-builder",
        "auto-triage",
        "autocomplete",
        "autofix",
        "cli",
        "cloud-agent",
        "code-review",
        "direct-gateway",
        "jetbrains-extension",
        "kilo-claw",
        "managed-indexing",
        "parallel-agent",
        "security-agent",
        "slack",
        "vscode-extension",
        "webhook",
    }
)
"""What the gateway attributes; it stores any other value as unattributed (GATEWAY 2)."""

KNOWN_MODES = (
    "plan",
    "general",
    "architect",
    "orchestrator",
    "ask",
    "debug",
    "build",
    "explore",
    "code",
)
"""Hints for auto models (GATEWAY 2)."""

_MAX_CLIENT_CHARACTERS = 500

# Line breaks and other control characters end or break a header; a lone surrogate has no
# UTF-8 form to send.
_UNSENDABLE = "[\x00-\x1f\x7f-\x9f\ud800-\udfff]"


class AppHeaders:
    """Sets the gateway's own request headers; a request middleware.

    What is configured here wins over a caller's own header of that name, whatever its
    case; what is not leaves the caller's alone. ``X-KiloCode-TaskId`` and
    ``x-kilocode-mode`` come from the request.

    Args:
        feature: App attribution. One that is not in ``KNOWN_FEATURES`` is sent all the
            same, and logged once per process.
        organization_id: Organisation context.
        project_id: Sent only together with ``organization_id``.
        editor_name: Client name; cut after 500 characters, as are the next two.
        client_version: Client version.
        machine_id: Client machine.

    Raises:
        ConfigurationError: A value is empty, no string, or holds a control character.
    """

    __slots__ = ("_fixed",)
    sets_headers_alone = True

    def __init__(
        self,
        feature: str = "direct-gateway",
        organization_id: str | None = None,
        project_id: str | None = None,
        editor_name: str | None = None,
        client_version: str | None = None,
        machine_id: str | None = None,
    ) -> None:
        self._fixed: dict[str, str] = {"X-KILOCODE-FEATURE": _sendable(feature, "feature")}
        if organization_id is not None:
            self._fixed["X-KiloCode-OrganizationId"] = _sendable(organization_id, "organization_id")
        if project_id is not None:
            checked = _sendable(project_id, "project_id")
            if organization_id is not None:
                self._fixed["X-KiloCode-ProjectId"] = checked
        for header, name, value in (
            ("X-KiloCode-Version", "client_version", client_version),
            ("X-KILOCODE-EDITORNAME", "editor_name", editor_name),
            ("X-KILOCODE-MACHINEID", "machine_id", machine_id),
        ):
            if value is not None:
                self._fixed[header] = _sendable(value, name)[:_MAX_CLIENT_CHARACTERS]
        if feature not in KNOWN_FEATURES:
            _warn_unattributed(feature)

    def on_request(self, request: OutgoingRequest, /) -> None:
        """Set the headers.

        Raises:
            ConfigurationError: The request's mode is not in ``KNOWN_MODES``, or its task
                id is empty, no string, or holds a control character.
        """
        for header, value in self._fixed.items():
            request.set_header(header, value)
        if request.task_id is not None:
            request.set_header("X-KiloCode-TaskId", _sendable(request.task_id, "task_id"))
        if request.mode is not None:
            if request.mode not in KNOWN_MODES:
                accepted = ", ".join(KNOWN_MODES)
                raise ConfigurationError(f"{request.mode!r} is no mode; accepted are {accepted}")
            request.set_header("x-kilocode-mode", request.mode)


def _sendable(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} is a string, not {type(value).__name__}")
    if not value:
        raise ConfigurationError(f"{name} is empty; leave it out instead")
    # Nearly all are printable ASCII, which needs no pattern.
    if not (value.isascii() and value.isprintable()) and re.search(_UNSENDABLE, value):
        raise ConfigurationError(
            f"{name} holds a line break or another character that no header can carry"
        )
    return value


@lru_cache(maxsize=64)
def _warn_unattributed(feature: str) -> None:
    # Cached so that a client made per request does not repeat it.
    logger.warning(
        "app_headers.unattributed feature %r is not known to the gateway, which stores it as "
        "unattributed; known are %s",
        feature,
        ", ".join(sorted(KNOWN_FEATURES)),
    )
