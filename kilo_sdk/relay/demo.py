"""The demo's app: a chat page, and the relay behind it. ``kilo-sdk serve --demo`` runs it.

The page is static and self-contained: nothing is built, and nothing comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Final

import orjson
from aiohttp import web

from kilo_sdk.client import KiloClient
from kilo_sdk.relay.limits import RelayLimits
from kilo_sdk.relay.policy import PromptPolicy
from kilo_sdk.relay.relay import WebSocketRelay

__all__ = ["DEMO_MODELS", "demo_app", "serving_demo"]

DEMO_MODELS: Final = (
    "anthropic/claude-sonnet-4",
    "openai/gpt-4.1",
    "google/gemini-3-pro-preview",
)
"""Refs that the page offers: two that reason and one that does not."""

_LINGER_S: Final = 60.0
_MAX_TOKENS: Final = 8000
_TYPES: Final = {
    "index.html": "text/html",
    "chat.css": "text/css",
    "chat.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "markdown.js": "text/javascript",
    "relay.js": "text/javascript",
}
_HEADERS: Final = {
    # Whatever a model writes, no script and no picture of a stranger is loaded for it.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@asynccontextmanager
async def serving_demo(client: KiloClient, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve the demo inside the block; yields the page's address.

    Raises:
        OSError: The address cannot be had.
    """
    runner = web.AppRunner(demo_app(client), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound: int = runner.addresses[0][1]
        name = f"[{host}]" if ":" in host else host
        yield f"http://{name}:{bound}/"
    finally:
        await runner.cleanup()


def demo_app(client: KiloClient, models: Sequence[str] = DEMO_MODELS) -> web.Application:
    """Return the app; its relay closes with it, and the client stays open.

    Args:
        client: Asks the gateway.
        models: Refs that the page offers, the first one chosen.
    """
    relay = WebSocketRelay(
        client,
        prepare=PromptPolicy(models=models, max_tokens=_MAX_TOKENS),
        linger=_LINGER_S,
        limits=RelayLimits(min_interval=0.016),
        report_cost=True,
    )
    page = resources.files("kilo_sdk.relay") / "page"
    files = {name: (page / name).read_bytes() for name in _TYPES}

    async def file(request: web.Request) -> web.Response:
        name = request.match_info["name"] or "index.html"
        if name not in files:
            raise web.HTTPNotFound
        return web.Response(
            body=files[name], content_type=_TYPES[name], charset="utf-8", headers=_HEADERS
        )

    async def offered(_: web.Request) -> web.Response:
        body = orjson.dumps(list(models))
        return web.Response(body=body, content_type="application/json", headers=_HEADERS)

    async def socket(request: web.Request) -> web.StreamResponse:
        return await relay.serve(request)

    async def close(_: web.Application) -> None:
        await relay.close()

    app = web.Application()
    app.router.add_get("/ws", socket)
    app.router.add_get("/models.json", offered)
    app.router.add_get("/{name:[^/]*}", file)
    app.on_shutdown.append(close)
    return app
