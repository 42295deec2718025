"""What a client may ask for: from its prompt to the arguments of a call.

The app decides: with the fields of ``PromptPolicy``, or with a hook of its own in its place.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import attrs

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.relay.protocol import Prompt
from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.types.reasoning import REASONING_LEVELS
from kilo_sdk.types.wire import WireDict

__all__ = ["PromptPolicy"]

_ROLES: Final = frozenset({"user", "assistant", "tool"})
_PARAMS: Final = frozenset({"max_tokens", "reasoning", "temperature"})
_TOKEN_CAPS: Final = frozenset({"max_tokens", "max_completion_tokens"})


@attrs.frozen(kw_only=True)
class PromptPolicy:
    """Makes a call of a prompt, and refuses what is not offered. The relay's default.

    Attributes:
        models: Refs that a client may name; empty: only the client's default model answers.
        max_tokens: Most tokens of an answer: the cap of what a client asks, and what is asked
            where it asks nothing. None is no cap.
        params: Fields that a client may set; others are refused.
        roles: Roles that messages of a client may have; ``system`` is not among them.
        system: Instructions put in front of every conversation.
        max_messages: Most messages of one prompt.
    """

    models: Collection[str] = ()
    max_tokens: int | None = None
    params: Collection[str] = _PARAMS
    roles: Collection[str] = _ROLES
    system: str | None = None
    max_messages: int = 500

    def __attrs_post_init__(self) -> None:
        if isinstance(self.models, str):
            raise ConfigurationError("models is a list of refs, not one string")
        for name in ("params", "roles"):
            if isinstance(getattr(self, name), str):
                raise ConfigurationError(f"{name} is a list of names, not one string")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ConfigurationError("max_tokens is at least 1, or None for no cap")

    def __call__(self, prompt: Prompt) -> dict[str, Any]:
        """Return the arguments for ``client.chat.completions.stream``.

        Raises:
            RelayRefusedError: The prompt asks for what is not offered; the client reads why.
        """
        options: dict[str, Any] = {"messages": self._messages(prompt)}
        if prompt.model is not None:
            if prompt.model not in self.models:
                raise RelayRefusedError("this model is not offered here", request=prompt.request)
            options["model"] = prompt.model
        for name, value in prompt.params.items():
            if name not in self.params:
                raise RelayRefusedError(
                    "a prompt may set " + (", ".join(sorted(self.params)) or "no parameters"),
                    request=prompt.request,
                )
            options[name] = value
        self._check_reasoning(options, prompt)
        self._cap(options, prompt)
        return options

    def _messages(self, prompt: Prompt) -> list[WireDict]:
        messages = prompt.messages
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        if len(messages) > self.max_messages:
            raise RelayRefusedError(
                f"a prompt has at most {self.max_messages} messages",
                code="too_long",
                request=prompt.request,
            )
        for message in messages:
            if message["role"] not in self.roles:
                raise RelayRefusedError(
                    f"messages have the roles {', '.join(sorted(self.roles))} here",
                    request=prompt.request,
                )
        if self.system is not None:
            return [{"role": "system", "content": self.system}, *messages]
        return messages

    def _check_reasoning(self, options: dict[str, Any], prompt: Prompt) -> None:
        level = options.get("reasoning")
        # An object would go out as it is, with whatever budget a stranger put into it.
        if level is not None and not (isinstance(level, str) and level in REASONING_LEVELS):
            raise RelayRefusedError(
                f"reasoning is one of {', '.join(REASONING_LEVELS)}",
                code="bad_prompt",
                request=prompt.request,
            )

    def _cap(self, options: dict[str, Any], prompt: Prompt) -> None:
        # Where an app offers the newer name of the same, the cap holds for that as well.
        for name in _TOKEN_CAPS & options.keys():
            asked = options[name]
            # Below 1 there are servers that take it for no cap at all.
            if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
                raise RelayRefusedError(
                    f"{name} is a whole number from 1", code="bad_prompt", request=prompt.request
                )
            if self.max_tokens is not None:
                options[name] = min(asked, self.max_tokens)
        if self.max_tokens is not None and not _TOKEN_CAPS & options.keys():
            options["max_tokens"] = self.max_tokens
