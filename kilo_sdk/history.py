"""A whole conversation as a text to store, and back.

What is stored and how is in ``types.stored``; what may stand in a list of messages is in
``conversation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_sdk.conversation import checked_messages
from kilo_sdk.types.message import Message

if TYPE_CHECKING:
    from kilo_sdk.types.params import Messages

__all__ = ["dump_history", "load_history"]


def dump_history(messages: Messages) -> str:
    """Return the text to store a conversation as: JSON in ASCII.

    Of each entry everything is kept to the byte: what ``to_param`` would send, ``raw``, and
    who made an answer. Keep the text in a column of text, for databases reorder keys and
    rewrite numbers in one of JSON.

    Args:
        messages: What a call takes as ``messages``, or an empty list. Never changed.

    Raises:
        ConfigurationError: It holds something that is no message.
        SerializationError: Something in a message is no JSON; it says where.
    """
    from kilo_sdk.types.stored import history_to_json

    return history_to_json(
        [
            one if isinstance(one, Message) else Message.from_param(one)
            for one in checked_messages(messages)
        ]
    )


def load_history(text: str | bytes) -> list[Message]:
    """Read what ``dump_history`` returned.

    A wire dict that was given comes back as a ``Message``, whose ``to_param`` equals it.

    Raises:
        SerializationError: It is something else, was cut off, or is of a version that this
            SDK does not know; it says which.
    """
    from kilo_sdk.types.stored import history_from_json

    return history_from_json(text)
