"""What each endpoint answers: from a request's headers and body to a delivery.

The gateway's whole memory between requests is here: counters, scripted replies, how often
a fault has struck. Nothing awaits. Source: GATEWAY 1 (endpoints), GATEWAY 8 (401 bodies).
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, get_args

import attrs
import orjson

from kilo_sdk.emulator.answers import plan_answer
from kilo_sdk.emulator.delivery import (
    COMMENT,
    Delivery,
    StreamScript,
    deliver_body,
    deliver_fault_status,
    deliver_refusal,
    deliver_stream,
    scatter,
)
from kilo_sdk.emulator.encoding import Envelope, encode_body, encode_chunks, encode_cuts
from kilo_sdk.emulator.faults import Fault
from kilo_sdk.emulator.models import EmulatedModel, endpoints_of, providers_of
from kilo_sdk.emulator.refusals import Refusal
from kilo_sdk.emulator.replay import Recording
from kilo_sdk.emulator.replies import RawReply
from kilo_sdk.emulator.validation import decode_payload, find_model, validate_request

__all__ = ["Chunking", "Dispatcher", "Settings"]

_FAULT_HEADER = "x-kilo-emulator-fault"
_REPLAY_HEADER = "x-kilo-emulator-replay"
_ORGANIZATION_HEADER = "x-kilocode-organizationid"
_EPOCH = 1_767_225_600

Chunking: TypeAlias = Literal["tokens", "random"]
"""A token per chunk and an event per write; or all that is legal, by chance."""


@attrs.frozen(slots=True, kw_only=True)
class Settings:
    """What a gateway is told once; ``LocalGateway`` describes each.

    Attributes:
        api_keys: The valid keys, or None for any.
        require_auth: Whether a paid model needs a key.
        fault: The fault every completion meets.
        models_fault: The fault every model list meets.
        organizations: The ids that organisations allow, by organisation.
        recordings: Recorded answers, given in turn.
        keepalive_comments: Comments before the first event.
        answer_tokens: Length of text answers.
        seed: What completion ids are derived from.
        verify_signatures: Whether reasoning must come back byte for byte; it is as various
            as vendors give it then.
        chunking: How streams are cut into chunks.
    """

    api_keys: frozenset[str] | None
    require_auth: bool
    fault: Fault | None
    recordings: tuple[Recording, ...]
    keepalive_comments: int = attrs.field(validator=attrs.validators.ge(0))
    answer_tokens: int | None = attrs.field(
        validator=attrs.validators.optional(attrs.validators.ge(1))
    )
    seed: int
    verify_signatures: bool = False
    chunking: Chunking = attrs.field(
        default="tokens", validator=attrs.validators.in_(get_args(Chunking))
    )
    models_fault: Fault | None = None
    organizations: Mapping[str, frozenset[str]] | None = None


class Dispatcher:
    """Answers requests, one call each; header names are in lower case."""

    def __init__(self, settings: Settings, entries: Iterable[object]) -> None:
        self._settings = settings
        self._entries = list(entries)
        self._by_id: dict[str, Mapping[str, Any]] = {}
        for entry in self._entries:
            if isinstance(entry, Mapping) and isinstance(entry.get("id"), str):
                self._by_id.setdefault(entry["id"], entry)
        self._models = {id_: EmulatedModel.from_entry(entry) for id_, entry in self._by_id.items()}
        self._comments = COMMENT * settings.keepalive_comments
        self._replies: deque[RawReply] = deque()
        self._struck: Counter[Fault] = Counter()
        self._generated = 0
        self._replayed = 0

    def enqueue(self, replies: Iterable[RawReply]) -> None:
        """Put scripted replies behind those that wait already."""
        self._replies.extend(replies)

    def scripted(self) -> Delivery | None:
        """Take the next scripted reply, or None."""
        return self._replies.popleft().delivery() if self._replies else None

    def completion(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Answer ``POST chat/completions``: an answer, a recording, a refusal or a fault."""
        try:
            return self._completion(headers, body)
        except Refusal as refusal:
            return deliver_refusal(refusal)

    def model_list(self, headers: Mapping[str, str], organization: str | None = None) -> Delivery:
        """Answer ``GET models``, or that of an organisation.

        Count and links are OpenRouter's: its own SDK insists on them. The public list needs
        no key; an organisation's is for those whose key is valid.
        """
        fault = self._met_now(self._settings.models_fault)
        if fault is not None and (refused := deliver_fault_status(fault)) is not None:
            return refused
        entries = self._entries
        if organization is not None and self._settings.organizations is not None:
            try:
                if self._is_anonymous(headers) and self._settings.require_auth:
                    raise Refusal.coded(401, "Sign in to see the models of an organization")
                allowed = self._allowed_in(organization)
            except Refusal as refusal:
                return deliver_refusal(refusal)
            entries = [entry for id_, entry in self._by_id.items() if id_ in allowed]
        body = {"data": entries, "total_count": len(entries), "links": {"next": None}}
        # No completion: it waits for no first token, and is not counted as one.
        return attrs.evolve(deliver_body(orjson.dumps(body), fault), paced=False, is_whole=False)

    def endpoints(self, id_: str) -> Delivery:
        """Answer ``GET models/{vendor}/{model}/endpoints``."""
        entry = self._by_id.get(id_)
        if entry is None:
            return deliver_refusal(Refusal.model_not_found(f"The model {id_!r} does not exist"))
        return _json({"data": endpoints_of(entry)})

    def providers(self) -> Delivery:
        """Answer ``GET providers``."""
        return _json({"data": providers_of(self._models.values())})

    def unknown(self, method: str, path: str) -> Delivery:
        """Answer a request for anything else."""
        body = {"error": "Not found", "message": f"No route {method} {path}"}
        return deliver_refusal(Refusal(404, body))

    def _completion(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        fault = self._fault_for(headers)
        if fault is not None:
            refused = deliver_fault_status(fault)
            if refused is not None:
                return refused
        payload = decode_payload(body)
        anonymous = self._is_anonymous(headers)
        recording = self._recording_for(headers)
        if recording is not None:
            return recording.delivery(fault)
        model = find_model(payload, self._models)
        organization = headers.get(_ORGANIZATION_HEADER)
        if (
            organization is not None
            and self._settings.organizations is not None
            and model.id not in self._allowed_in(organization)
        ):
            raise Refusal.model_not_found(f"The model {model.id!r} is not allowed for your team")
        if anonymous and self._settings.require_auth and not model.is_free:
            message = "You need to sign in to use this model."
            raise Refusal(401, {"error": {"code": "PAID_MODEL_AUTH_REQUIRED", "message": message}})
        settings = self._settings
        validate_request(payload, model, verify_signatures=settings.verify_signatures)
        answer = plan_answer(
            payload,
            model,
            answer_tokens=settings.answer_tokens,
            variety=settings.seed if settings.verify_signatures else None,
        )
        envelope = self._envelope(model)
        finishes = fault is None or not fault.no_finish_reason
        if not payload.get("stream"):
            return deliver_body(encode_body(answer, envelope, with_finish_reason=finishes), fault)
        if settings.chunking == "tokens":
            chunks = encode_chunks(answer, envelope, with_finish_reason=finishes)
            return deliver_stream(StreamScript(self._comments, chunks), fault)
        # Reproducible, and no secret hangs on it.
        rng = random.Random(f"{settings.seed}/{self._generated}")  # noqa: S311
        *chunks, done = encode_cuts(answer, envelope, rng, with_finish_reason=finishes)
        delivery = deliver_stream(StreamScript(self._comments, chunks, done), fault)
        return scatter(delivery, rng)

    def _fault_for(self, headers: Mapping[str, str]) -> Fault | None:
        """The fault this request meets, counted off its ``times``."""
        text = headers.get(_FAULT_HEADER)
        try:
            fault = self._settings.fault if text is None else Fault.parse(text)
        except ValueError as exc:
            raise Refusal.invalid(f"{_FAULT_HEADER}: {exc}") from exc
        return self._met_now(fault)

    def _met_now(self, fault: Fault | None) -> Fault | None:
        """Return the fault, or None where it has struck as often as it says."""
        if fault is None or fault.times is None:
            return fault
        self._struck[fault] += 1
        return fault if self._struck[fault] <= fault.times else None

    def _allowed_in(self, organization: str) -> frozenset[str]:
        allowed = (self._settings.organizations or {}).get(organization)
        if allowed is None:
            raise Refusal(403, {"error": "Organization not found", "success": False})
        return allowed

    def _recording_for(self, headers: Mapping[str, str]) -> Recording | None:
        recordings = self._settings.recordings
        name = headers.get(_REPLAY_HEADER)
        if name is None:
            if not recordings:
                return None
            self._replayed += 1
            return recordings[(self._replayed - 1) % len(recordings)]
        for recording in recordings:
            if recording.name == name:
                return recording
        known = ", ".join(recording.name for recording in recordings) or "none"
        raise Refusal.invalid(f"{_REPLAY_HEADER}: no recording {name!r}; there are: {known}")

    def _is_anonymous(self, headers: Mapping[str, str]) -> bool:
        """Whether a request brings no key; one with a wrong key is refused."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return True
        known = self._settings.api_keys
        if known is not None and key.strip() not in known:
            raise Refusal.coded(401, "Invalid API key")
        return False

    def _envelope(self, model: EmulatedModel) -> Envelope:
        self._generated += 1
        # A made-up clock, one second per completion, keeps the bytes reproducible.
        created = _EPOCH + self._generated
        drawn = hashlib.sha256(f"{self._settings.seed}/{self._generated}".encode()).hexdigest()
        return Envelope(f"gen-{created}-{drawn[:20]}", created, model)


def _json(body: object) -> Delivery:
    data = orjson.dumps(body)
    return Delivery(headers={"Content-Type": "application/json"}, parts=(data,), length=len(data))
