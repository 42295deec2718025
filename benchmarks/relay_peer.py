"""Both ends of a relay in step: the gateway behind it, and the browser before it.

    python -m benchmarks.relay_peer PATH PORT TOKENS ANSWERS PID

It prints the port of its gateway, connects a web socket to ``PATH`` at ``PORT``, and asks for so
many answers, one after the other. A token leaves the gateway when the frame of the one before it
has come through the socket: the relay does the same work each time, token by token, so that
its instructions can be counted (``relay_lockstep``). Unless PID is 0, callgrind counts those of
that process once ``WARM`` tokens or answers are through. Plain blocking sockets, in a process of
its own, which is not counted.

Source: RFC 6455 4.1 (handshake), 5.2 (frames).
"""

from __future__ import annotations

import socket
import struct
import sys

import orjson

from benchmarks.counting import Counting
from benchmarks.replay_server import STREAM_HEAD, chunked, event, words

WARM = 20
"""Tokens of a longer answer, and answers, that are not counted."""

HANDSHAKE = (
    "GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_END = chunked(event({"role": "assistant", "content": ""}, "stop") + b"data: [DONE]\n\n")
_PROMPT = orjson.dumps({"type": "prompt", "messages": "go"})


def prompt_frame() -> bytes:
    """Return a prompt as a frame; its mask is zero, which leaves the text as it is."""
    return bytes((0x81, 0x80 | len(_PROMPT))) + bytes(4) + _PROMPT


class Browser:
    """A client's web socket."""

    def __init__(self, port: int, path: str) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._sock.makefile("rb")
        self._sock.sendall(HANDSHAKE.format(path=path).encode())
        assert b" 101 " in self._file.readline()
        while self._file.readline() != b"\r\n":
            pass

    def ask(self) -> None:
        """Send a prompt."""
        self._sock.sendall(prompt_frame())

    def hear(self) -> dict:
        """Return the next frame that holds text."""
        while True:
            first, length = self._file.read(2)
            if length == 126:
                (length,) = struct.unpack("!H", self._file.read(2))
            payload = self._file.read(length)
            if first == 0x81:
                return orjson.loads(payload)

    def leave(self) -> None:
        """Close the socket, as a page that goes away does."""
        self._sock.sendall(b"\x88\x82" + bytes(4) + struct.pack("!H", 1001))
        self._file.read()
        self._sock.close()


class Gateway:
    """Where the relay gets its answers from: one connection, used again while it stays open."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sock: socket.socket | None = None

    def hear(self) -> None:
        """Wait for a request, and answer with the head of a stream."""
        request = b""
        while not request.endswith(b"}"):
            read = b"" if self._sock is None else self._sock.recv(65536)
            if not read:
                self._sock, _ = self._listener.accept()
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            request += read
        self.send(STREAM_HEAD)

    def send(self, data: bytes) -> None:
        """Send a piece of the answer."""
        assert self._sock is not None
        self._sock.sendall(data)


def answer(browser: Browser, gateway: Gateway, tokens: list[str], counting: Counting) -> None:
    """Ask for one answer, and let it through token by token; those after ``WARM`` are counted."""
    browser.ask()
    gateway.hear()
    for number, token in enumerate(tokens):
        if number == WARM:
            counting.turn("on")
        gateway.send(chunked(event({"role": "assistant", "content": token})))
        while (frame := browser.hear())["type"] == "start":
            pass
        assert frame["text"] == token, "a contender lost or changed text"
    if len(tokens) > WARM:
        counting.turn("off")
    gateway.send(_END + b"0\r\n\r\n")
    while browser.hear()["type"] != "done":
        pass


def main(path: str, port: int, tokens: int, answers: int, pid: int) -> None:
    """Play both ends."""
    gateway, counting = Gateway(), Counting(pid)
    sys.stdout.write(f"{gateway.port}\n")
    sys.stdout.flush()
    browser = Browser(port, path)
    for number in range(answers):
        if number == WARM:
            counting.turn("on")
        answer(browser, gateway, words(tokens), counting)
    if answers > WARM:
        counting.turn("off")
    browser.leave()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
