"""RequestBody: the bytes of a request, as aiohttp sends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from multidict import CIMultiDict

__all__ = ["RequestBody"]

# As much as aiohttp's writer takes before it waits for the connection.
_PART_BYTES: Final = 2**16
_HEADERS: Final = aiohttp.BytesPayload(b"", content_type="application/json").headers


class RequestBody(aiohttp.Payload):
    """Bytes to send: what aiohttp makes of them itself, without headers of their own each time.

    Large ones go out in parts as fast as the connection takes them, on the event loop; aiohttp
    reads a file object in a thread, and warns where it is given a megabyte of bytes.

    Args:
        data: The JSON.
    """

    __slots__ = ("_data",)

    # Where aiohttp's own constructor puts them, for each body.
    _encoding = None
    _filename = None

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self._data)

    @property
    def headers(self) -> CIMultiDict[str]:
        """What goes with them, unless the request says otherwise; shared, and not to be changed."""
        return _HEADERS

    @property
    def autoclose(self) -> bool:
        """True: there is nothing to close."""
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return them as text."""
        return self._data.decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return them."""
        return self._data

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send them."""
        await self.write_with_length(writer, None)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Send that many of them, or all."""
        data = self._data[:content_length]
        if len(data) <= _PART_BYTES:
            await writer.write(data)
            return
        for part in _parts(data):
            await writer.write(part)


def _parts(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    for start in range(0, len(data), _PART_BYTES):
        yield view[start : start + _PART_BYTES]
