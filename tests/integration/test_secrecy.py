"""No key and no prompt shows in a message, a repr or a log line, whatever goes wrong."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from typing import Any

import orjson
import pytest

from kilo_sdk import (
    APIError,
    AuthenticationError,
    KiloClient,
    KiloError,
    ProtocolError,
    RetryPolicy,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.resources.chat import StreamOpening

pytestmark = pytest.mark.anyio

KEY = "sk-kilo-VERYSECRETKEY"
PROMPT = "PROMPTTEXT that nobody may see"
HEADER = "HEADERSECRET"
SECRETS = ("VERYSECRETKEY", "PROMPTTEXT", HEADER)
MODEL = "anthropic/claude-sonnet-4"
FAULTS = [
    "",
    "status=400",
    "status=401",
    "status=402",
    "status=429;retry_after=0;times=1",
    "html=502",
    "empty=500",
    "error_body=server_error",
    "error_event=503;after=0",
    "error_event=429;after=3",
    "cut;after=3",
    "reset;after=3",
    "end;after=3",
    "cut;after=0",
    "stall;after=2",
    "comments;after=2;interval=0.01",
    "delay=5",
    "garbage=json;after=1",
    "garbage=binary;after=1",
    "garbage=html;after=0",
]


def shown(error: BaseException) -> str:
    """All that a log of the error could say, its causes included."""
    lines = traceback.format_exception(error)
    told = [line for line in lines if not line.lstrip().startswith("File ")]
    return "".join(told) + repr(error) + str(error)


def secrets_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


async def read_to_the_end(opening: StreamOpening) -> None:
    async with opening as stream:
        assert secrets_in(repr(stream)) == []
        await stream.get_final_completion()


async def ask(client: KiloClient, *, stream: bool, **more: Any) -> None:
    """Ask for an answer, as a stream that is read to its end or as a whole."""
    asked = {"messages": "Hi", "model": MODEL, **more}
    if stream:
        await read_to_the_end(client.chat.completions.stream(**asked))
    else:
        await client.chat.completions.create(**asked)


@pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_that_goes_wrong_tells_a_secret(
    fault: str, stream: bool, caplog: pytest.LogCaptureFixture, tick: float
) -> None:
    caplog.set_level(logging.DEBUG)
    errors: list[KiloError] = []
    async with (
        LocalGateway() as gateway,
        KiloClient(
            KEY,
            base_url=gateway.base_url,
            headers={"X-Token": HEADER},
            retries=RetryPolicy(max_attempts=2, wait_initial=0),
            timeouts=Timeouts(idle=2 * tick, stall=3 * tick, total=4 * tick),
        ) as client,
    ):
        headers = {"X-Kilo-Emulator-Fault": fault} if fault else {}
        try:
            await ask(
                client, stream=stream, messages=PROMPT, reasoning="low", extra_headers=headers
            )
        except KiloError as exc:
            errors.append(exc)
        assert secrets_in(repr(client)) == []
        assert KEY in gateway.requests[0].headers["authorization"], "the key did go out"
    for error in errors:
        assert secrets_in(shown(error)) == []
        assert secrets_in(repr(getattr(error, "headers", {}))) == []
    assert secrets_in(caplog.text) == []
    assert [one for one in caplog.records if one.name.startswith("kilo_sdk")]


# Lines that are no fields are no part of a stream (WHATWG HTML 9.2.6): nothing goes wrong.
HARMLESS = ("", "garbage=html;after=0")


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in HARMLESS])
async def test_every_error_pickles_and_copies(fault: str, tick: float) -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            KEY,
            base_url=gateway.base_url,
            retries=RetryPolicy(max_attempts=1),
            timeouts=Timeouts(idle=tick, stall=2 * tick, total=3 * tick),
        ) as client,
    ):
        opening = client.chat.completions.stream(
            messages=PROMPT, model=MODEL, extra_headers={"X-Kilo-Emulator-Fault": fault}
        )
        with pytest.raises(APIError) as raised:
            await read_to_the_end(opening)
    error = raised.value
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin.partial == error.partial
        assert twin.model == error.model == MODEL
        assert twin.request_id == error.request_id


async def test_an_upstream_that_says_the_key_back_is_not_quoted() -> None:
    body = f'{{"error":{{"message":"Incorrect API key provided: {KEY}","code":401}}}}'.encode()
    async with LocalGateway() as gateway, KiloClient(KEY, base_url=gateway.base_url) as client:
        gateway.enqueue(RawReply(status=401, body=body))
        with pytest.raises(KiloError) as raised:
            await client.chat.completions.create(messages=PROMPT, model=MODEL)
    assert secrets_in(str(raised.value) + repr(raised.value)) == []


@pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])
@pytest.mark.parametrize("status", [401, 200])
async def test_a_key_that_looks_like_plain_words_is_not_quoted_either(
    status: int, stream: bool
) -> None:
    """A gateway of one's own gives out keys that no pattern knows; what was sent is known."""
    key = "the-VERYSECRETKEY-of-our-team"
    said = {"error": {"message": f"no key '{key}'", "code": 401, "metadata": {"raw": f"{key}!"}}}
    body = orjson.dumps(said)
    if stream and status == 200:
        body = b"data: " + body + b"\n\n"
    kind = "text/event-stream" if stream and status == 200 else "application/json"
    async with LocalGateway() as gateway, KiloClient(key, base_url=gateway.base_url) as client:
        gateway.enqueue(RawReply(status=status, body=body, headers={"Content-Type": kind}))
        with pytest.raises(AuthenticationError) as raised:
            await ask(client, stream=stream)
    error = raised.value
    assert "no key '[redacted]'; the upstream says: [redacted]!" in str(error)
    assert secrets_in(str(error) + repr(error.__dict__)) == []


@pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])
@pytest.mark.parametrize("status", [401, 200])
@pytest.mark.parametrize("spelt", [rb"ab\/cd\u002Bef12\u003d=", rb"ab/cd+ef12=="])
async def test_a_key_that_json_escapes_is_not_quoted_either(
    spelt: bytes, status: int, stream: bool
) -> None:
    raw = orjson.dumps(b'{"message": "nor %s"}'.decode() % spelt.decode())
    body = b'{"error":{"message":"no %s","code":401,"metadata":{"raw":%s}}}' % (spelt, raw)
    if stream and status == 200:
        body = b"data: " + body + b"\n\n"
    key = "ab/cd+ef12=="
    async with LocalGateway() as gateway, KiloClient(key, base_url=gateway.base_url) as client:
        gateway.enqueue(RawReply(status=status, body=body))
        with pytest.raises(AuthenticationError) as raised:
            await ask(client, stream=stream)
    assert "no [redacted]; the upstream says: nor [redacted]" in str(raised.value)
    assert raised.value.body == {
        "error": {
            "message": "no [redacted]",
            "code": 401,
            "metadata": {"raw": '{"message": "nor [redacted]"}'},
        }
    }


@pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])
@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"you sent %s", "you sent [redacted]"),
        (b"<p>%s", "<p>[redacted]"),
        (b'{"you sent": "%s"}', {"you sent": "[redacted]"}),
        (b'["%s"]', ["[redacted]"]),
        (b"data: %s\n\n", "[redacted]"),
    ],
)
async def test_garbage_that_says_the_key_back_is_kept_without_it(
    body: bytes, kept: object, stream: bool
) -> None:
    key = "the-VERYSECRETKEY-of-our-team"
    kind = "text/event-stream" if body.startswith(b"data:") else "application/json"
    async with LocalGateway() as gateway, KiloClient(key, base_url=gateway.base_url) as client:
        gateway.enqueue(RawReply(body=body % key.encode(), headers={"Content-Type": kind}))
        with pytest.raises(ProtocolError) as raised:
            await ask(client, stream=stream)
        assert raised.value.body == kept
    assert secrets_in(str(raised.value) + repr(raised.value.__dict__)) == []


@pytest.mark.parametrize("answer", [b"HTTP/2x 200 OK\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n\r\n{"])
async def test_the_cause_of_an_error_does_not_hold_the_key(answer: bytes, serve: Any) -> None:
    """What aiohttp raises keeps the request's headers, and its repr shows them."""

    async def handler(call: Any) -> None:
        await call.write(answer)
        call.writer.close()

    async with (
        serve(handler) as server,
        KiloClient(KEY, base_url=server.base_url, retries=RetryPolicy(max_attempts=1)) as client,
    ):
        with pytest.raises(APIError) as raised:
            await client.chat.completions.create(messages=PROMPT, model=MODEL)
    told = repr(raised.value.__dict__)
    cause: BaseException | None = raised.value
    while cause is not None:
        told += f"{cause} {cause!r} {cause.args!r}"
        cause = cause.__cause__ or cause.__context__
    assert secrets_in(told) == []


async def test_a_payload_that_is_no_json_is_not_quoted() -> None:
    async with LocalGateway() as gateway, KiloClient(KEY, base_url=gateway.base_url) as client:
        unsendable: list[Any] = [
            [{"role": "user", "content": [PROMPT, object()]}],
            [PROMPT],
            PROMPT + "\ud800",
        ]
        for messages in unsendable:
            with pytest.raises(KiloError) as raised:
                await client.chat.completions.create(messages=messages, model=MODEL)
            assert secrets_in(shown(raised.value)) == []


async def test_a_garbled_answer_with_the_prompt_in_it_is_not_quoted() -> None:
    """Some proxies echo the request in their error pages."""
    echoes = [
        RawReply(body=PROMPT.encode()),
        RawReply(body=b"data: " + PROMPT.encode() + b"\n\n"),
        RawReply(body=PROMPT.encode(), headers={"Content-Type": "text/plain"}),
    ]
    async with LocalGateway() as gateway, KiloClient(KEY, base_url=gateway.base_url) as client:
        for echo in echoes:
            gateway.enqueue(echo)
            with pytest.raises(KiloError) as raised:
                await read_to_the_end(client.chat.completions.stream(messages=PROMPT, model=MODEL))
            assert secrets_in(str(raised.value)) == []
