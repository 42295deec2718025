"""Faults on demand: what can go wrong, and how it is asked for.

A fault is written as words between semicolons, ``name`` or ``name=value``, such as
``status=429;retry_after=2;times=1``. At most one action, any shaping, options as fit.

Actions (in place of a good answer):

===================  ======================================================================
``status=N``         HTTP status N, 400 to 599, with the gateway's body for it (GATEWAY 8)
``html=N``           HTTP status N with a proxy's HTML page
``empty=N``          HTTP status N and no body
``error_body=C``     a 200 whose JSON body is an error of code C, a number or a word
``error_event=C``    an error event of code C in the stream, and no ``[DONE]`` after it;
                     ``after=0`` makes it the only event, without ``choices``
``cut``              the TCP connection closes without the end of the body
``reset``            the same with RST instead of FIN
``end``              the body ends in good order, without ``[DONE]`` and what is missing
``stall``            the connection stays, and nothing comes any more
``comments``         the connection stays, and only keep-alive comments come, for ever
``garbage=KIND``     something else among the events, which go on after it: ``json`` (an
                     event that is no JSON), ``binary`` (no UTF-8), ``html`` (a page),
                     ``huge_line`` (an event of ``size`` bytes)
===================  ======================================================================

Shaping (combines with an action, or stands alone):

=======================  ==================================================================
``delay=S``              S seconds before the headers
``blank_lines=N``        N keep-alive lines before a body that is no stream (GATEWAY 5)
``bytes``                the answer is delivered byte by byte
``wrong_content_type``   ``text/plain``
``no_done``              the stream ends without ``[DONE]``
``no_finish_reason``     every finish reason is null
=======================  ==================================================================

Options:

=================  ========================================================================
``after=N``        the action strikes after N chunks (default 0); past the last one, it
                   strikes before ``[DONE]``. Comments are no chunks
``inside``         with ``cut``, ``reset``, ``end`` or ``stall``: half an event further
``retry_after=V``  the ``Retry-After`` header, seconds or a date
``interval=S``     seconds between keep-alive comments or lines (default 0.05)
``size=N``         bytes of a huge line (default 16 MiB)
``times=N``        only the first N requests with this fault meet it, later ones are well
=================  ========================================================================

An answer that is no stream meets the same faults: cut, reset, end and stall strike in the
middle of the body when ``after`` is not 0 and before its first byte when it is, an error
event becomes an error body, and comments become blank lines.

Source: GATEWAY 5 and 8 (all of these have been seen).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import attrs

__all__ = ["Action", "Fault", "Garbage"]

Action: TypeAlias = Literal[
    "status",
    "html",
    "empty",
    "error_body",
    "error_event",
    "cut",
    "reset",
    "end",
    "stall",
    "comments",
    "garbage",
]
Garbage: TypeAlias = Literal["json", "binary", "html", "huge_line"]

_GRAMMAR = "a fault reads 'name' or 'name=value' between semicolons"
_ACTIONS: tuple[str, ...] = get_args(Action)
_BARE_ACTIONS = ("cut", "reset", "end", "stall", "comments")
_FLAGS = {
    "inside": "inside",
    "bytes": "bytewise",
    "wrong_content_type": "wrong_content_type",
    "no_done": "no_done",
    "no_finish_reason": "no_finish_reason",
}


@attrs.frozen(slots=True)
class Fault:
    """One fault; equal faults share the count that ``times`` keeps.

    Attributes are the words of the grammar in this module's docstring; durations are
    seconds. Build it from keywords, or from text with :meth:`parse`.

    Attributes:
        action: What happens in place of a good answer, or None.
        value: The action's status, code or kind.
        after: Chunks before the action strikes.
        inside: Whether it strikes inside an event.
        times: How many requests meet it; None is all of them.
        retry_after: The ``Retry-After`` header.
        delay: Seconds before the headers.
        interval: Seconds between endless keep-alives.
        blank_lines: Keep-alive lines before a body that is no stream.
        size: Bytes of a huge line.
        bytewise: The word ``bytes``.
        wrong_content_type: Send ``text/plain``.
        no_done: Leave ``[DONE]`` out.
        no_finish_reason: Leave finish reasons null.
    """

    action: Action | None = None
    value: int | str | None = None
    after: int = 0
    inside: bool = False
    times: int | None = None
    retry_after: str | None = None
    delay: float = 0.0
    interval: float = 0.05
    blank_lines: int = 0
    size: int = 16 * 1024 * 1024
    bytewise: bool = False
    wrong_content_type: bool = False
    no_done: bool = False
    no_finish_reason: bool = False

    def __attrs_post_init__(self) -> None:
        _check(self)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault from its text.

        Raises:
            ValueError: A word that is unknown, repeated, or has a value it cannot have; the
                message says what is accepted.
        """
        fields: dict[str, Any] = {}
        for word in filter(None, (part.strip() for part in text.split(";"))):
            name, equals, value = (part.strip() for part in word.partition("="))
            read = _read(name, value if equals else None)
            twice = fields.keys() & read.keys()
            if twice:
                known = "only one action" if "action" in twice else f"{name!r} once"
                raise ValueError(f"fault {text!r}: {known} is accepted")
            fields |= read
        if not fields:
            raise ValueError(f"fault {text!r} is empty: {_GRAMMAR}")
        return cls(**fields)


