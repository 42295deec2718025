"""Scripted replies: the exact bytes, pauses and ending a test asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from kilo_sdk.emulator.delivery import Delivery, Ending

__all__ = ["RawReply"]

_SSE_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")


@attrs.frozen(slots=True)
class RawReply:
    """An answer given as it is, whatever was asked.

    Attributes:
        status: HTTP status.
        headers: Response headers; ``Content-Type`` is added where none is given:
            ``text/event-stream`` when the first bytes look like SSE, else
            ``application/json``.
        body: The bytes, or a sequence of bytes and pauses in seconds. Each bytes object is
            one write.
        ending: ``clean``, ``cut`` (FIN before the end of the body), ``reset`` (RST), or
            ``hang`` (nothing more, until someone closes).
    """

    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes | Sequence[bytes | float] = b""
    ending: Ending = "clean"

    def delivery(self) -> Delivery:
        """Return what to send: with a length where the body is one piece, else chunked."""
        parts = (self.body,) if isinstance(self.body, bytes) else tuple(self.body)
        first = next((part for part in parts if isinstance(part, bytes) and part), b"")
        is_sse = first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_SSE_STARTS)
        headers = dict(self.headers)
        given = {name.lower() for name in headers}
        if "content-type" not in given:
            headers["Content-Type"] = "text/event-stream" if is_sse else "application/json"
        one_piece = isinstance(self.body, bytes) and self.ending == "clean" and not is_sse
        return Delivery(
            status=self.status,
            headers=headers,
            parts=parts,
            ending=self.ending,
            length=len(self.body) if one_piece and "content-length" not in given else None,
            is_stream=is_sse,
            is_whole=self.ending == "clean" and self.status == 200,
        )
