"""Facts about the catalogue a client holds: who waits, who is asked, and what serves meanwhile."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest

from kilo_sdk import CatalogOptions, KiloClient, ModelCatalog, RetryPolicy
from kilo_sdk.catalog.disk import CatalogFile
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.errors import ConfigurationError

pytestmark = pytest.mark.anyio

ENDLESS = float("inf")
ONE_TRY = RetryPolicy(max_attempts=1)
ALWAYS_STALE = CatalogOptions(ttl=0, stale=ENDLESS, failure_ttl=0)
ALWAYS_WAIT = CatalogOptions(ttl=0, stale=0, failure_ttl=0)


def listing(*ids: str) -> RawReply:
    return RawReply(body=orjson.dumps({"data": [{"id": id_} for id_ in ids]}))


def slowly(*ids: str, seconds: float = 0.2) -> RawReply:
    """A list that takes its time, so that others come while it is on its way."""
    return RawReply(body=[seconds, orjson.dumps({"data": [{"id": id_} for id_ in ids]})])


NO_END = RawReply(body=[b" "], ending="hang")


@asynccontextmanager
async def opened(
    *replies: RawReply, catalog: CatalogOptions | None = None, **options: Any
) -> AsyncIterator[tuple[LocalGateway, KiloClient]]:
    async with LocalGateway() as gateway:
        gateway.enqueue(*replies)
        options = {"api_key": "key", "retries": ONE_TRY, **options}
        async with KiloClient(base_url=gateway.base_url, catalog=catalog, **options) as client:
            yield gateway, client


async def until(holds: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not holds():  # noqa: ASYNC110 - what is waited for tells no event
            await anyio.sleep(0.002)


def fetching() -> int:
    return sum("discovery" in task.get_name() for task in asyncio.all_tasks())


def first(catalog: ModelCatalog) -> str:
    return catalog[0].id


# Being obtained


async def test_nothing_is_loaded_before_the_gateways_list_was_obtained() -> None:
    async with opened(RawReply(status=404), catalog=CatalogOptions(failure_ttl=0)) as (
        gateway,
        client,
    ):
        assert client.loaded_catalog is None
        assert (await client.models.list()).source == "static"
        assert client.loaded_catalog is None
        listed = await client.models.list()
        assert client.loaded_catalog is listed
        assert len(gateway.requests) == 2


async def test_it_says_when_it_was_fetched() -> None:
    async with opened() as (_, client):
        before = datetime.now(UTC)
        catalog = await client.models.list()
        assert catalog.fetched_at is not None
        assert before <= catalog.fetched_at <= datetime.now(UTC)
        assert catalog.fetched_at.utcoffset() == timedelta(0)


async def test_within_its_time_to_live_the_gateway_is_asked_once() -> None:
    async with opened() as (gateway, client):
        catalogs = [await client.models.list() for _ in range(3)]
        await client.models.get("kilo/auto")
        assert catalogs[0] is catalogs[1] is catalogs[2]
        assert len(gateway.requests) == 1


async def test_with_no_time_to_live_the_gateway_is_asked_each_time() -> None:
    async with opened(listing("v/1"), listing("v/2"), catalog=ALWAYS_WAIT) as (_, client):
        assert first(await client.models.list()) == "v/1"
        assert first(await client.models.list()) == "v/2"


async def test_a_refresh_asks_however_fresh_the_list_is() -> None:
    async with opened(listing("v/1"), listing("v/2")) as (gateway, client):
        await client.models.list()
        assert first(await client.models.list(refresh=True)) == "v/2"
        assert first(await client.models.list()) == "v/2"
        assert len(gateway.requests) == 2


async def test_views_share_it_when_gateway_organisation_and_key_are_the_same() -> None:
    async with opened() as (gateway, client):
        before = client.with_options(default_model="openai/gpt-5")
        listed = await client.models.list()
        assert before.loaded_catalog is listed
        assert await before.models.list() is listed
        assert client.with_options(headers={"X-Mine": "1"}).loaded_catalog is listed
        assert client.with_options(api_key="other").loaded_catalog is None
        assert client.with_options(api_key=lambda: "key").loaded_catalog is None
        assert client.with_options(organization_id="o1").loaded_catalog is None
        assert client.with_options(base_url="http://127.0.0.1:9/").loaded_catalog is None
        behalf = {"X-KiloCode-OrganizationId": "o1"}
        assert client.with_options(headers=behalf).loaded_catalog is None
        assert len(gateway.requests) == 1


async def test_views_of_other_keys_have_lists_of_their_own() -> None:
    async with opened(listing("v/mine"), listing("v/theirs")) as (gateway, client):
        theirs = client.with_options(api_key="other")
        assert first(await client.models.list()) == "v/mine"
        assert first(await theirs.models.list()) == "v/theirs"
        assert first(await client.models.list()) == "v/mine"
        keys = [request.headers["authorization"] for request in gateway.requests]
        assert keys == ["Bearer key", "Bearer other"]


# Single flight


async def test_many_who_ask_at_once_share_one_request() -> None:
    async with opened(slowly("v/1")) as (gateway, client):
        catalogs = await asyncio.gather(*(client.models.list() for _ in range(50)))
        assert {id(catalog) for catalog in catalogs} == {id(catalogs[0])}
        assert len(gateway.requests) == 1


async def test_a_failure_is_shared_too() -> None:
    async with opened(RawReply(body=[0.1, b"<html>"])) as (gateway, client):
        catalogs = await asyncio.gather(*(client.models.list() for _ in range(9)))
        assert {catalog.source for catalog in catalogs} == {"static"}
        assert len(gateway.requests) == 1


@pytest.mark.parametrize("leaver", [0, 1, 4])
async def test_who_leaves_takes_nothing_from_the_others(leaver: int) -> None:
    async with opened(slowly("v/1", seconds=0.3)) as (gateway, client):
        tasks = [asyncio.create_task(client.models.list()) for _ in range(5)]
        await until(lambda: gateway.requests)
        tasks[leaver].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(answers.pop(leaver), asyncio.CancelledError)
        assert [first(one) for one in answers if isinstance(one, ModelCatalog)] == ["v/1"] * 4
        assert len(gateway.requests) == 1
        assert gateway.requests[0].disconnected_at is None


async def test_when_the_last_one_leaves_the_request_ends_and_the_next_begins_anew() -> None:
    async with opened(NO_END, listing("v/2")) as (gateway, client):
        tasks = [asyncio.create_task(client.models.list()) for _ in range(3)]
        await until(lambda: gateway.requests)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert fetching() == 0
        await until(lambda: gateway.requests[0].disconnected_at)
        assert first(await client.models.list()) == "v/2"


async def test_who_comes_while_a_request_is_called_back_does_not_join_it() -> None:
    async with opened(NO_END, listing("v/2")) as (gateway, client):
        leaver = asyncio.create_task(client.models.list())
        await until(lambda: gateway.requests)
        leaver.cancel()
        comer = asyncio.create_task(client.models.list())
        assert first(await comer) == "v/2"
        assert leaver.cancelled()


async def test_a_deadline_of_the_caller_ends_the_request() -> None:
    async with opened(NO_END) as (gateway, client):
        with anyio.move_on_after(0.05) as scope:
            await client.models.list()
        assert scope.cancelled_caught
        await until(lambda: gateway.requests[0].disconnected_at)


async def test_when_somebody_else_cancels_the_request_another_goes_on() -> None:
    async with opened(NO_END, listing("v/2")) as (gateway, client):
        waiting = asyncio.create_task(client.models.list())
        await until(lambda: gateway.requests)
        (discovery,) = (task for task in asyncio.all_tasks() if "discovery" in task.get_name())
        discovery.cancel()
        assert first(await waiting) == "v/2"


# Stale while it is refreshed


async def test_a_stale_list_is_served_at_once_while_one_refresh_runs() -> None:
    async with opened(listing("v/1"), slowly("v/2"), catalog=ALWAYS_STALE) as (gateway, client):
        old = await client.models.list()
        for _ in range(20):
            assert await client.models.list() is old
        await until(lambda: client.loaded_catalog is not old)
        assert len(gateway.requests) == 2
        assert client.loaded_catalog is not None
        assert first(client.loaded_catalog) == "v/2"


async def test_who_asked_behind_whose_back_may_leave() -> None:
    async with opened(listing("v/1"), slowly("v/2"), catalog=ALWAYS_STALE) as (_, client):
        old = await client.models.list()
        await client.models.list()
        # Joins the refresh, and leaves it.
        with anyio.move_on_after(0.01):
            await client.models.list(refresh=True)
        await until(lambda: client.loaded_catalog is not old)


async def test_a_refresh_that_fails_leaves_the_old_list_and_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = CatalogOptions(ttl=0, stale=ENDLESS, failure_ttl=ENDLESS)
    async with opened(listing("v/1"), RawReply(status=500), catalog=options) as (gateway, client):
        old = await client.models.list()
        await client.models.list()
        await until(lambda: not fetching())
        serving = await client.models.list()
        assert serving == client.loaded_catalog == old
        assert serving.failure is not None
        assert serving.failure.startswith("the server failed (status 500")
        assert old.failure is None
        assert len(gateway.requests) == 2
    assert old.fetched_at is not None
    (said,) = (r.getMessage() for r in caplog.records if r.name == "kilo_sdk.catalog")
    when = old.fetched_at.isoformat(timespec="seconds")
    assert said.startswith(f"discovery.failed serving=gateway fetched_at={when} reason=")
    assert "status 500" in said


async def test_a_list_too_old_to_be_served_at_once_serves_when_no_new_one_can_be_had() -> None:
    async with opened(listing("v/1"), RawReply(status=500), catalog=ALWAYS_WAIT) as (_, client):
        old = await client.models.list()
        assert (await client.models.list()).fetched_at == old.fetched_at


# Failures


async def test_a_list_that_serves_in_place_of_another_says_why() -> None:
    refused = RawReply(status=503, body=b'{"error": {"message": "closed for today"}}')
    options = CatalogOptions(failure_ttl=ENDLESS)
    async with opened(refused, catalog=options) as (_, client):
        for _ in range(2):
            serving = await client.models.list()
            assert serving.source == "static"
            assert "closed for today" in (serving.failure or "")
            assert serving.chat_models().find("kilo").failure == serving.failure
        # Made once, so that what it remembers of wrong names is not forgotten.
        assert await client.models.list() is serving
        assert (await client.models.list(refresh=True)).failure is None
        assert (await client.models.list()).failure is None


async def test_after_a_failure_the_gateway_is_left_in_peace_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = CatalogOptions(failure_ttl=ENDLESS)
    async with opened(RawReply(status=500), catalog=options) as (gateway, client):
        for _ in range(5):
            assert (await client.models.list()).source == "static"
        assert len(gateway.requests) == 1
        assert (await client.models.list(refresh=True)).source == "gateway"
        assert (await client.models.list()).source == "gateway"
        assert len(gateway.requests) == 2
    assert [r.levelno for r in caplog.records if r.name == "kilo_sdk.catalog"] == [logging.WARNING]


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "3600"}, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}],
)
async def test_a_retry_after_is_respected(headers: dict[str, str]) -> None:
    busy = RawReply(status=429, headers=headers)
    async with opened(busy, catalog=CatalogOptions(failure_ttl=0)) as (gateway, client):
        for _ in range(3):
            assert (await client.models.list()).source == "static"
        assert len(gateway.requests) == 1


async def test_a_retry_after_keeps_a_stale_list_in_service() -> None:
    busy = RawReply(status=503, headers={"Retry-After": "3600"})
    async with opened(listing("v/1"), busy, catalog=ALWAYS_WAIT) as (gateway, client):
        old = await client.models.list()
        for _ in range(3):
            assert (await client.models.list()).fetched_at == old.fetched_at
        assert len(gateway.requests) == 2


async def test_when_the_time_has_passed_the_gateway_is_asked_again() -> None:
    busy = RawReply(status=429, headers={"retry-after-ms": "50"})
    async with opened(busy, catalog=CatalogOptions(failure_ttl=0)) as (gateway, client):
        assert (await client.models.list()).source == "static"
        await anyio.sleep(0.06)
        assert (await client.models.list()).source == "gateway"
        assert len(gateway.requests) == 2


async def test_what_is_no_failure_of_the_gateway_reaches_all_who_wait() -> None:
    async def token() -> str:
        await anyio.sleep(0.05)
        raise ValueError("sk-secret")

    async with opened(api_key=token) as (gateway, client):
        answers = await asyncio.gather(
            *(client.models.list() for _ in range(3)), return_exceptions=True
        )
        assert [str(one) for one in answers] == ["the token source failed: ValueError"] * 3
        assert not gateway.requests
        assert fetching() == 0


async def test_behind_the_callers_back_it_is_logged_and_the_old_list_serves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[int] = []

    def token() -> str:
        asked.append(1)
        if len(asked) > 1:
            raise ValueError("sk-secret")
        return "key"

    options = CatalogOptions(ttl=0, stale=ENDLESS, failure_ttl=ENDLESS)
    async with opened(listing("v/1"), catalog=options, api_key=token) as (_, client):
        old = await client.models.list()
        await client.models.list()
        await until(lambda: not fetching())
        for _ in range(3):
            assert (await client.models.list()).fetched_at == old.fetched_at
    gc.collect()
    assert len(asked) == 2
    (said,) = (r.getMessage() for r in caplog.records if r.name == "kilo_sdk.catalog")
    assert "reason=the token source failed: ValueError" in said
    assert "sk-secret" not in caplog.text


# Closing


async def test_closing_ends_a_refresh_behind_the_callers_back() -> None:
    async with LocalGateway() as gateway:
        gateway.enqueue(listing("v/1"), NO_END)
        client = KiloClient("key", base_url=gateway.base_url, catalog=ALWAYS_STALE)
        await client.models.list()
        await client.models.list()
        await until(lambda: len(gateway.requests) == 2)
        await client.close()
        assert fetching() == 0
        await until(lambda: gateway.requests[1].disconnected_at)
    gc.collect()  # a task that was destroyed while pending would be reported, which is an error


async def test_who_waits_while_the_client_closes_is_told_so() -> None:
    async with opened(NO_END) as (gateway, client):
        waiting = [asyncio.create_task(client.models.list()) for _ in range(3)]
        await until(lambda: gateway.requests)
        await client.close()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in answers] == [ConfigurationError] * 3
        assert all("the client is closed" in str(one) for one in answers)


async def test_what_is_at_hand_is_not_served_after_the_end() -> None:
    async with opened() as (_, client):
        models = client.models
        await models.list()
    for held in (models, client.models):
        with pytest.raises(ConfigurationError, match="the client is closed"):
            await held.list()


async def test_a_view_that_closes_leaves_the_list_alone() -> None:
    async with opened(listing("v/1")) as (gateway, client):
        async with client.with_options(default_model="v/1") as view:
            await view.models.list()
        assert first(await client.models.list()) == "v/1"
        assert len(gateway.requests) == 1


async def test_on_another_event_loop_it_is_refused() -> None:
    async with opened() as (_, client):
        await client.models.list()

        def elsewhere() -> str:
            try:
                asyncio.run(client.models.list())
            except ConfigurationError as error:
                return str(error)
            return "served"

        assert "another event loop" in await anyio.to_thread.run_sync(elsewhere)


# On disk


def kept(directory: Path, **options: float) -> CatalogOptions:
    pytest.importorskip("filelock")
    return CatalogOptions(disk=directory, **options)


def files_in(directory: Path) -> list[Path]:
    return [*directory.glob("*.json")]


async def test_the_next_client_finds_the_list_on_disk_and_asks_nobody(tmp_path: Path) -> None:
    async with LocalGateway() as gateway:
        options: dict[str, Any] = {"base_url": gateway.base_url, "catalog": kept(tmp_path)}
        async with KiloClient("key", **options) as client:
            listed = await client.models.list()
        async with KiloClient("key", **options) as client:
            found = await client.models.list()
            assert found == listed
            assert (found.source, found.fetched_at) == ("gateway", listed.fetched_at)
            assert client.loaded_catalog is found
        assert len(gateway.requests) == 1
        async with KiloClient("other", **options) as client:
            await client.models.list()
        assert len(gateway.requests) == 2


async def test_many_who_ask_at_once_read_the_disk_once(tmp_path: Path) -> None:
    async with opened(catalog=kept(tmp_path)) as (gateway, client):
        await client.models.list()
        async with KiloClient("key", base_url=gateway.base_url, catalog=kept(tmp_path)) as other:
            catalogs = await asyncio.gather(*(other.models.list() for _ in range(9)))
        assert {id(catalog) for catalog in catalogs} == {id(catalogs[0])}
        assert len(gateway.requests) == 1


async def test_a_stale_list_on_disk_serves_while_a_new_one_is_fetched(tmp_path: Path) -> None:
    async with opened(listing("v/1"), slowly("v/2"), catalog=kept(tmp_path)) as (gateway, client):
        await client.models.list()
        options = kept(tmp_path, ttl=0)
        async with KiloClient("key", base_url=gateway.base_url, catalog=options) as other:
            assert first(await other.models.list()) == "v/1"
            await until(lambda: other.loaded_catalog and first(other.loaded_catalog) == "v/2")


async def test_a_list_on_disk_serves_when_the_gateway_is_gone(tmp_path: Path) -> None:
    options = kept(tmp_path, ttl=0, stale=0)
    async with opened(listing("v/1"), catalog=options) as (gateway, client):
        await client.models.list()
        base_url = gateway.base_url
    async with KiloClient("key", base_url=base_url, retries=ONE_TRY, catalog=options) as client:
        found = await client.models.list()
        assert (first(found), found.source) == ("v/1", "gateway")


async def test_a_refresh_does_not_stop_at_the_disk(tmp_path: Path) -> None:
    async with opened(listing("v/1"), listing("v/2"), catalog=kept(tmp_path)) as (gateway, client):
        await client.models.list()
        async with KiloClient("key", base_url=gateway.base_url, catalog=kept(tmp_path)) as other:
            assert first(await other.models.list(refresh=True)) == "v/2"


@pytest.mark.parametrize("spoiled", [b"", b"{", b"\x00" * 99, b"[]"])
async def test_a_spoiled_file_costs_a_request_and_nothing_else(
    spoiled: bytes, tmp_path: Path
) -> None:
    async with LocalGateway() as gateway:
        options: dict[str, Any] = {"base_url": gateway.base_url, "catalog": kept(tmp_path)}
        async with KiloClient("key", **options) as client:
            await client.models.list()
        (path,) = files_in(tmp_path)
        path.write_bytes(spoiled)
        for _ in range(2):
            async with KiloClient("key", **options) as client:
                assert (await client.models.list()).source == "gateway"
        assert len(gateway.requests) == 2


async def test_a_whole_file_that_lists_no_model_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(catalog=kept(tmp_path)) as (gateway, client):
        await client.models.list()
        (path,) = files_in(tmp_path)
        path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), "body": {"data": []}}))
        async with KiloClient("key", base_url=gateway.base_url, catalog=kept(tmp_path)) as other:
            assert (await other.models.list()).source == "gateway"
        assert len(gateway.requests) == 2
    assert "disk_cache.unused reason=the list is empty" in caplog.messages


async def test_a_directory_that_cannot_be_written_costs_nothing_but_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a file").touch()
    async with opened(catalog=kept(tmp_path / "a file" / "models")) as (gateway, client):
        for _ in range(3):
            assert (await client.models.list()).source == "gateway"
        assert len(gateway.requests) == 1
    assert sum("disk_cache.failed" in message for message in caplog.messages) >= 1


async def test_a_disk_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr("kilo_sdk.catalog.cache._DISK_S", 0.02)
    for action in ("read", "write"):
        monkeypatch.setattr(CatalogFile, action, lambda *_: answers.wait(60) and None)
    try:
        async with opened(catalog=kept(tmp_path)) as (_, client):
            with anyio.fail_after(20):
                assert (await client.models.list()).source == "gateway"
    finally:
        answers.set()


async def test_a_token_source_is_not_kept_on_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(catalog=kept(tmp_path), api_key=lambda: "key") as (_, client):
        assert (await client.models.list()).source == "gateway"
    assert files_in(tmp_path) == []
    assert any("disk_cache.unused" in message for message in caplog.messages)
