"""What goes wrong, and what the SDK does about it. The gateway fails here on demand."""

import asyncio

from kilo_sdk import (
    InsufficientCreditsError,
    KiloClient,
    NotFoundError,
    RetryPolicy,
    StreamInterruptedError,
)
from kilo_sdk.emulator import LocalGateway

SONNET = "kilocode/anthropic/claude-sonnet-4"
GPT = "kilocode/openai/gpt-4.1"


def fault(text: str) -> dict[str, str]:
    return {"X-Kilo-Emulator-Fault": text}


async def main() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "any-key",
            base_url=gateway.base_url,
            default_model=GPT,
            retries=RetryPolicy(max_attempts=3, wait_initial=0.01),
        ) as client,
    ):
        create = client.chat.completions.create

        # A rate limit: tried again, after the wait the server asks for.
        await create(messages="Hi", extra_headers=fault("status=429;retry_after=0;times=2"))
        tries = [request.headers["x-kilo-retry-count"] for request in gateway.requests]
        print("tries:", tries)

        # A model that is not there: no retry can help, another model can.
        completion = await create(messages="Hi", model="acme/no-such", fallback_models=[SONNET])
        print("answered by:", completion.model_ref)

        # No model answers: the last error is raised, the others are in its notes.
        try:
            await create(messages="Hi", model="acme/first", fallback_models=["acme/second"])
        except NotFoundError as error:
            print("asked last:", error.model, "notes:", len(error.__notes__))

        # Out of credit: never retried, and the error says where to go.
        try:
            await create(messages="Hi", extra_headers=fault("status=402"))
        except InsufficientCreditsError as error:
            print("balance:", error.balance, "see", error.buy_credits_url)

        # A stream that is cut never passes for a whole one; what came is in `partial`.
        shown = ""
        try:
            async with client.chat.completions.stream(
                messages="Hi", extra_headers=fault("cut;after=5")
            ) as stream:
                async for text in stream.text_deltas():
                    shown += text
        except StreamInterruptedError as error:
            kept = error.partial.text if error.partial else ""
            print(f"cut after: {kept!r}, which is what was shown: {kept == shown}")


if __name__ == "__main__":
    asyncio.run(main())
