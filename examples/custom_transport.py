"""Serve refs of your own, here `local/...`, from another OpenAI-compatible server."""

import asyncio

from kilo_sdk import KiloClient, ModelRef, OpenAICompatibleTransport
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.stop import StopNormalisation

PREFIX = "local/"


class LocalServer(OpenAICompatibleTransport):
    """Everything under `local/`; what follows the prefix is the name of the model there."""

    name = "local-server"

    def __init__(self, base_url: str, api_key: str) -> None:
        super().__init__(
            base_url=base_url,
            # The whole chain of a request, in order. The gateway's key and its headers are
            # put in by the gateway's own transports, so they never go to this server.
            request_middleware=(BearerAuth(api_key), StopNormalisation()),
        )

    def matches(self, ref: ModelRef, /) -> bool:
        return ref.id.startswith(PREFIX)

    def model_id(self, ref: ModelRef) -> str:
        return ref.id.removeprefix(PREFIX)


async def main() -> None:
    async with (
        LocalGateway() as gateway,
        # The other server. It could be llama.cpp, vLLM or a proxy of your company's.
        LocalGateway(models=[{"id": "llama-3"}], api_keys=["other-key"]) as other,
        KiloClient(
            "gateway-key",
            base_url=gateway.base_url,
            transports=[LocalServer(other.base_url, "other-key")],
        ) as client,
    ):
        async with client.chat.completions.stream(
            messages="Say hi", model="local/llama-3", stop="river"
        ) as stream:
            async for text in stream.text_deltas(coalesce=True):
                print(text, end="")
            print()
        answered = await client.chat.completions.create(
            messages="Say hi", model="kilocode/openai/gpt-4.1"
        )
        assert answered.model == "openai/gpt-4.1"

        (there,) = other.requests
        (here,) = gateway.requests
    assert there.payload["model"] == "llama-3"
    assert there.payload["stop"] == ["river"]
    assert there.headers["authorization"] == "Bearer other-key"
    assert "gateway-key" not in str(dict(there.headers))
    assert not [name for name in there.headers if name.startswith("x-kilocode-")]
    assert here.headers["authorization"] == "Bearer gateway-key"
    print("local/llama-3 is served by", client.transport_for("local/llama-3").name)
    print("openai/gpt-4.1 is served by", client.transport_for("openai/gpt-4.1").name)


if __name__ == "__main__":
    asyncio.run(main())
