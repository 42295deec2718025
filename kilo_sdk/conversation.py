"""From what callers write as ``messages`` to the list that goes out.

Source: GATEWAY 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.types.message import Message
from kilo_sdk.types.wire import WireMessage

if TYPE_CHECKING:
    from kilo_sdk.types.params import Messages

__all__ = ["checked_messages", "wire_messages"]

_DICTS_ALONE: Final = frozenset({dict})
_ACCEPTED = "accepted are a string, or a list of wire dicts and Message objects"


def wire_messages(messages: Messages) -> list[WireMessage]:
    """Return the messages as a new list of wire dicts.

    Dicts of the caller stand in it as they are and are never changed.

    Raises:
        ConfigurationError: No messages, an empty string, or an entry that is no message.
    """
    if type(messages) is list and _DICTS_ALONE.issuperset(map(type, messages)):
        # What nearly all histories are made of needs one look at each, and no call.
        dicts = cast("list[WireMessage]", messages.copy())
        for position, message in enumerate(dicts):
            role = message.get("role")
            if type(role) is not str or not role:
                _checked(message, position)
    else:
        checked = checked_messages(messages)
        dicts = [one.to_param() if isinstance(one, Message) else one for one in checked]
    if not dicts:
        raise ConfigurationError(f"messages is an empty list; {_ACCEPTED}, at least one")
    return dicts


def checked_messages(messages: Messages) -> list[Message | WireMessage]:
    """Return the messages as a new list of what they are: dicts and objects.

    Raises:
        ConfigurationError: An empty string, no list, or an entry that is no message.
    """
    if isinstance(messages, str):
        if not messages:
            raise ConfigurationError(f"messages is an empty string; {_ACCEPTED}")
        return [{"role": "user", "content": messages}]
    if not isinstance(messages, list) and (
        isinstance(messages, Message | Mapping | bytes) or not isinstance(messages, Sequence)
    ):
        raise ConfigurationError(f"messages is of type {type(messages).__name__}; {_ACCEPTED}")
    return [_checked(message, position) for position, message in enumerate(messages)]


def _checked(message: object, position: int) -> Message | WireMessage:
    if isinstance(message, Message):
        return message
    if not isinstance(message, (dict, Mapping)):
        raise ConfigurationError(
            f"messages[{position}] is of type {type(message).__name__}; {_ACCEPTED}"
        )
    role = message.get("role")
    if not isinstance(role, str) or not role:
        raise ConfigurationError(
            f"messages[{position}] has no role; it is 'system', 'user', 'assistant' or 'tool'"
        )
    return message if isinstance(message, dict) else dict(message)
