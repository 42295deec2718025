"""One relay, in step with the process at both of its ends (``relay_peer``).

    python -m benchmarks.relay_lockstep relay 500
    valgrind --tool=callgrind --instr-atstart=no \\
        python -m benchmarks.relay_lockstep relay 500 --counted

A token comes when the frame of the one before it is through, so that the same work is done
each time and its instructions can be counted (``instructions``). Only the server is in this
process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys

from benchmarks.relay_peer import WARM
from benchmarks.relay_server import application


async def serve(name: str, tokens: int, answers: int, pid: int) -> None:
    """Serve one browser, until it has all its answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "benchmarks.relay_peer", name]
        numbers = map(str, (port, tokens, answers, pid))
        peer = await asyncio.create_subprocess_exec(
            *command, *numbers, stdout=asyncio.subprocess.PIPE
        )
        assert peer.stdout is not None
        upstream = int(await peer.stdout.readline())
        async with application(f"http://127.0.0.1:{upstream}/", listener):
            if await peer.wait():
                raise SystemExit(f"{name} did not let everything through")


def main() -> None:
    """Run one contender."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay_lockstep")
    parser.add_argument("contender", choices=("hand", "relay"))
    parser.add_argument("count", type=int, help="tokens, or with --task answer, answers")
    parser.add_argument("--task", choices=("token", "answer"), default="token")
    parser.add_argument("--counted", action="store_true", help="valgrind counts this process")
    arguments = parser.parse_args()
    count = arguments.count + WARM
    sizes = (count, 1) if arguments.task == "token" else (1, count)
    asyncio.run(serve(arguments.contender, *sizes, os.getpid() if arguments.counted else 0))


if __name__ == "__main__":
    main()
