from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.emulator.faults import Fault
from kilo_sdk.emulator.replay import Recording, load_recordings

SAMPLE = b": hi\n\n: there\n\ndata: 1\n\n: in between\n\ndata: 2\ndata: 2b\n\ndata: [DONE]\n\n"
RECORDINGS = Path(
    os.environ.get("KILO_RECORDINGS", Path(__file__).parents[3] / "shared" / "recordings")
)


def joined(recording: Recording, fault: Fault | None = None) -> bytes:
    delivery = recording.delivery(fault)
    return delivery.prelude + b"".join(part for part in delivery.parts if isinstance(part, bytes))


def test_a_stream_is_cut_after_each_event() -> None:
    script = Recording("sample", SAMPLE, True).script()
    assert script.comments == b": hi\n\n: there\n\n"
    assert script.chunks == (b"data: 1\n\n", b": in between\n\n", b"data: 2\ndata: 2b\n\n")
    assert script.done == b"data: [DONE]\n\n"


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n"])
def test_every_line_end_is_known(end: bytes) -> None:
    recording = Recording("sample", SAMPLE.replace(b"\n", end), True)
    assert len(recording.script().chunks) == 3
    assert joined(recording) == recording.body


def test_done_inside_text_ends_nothing() -> None:
    script = Recording("sample", b'data: {"text":"data:[DONE]"}\n\n', True).script()
    assert script.done == b""


@given(st.lists(st.sampled_from([b"data: 1", b": c", b"\n", b"\r", b"\r\n", b"[DONE]", b"\xff"])))
def test_pieces_joined_are_the_recording(pieces: list[bytes]) -> None:
    recording = Recording("any", b"".join(pieces), True)
    assert joined(recording) == recording.body


def test_a_fault_strikes_a_recording_too() -> None:
    recording = Recording("sample", SAMPLE, True)
    assert joined(recording, Fault.parse("cut;after=1")) == b": hi\n\n: there\n\ndata: 1\n\n"


def test_a_json_recording_is_no_stream(tmp_path: Path) -> None:
    (tmp_path / "whole.json").write_bytes(b"\n\n{}")
    (recording,) = load_recordings(tmp_path)
    assert not recording.is_stream
    assert recording.delivery(None).headers["Content-Type"] == "application/json"
    assert joined(recording) == b"\n\n{}"


def test_files_and_directories_are_read_in_order(tmp_path: Path) -> None:
    for name in ("b.sse", "a.sse", "notes.txt"):
        (tmp_path / name).write_bytes(SAMPLE)
    single = tmp_path / "notes.txt"
    assert [one.name for one in load_recordings([single, str(tmp_path)])] == ["notes", "a", "b"]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \.sse or \.json recording in"):
        load_recordings(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_recordings(tmp_path / "missing.sse")
    (tmp_path / "a.sse").touch()
    with pytest.raises(ValueError, match="several recordings are named a"):
        load_recordings([tmp_path / "a.sse", tmp_path / "a.sse"])


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings here")
def test_real_recordings_come_out_as_they_are() -> None:
    for recording in load_recordings(RECORDINGS):
        assert joined(recording) == recording.body
