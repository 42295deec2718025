"""The embedded gateway: its routes, its life, and what it sees of its clients.

What to answer is decided by plain functions elsewhere; here requests come in and
deliveries go out. Source: GATEWAY 1 (endpoints).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeAlias

import anyio
import attrs
import orjson
from aiohttp import web

from kilo_sdk.emulator.delivery import Delivery
from kilo_sdk.emulator.dispatch import Chunking, Dispatcher, Settings
from kilo_sdk.emulator.faults import Fault
from kilo_sdk.emulator.model_list import built_in_models
from kilo_sdk.emulator.received import ReceivedRequest
from kilo_sdk.emulator.replay import ReplaySource, load_recordings
from kilo_sdk.emulator.replies import RawReply
from kilo_sdk.emulator.serving import Pace, send

__all__ = ["LocalGateway"]

_REMEMBERED = 10_000
_LARGEST_REQUEST = 256 * 1024 * 1024
# Thousands of clients may connect in one burst; the kernel cuts this to its own limit.
_BACKLOG = 4096

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Planner: TypeAlias = Callable[[web.Request, ReceivedRequest, bytes], Delivery]


class LocalGateway:
    """A gateway of your own, on this machine, for development, tests and benchmarks.

    Use it as an async context manager, or call :meth:`start` and :meth:`close`. All of it
    lives on the event loop that starts it; its properties may be read at any time there.

    Answers are deterministic (see ``answers`` for the rules): a fresh gateway gives the
    same bytes for the same requests in the same order.

    A request may carry ``X-Kilo-Emulator-Fault`` with a fault (see ``faults`` for the
    grammar), which then counts instead of the gateway's own, and
    ``X-Kilo-Emulator-Replay`` with the name of a recording.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        api_keys: The keys that are valid. None takes any; with keys, a paid model needs one.
        require_auth: Whether a paid model needs a key (GATEWAY 8, 401).
        tokens_per_second: Events per second of each stream; None is as fast as it can.
        ttft: Seconds from the headers to the first event, or to the body.
        events_per_write: Events that go out in one write.
        fault: A fault that every completion request meets.
        models_fault: A fault that every model list meets, that of an organisation too. An
            answer that is no stream meets it.
        replay: Recorded answers, ``.sse`` or ``.json`` files or directories of them, that
            are given in turn instead of answers of its own.
        models: Entries of the model list (GATEWAY 9) instead of the built-in ones. They
            are listed as they are, whatever they are; those without an ``id`` answer nothing.
        organizations: Organisations by id, each with the ids of the models that it allows:
            its list has these alone, and a call in its name gets no other. Any other
            organisation is refused then. None takes any, and all of them allow everything.
        keepalive_comments: Comments before the first event of a stream.
        answer_tokens: Length of text answers, where the message asks for none.
        seed: What completion ids are derived from, and whatever is left to chance.
        verify_signatures: Take reasoning back only byte for byte as it was given, and refuse
            it else in the vendors' own words; reasoning is then given in all the forms that
            vendors have for it (GATEWAY 6, GATEWAY 7).
        chunking: ``tokens`` streams a token per chunk; ``random`` cuts each stream into
            chunks, and its bytes into writes, in any way that joins into the same answer
            (GATEWAY 5, GATEWAY 6).

    Raises:
        ValueError: A malformed fault, or a number out of range.
        FileNotFoundError: A recording that is not there.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_keys: Collection[str] | None = None,
        require_auth: bool = False,
        tokens_per_second: float | None = None,
        ttft: float = 0.0,
        events_per_write: int = 1,
        fault: str | Fault | None = None,
        replay: ReplaySource | None = None,
        models: Iterable[object] | None = None,
        models_fault: str | Fault | None = None,
        organizations: Mapping[str, Collection[str]] | None = None,
        keepalive_comments: int = 2,
        answer_tokens: int | None = None,
        seed: int = 0,
        verify_signatures: bool = False,
        chunking: Chunking = "tokens",
    ) -> None:
        if isinstance(api_keys, str):
            raise ValueError("api_keys is a collection of keys, not one string")
        self._host = host
        self._port = port
        self._pace = Pace.of(tokens_per_second, ttft, events_per_write)
        settings = Settings(
            api_keys=None if api_keys is None else frozenset(api_keys),
            require_auth=require_auth or api_keys is not None,
            fault=Fault.parse(fault) if isinstance(fault, str) else fault,
            models_fault=(
                Fault.parse(models_fault) if isinstance(models_fault, str) else models_fault
            ),
            organizations=(
                None
                if organizations is None
                else {id_: frozenset(allowed) for id_, allowed in organizations.items()}
            ),
            recordings=() if replay is None else load_recordings(replay),
            keepalive_comments=keepalive_comments,
            answer_tokens=answer_tokens,
            seed=seed,
            verify_signatures=verify_signatures,
            chunking=chunking,
        )
        self._dispatcher = Dispatcher(settings, built_in_models() if models is None else models)
        self._seed = seed

        self._requests: deque[ReceivedRequest] = deque(maxlen=_REMEMBERED)
        self._received = self._served = 0
        self._open_streams = self._peak_streams = 0
        self._runner: web.AppRunner | None = None
        self._bound_port = 0
        self._closing = False
        self._exchanges: dict[asyncio.Task[Any], asyncio.Transport | None] = {}

    async def start(self) -> None:
        """Listen; does nothing when already listening. May follow :meth:`close`.

        Raises:
            OSError: The address is taken.
        """
        if self._runner is not None:
            return
        # Handlers are cancelled when their client leaves: that is the disconnect watcher.
        self._runner = runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        try:
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port, backlog=_BACKLOG).start()
        except BaseException:
            self._runner = None
            await runner.cleanup()
            raise
        self._bound_port = runner.addresses[0][1]
        self._closing = False

    async def close(self) -> None:
        """Stop listening and drop every connection, in mid-answer too; a second close is fine."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._closing = True
        with anyio.move_on_after(5, shield=True):
            for site in list(runner.sites):
                await site.stop()
            exchanges = dict(self._exchanges)
            for task, transport in exchanges.items():
                task.cancel()
                if transport is not None:
                    # A client that does not read would hold a graceful close for ever.
                    transport.abort()
            if exchanges:
                await asyncio.wait(exchanges)
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = self.base_url if self._runner is not None and self._bound_port else "closed"
        return f"<LocalGateway {state}>"

    @property
    def base_url(self) -> str:
        """Where clients find it: ``http://127.0.0.1:PORT/api/gateway/``.

        Raises:
            RuntimeError: It has not been started, so it has no port.
        """
        if not self._bound_port:
            raise RuntimeError("the gateway has no address before start(); use 'async with'")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._bound_port}/api/gateway/"

    @property
    def requests(self) -> deque[ReceivedRequest]:
        """The last 10,000 requests, in order of arrival."""
        return self._requests

    @property
    def rejections(self) -> list[ReceivedRequest]:
        """Those of :attr:`requests` whose reasoning was refused; ``rejection`` tells why."""
        return [received for received in self._requests if received.rejection is not None]

    @property
    def open_streams(self) -> int:
        """How many streams are being sent now."""
        return self._open_streams

    @property
    def peak_streams(self) -> int:
        """The most streams that were ever open at once."""
        return self._peak_streams

    @property
    def requests_received(self) -> int:
        """How many requests came, of any kind; unlike :attr:`requests` it forgets none."""
        return self._received

    @property
    def completions_served(self) -> int:
        """How many completions went out whole, streamed or not."""
        return self._served

    def enqueue(self, *replies: RawReply) -> None:
        """Answer the next requests with these replies, one each, whatever they ask.

        They come before anything else: authentication, validation and faults do not apply.
        """
        self._dispatcher.enqueue(replies)

    def _application(self) -> web.Application:
        dispatcher = self._dispatcher
        completion = self._handler(
            lambda request, received, body: dispatcher.completion(received.headers, body)
        )
        models = self._handler(
            lambda request, received, body: dispatcher.model_list(
                received.headers, request.match_info.get("organization")
            )
        )
        endpoints = self._handler(
            lambda request, received, body: dispatcher.endpoints(
                f"{request.match_info['vendor']}/{request.match_info['model']}"
            )
        )
        providers = self._handler(lambda request, received, body: dispatcher.providers())
        unknown = self._handler(
            lambda request, received, body: dispatcher.unknown(received.method, received.path),
            scripted=False,
        )
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        for base in ("/api/gateway", "/api/openrouter"):
            app.router.add_post(f"{base}/chat/completions", completion)
            app.router.add_get(f"{base}/models", models)
            app.router.add_get(f"{base}/models/{{vendor}}/{{model}}/endpoints", endpoints)
            app.router.add_get(f"{base}/providers", providers)
        app.router.add_get("/api/organizations/{organization}/models", models)
        app.router.add_route("*", "/{path:.*}", unknown)
        return app

    def _handler(self, plan: _Planner, *, scripted: bool = True) -> _Handler:
        """Turn a planner into a handler that records, delivers and watches."""

        async def handle(request: web.Request) -> web.StreamResponse:
            task = asyncio.current_task()
            if task is None:
                raise AssertionError("the server runs every handler in a task")
            now = asyncio.get_running_loop().time
            received = ReceivedRequest(
                method=request.method,
                path=request.path,
                headers={name.lower(): value for name, value in request.headers.items()},
                arrived=now(),
            )
            self._requests.append(received)
            self._received += 1
            request_id = f"req-{self._seed}-{self._received:08d}"
            self._exchanges[task] = request.transport
            streaming = False
            try:
                body = await request.read()
                received.payload = _decoded(body)
                delivery = self._dispatcher.scripted() if scripted else None
                if delivery is None:
                    delivery = plan(request, received, body)
                received.status, received.rejection = delivery.status, delivery.rejection
                streaming = delivery.is_stream
                self._open_streams += streaming
                self._peak_streams = max(self._peak_streams, self._open_streams)
                headers = {"x-request-id": request_id, **delivery.headers}
                response = await send(request, attrs.evolve(delivery, headers=headers), self._pace)
            except asyncio.CancelledError:
                if not self._closing:
                    received.disconnected_at = now()
                raise
            except ConnectionError:
                if not self._closing:
                    received.disconnected_at = now()
                # Nobody is there to answer; an exception would be logged as if the server
                # had failed, and an answer is dropped without a word.
                return web.Response()
            finally:
                del self._exchanges[task]
                self._open_streams -= streaming
            if delivery.ending == "clean":
                received.completed_at = now()
                self._served += delivery.is_whole
            return response

        return handle


def _decoded(body: bytes) -> object:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None
