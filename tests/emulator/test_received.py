from __future__ import annotations

from kilo_sdk.emulator import ReceivedRequest


def test_its_repr_shows_neither_key_nor_prompt() -> None:
    received = ReceivedRequest(
        method="POST",
        path="/x",
        headers={"authorization": "Bearer sk-secret"},
        arrived=1.0,
        payload={"messages": [{"role": "user", "content": "private"}]},
    )
    assert "sk-secret" not in repr(received)
    assert "private" not in repr(received)
