from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.emulator import Fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "status=429;retry_after=2;times=1",
            Fault(action="status", value=429, retry_after="2", times=1),
        ),
        ("html=502", Fault(action="html", value=502)),
        ("empty=504", Fault(action="empty", value=504)),
        ("error_body=402", Fault(action="error_body", value=402)),
        ("error_event=402;after=3", Fault(action="error_event", value=402, after=3)),
        ("error_event=server_error", Fault(action="error_event", value="server_error")),
        ("cut; after=5 ;inside", Fault(action="cut", after=5, inside=True)),
        ("reset;after=1", Fault(action="reset", after=1)),
        ("end", Fault(action="end")),
        ("stall;after=2", Fault(action="stall", after=2)),
        ("comments;interval=0.2", Fault(action="comments", interval=0.2)),
        ("garbage=huge_line;size=100", Fault(action="garbage", value="huge_line", size=100)),
        ("bytes", Fault(bytewise=True)),
        ("delay=0.5;blank_lines=3", Fault(delay=0.5, blank_lines=3)),
        ("no_done;no_finish_reason;", Fault(no_done=True, no_finish_reason=True)),
        ("wrong_content_type", Fault(wrong_content_type=True)),
        (
            "retry_after=Sun, 06 Nov 1994 08:49:37 GMT;status=503",
            Fault(action="status", value=503, retry_after="Sun, 06 Nov 1994 08:49:37 GMT"),
        ),
    ],
)
def test_a_fault_is_read_from_its_words(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" ; ", "is empty"),
        ("explode", "accepted are"),
        ("status", "takes a value"),
        ("status=", "takes a value"),
        ("status=many", "cannot be 'many'"),
        ("status=200", "from 400 to 599"),
        ("garbage=soup", "one of json, binary, html, huge_line"),
        ("cut=5", "takes no value"),
        ("bytes=1", "takes no value"),
        ("cut;stall", "only one action"),
        ("after=1;after=2;cut", "'after' once"),
        ("cut;after=-1", "from 0 up"),
        ("delay=nan", "from 0 up"),
        ("delay=inf", "from 0 up"),
        ("status=500;inside", "goes with cut, reset, end or stall"),
        ("status=500;retry_after=1\x7f", "seconds or an HTTP date"),
    ],
)
def test_a_malformed_fault_says_what_is_accepted(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Fault.parse(text)


def test_a_fault_made_from_keywords_is_checked_too() -> None:
    with pytest.raises(ValueError, match="no fault action 'explode'"):
        Fault(action="explode")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="takes no value"):
        Fault(action="cut", value=3)


@given(st.text(st.sampled_from("cut;=after1bytes.-n\x00")) | st.text())
def test_whatever_is_written_is_a_fault_or_a_value_error(text: str) -> None:
    try:
        fault = Fault.parse(text)
    except ValueError:
        return
    assert isinstance(hash(fault), int)
