"""Reading costs no page of memory each time."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# A process of its own, for what counts is what its allocator has seen.
_READS = """
import resource, socket
from kilo_sdk import KiloClient

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(300):
        one.send(b"x" * 50)
        assert len(other.recv(256 * 1024)) == 50
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

one, other = socket.socketpair()
with one, other:
    KiloClient("key")
    faults()
    print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that maps them")
def test_reads_stay_in_memory_that_is_mapped() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _READS], capture_output=True, text=True, check=True
    )
    assert int(told.stdout) < 30
