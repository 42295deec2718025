"""A conversation with a model: the connection to it, its history, and one turn at a time.

Turns are run from plain code, so that reading a line and Ctrl-C work as in any program;
all of them share one event loop and with it the connections.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType
from typing import Any, Final, Self

import attrs

from kilo_sdk.catalog.suggestions import did_you_mean
from kilo_sdk.cli.asking import opened_client
from kilo_sdk.cli.exit_codes import ExitCode, exit_code_of
from kilo_sdk.cli.model_refs import known_models
from kilo_sdk.cli.progress import Progress
from kilo_sdk.cli.render import Output
from kilo_sdk.cli.report import key_advice
from kilo_sdk.client import KiloClient
from kilo_sdk.config import KiloConfig
from kilo_sdk.errors import AuthenticationError, KiloError, NotFoundError
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.wire import WireMessage

__all__ = ["ChatOptions", "Conversation"]

_LOCAL_TOKENS_PER_SECOND: Final = 40.0
_LOCAL_TTFT: Final = 0.25


@attrs.frozen(kw_only=True)
class ChatOptions:
    """What ``kilo-sdk chat`` was told.

    Attributes:
        local: Ask the embedded gateway: no key, no network, no environment.
        base_url: Which gateway to ask; None is the environment's or the default one.
        model: Model ref; None is the client's default.
        reasoning: Reasoning level (GATEWAY 4), or None.
        system: Instructions that open the conversation, or None.
        max_tokens: Most tokens of an answer, or None.
        temperature: Sampling temperature, or None.
        stream: Whether to stream.
    """

    local: bool = False
    base_url: str | None = None
    model: str | None = None
    reasoning: str | None = None
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    stream: bool = True


class Conversation:
    """A conversation, from ``with`` to its end. For one thread.

    Args:
        options: What the command was told.
        config: What is configured, with the options over it; None where the options say
            it all, as with the embedded gateway.

    Raises:
        ConfigurationError: On entering: the options cannot work.
    """

    def __init__(self, options: ChatOptions, config: KiloConfig | None = None) -> None:
        self._options = options
        self._config = config
        self._ending = ExitStack()
        self.reset()

    def reset(self) -> None:
        """Forget what was said, but for the system message."""
        system = self._options.system
        self._history: list[WireMessage] = [{"role": "system", "content": system}] if system else []
        # One id per conversation: the gateway's prompt cache goes by it (GATEWAY 2).
        self._task_id = uuid.uuid4().hex

    def say(self, prompt: str, output: Output) -> ExitCode:
        """Take one turn: ask, print the answer as it comes, and remember both.

        A turn that fails or is interrupted leaves the history as it was before.

        Returns:
            How the turn ended; it has been told on ``output``.
        """
        progress = Progress(time.monotonic())
        try:
            completion = self._runner.run(self._take_turn(prompt, output, progress))
        except KeyboardInterrupt:
            # The runner has cancelled the turn, which closed its connection.
            output.interrupted(progress)
            return ExitCode.INTERRUPTED
        except KiloError as error:
            if isinstance(error, AuthenticationError) and self._config is not None:
                error.add_note(key_advice(self._config))
            if isinstance(error, NotFoundError) and self._config is not None:
                _suggest_another(error, self._config)
            output.failed(error, progress)
            return exit_code_of(error)
        output.completed(completion, progress)
        return ExitCode.DONE

    def __enter__(self) -> Self:
        with ExitStack() as ending:
            self._runner = ending.enter_context(asyncio.Runner())
            rooms = self._runner.run(self._open())
            ending.callback(lambda: self._runner.run(rooms.aclose()))
            self._ending = ending.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ending.close()

    async def _open(self) -> AsyncExitStack:
        options = self._options
        settings: dict[str, Any] = {"base_url": options.base_url, "reasoning": options.reasoning}
        if options.model is not None:
            settings["default_model"] = options.model
        async with AsyncExitStack() as rooms:
            if self._config is not None:
                self._client = await rooms.enter_async_context(opened_client(self._config))
                return rooms.pop_all()
            if options.local:
                # The server is not loaded for those who ask the real gateway.
                from kilo_sdk.emulator import LocalGateway

                gateway = await rooms.enter_async_context(
                    LocalGateway(tokens_per_second=_LOCAL_TOKENS_PER_SECOND, ttft=_LOCAL_TTFT)
                )
                settings["base_url"] = gateway.base_url
                settings["api_key"] = "local"
            self._client = await rooms.enter_async_context(KiloClient(**settings))
            return rooms.pop_all()

    async def _take_turn(self, prompt: str, output: Output, progress: Progress) -> ChatCompletion:
        said: WireMessage = {"role": "user", "content": prompt}
        completion = await self._ask([*self._history, said], output, progress)
        self._history += [said, completion.message.to_param()]
        return completion

    async def _ask(
        self, messages: list[WireMessage], output: Output, progress: Progress
    ) -> ChatCompletion:
        options, completions = self._options, self._client.chat.completions
        if not options.stream:
            completion = await completions.create(
                messages=messages,
                task_id=self._task_id,
                max_tokens=options.max_tokens,
                temperature=options.temperature,
            )
            output.reasoning(completion.reasoning or "")
            output.answer(completion.text)
            return completion
        async with completions.stream(
            messages=messages,
            task_id=self._task_id,
            max_tokens=options.max_tokens,
            temperature=options.temperature,
        ) as stream:
            progress.stream = stream
            async for chunk in stream:
                deltas = [choice.delta for choice in chunk.choices if choice.index == 0]
                reasoning = "".join(delta.reasoning or "" for delta in deltas)
                text = "".join(delta.content or "" for delta in deltas)
                progress.count(text, reasoning, time.monotonic())
                output.reasoning(reasoning)
                output.answer(text)
            return await stream.get_final_completion()


def _suggest_another(error: NotFoundError, config: KiloConfig) -> None:
    """Say what may have been meant, from a list that an earlier command got."""
    if error.model is not None and "did you mean" not in error.message:
        error.add_note(
            did_you_mean(error.model, known_models(config))
            or "'kilo-sdk models list' has the models there are"
        )
