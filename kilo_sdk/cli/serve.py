"""``kilo-sdk serve``: the embedded gateway as a process of its own."""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
import orjson

from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.errors import ConfigurationError

__all__ = ["ServeOptions", "serve"]

# What people can follow with their eyes.
_DEMO_TOKENS_PER_SECOND: Final = 40.0


@attrs.frozen(kw_only=True)
class ServeOptions:
    """What ``kilo-sdk serve`` was told; ``LocalGateway`` describes each.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        tokens_per_second: Pace of streams; None is as fast as it can.
        ttft: Seconds before the first event.
        api_keys: The keys that are valid; empty takes any.
        require_auth: Whether a paid model needs a key.
        fault: What every completion meets, or None.
        models: A JSON file with the model list, or None for the built-in one.
        models_fault: What every model list meets, or None.
        organizations: Organisations as ``ID=REF,REF``; empty takes any.
        replay: Recordings to answer with; empty for none.
        verify_signatures: Whether reasoning must come back byte for byte.
        demo: Whether a chat page is served beside it.
        demo_port: Port of the page; 0 takes a free one.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tokens_per_second: float | None = None
    ttft: float = 0.0
    api_keys: Sequence[str] = attrs.field(default=(), repr=False)
    require_auth: bool = False
    fault: str | None = None
    models: Path | None = None
    models_fault: str | None = None
    organizations: Sequence[str] = ()
    replay: Sequence[Path] = ()
    verify_signatures: bool = False
    demo: bool = False
    demo_port: int = 0


def serve(options: ServeOptions) -> ExitCode:
    """Serve until Ctrl-C or SIGTERM, both of which are its normal end.

    Raises:
        ConfigurationError: The options cannot work, or the address cannot be had.
    """
    pace = options.tokens_per_second
    if pace is None and options.demo:
        pace = _DEMO_TOKENS_PER_SECOND
    try:
        gateway = LocalGateway(
            host=options.host,
            port=options.port,
            tokens_per_second=pace,
            ttft=options.ttft,
            api_keys=tuple(options.api_keys) or None,
            require_auth=options.require_auth,
            fault=options.fault,
            models=None if options.models is None else _entries_in(options.models),
            models_fault=options.models_fault,
            organizations=dict(map(_organization, options.organizations)) or None,
            replay=tuple(options.replay) or None,
            verify_signatures=options.verify_signatures,
        )
    except ValueError as exc:
        raise ConfigurationError(str(exc)) from exc
    except OSError as exc:
        raise ConfigurationError(f"the recording cannot be read: {exc}") from exc
    try:
        asyncio.run(_serve(gateway, options))
    except KeyboardInterrupt:
        # Before the signals are received, or where the platform cannot receive them.
        return ExitCode.DONE
    return ExitCode.DONE


def _entries_in(path: Path) -> list[Any]:
    try:
        listed = orjson.loads(path.read_bytes())
    except OSError as exc:
        raise ConfigurationError(
            f"--models {path} cannot be read: {exc.strerror or type(exc).__name__}"
        ) from exc
    except orjson.JSONDecodeError as exc:
        raise ConfigurationError(f"--models {path} is no JSON: {exc.msg}") from exc
    entries = listed.get("data") if isinstance(listed, dict) else listed
    if not isinstance(entries, list):
        raise ConfigurationError(
            f"--models {path} holds neither a list nor an object with a list 'data'"
        )
    return entries


def _organization(text: str) -> tuple[str, list[str]]:
    id_, equals, refs = text.partition("=")
    if not id_ or not equals:
        raise ConfigurationError(
            f"--organization {text!r} is not of the form ID=vendor/model,vendor/model"
        )
    return id_, [ref.strip().removeprefix("kilocode/") for ref in refs.split(",") if ref.strip()]


async def _serve(gateway: LocalGateway, options: ServeOptions) -> None:
    # Signals are received before anyone is told that it serves, and until it has closed.
    with _signals() as signals:
        try:
            await gateway.start()
        except OSError as exc:
            raise ConfigurationError(_cannot_listen(options.host, options.port, exc)) from exc
        try:
            async with _page(gateway, options) as address:
                _announce(gateway, address)
                async for _ in signals:
                    break
        finally:
            await gateway.close()
    sys.stderr.write(f"stopped; completions served: {gateway.completions_served}\n")


def _signals() -> AbstractContextManager[AsyncIterator[signal.Signals]]:
    if sys.platform == "win32":  # no receiver there: Ctrl-C ends the loop itself
        return nullcontext(_never())
    return anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM)


async def _never() -> AsyncIterator[signal.Signals]:
    await anyio.sleep_forever()
    yield signal.SIGINT


@asynccontextmanager
async def _page(gateway: LocalGateway, options: ServeOptions) -> AsyncIterator[str | None]:
    """Serve the chat page inside the block, where it is wanted; yields its address."""
    if not options.demo:
        yield None
        return
    from kilo_sdk.client import KiloClient
    from kilo_sdk.relay.demo import serving_demo

    key = next(iter(options.api_keys), "demo")
    # The gateway may listen on all addresses; the page's server finds it on this machine.
    base_url = gateway.base_url.replace("//0.0.0.0:", "//127.0.0.1:")
    async with (
        # Whatever address it has: it is on this machine.
        KiloClient(key, base_url=base_url, allow_insecure=True) as client,
        AsyncExitStack() as stack,
    ):
        try:
            address = await stack.enter_async_context(
                serving_demo(client, host=options.host, port=options.demo_port)
            )
        except OSError as exc:
            words = _cannot_listen(options.host, options.demo_port, exc, option="--demo-port")
            raise ConfigurationError(words) from exc
        yield address


def _announce(gateway: LocalGateway, page: str | None) -> None:
    lines = [
        f"serving {gateway.base_url} (Ctrl-C ends it)",
        f"export KILOCODE_BASE_URL={gateway.base_url}",
    ]
    if page is not None:
        lines.append(f"chat page: {page}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _cannot_listen(host: str, port: int, exc: OSError, *, option: str = "--port") -> str:
    where = f"port {port} of {host}"
    if exc.errno == errno.EADDRINUSE:
        return f"{where} is in use; choose another with {option}, or leave it out for a free one"
    return f"cannot listen on {where}: {exc.strerror or exc}"
