"""How late tokens come when one core serves a crowd, relayed and hand-relayed.

    python -m benchmarks.relay_crowd                     # 5,000 sockets, 20 tokens/s each; a minute
    python -m benchmarks.relay_crowd --sockets 500 1000 2000 --seconds 10

The server has a core of its own. Gateway and browsers are one process on another: plain sockets,
written to in turn, so that the tokens of a crowd come evenly over time and not all at once. Of the
browsers one in fifty reads as it comes, and tells the latency: from the gateway's write to the
browser's read, all in. The others leave what comes in their sockets, and read it now and then.

A token that is sent late, because this process could not do better, is told as well: where that is
much, the numbers are of this program and not of the relay.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import selectors
import socket
import time
import urllib.request
from collections.abc import Iterator

import attrs
import orjson

from benchmarks.relay import at
from benchmarks.relay_peer import HANDSHAKE, prompt_frame
from benchmarks.replay_server import STREAM_HEAD, chunked, event
from benchmarks.server_process import server
from benchmarks.sockets import allow_most_sockets

_MARK = "@@@"
_BEFORE, _AFTER = event({"role": "assistant", "content": _MARK}).split(_MARK.encode())
_SAMPLE = 50
_DRAIN_S = 2.0
# Not counted: connections warm up, and what has piled up while they opened goes.
_WARM_UP_S = 3.0


@attrs.define(eq=False)
class Browser:
    """One web socket that reads what it is sent.

    Attributes:
        sock: Upgraded.
        latencies_ns: Of each token that was read.
        frames: How many frames they came in.
    """

    sock: socket.socket
    latencies_ns: list[int] = attrs.field(factory=list)
    frames: int = 0
    _held: bytes = b""

    def read(self) -> None:
        """Take what is there; each token is the time when it was written."""
        data = self._held + self.sock.recv(65536)
        now = time.monotonic_ns()
        begin = 0
        while len(data) - begin >= 4:
            length, head = data[begin + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[begin + 2 : begin + 4]), 4
            end = begin + head + length
            if end > len(data):
                break
            if data[begin] == 0x81:
                self._take(orjson.loads(data[begin + head : end]), now)
            begin = end
        self._held = data[begin:]

    def _take(self, frame: dict, now: int) -> None:
        if frame["type"] == "text":
            self.frames += 1
            self.latencies_ns += [now - int(one) for one in frame["text"].split()]
        assert frame["type"] != "error", frame


@contextlib.contextmanager
def crowd(
    port: int, path: str, count: int, gateway: socket.socket
) -> Iterator[tuple[list[Browser], list[socket.socket]]]:
    """Open so many web sockets that ask; yields them, and the gateway's ends of their answers."""
    browsers, answers = [], []
    try:
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(HANDSHAKE.format(path=path).encode())
            assert b" 101 " in sock.recv(4096)
            sock.sendall(prompt_frame())
            browsers.append(Browser(sock))
            answer, _ = gateway.accept()
            answer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            request = b""
            while not request.endswith(b"}"):
                request += answer.recv(65536)
            answer.sendall(STREAM_HEAD)
            answers.append(answer)
        yield browsers, answers
    finally:
        # The browsers first: they leave, and no answer is cut.
        for browser in browsers:
            browser.sock.close()
        for sock in answers:
            sock.close()


@attrs.frozen
class Told:
    """What one run told.

    Attributes:
        late_ns: How late each token left the gateway.
        browsers: Those that read.
        cpu: Share of a core that the server took.
        sent_per_second: Tokens that left the gateway.
    """

    late_ns: list[int]
    browsers: list[Browser]
    cpu: float
    sent_per_second: float


def run(
    root: str, name: str, gateway: socket.socket, count: int, rate: float, seconds: float
) -> Told:
    """Let a crowd listen for so long."""
    port = int(root.rsplit(":", 1)[1])
    with crowd(port, name, count, gateway) as (browsers, answers):
        readers = browsers[::_SAMPLE]
        others = [browser for number, browser in enumerate(browsers) if number % _SAMPLE]
        with selectors.DefaultSelector() as selector:
            for reader in readers:
                selector.register(reader.sock, selectors.EVENT_READ, reader)
            pace(answers, others, selector, rate, _WARM_UP_S)
            for reader in readers:
                reader.latencies_ns.clear()
                reader.frames = 0
            cpu, began = told(root), time.monotonic()
            late = pace(answers, others, selector, rate, seconds)
            took = time.monotonic() - began
            share = (told(root) - cpu) / (time.monotonic() - began)
        return Told(late, readers, share, len(late) / took)


