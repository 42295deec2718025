"""Facts about what a resource takes for a fetcher."""

from __future__ import annotations

from kilo_sdk.resources.base import JSONFetcher


class Recorded:
    """Answers from memory."""

    def check_usable(self) -> None:
        return None

    async def get_json(
        self, path: str, *, timeout: float | None = None, model: str | None = None
    ) -> object:
        return {"path": path, "timeout": timeout, "model": model}


def test_any_object_that_gets_json_is_a_fetcher() -> None:
    assert isinstance(Recorded(), JSONFetcher)
    assert not isinstance(object(), JSONFetcher)
