"""From a caller's arguments to calls: one for each model that may answer.

What is checked here is refused before anything is sent. Nothing the caller gave is changed.

Source: GATEWAY 3 (the request), GATEWAY 4 (whose word on reasoning counts).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kilo_sdk.conversation import wire_messages
from kilo_sdk.cost.uncounted import Uncounted
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.outgoing import check_headers
from kilo_sdk.provider_memory import ProviderMemory
from kilo_sdk.refs import ModelRef
from kilo_sdk.settings import merge_headers, parse_ref
from kilo_sdk.transports.base import CompletionCall
from kilo_sdk.types.construction import MAKERS
from kilo_sdk.types.reasoning import Reasoning, check_level
from kilo_sdk.types.wire import WirePayload

if TYPE_CHECKING:
    from kilo_sdk.client import KiloClient
    from kilo_sdk.cost.meter import CostMeter
    from kilo_sdk.cost.prices import PriceList
    from kilo_sdk.http import Connections
    from kilo_sdk.resilience.policy import CallPolicy
    from kilo_sdk.timeouts import Timeouts
    from kilo_sdk.types.params import CompletionParams, Messages, ProviderPin, ReasoningOption

__all__ = ["CallDefaults", "completion_calls"]


class CallDefaults:
    """What a client has for all of its calls, read off it once; attributes are as its own.

    Of a client every one of them is a property, and a call needs them all.

    Args:
        client: One that is configured.
    """

    __slots__ = (
        "advice",
        "base_url",
        "connections",
        "cost_meter",
        "default_model",
        "load_prices",
        "pin_provider",
        "plain_headers",
        "policy",
        "prices",
        "provider_memory",
        "reasoning",
        "stream_headers",
        "timeouts",
        "uncounted",
    )

    def __init__(self, client: KiloClient) -> None:
        self.default_model: ModelRef = client.default_model
        self.reasoning: ReasoningOption = client.reasoning
        self.base_url: str = client.base_url
        self.plain_headers: Mapping[str, str] = client.call_headers(stream=False)
        self.stream_headers: Mapping[str, str] = client.call_headers(stream=True)
        self.timeouts: Timeouts = client.timeouts
        self.policy: CallPolicy = client.policy
        self.pin_provider: ProviderPin = client.pin_provider
        self.provider_memory: ProviderMemory = client.provider_memory
        self.cost_meter: CostMeter | None = client.cost_meter
        self.prices: PriceList = client.prices
        self.uncounted = Uncounted(client.prices)
        self.connections: Connections = client.connections
        self.advice: Callable[[str], str] = client.advice_on_missing
        self.load_prices: Callable[[], Awaitable[object]] = lambda: client.models.list()


def completion_calls(
    defaults: CallDefaults,
    *,
    messages: Messages,
    model: str | ModelRef | None = None,
    stream: bool = False,
    reasoning: ReasoningOption = None,
    fallback_models: Sequence[str | ModelRef] = (),
    task_id: str | None = None,
    mode: str | None = None,
    pin_provider: ProviderPin = False,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    params: CompletionParams | None = None,
) -> list[CompletionCall]:
    """Return the call as it goes to each model, the first choice first.

    Args:
        defaults: What counts where nothing is given, and who knows who gave which answer.
        messages: As for ``Completions.create``, like the arguments after it.
        model: Default: the client's.
        stream: Whether a stream is asked for.
        reasoning: Default: the client's.
        fallback_models: Models to try, in order, when this one cannot answer.
        task_id: One per conversation or task.
        mode: A hint for auto models.
        pin_provider: Checked; the client's where the call has none of its own.
        extra_headers: Over the client's headers.
        extra_body: Over the parameters.
        params: Those that are None are left out.

    Raises:
        ConfigurationError: The arguments cannot make a request.
    """
    if fallback_models != () and (
        isinstance(fallback_models, str) or not isinstance(fallback_models, Sequence)
    ):
        raise ConfigurationError(
            f"fallback_models is a list of model refs, not {type(fallback_models).__name__}"
        )
    refs = [defaults.default_model if model is None else parse_ref(model)]
    if fallback_models:
        refs.extend(map(parse_ref, fallback_models))
    payload: WirePayload = {"messages": wire_messages(messages)}
    if params:
        for key, value in params.items():
            if value is not None:
                payload[key] = value
    if extra_body is None:
        extra_body = {}
    elif not isinstance(extra_body, Mapping):
        raise ConfigurationError(
            f"extra_body is a mapping of fields, not {type(extra_body).__name__}"
        )
    default = defaults.reasoning
    if extra_body.get("reasoning_effort", payload.get("reasoning_effort")) is not None:
        # The call's own flat field, which the injection reads, beats the client's option.
        default = None
    level: str | None = None
    if reasoning is not None or default is not None:
        level = _apply_reasoning(payload, reasoning, default)
    if extra_body:
        payload.update(extra_body)
    headers = dict(defaults.stream_headers if stream else defaults.plain_headers)
    if extra_headers:
        headers = merge_headers(headers, extra_headers)
        check_headers(headers)
    calls: list[CompletionCall] = []
    for ref in refs:
        pinned: str | None = None
        if pin_provider:
            pinned = _pinned(pin_provider, defaults.provider_memory, messages, ref)
        call = MAKERS[CompletionCall](
            ref, payload, headers, defaults.base_url, stream, level, task_id, mode, pinned
        )
        calls.append(call)
    return calls


def _pinned(
    pin: str | Literal[True], memory: ProviderMemory, messages: Messages, ref: ModelRef
) -> str | None:
    """Return the provider that one model is to be asked of first, or None for any."""
    if isinstance(pin, str):
        return pin
    return memory.provider_for(messages, ref)


def _apply_reasoning(
    payload: WirePayload, reasoning: ReasoningOption, default: ReasoningOption
) -> str | None:
    """Put a reasoning object into the payload and return the level that applies.

    A call's object goes out as it is; the client's level still fills in an effort where
    the object names none (GATEWAY 4).
    """
    level: str | None = None
    for option in (default, reasoning):
        if option is None:
            continue
        if isinstance(option, Reasoning):
            payload["reasoning"] = option.to_param()
        elif isinstance(option, dict):
            payload["reasoning"] = dict(option)
        else:
            level = check_level(option)
            payload.pop("reasoning", None)
    return level
