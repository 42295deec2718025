"""Where the memory comes from that sockets are read into.

asyncio asks for 256 KiB before each read, and gives back what the read did not fill. Until a
block of that size was once given back whole, glibc may map each of them from the kernel and
unmap it: two page faults and three system calls for every token, where a token is a read. It
depends on how full the heap is, and so comes over a process as its streams grow in number.
"""

from __future__ import annotations

from typing import Final

__all__ = ["keep_read_buffers"]

# Of more than one buffer, so that a little more memory below the heap's end is no reason to
# return it either; and nothing beside what a client holds.
_BLOCK_BYTES: Final = 1024 * 1024


def keep_read_buffers() -> None:
    """Let blocks of that size come from the heap from now on, where they stay mapped.

    What glibc serves by mapping is what is larger than the largest mapped block that was given
    back: one that is asked for and dropped, untouched, is enough. Other allocators, and a
    threshold that was set by ``MALLOC_MMAP_THRESHOLD_``, are not impressed.

    Source: mallopt(3), M_MMAP_THRESHOLD.
    """
    bytearray(_BLOCK_BYTES)
