"""What the answer's headers say about trying again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.retry_after import parse_retry_after, should_retry_header

NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the date RFC 9110 uses

WAITS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"Retry-After": "7"}, 7.0),
    ({"retry-after": "0"}, 0.0),
    ({"RETRY-AFTER": " 1.5 "}, 1.5),
    ({"Retry-After": "3."}, 3.0),
    ({"Retry-After-Ms": "250"}, 0.25),
    ({"retry-after-ms": "1500.5"}, 1.5005),
    ({"Retry-After": "7", "retry-after-ms": "250"}, 0.25),
    ({"Retry-After": "7", "retry-after-ms": "soon"}, 7.0),
    ({"Retry-After": "7", "retry-after-ms": ""}, 7.0),
    ({"Retry-After": "Sun, 06 Nov 1994 08:50:07 GMT"}, 30.0),
    ({"Retry-After": "Sunday, 06-Nov-94 08:50:07 GMT"}, 30.0),
    ({"Retry-After": "Sun Nov  6 08:50:07 1994"}, 30.0),
    ({"Retry-After": "Sun, 06 Nov 1994 08:50:07 -0000"}, 30.0),
    ({"Retry-After": "Sun, 06 Nov 1994 09:50:07 +0100"}, 30.0),
    ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
    ({"Retry-After": "Sun, 06 Nov 1994 08:00:00 GMT"}, 0.0),
    ({"Retry-After": ""}, None),
    ({"Retry-After": "soon"}, None),
    ({"Retry-After": "-5"}, None),
    ({"Retry-After": "+5"}, None),
    ({"Retry-After": "5s"}, None),
    ({"Retry-After": "1e3"}, None),
    ({"Retry-After": "1_0"}, None),
    ({"Retry-After": "inf"}, None),
    ({"Retry-After": "nan"}, None),
    ({"Retry-After": "\u0665"}, None),
    ({"Retry-After": "99999999999999999999"}, 1e20),
    ({"Retry-After": "9" * 400}, None),
    ({"Retry-After": "Sun, 99 Nov 1994 08:49:37 GMT"}, None),
    ({"Retry-After": "Sun, 06 Nov 99999999999 08:49:37 GMT"}, None),
    ({"X-Retry-After": "7"}, None),
]


@pytest.mark.parametrize(("headers", "expected"), WAITS)
def test_the_wait_the_server_asks_for(headers: dict[str, str], expected: float | None) -> None:
    assert parse_retry_after(headers, now=NOW) == expected


@given(st.text(), st.text(), st.floats(0, 1e11))
def test_no_header_value_breaks_the_reading(seconds: str, milliseconds: str, now: float) -> None:
    wait = parse_retry_after({"Retry-After": seconds, "retry-after-ms": milliseconds}, now=now)
    assert wait is None or wait >= 0


@given(st.datetimes(), st.floats(0, 4e9))
def test_a_date_is_the_seconds_until_then(date: object, now: float) -> None:
    wait = parse_retry_after({"Retry-After": f"{date:%a, %d %b %Y %H:%M:%S} GMT"}, now=now)
    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-should-retry": "true"}, True),
        ({"X-Should-Retry": "false"}, False),
        ({"X-SHOULD-RETRY": " True "}, True),
        ({"x-should-retry": "FALSE"}, False),
        ({"x-should-retry": "1"}, None),
        ({"x-should-retry": ""}, None),
        ({"should-retry": "true"}, None),
        ({}, None),
    ],
)
def test_whether_the_server_says_to_try_again(
    headers: dict[str, str], expected: bool | None
) -> None:
    assert should_retry_header(headers) is expected
