"""One reader and its server in step: an event is sent when the one before it was handed out.

    python -m benchmarks.lockstep hand-written 500

All of it runs in one thread, on one loop, over a real socket, and every read brings one
event: the same work each time, so that instructions can be counted (``instructions``). The
server's part is a plain ``send`` of bytes that were encoded before.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
from collections.abc import Iterator

from benchmarks.contenders import CONTENDERS
from benchmarks.counting import Counting, counting
from benchmarks.replay_server import STREAM_HEAD, chunked, event, words

WARM = 100
"""Events that are not counted."""


class Feeder:
    """The server's side of one connection.

    Args:
        count: How many events to send.
        port: Where it listens, once ``listening`` was entered.
    """

    def __init__(self, count: int) -> None:
        self._count = self._left = count
        self._events = [chunked(event({"role": "assistant", "content": one})) for one in words(10)]
        self._sock: socket.socket | None = None
        self.port = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[socket.socket]:
        """Listen on a free port."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            yield listener
        if self._sock is not None:
            self._sock.close()

    async def accept(self, listener: socket.socket) -> None:
        """Take one request and answer with the head of a stream and its first event."""
        loop = asyncio.get_running_loop()
        self._sock, _ = await loop.sock_accept(listener)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while not request.endswith(b"}"):
            request += await loop.sock_recv(self._sock, 65536)
        self._sock.send(STREAM_HEAD)
        self.send()

    def send(self) -> None:
        """Send the next event, or the end after the last one."""
        assert self._sock is not None
        if self._left:
            self._sock.send(self._events[(self._count - self._left) % len(self._events)])
            self._left -= 1
        else:
            self._sock.send(chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n")


async def read(name: str, task: str, count: int, counting: Counting) -> None:
    """Let one contender read ``count`` events in step, and check what it tells.

    Those after ``WARM`` are counted.
    """
    feeder = Feeder(count)
    texts: list[str] = []

    def told(text: str) -> None:
        texts.append(text)
        if len(texts) == WARM:
            counting.turn("on")
        elif len(texts) == count:
            counting.turn("off")
        feeder.send()

    with feeder.listening() as listener:
        url = f"http://127.0.0.1:{feeder.port}/"
        async with CONTENDERS[name](url) as tasks, asyncio.TaskGroup() as group:
            group.create_task(feeder.accept(listener))
            await tasks[task](told)
    assert texts == words(count), f"{name} lost or changed text"


def main() -> None:
    """Run one contender."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lockstep", description=__doc__)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("count", type=int, help="of events, once it is warm")
    parser.add_argument("--task", default="typed")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--counted", action="store_true", help="valgrind counts this process")
    arguments = parser.parse_args()
    run = asyncio.run
    if arguments.uvloop:
        import uvloop

        run = uvloop.run
    with counting(arguments.counted) as counter:
        run(read(arguments.contender, arguments.task, WARM + arguments.count, counter))


if __name__ == "__main__":
    main()
