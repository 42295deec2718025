"""Answers into a web socket, in a server and a client of one program."""

import asyncio
import json

import aiohttp
from aiohttp import web

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import EndedAnswer, PromptPolicy, WebSocketRelay


def show(answer: EndedAnswer) -> None:
    print("server: the answer ended as", answer.state)


async def ask(socket: aiohttp.ClientWebSocketResponse, text: str) -> tuple[str, int]:
    """Ask, read until the tenth frame, and return the stream and how far it was read."""
    await socket.send_json({"type": "prompt", "messages": text})
    frames = [json.loads((await socket.receive()).data) for _ in range(10)]
    return frames[-1]["stream"], frames[-1]["seq"]


async def main() -> None:
    async with (
        LocalGateway(tokens_per_second=200) as gateway,
        KiloClient("any-key", base_url=gateway.base_url) as client,
        # A client that was gone has a minute to come back.
        WebSocketRelay(client, prepare=PromptPolicy(), on_end=show, linger=60) as relay,
    ):

        async def chat(request: web.Request) -> web.StreamResponse:
            return await relay.serve(request)

        app = web.Application()
        app.router.add_get("/chat", chat)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/chat"

        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url) as socket:
                stream, seq = await ask(socket, "Tell me a story in 60 words.")
            print("client: the socket is lost")
            async with session.ws_connect(url) as socket:
                await socket.send_json({"type": "resume", "stream": stream, "after": seq})
                frames = [json.loads((await socket.receive()).data)]
                while frames[-1]["type"] != "done":
                    frames.append(json.loads((await socket.receive()).data))
                print("client: goes on after what it had:", frames[0]["seq"] > seq)
                print("client:", frames[-1]["message"]["content"][:50], "...")

                stream, _ = await ask(socket, "Write 5000 words.")
                await socket.send_json({"type": "cancel", "stream": stream})
                while frames[-1].get("state") != "cancelled":
                    frames.append(json.loads((await socket.receive()).data))
                print("client: stopped, with usage:", sorted(frames[-1]["usage"]))
        await runner.cleanup()
        print("gateway: asked", len(gateway.requests), "times, answered whole:", end=" ")
        print(gateway.completions_served)


if __name__ == "__main__":
    asyncio.run(main())
