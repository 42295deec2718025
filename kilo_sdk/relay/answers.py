"""The answers of one relay: begun, found again, stopped, and looked after while they are written.

Knows nothing of sockets: an answer depends on none.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final

import anyio

from kilo_sdk.background import BackgroundTasks
from kilo_sdk.client import KiloClient
from kilo_sdk.lifetime import Lifetime
from kilo_sdk.relay.events import Started
from kilo_sdk.relay.generation import EndedAnswer, Generation
from kilo_sdk.relay.hooks import EndHook, PrepareHook, ReadHook, answer_of
from kilo_sdk.relay.limits import RelayLimits
from kilo_sdk.relay.linger import Linger
from kilo_sdk.relay.log import StreamLog
from kilo_sdk.relay.protocol import Prompt
from kilo_sdk.relay.refusals import CUT, RelayRefusedError
from kilo_sdk.relay.store import StoreError, StreamStore, StreamWriter

__all__ = ["Answers"]

_log: Final = logging.getLogger("kilo_sdk.relay")
_END_HOOK_S: Final = 10.0
_GIVING_UP_S: Final = 5.0


class Answers:
    """For the tasks of one event loop, any number at once. ``WebSocketRelay`` says what is what."""

    def __init__(
        self,
        client: KiloClient,
        store: StreamStore,
        *,
        prepare: PrepareHook,
        may_read: ReadHook | None,
        on_end: EndHook | None,
        linger: float,
        limits: RelayLimits,
        report_cost: bool,
    ) -> None:
        self._client = client
        self._store = store
        self._prepare = prepare
        self._may_read = may_read
        self._on_end = on_end
        self._linger = linger
        self._limits = limits
        self._report_cost = report_cost
        self._lifetime = Lifetime()
        self._tasks = BackgroundTasks(self._lifetime)

    def __len__(self) -> int:
        """Answers that are being written here."""
        return len(self._tasks)

    @property
    def over(self) -> bool:
        """Whether ``end`` was called."""
        return self._lifetime.over

    async def end(self) -> None:
        """End all that are being written, and begin no more. Doing so twice is fine."""
        await self._tasks.close()

    async def begin(self, prompt: Prompt) -> StreamLog:
        """Ask for an answer, and return the log that it is written into.

        An answer whose prompt has a ``key`` is asked for once, however often and wherever the
        prompt comes; later ones get the log of the first.

        Raises:
            RelayRefusedError: The prompt is refused, or the store cannot take the answer.
        """
        self._check_open()
        stream = _stream_id(prompt)
        if prompt.key is not None and (log := await self._opened(stream)) is not None:
            return log
        options = dict(await answer_of(self._prepare(prompt)))
        self._check_open()
        try:
            writer = await self._store.create(stream, prompt.owner)
        except StoreError as error:
            raise _store_refusal(error) from error
        if writer is None:
            if (log := await self._opened(stream)) is not None:
                return log
            raise RelayRefusedError("the answer is not kept any more", code="unknown_stream")
        if self._lifetime.over:
            # The relay closed meanwhile. The store has the answer, and would wait for it.
            with anyio.move_on_after(_GIVING_UP_S, shield=True):
                await writer.end(CUT)
            self._check_open()
        writer.append(Started(prompt.request))
        self._tasks.start(self._generate(prompt, options, writer), name=f"relay {stream}")
        return writer.log

    async def find(self, stream: str, owner: str | None) -> StreamLog:
        """Return the log of an answer that someone may read.

        Raises:
            RelayRefusedError: There is none, or none for them: which of the two is not told.
        """
        log = await self._opened(stream)
        if log is not None:
            if log.owner == owner:
                return log
            if self._may_read is not None and await answer_of(
                self._may_read(owner, stream, log.owner)
            ):
                return log
        raise RelayRefusedError(
            "there is no such answer, or it is not kept any more",
            code="unknown_stream",
            stream=stream,
        )

    async def cancel(self, stream: str, owner: str | None) -> None:
        """Stop an answer for its owner, wherever it is written.

        Raises:
            RelayRefusedError: There is none, or it is another's.
        """
        log = await self.find(stream, owner)
        if log.owner != owner:
            raise RelayRefusedError("only its owner may stop an answer", stream=stream)
        try:
            await self._store.cancel(stream)
        except StoreError as error:
            raise _store_refusal(error) from error

    def _check_open(self) -> None:
        if self._lifetime.over:
            raise RelayRefusedError("the server is stopping; try again", code="unavailable")

    async def _opened(self, stream: str) -> StreamLog | None:
        try:
            return await self._store.open(stream)
        except StoreError as error:
            raise _store_refusal(error) from error

    async def _generate(
        self, prompt: Prompt, options: Mapping[str, Any], writer: StreamWriter
    ) -> None:
        """Write one answer, with or without anyone who reads it."""
        generation = Generation(
            writer,
            options,
            max_bytes=self._limits.max_answer_bytes,
            report_cost=self._report_cost,
        )
        writer.log.on_cancel = generation.cancel
        linger = Linger(writer, self._linger, generation.cancel)
        linger.start()
        try:
            await generation.run(lambda: self._client.chat.completions.stream(**options))
        finally:
            linger.stop()
            writer.log.on_cancel = None
            if self._on_end is not None:
                with anyio.move_on_after(_END_HOOK_S, shield=True):
                    await self._tell(self._on_end, generation.ended(prompt.request))

    async def _tell(self, on_end: EndHook, ended: EndedAnswer) -> None:
        try:
            await answer_of(on_end(ended))
        except Exception:
            # The answer is over and told; only the app's own book-keeping failed.
            _log.exception("on_end.failed stream=%s", ended.stream)


def _stream_id(prompt: Prompt) -> str:
    """Return the id of a prompt's answer: nobody guesses it, and a key has one per owner."""
    if prompt.key is None:
        return secrets.token_urlsafe(16)
    seed = repr((prompt.owner, prompt.key)).encode()
    return hashlib.sha256(seed).hexdigest()[:32]


def _store_refusal(error: StoreError) -> RelayRefusedError:
    _log.warning("store.failed %s", error)
    return RelayRefusedError("answers cannot be kept just now; try again later", code="unavailable")
