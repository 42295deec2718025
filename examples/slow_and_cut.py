"""An answer that would come late, and one that breaks off, without anyone noticing."""

import asyncio

from kilo_sdk import KiloClient, TryReport
from kilo_sdk.emulator import LocalGateway

SONNET = "kilocode/anthropic/claude-sonnet-4"


def fault(text: str) -> dict[str, str]:
    return {"X-Kilo-Emulator-Fault": text}


def show(report: TryReport) -> None:
    print(f"  try {report.number}: {report.outcome}")


async def main() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "any-key", base_url=gateway.base_url, default_model=SONNET, on_try=show
        ) as client,
    ):
        completions = client.chat.completions

        # The first request would take a minute. After a fifth of a second the same goes out
        # once more, and the one that answers first is the answer; the other is closed.
        print("slow:")
        completion = await completions.create(
            messages="Hi", hedge_after=0.2, extra_headers=fault("delay=60;times=1")
        )
        print(" ", completion.text[:12], "... sent:", len(gateway.requests))

        # The stream is cut after twelve chunks. The model is asked to go on where it was, and
        # the caller sees one text.
        print("cut:")
        async with completions.stream(
            messages="Count the swallows, 20 tokens",
            reasoning={"enabled": False},
            resume="continue",
            extra_headers=fault("cut;after=12;times=1"),
        ) as stream:
            text = "".join([text async for text in stream.text_deltas()])
        print(" ", text)
        print("  whole:", (await stream.get_final_completion()).finish_reason)


if __name__ == "__main__":
    asyncio.run(main())
