"""``client.chat.completions``: from a caller's arguments to an answer.

Source: GATEWAY 3 (the request), GATEWAY 5 (the answer).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, Unpack, overload

from kilo_sdk.answers import decode_completion
from kilo_sdk.attempts import Attempts
from kilo_sdk.begun_answer import Answer
from kilo_sdk.cost.call import CallCost, meters_of
from kilo_sdk.cost.dollars import Dollars, read_limit
from kilo_sdk.errors import APIError, ConfigurationError
from kilo_sdk.provider_memory import check_pin
from kilo_sdk.refs import ModelRef
from kilo_sdk.resilience.policy import CallPolicy, ResumeOption
from kilo_sdk.resources.calls import CallDefaults, completion_calls
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.streaming import CompletionStream
from kilo_sdk.timeouts import CallClocks, Timeouts
from kilo_sdk.types.completion import ChatCompletion

if TYPE_CHECKING:
    from kilo_sdk.client import KiloClient
    from kilo_sdk.cost.meter import CostMeter
    from kilo_sdk.resilience.try_report import OnTry
    from kilo_sdk.resources.call_options import CompletionOptions
    from kilo_sdk.routes import Route
    from kilo_sdk.transports.base import CompletionCall
    from kilo_sdk.types.params import CompletionParams, Messages, ProviderPin, ReasoningOption

__all__ = ["Chat", "Completions", "StreamOpening"]

_EVENT_STREAM: Final = "text/event-stream"
_BODY_MAX: Final = 256 * 2**20
_T = TypeVar("_T")


class Chat:
    """``client.chat``.

    Attributes:
        completions: Create and stream completions.
    """

    def __init__(self, client: KiloClient) -> None:
        self.completions = Completions(client)


class Completions:
    """``client.chat.completions``. Any number of tasks may call it at once."""

    def __init__(self, client: KiloClient) -> None:
        self._client = client
        self._defaults = CallDefaults(client)

    @overload
    async def create(
        self,
        *,
        messages: Messages,
        stream: Literal[False] = False,
        **options: Unpack[CompletionOptions],
    ) -> ChatCompletion: ...

    @overload
    async def create(
        self, *, messages: Messages, stream: Literal[True], **options: Unpack[CompletionOptions]
    ) -> CompletionStream: ...

    @overload
    async def create(
        self, *, messages: Messages, stream: bool, **options: Unpack[CompletionOptions]
    ) -> ChatCompletion | CompletionStream: ...

    async def create(
        self,
        *,
        messages: Messages,
        model: str | ModelRef | None = None,
        stream: bool = False,
        reasoning: ReasoningOption = None,
        fallback_models: Sequence[str | ModelRef] = (),
        task_id: str | None = None,
        mode: str | None = None,
        max_cost: Dollars | None = None,
        cost_meter: CostMeter | None = None,
        pin_provider: ProviderPin | None = None,
        timeouts: Timeouts | None = None,
        retries: RetryPolicy | None = None,
        on_try: OnTry | None = None,
        hedge_after: float | None = None,
        resume: ResumeOption | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CompletionParams],
    ) -> ChatCompletion | CompletionStream:
        """Ask a model for an answer.

        Args:
            messages: The conversation: a string (one user message), or a list of wire
                dicts and ``Message`` objects. Never changed.
            model: A ref such as ``kilocode/anthropic/claude-sonnet-4``; default: the
                client's.
            stream: Return the open stream instead of waiting for the whole answer.
            reasoning: A level (off, minimal, low, medium, high, xhigh, adaptive, max), or
                a dict or ``Reasoning`` that goes out as it is (GATEWAY 4).
            fallback_models: Models to try, in order, when this one cannot answer.
            task_id: One per conversation: the gateway's prompt cache goes by it.
            mode: A hint for auto models: plan, ask, debug, code, ... (GATEWAY 2).
            max_cost: What the call may cost, in US dollars. It is refused when its prompt
                alone would pass that, and its stream is stopped when what has come does; an
                answer that is not streamed cannot be stopped.
            cost_meter: Counts this call, besides the client's own meter.
            pin_provider: True to route to the provider that gave the conversation's last
                answer by this vendor first, or the name of one; default: the client's.
            timeouts: The five clocks for this call; default: the client's.
            retries: How often and how patiently to try; default: the client's.
            on_try: Called with a ``TryReport`` for each try; default: the client's.
            hedge_after: Seconds without output after which the call is sent once more, beside
                the try that is slow; ``math.inf`` for never; default: the client's.
            resume: ``"continue"`` to let the model go on with a stream that was cut, ``"off"``
                to raise the error; default: the client's.
            extra_headers: More headers for this call.
            extra_body: More fields for the request's body, before any middleware.
            **params: Any field of the chat-completions API; None means not sent.

        Returns:
            The whole answer, or with ``stream=True`` the open stream: iterate it, close
            it, or use it with ``async with``.

        Raises:
            ConfigurationError: The arguments cannot make a request; nothing was sent.
            BudgetExceededError: ``max_cost`` or a meter's budget does not allow the call.
            APIError: No whole answer came; see ``kilo_sdk.errors`` for which.
        """
        if not isinstance(stream, bool):
            raise ConfigurationError(f"stream is True or False, not {type(stream).__name__}")
        attempts = self._attempts(
            messages=messages,
            model=model,
            stream=stream,
            reasoning=reasoning,
            fallback_models=fallback_models,
            task_id=task_id,
            mode=mode,
            max_cost=max_cost,
            cost_meter=cost_meter,
            pin_provider=pin_provider,
            timeouts=timeouts,
            policy=self._defaults.policy.for_call(
                retries=retries, on_try=on_try, hedge_after=hedge_after, resume=resume
            ),
            extra_headers=extra_headers,
            extra_body=extra_body,
            params=params,
        )
        if stream:
            return await _open(attempts)
        if attempts.hedge_after is None:
            return await _complete(attempts)
        return await _hedged(attempts, _complete, _forget)

    def stream(
        self,
        *,
        messages: Messages,
        model: str | ModelRef | None = None,
        reasoning: ReasoningOption = None,
        fallback_models: Sequence[str | ModelRef] = (),
        task_id: str | None = None,
        mode: str | None = None,
        max_cost: Dollars | None = None,
        cost_meter: CostMeter | None = None,
        pin_provider: ProviderPin | None = None,
        timeouts: Timeouts | None = None,
        retries: RetryPolicy | None = None,
        on_try: OnTry | None = None,
        hedge_after: float | None = None,
        resume: ResumeOption | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CompletionParams],
    ) -> StreamOpening:
        """Stream an answer: ``async with client.chat.completions.stream(...) as stream``.

        Takes what ``create`` takes. The request is sent on entering the block; leaving it
        closes the connection at once, whatever is left.

        Raises:
            ConfigurationError: The arguments cannot make a request; nothing was sent.
        """
        return StreamOpening(
            self._attempts(
                messages=messages,
                model=model,
                stream=True,
                reasoning=reasoning,
                fallback_models=fallback_models,
                task_id=task_id,
                mode=mode,
                max_cost=max_cost,
                cost_meter=cost_meter,
                pin_provider=pin_provider,
                timeouts=timeouts,
                policy=self._defaults.policy.for_call(
                    retries=retries, on_try=on_try, hedge_after=hedge_after, resume=resume
                ),
                extra_headers=extra_headers,
                extra_body=extra_body,
                params=params,
            )
        )

    def _attempts(
        self,
        *,
        messages: Messages,
        model: str | ModelRef | None,
        stream: bool,
        reasoning: ReasoningOption,
        fallback_models: Sequence[str | ModelRef],
        task_id: str | None,
        mode: str | None,
        max_cost: Dollars | None,
        cost_meter: CostMeter | None,
        pin_provider: ProviderPin | None,
        timeouts: Timeouts | None,
        policy: CallPolicy,
        extra_headers: Mapping[str, str] | None,
        extra_body: Mapping[str, Any] | None,
        params: CompletionParams,
    ) -> Attempts:
        client, defaults = self._client, self._defaults
        defaults.connections.lifetime.check_open()
        pin = defaults.pin_provider if pin_provider is None else check_pin(pin_provider)
        calls = completion_calls(
            defaults,
            messages=messages,
            model=model,
            stream=stream,
            reasoning=reasoning,
            fallback_models=fallback_models,
            task_id=task_id,
            mode=mode,
            pin_provider=pin,
            extra_headers=extra_headers,
            extra_body=extra_body,
            params=params,
        )
        if timeouts is not None and not isinstance(timeouts, Timeouts):
            raise ConfigurationError(
                f"timeouts is a Timeouts object, not {type(timeouts).__name__}: "
                "Timeouts(first_token=30) and the like"
            )
        clocks = CallClocks(timeouts or defaults.timeouts)
        cost: CallCost = defaults.uncounted
        if not (max_cost is None and cost_meter is None and defaults.cost_meter is None):
            meters = meters_of(defaults.cost_meter, cost_meter)
            limit = read_limit(max_cost, "max_cost")
            cost = CallCost(defaults.prices, meters=meters, max_cost=limit, task_id=task_id)
        candidates: list[tuple[CompletionCall, Route]] = []
        # A comprehension is a function more, for one model nearly always.
        for call in calls:
            candidates.append((call, client.route_for(call.ref)))  # noqa: PERF401
        return Attempts(
            candidates,
            defaults.connections,
            policy,
            clocks,
            cost,
            load_prices=defaults.load_prices,
            advice=defaults.advice,
            memory=defaults.provider_memory,
            pins_provider=pin is True,
        )


class StreamOpening:
    """What ``completions.stream()`` returns: enter it to send the request."""

    __slots__ = ("_attempts", "_stream")

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._stream: CompletionStream | None = None

    async def __aenter__(self) -> CompletionStream:
        if self._stream is not None:
            raise ConfigurationError("this stream was entered before; call stream() again")
        stream = await _open(self._attempts)
        self._stream = await stream.__aenter__()
        return stream

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            await self._stream.close()


async def _open(attempts: Attempts) -> CompletionStream:
    """Return the stream of a call; of a hedged one when the first output is there."""
    if attempts.hedge_after is None:
        return CompletionStream(attempts, await attempts.open())
    stream = await _hedged(attempts, _open_to_output, CompletionStream.drop)
    try:
        stream.hand_out()
    except BaseException:
        # Told of it, the caller's hook raised: the caller never has this stream.
        stream.drop()
        raise
    return stream


async def _hedged(
    attempts: Attempts, answer: Callable[[Attempts], Awaitable[_T]], drop: Callable[[_T], object]
) -> _T:
    # Imported where it was asked for: most processes hedge no call.
    from kilo_sdk.hedging import hedged

    return await hedged(attempts, answer, drop)


async def _open_to_output(attempts: Attempts) -> CompletionStream:
    stream = CompletionStream(attempts, await attempts.open())
    await stream.until_output()
    return stream


def _forget(_: ChatCompletion) -> None:
    """A whole answer that comes too late holds nothing open."""


async def _complete(attempts: Attempts) -> ChatCompletion:
    """Return the whole answer of a call that asked for no stream."""
    try:
        while True:
            answer = await attempts.open()
            try:
                completion = _taken_at_once(attempts, answer)
                return await _read_whole(attempts, answer) if completion is None else completion
            except APIError as error:
                answer.exchange.close()
                await attempts.recover(error)
            except BaseException:
                answer.exchange.close()
                raise
    finally:
        # Of an answer that was given up nothing is known but what was asked.
        attempts.cost.settle()


def _taken_at_once(attempts: Attempts, answer: Answer) -> ChatCompletion | None:
    """Return the whole answer where it came with its headers, as short ones do; else None."""
    if answer.context.content_type == _EVENT_STREAM:
        return None
    exchange = answer.exchange
    body = exchange.take_whole(_BODY_MAX)
    if body is None:
        return None
    completion = _delivered(attempts, answer, body)
    exchange.close(reuse=True)
    return completion


async def _read_whole(attempts: Attempts, answer: Answer) -> ChatCompletion:
    if answer.context.content_type == _EVENT_STREAM:
        # Some upstreams stream whether asked to or not.
        stream = CompletionStream(attempts, answer)
        completion = await stream.until_end()
        stream.hand_out()
        return completion
    completion = _delivered(attempts, answer, await answer.exchange.read_all(_BODY_MAX))
    await answer.exchange.finish()
    return completion


def _delivered(attempts: Attempts, answer: Answer, body: bytes) -> ChatCompletion:
    completion = decode_completion(body, answer.context)
    attempts.delivered()
    attempts.cost.settle(lambda: completion)
    attempts.remember(completion)
    return completion
