"""Counting what has arrived."""

from __future__ import annotations

from kilo_sdk.cli.progress import Progress


def test_nothing_has_arrived_at_first() -> None:
    progress = Progress(100.0)
    assert progress.describe() == "0 characters, 0 chunks"
    assert (progress.ttft, progress.partial) == (None, None)


def test_chunks_and_characters_are_counted() -> None:
    progress = Progress(100.0)
    progress.count("", "", 100.1)
    progress.count("a", "", 100.2)
    assert progress.describe() == "1 character, 2 chunks"
    progress.count("bcd", "", 100.3)
    assert progress.describe() == "4 characters, 3 chunks"


def test_ttft_is_the_time_to_the_first_text_or_reasoning() -> None:
    progress = Progress(100.0)
    progress.count("", "", 100.5)
    progress.count("", "thought", 101.5)
    progress.count("text", "", 102.5)
    assert progress.ttft == 1.5
    assert progress.describe() == "4 characters, 3 chunks (and 7 characters of reasoning)"
