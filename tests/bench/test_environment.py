from __future__ import annotations

import platform

import kilo_sdk
from kilo_sdk.bench.environment import describe_environment


def test_it_says_what_a_number_depends_on() -> None:
    found = describe_environment()
    assert found["kilo_sdk"] == kilo_sdk.__version__
    assert found["python"] == platform.python_version()
    assert found["aiohttp"]
    assert isinstance(found["cores"], int)


def test_it_names_no_host() -> None:
    assert platform.node() not in map(str, describe_environment().values())