def _read(name: str, value: str | None) -> dict[str, Any]:
    """Read one word into the fields it sets."""
    if name in _FLAGS:
        if value is not None:
            raise ValueError(f"fault word {name!r} takes no value")
        return {_FLAGS[name]: True}
    if name in _BARE_ACTIONS:
        if value is not None:
            raise ValueError(f"fault action {name!r} takes no value")
        return {"action": name}
    reader = _READERS.get(name)
    if reader is None:
        known = sorted({*_ACTIONS, *_FLAGS, *_READERS})
        raise ValueError(f"no fault word {name!r}; accepted are {', '.join(known)}")
    if not value:
        raise ValueError(f"fault word {name!r} takes a value: '{name}=...'")
    try:
        read = reader(value)
    except ValueError as exc:
        raise ValueError(f"fault word {name!r} cannot be {value!r}: {exc}") from exc
    if name in _ACTIONS:
        return {"action": name, "value": read}
    return {name: read}


def _code(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


_READERS: dict[str, Callable[[str], object]] = {
    "status": int,
    "html": int,
    "empty": int,
    "error_body": _code,
    "error_event": _code,
    "garbage": str,
    "after": int,
    "times": int,
    "retry_after": str,
    "delay": float,
    "interval": float,
    "blank_lines": int,
    "size": int,
}


def _check(fault: Fault) -> None:
    action, value = fault.action, fault.value
    if action is not None and action not in _ACTIONS:
        raise ValueError(f"no fault action {action!r}; accepted are {', '.join(_ACTIONS)}")
    if action in ("status", "html", "empty"):
        if not isinstance(value, int) or not 400 <= value <= 599:
            raise ValueError(f"fault {action!r} takes a status from 400 to 599, not {value!r}")
    elif action in ("error_body", "error_event"):
        if not isinstance(value, int | str):
            raise ValueError(f"fault {action!r} takes a code, a number or a word")
    elif action == "garbage":
        if value not in get_args(Garbage):
            kinds = ", ".join(get_args(Garbage))
            raise ValueError(f"fault 'garbage' is one of {kinds}, not {value!r}")
    elif value is not None:
        raise ValueError(f"a fault with the action {action!r} takes no value")
    if fault.inside and action not in ("cut", "reset", "end", "stall"):
        raise ValueError("fault word 'inside' goes with cut, reset, end or stall")
    counts = {"after": fault.after, "times": fault.times or 0, "blank_lines": fault.blank_lines}
    spans = {"delay": fault.delay, "interval": fault.interval, "size": fault.size}
    for name, number in {**counts, **spans}.items():
        if not math.isfinite(number) or number < 0:
            raise ValueError(f"fault word {name!r} takes a number from 0 up, not {number!r}")
    if fault.retry_after and not fault.retry_after.isprintable():
        raise ValueError("fault word 'retry_after' takes seconds or an HTTP date")
