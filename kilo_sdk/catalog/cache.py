"""The catalogue a client holds: obtained once, shared, refreshed, given up gracefully.

A shell: what to do is decided by ``freshness``, what a list says is read by ``discovery``.

Source: GATEWAY 9 (discovery, its fallback), GATEWAY 8 (``Retry-After``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias

import anyio
import anyio.to_thread
import attrs

from kilo_sdk.background import BackgroundTasks
from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.catalog.discovery import catalog_from_wire
from kilo_sdk.catalog.disk import CatalogFile, StoredList
from kilo_sdk.catalog.freshness import Step, next_step, peace_after_failure
from kilo_sdk.catalog.options import CatalogOptions
from kilo_sdk.catalog.static import static_catalog
from kilo_sdk.errors import APIError, APIStatusError, KiloError

__all__ = ["CatalogCache", "Fetch"]

_logger: Final = logging.getLogger("kilo_sdk.catalog")
# A disk that does not answer is waited for no longer than this.
_DISK_S: Final = 2.0
_ENDING_S: Final = 1.0

Fetch: TypeAlias = Callable[[], Awaitable[object]]
"""Asks the gateway for its list: the decoded JSON, or an ``APIError``."""


@attrs.define(eq=False, slots=True)
class _Flight:
    """A list on its way, and how many wait for it.

    One that was begun behind the caller's back goes on when nobody waits any more.
    """

    task: asyncio.Task[ModelCatalog]
    in_background: bool
    waiters: int = 0


class CatalogCache:
    """The catalogue of one gateway, organisation and key, shared by views that agree on them.

    Any number of tasks may ask at once: one request is sent for all of them. One that is
    cancelled leaves the others waiting; when the last one leaves, the request ends too.

    Args:
        tasks: The tasks of the client, which end with it.
        options: How long lists are kept.
        file: Where they are kept for the next process, or None.
    """

    __slots__ = (
        "_failed_until",
        "_file",
        "_flight",
        "_loaded",
        "_obtained",
        "_options",
        "_recalled",
        "_recalling",
        "_substitute",
        "_tasks",
    )

    def __init__(
        self, tasks: BackgroundTasks, options: CatalogOptions, file: CatalogFile | None = None
    ) -> None:
        self._tasks = tasks
        self._options = options
        self._file = file
        self._loaded: ModelCatalog | None = None
        # Both on the monotonic clock.
        self._obtained = 0.0
        self._failed_until = 0.0
        # What serves, and says why, since the last try brought nothing; None since one did.
        self._substitute: ModelCatalog | None = None
        self._flight: _Flight | None = None
        self._recalled = file is None
        self._recalling = asyncio.Lock()

    @property
    def loaded(self) -> ModelCatalog | None:
        """The gateway's list as last obtained; None before that."""
        return self._loaded

    @property
    def busy(self) -> bool:
        """Whether a list is on its way."""
        return self._flight is not None

    async def get(self, fetch: Fetch, *, refresh: bool = False) -> ModelCatalog:
        """Return the catalogue, the bundled one where none can be had.

        Args:
            fetch: Asks the gateway. Called where that is due and nobody is asking already.
            refresh: Ask now, however fresh the list is and whatever failed before.

        Raises:
            KiloError: What ``fetch`` raises, ``APIError`` excepted.
        """
        if not self._recalled:
            await self._recall()
        while True:
            now = time.monotonic()
            step = next_step(
                self._options,
                age=None if self._loaded is None else now - self._obtained,
                peace_left=self._failed_until - now,
                forced=refresh,
            )
            if step is Step.SERVE:
                return self._at_hand()
            in_background = step is Step.REFRESH
            flight = self._flight or self._take_off(fetch, in_background=in_background)
            if in_background:
                return self._at_hand()
            catalog = await self._wait_for(flight)
            if catalog is not None:
                return catalog

    def _at_hand(self) -> ModelCatalog:
        return self._best_known() if self._substitute is None else self._substitute

    def _best_known(self) -> ModelCatalog:
        return static_catalog() if self._loaded is None else self._loaded

    def _take_off(self, fetch: Fetch, *, in_background: bool) -> _Flight:
        task = self._tasks.start(
            self._obtain(fetch, in_background=in_background), name="kilo_sdk discovery"
        )
        self._flight = flight = _Flight(task, in_background)
        task.add_done_callback(lambda _: self._landed(flight))
        return flight

    def _landed(self, flight: _Flight) -> None:
        if self._flight is flight:
            self._flight = None

    async def _wait_for(self, flight: _Flight) -> ModelCatalog | None:
        """Return what the flight brings; None where it was cancelled by somebody else."""
        flight.waiters += 1
        try:
            await asyncio.wait([flight.task])
        finally:
            flight.waiters -= 1
            if not (flight.waiters or flight.in_background or flight.task.done()):
                # Whoever comes now is not to join what is being called back.
                self._landed(flight)
                flight.task.cancel()
                with anyio.move_on_after(_ENDING_S, shield=True):
                    await asyncio.wait([flight.task])
        return None if flight.task.cancelled() else flight.task.result()

    async def _obtain(self, fetch: Fetch, *, in_background: bool) -> ModelCatalog:
        try:
            body = await fetch()
        except APIError as exc:
            retry_after = exc.retry_after if isinstance(exc, APIStatusError) else None
            return self._fall_back(str(exc), retry_after)
        except Exception as exc:
            if in_background:
                # Nobody may be waiting who would hear of it. Words that are not the SDK's own
                # may hold a secret.
                self._fall_back(str(exc) if isinstance(exc, KiloError) else type(exc).__name__)
            raise
        now = time.time()
        try:
            catalog = catalog_from_wire(
                body, bundled=static_catalog(), fetched_at=datetime.fromtimestamp(now, UTC)
            )
        except ValueError as exc:
            return self._fall_back(str(exc))
        self._loaded, self._obtained = catalog, time.monotonic()
        self._failed_until, self._substitute = 0.0, None
        if self._file is not None:
            with anyio.move_on_after(_DISK_S):
                await anyio.to_thread.run_sync(
                    self._file.write, StoredList(body, now), abandon_on_cancel=True
                )
        return catalog

    def _fall_back(self, reason: str, retry_after: float | None = None) -> ModelCatalog:
        """Say that discovery failed, remember it, and return what serves instead."""
        peace = peace_after_failure(self._options, retry_after)
        self._failed_until = time.monotonic() + peace
        self._substitute = attrs.evolve(self._best_known(), failure=reason)
        serving = "static"
        if self._loaded is not None and self._loaded.fetched_at is not None:
            serving = f"gateway fetched_at={self._loaded.fetched_at.isoformat(timespec='seconds')}"
        _logger.warning(
            "discovery.failed serving=%s reason=%s next_try_in=%.0f", serving, reason, peace
        )
        return self._substitute

    async def _recall(self) -> None:
        """Take over what an earlier process left on disk; the first caller does."""
        async with self._recalling:
            if self._recalled or self._file is None:
                return
            stored: StoredList | None = None
            with anyio.move_on_after(_DISK_S):
                stored = await anyio.to_thread.run_sync(self._file.read, abandon_on_cancel=True)
            self._recalled = True
            if stored is None or self._loaded is not None:
                return
            try:
                self._loaded = catalog_from_wire(
                    stored.body,
                    bundled=static_catalog(),
                    fetched_at=datetime.fromtimestamp(stored.fetched_at, UTC),
                )
            except ValueError as exc:
                _logger.warning("disk_cache.unused reason=%s", exc)
                return
            age = max(0.0, time.time() - stored.fetched_at)
            self._obtained = time.monotonic() - age
