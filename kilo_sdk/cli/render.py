"""Printing: answers on standard output, everything else on standard error.

Standard output gets the answer's text alone, the same bytes whether anyone watches or not,
but for control characters: they reach a pipe as they came and a terminal as pictures, so
that no model can drive it. Model output is never read as markup.
"""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, Protocol, TextIO

import orjson
from rich.console import Console
from rich.style import Style

from kilo_sdk.cli.progress import Progress
from kilo_sdk.cli.report import (
    completion_object,
    failure_object,
    failure_words,
    interruption_object,
    interruption_words,
    usage_line,
)
from kilo_sdk.errors import KiloError
from kilo_sdk.types.completion import ChatCompletion

__all__ = ["JsonOutput", "Output", "TextOutput", "make_harmless", "write_json", "write_text"]

_DIM = Style(dim=True)
_RED = Style(color="red")

# C0 controls and DEL become their Unicode pictures, C1 controls (one of which opens escape
# sequences all by itself) the replacement character. A carriage return could overwrite the
# line before it and is dropped; tabs and line feeds stay.
_HARMLESS: dict[int, int | None] = {
    **{code: 0x2400 + code for code in range(0x20)},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    0x0D: None,
}
del _HARMLESS[0x09], _HARMLESS[0x0A]

_JSON_CONTROLS = re.compile("[\x7f-\x9f]")


def make_harmless(text: str) -> str:
    """Return text with no control character left that a terminal would act on."""
    return text.translate(_HARMLESS)


def write_json(told: Mapping[str, Any]) -> None:
    """Print one object on standard output, as one line."""
    line = orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE).decode()
    # JSON leaves these unescaped, and a terminal might act on them.
    _write(sys.stdout, _JSON_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", line))


def write_text(text: str) -> None:
    """Print text on standard output; what its encoding lacks is a question mark."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _write(sys.stdout, text.encode(encoding, "replace").decode(encoding))


class Output(Protocol):
    """Where a turn goes: its pieces as they arrive, and then how it ended."""

    def reasoning(self, text: str) -> None:
        """A piece of reasoning has arrived; it may be empty."""

    def answer(self, text: str) -> None:
        """A piece of the answer has arrived; it may be empty."""

    def completed(self, completion: ChatCompletion, progress: Progress) -> None:
        """The turn is complete."""

    def failed(self, error: KiloError, progress: Progress | None = None) -> None:
        """The turn failed, or could not begin."""

    def interrupted(self, progress: Progress) -> None:
        """Ctrl-C ended the turn."""

    def note(self, line: str) -> None:
        """Tell the user something that is no part of an answer."""


class JsonOutput:
    """One JSON object on standard output; failures are told on standard error as well."""

    def __init__(self) -> None:
        self._notes = _Notes()

    def reasoning(self, text: str) -> None:
        """Kept for the object."""

    def answer(self, text: str) -> None:
        """Kept for the object."""

    def completed(self, completion: ChatCompletion, progress: Progress) -> None:
        """Print the completion."""
        write_json(completion_object(completion))

    def failed(self, error: KiloError, progress: Progress | None = None) -> None:
        """Print the error."""
        write_json(failure_object(error))
        self._notes.error(failure_words(error))

    def interrupted(self, progress: Progress) -> None:
        """Print what there is."""
        write_json(interruption_object(progress))
        self._notes.dim(interruption_words(progress))

    def note(self, line: str) -> None:
        """Print a line on standard error."""
        self._notes.dim(line)


class TextOutput:
    """The answer's text on standard output, reasoning and notes on standard error.

    Args:
        show_reasoning: Whether to print reasoning; None is where a person watches, which
            is when both outputs are a terminal.
    """

    def __init__(self, *, show_reasoning: bool | None = None) -> None:
        self._out = sys.stdout
        self._out_is_terminal = sys.stdout.isatty()
        self._notes = _Notes()
        watched = self._out_is_terminal and self._notes.is_terminal
        self._shows_reasoning = watched if show_reasoning is None else show_reasoning
        self._last: Literal["reasoning", "answer"] | None = None
        self._tail = ""
        if isinstance(self._out, io.TextIOWrapper):
            # What the encoding lacks is a question mark, not the end of the answer.
            self._out.reconfigure(errors="replace")

    def reasoning(self, text: str) -> None:
        """Print a piece of reasoning, dimmed on a terminal."""
        if not text or not self._shows_reasoning:
            return
        if self._last == "answer" and self._out_is_terminal:
            self._notes.write("\n\n")
        self._notes.dim(text, end="")
        self._last, self._tail = "reasoning", text[-1]

    def answer(self, text: str) -> None:
        """Print a piece of the answer."""
        if not text:
            return
        if self._last == "reasoning":
            self._notes.write("\n" if self._tail == "\n" else "\n\n")
        _write(self._out, make_harmless(text) if self._out_is_terminal else text)
        self._last, self._tail = "answer", text[-1]

    def completed(self, completion: ChatCompletion, progress: Progress) -> None:
        """End the answer's last line and print model, tokens, cost and TTFT."""
        self._end_line()
        if completion.message.refusal:
            self._notes.dim(f"the model refused: {completion.message.refusal}")
        seconds = time.monotonic() - progress.started
        self._notes.dim(usage_line(completion, progress, seconds=seconds))

    def failed(self, error: KiloError, progress: Progress | None = None) -> None:
        """Say what failed and what had arrived; the text so far stays."""
        self._end_line()
        lines = failure_words(error)
        if progress is not None and progress.chunks:
            lines.append(f"before that came {progress.describe()}")
        self._notes.error(lines)

    def interrupted(self, progress: Progress) -> None:
        """Say what had arrived; the text so far stays."""
        self._end_line()
        self._notes.dim(interruption_words(progress))

    def note(self, line: str) -> None:
        """Print a line on standard error."""
        self._notes.dim(line)

    def _end_line(self) -> None:
        if self._last == "answer" and self._tail != "\n":
            _write(self._out, "\n")
        elif self._last == "reasoning" and self._tail != "\n":
            self._notes.write("\n")
        self._last, self._tail = None, ""


class _Notes:
    """Standard error: styled where it is a terminal that can, plain elsewhere."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        # Whether to style goes by the terminal alone: FORCE_COLOR must not reach a file.
        console = Console(file=sys.stderr, force_terminal=self.is_terminal)
        self._is_styled = self.is_terminal and console.color_system is not None

    def dim(self, text: str, *, end: str = "\n") -> None:
        self.write(self._styled(text, _DIM) + end)

    def error(self, lines: list[str]) -> None:
        first, *more = lines
        self.write(self._styled("kilo-sdk: ", _RED) + self._styled(first, None) + "\n")
        for line in more:
            self.write(self._styled(f"  {line}", None) + "\n")

    def write(self, text: str) -> None:
        _write(sys.stderr, text)

    def _styled(self, text: str, style: Style | None) -> str:
        if not self.is_terminal:
            return text
        text = make_harmless(text)
        return style.render(text) if style and self._is_styled else text


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
