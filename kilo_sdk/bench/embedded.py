"""The embedded gateway in a process of its own, so that it shares no event loop with a generator.

``python -m kilo_sdk.bench.embedded`` prints where it is as JSON, serves until its standard
input ends, and prints what it counted.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import attrs
import orjson

from kilo_sdk.bench.child import ignore_endings, start_child
from kilo_sdk.bench.report import ServerCounts
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.errors import ConfigurationError

__all__ = ["EmbeddedGateway", "GatewayPace", "embedded_gateway", "main"]

_CLOSE_S: Final = 10.0


@attrs.frozen(slots=True, kw_only=True)
class GatewayPace:
    """How the embedded gateway answers; ``LocalGateway`` describes each.

    Attributes:
        ttft: Seconds before the first event.
        tokens_per_second: Pace of each stream; None is as fast as it can.
        fault: What every completion meets, or None.
    """

    ttft: float = 0.05
    tokens_per_second: float | None = 100.0
    fault: str | None = None


@attrs.define(slots=True)
class EmbeddedGateway:
    """A gateway that runs.

    Attributes:
        base_url: Where it is.
        counts: What it counted, once it has ended; None where it ended before its time.
    """

    base_url: str
    counts: ServerCounts | None = None


@asynccontextmanager
async def embedded_gateway(pace: GatewayPace) -> AsyncIterator[EmbeddedGateway]:
    """Run a gateway in a process of its own for the block.

    Raises:
        ConfigurationError: It cannot be started with that pace.
    """
    try:
        LocalGateway(**attrs.asdict(pace))
    except ValueError as exc:
        raise ConfigurationError(f"the embedded gateway cannot be started: {exc}") from exc
    process = await start_child(
        "kilo_sdk.bench.embedded", orjson.dumps(attrs.asdict(pace)).decode()
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
    try:
        line = await process.stdout.readline()
        if not line:
            raise ConfigurationError("the embedded gateway did not start")
        gateway = EmbeddedGateway(orjson.loads(line)["base_url"])
        yield gateway
        process.stdin.close()
        with suppress(TimeoutError):  # what was measured is worth more than these
            async with asyncio.timeout(_CLOSE_S):
                told = await process.stdout.readline()
                if told:
                    gateway.counts = ServerCounts(**orjson.loads(told))
                await process.wait()
    finally:
        process.stdin.close()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _serve(pace: dict[str, Any]) -> None:
    async with LocalGateway(keepalive_comments=0, **pace) as gateway:
        _print({"base_url": gateway.base_url})
        await asyncio.to_thread(sys.stdin.buffer.read)
        asked = gateway.requests_received
        _print({"requests": asked, "completions": gateway.completions_served})


def _print(told: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Serve until standard input ends."""
    ignore_endings()
    asyncio.run(_serve(orjson.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
