"""What the tests of the relay share: a gateway with a pace, servers of both kinds, a client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import anyio
import attrs
import orjson
import pytest
from aiohttp import web

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import WebSocketRelay

SERVERS = ("aiohttp", "uvicorn")


@attrs.define(eq=False)
class Browser:
    """One socket of a client that knows nothing of the relay's code."""

    socket: aiohttp.ClientWebSocketResponse
    frames: list[dict[str, Any]] = attrs.field(factory=list)

    async def say(self, **fields: Any) -> None:
        await self.socket.send_str(orjson.dumps(fields).decode())

    async def prompt(self, text: str, **fields: Any) -> None:
        await self.say(type="prompt", messages=text, **fields)

    async def hear(self) -> dict[str, Any]:
        """Wait for the next frame."""
        with anyio.fail_after(60):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        frame: dict[str, Any] = orjson.loads(message.data)
        self.frames.append(frame)
        return frame

    async def hear_until(self, *types: str) -> dict[str, Any]:
        """Hear frames until one of such a type comes, and return that."""
        while True:
            frame = await self.hear()
            if frame["type"] in types:
                return frame

    async def hear_close(self) -> int:
        """Hear what is left, and return the code that the socket was closed with."""
        while True:
            with anyio.fail_after(60):
                message = await self.socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                self.frames.append(orjson.loads(message.data))
            else:
                assert self.socket.close_code is not None
                return self.socket.close_code

    def text(self, kind: str = "text") -> str:
        """The text of all frames heard."""
        return "".join(frame["text"] for frame in self.frames if frame["type"] == kind)


def aiohttp_app(relay: WebSocketRelay) -> web.Application:
    async def chat(request: web.Request) -> web.StreamResponse:
        return await relay.serve(request)

    app = web.Application()
    app.router.add_get("/ws", chat)
    return app


def starlette_app(relay: WebSocketRelay) -> Any:
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    async def chat(socket: WebSocket) -> None:
        await relay.serve(socket)

    return Starlette(routes=[WebSocketRoute("/ws", chat)])


@asynccontextmanager
async def aiohttp_server(app: web.Application) -> AsyncIterator[int]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def uvicorn_server(app: Any, ws: str = "websockets-sansio") -> AsyncIterator[int]:
    uvicorn = pytest.importorskip("uvicorn")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, ws=ws, lifespan="off", log_level=logging.CRITICAL, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    # Signals belong to the test run.
    server.capture_signals = contextlib.nullcontext
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        with anyio.fail_after(60):
            while not server.started:  # noqa: ASYNC110 - it tells no event
                await anyio.sleep(0.01)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listening.close()


class Servers:
    """Each serves an app inside ``async with``, which gives the port."""

    aiohttp = staticmethod(aiohttp_server)
    uvicorn = staticmethod(uvicorn_server)


@pytest.fixture
def servers() -> type[Servers]:
    return Servers


@pytest.fixture
async def gateway() -> AsyncIterator[LocalGateway]:
    async with LocalGateway(tokens_per_second=200) as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    async with KiloClient(
        "secret-key", base_url=gateway.base_url, default_model="openai/gpt-4.1"
    ) as client:
        yield client


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """Which server serves."""
    kind: str = request.param
    return kind


Connect = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Awaitable[Connect]]]:
    """``connect = await serving(relay, server)``, then ``browser = await connect()``."""
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def serve(relay: WebSocketRelay, server: str = "aiohttp") -> Connect:
            running: AbstractAsyncContextManager[int]
            if server == "aiohttp":
                running = aiohttp_server(aiohttp_app(relay))
            else:
                running = uvicorn_server(starlette_app(relay))
            port = await stack.enter_async_context(running)
            stack.push_async_callback(relay.close)

            async def connect(**options: Any) -> Browser:
                url = f"http://127.0.0.1:{port}/ws{options.pop('query', '')}"
                return Browser(await stack.enter_async_context(session.ws_connect(url, **options)))

            return connect

        yield serve


@pytest.fixture
async def run_app() -> AsyncIterator[Callable[..., Awaitable[Browser]]]:
    """``browser = await run_app(handler)``: a handler of aiohttp.web, and a client of it."""
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def run(handler: Any, query: str = "", **options: Any) -> Browser:
            app = web.Application()
            app.router.add_get("/ws", handler)
            port = await stack.enter_async_context(aiohttp_server(app))
            url = f"http://127.0.0.1:{port}/ws{query}"
            return Browser(await stack.enter_async_context(session.ws_connect(url, **options)))

        yield run


@pytest.fixture
async def asgi() -> AsyncIterator[Callable[..., Awaitable[Browser]]]:
    """``browser = await asgi(app)``: an ASGI app under uvicorn, and a client of it."""
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def run(app: Any, **options: Any) -> Browser:
            port = await stack.enter_async_context(uvicorn_server(app, **options))
            url = f"http://127.0.0.1:{port}/ws"
            return Browser(await stack.enter_async_context(session.ws_connect(url)))

        yield run


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until something holds; fail when it never does."""

    async def wait(holds: Callable[[], object]) -> None:
        with anyio.fail_after(60):
            while not holds():  # noqa: ASYNC110 - what is waited for tells no event
                await anyio.sleep(0.005)

    return wait