def told(root: str) -> float:
    """Return the CPU seconds of the server."""
    with urllib.request.urlopen(f"{root}/cpu") as answer:
        return orjson.loads(answer.read())


def pace(
    answers: list[socket.socket],
    others: list[Browser],
    selector: selectors.BaseSelector,
    rate: float,
    seconds: float,
) -> list[int]:
    """Send tokens at a rate to each, and read; returns how late each one was sent."""
    step = round(1e9 / (rate * len(answers)))
    late: list[int] = []
    sink = bytearray(1 << 20)
    began = due = time.monotonic_ns()
    # The others are emptied in turn, so that none of them takes long.
    drained, per_drain = 0, step * len(answers) * rate * _DRAIN_S / max(1, len(others))
    until = began + int(seconds * 1e9)
    number = 0
    while due < until:
        now = time.monotonic_ns()
        while due <= now:
            answers[number % len(answers)].send(
                chunked(b"%b %d%b" % (_BEFORE, time.monotonic_ns(), _AFTER))
            )
            late.append(now - due)
            number += 1
            due += step
            if number % 64 == 0:
                break
        while others and drained * per_drain < now - began:
            with contextlib.suppress(BlockingIOError):
                others[drained % len(others)].sock.recv_into(sink, 0, socket.MSG_DONTWAIT)
            drained += 1
        wait = max(0.0, (due - time.monotonic_ns()) / 1e9)
        for key, _ in selector.select(wait):
            key.data.read()
    return late


def main() -> None:
    """Run both for each size of the crowd, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay_crowd")
    parser.add_argument("--sockets", type=int, nargs="+", default=[5000])
    parser.add_argument("--rate", type=float, default=20.0, help="tokens a second of each")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--contender", choices=("hand", "relay"), nargs="+", default=["relay"])
    parser.add_argument("--uvloop", action="store_true", help="the server's loop is uvloop's")
    arguments = parser.parse_args()
    allow_most_sockets()
    cores = sorted(os.sched_getaffinity(0))
    print(f"{'sockets':>8}{'':8}{'tokens/s':>10}{'core, %':>9}{'frames/':>9}", end="")
    print(f"{'latency, ms: p50':>18}{'p99':>8}{'max':>8}{'sent late, ms: p99':>20}")
    more = ("--uvloop",) if arguments.uvloop else ()
    with socket.create_server(("127.0.0.1", 0), backlog=8192) as gateway:
        base_url = f"http://127.0.0.1:{gateway.getsockname()[1]}/"
        for count in arguments.sockets:
            for name in arguments.contender:
                # The server inherits the first core, and this process takes the last.
                os.sched_setaffinity(0, {cores[0]})
                with server("benchmarks.relay_server", base_url, *more) as port:
                    os.sched_setaffinity(0, {cores[-1]})
                    root = f"http://127.0.0.1:{port}"
                    try:
                        one = run(root, name, gateway, count, arguments.rate, arguments.seconds)
                    except ConnectionError as error:
                        # It cannot keep up: browsers are dropped, and their answers with them.
                        print(f"{count:8}  {name:6} gave up connections: {error}", flush=True)
                        continue
                latencies = [ns for reader in one.browsers for ns in reader.latencies_ns]
                frames = sum(reader.frames for reader in one.browsers) / len(latencies)
                p50, p99, most = (at(latencies, share) / 1e6 for share in (0.5, 0.99, 1.0))
                print(
                    f"{count:8}  {name:6}{one.sent_per_second:10,.0f}{100 * one.cpu:9.0f}"
                    f"{frames:9.2f}{p50:18.1f}{p99:8.1f}{most:8.1f}"
                    f"{at(one.late_ns, 0.99) / 1e6:20.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
