"""What is asked: conversations by number, the same for the same seed.

A conversation is a function of the seed and its number alone, so that any number of
generators, each with numbers of its own, together ask what one would have asked.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from kilo_sdk.bench.datasets import DatasetEntry
from kilo_sdk.bench.lengths import Lengths
from kilo_sdk.errors import ConfigurationError

__all__ = ["Conversation", "Workload", "synthetic_tools"]

# Common words: about a token each to most tokenizers.
_VOCABULARY: Final = """
time year people way day man thing woman life child world school state family student group
country problem hand part place case week company system program question work government
number night point home water room mother area money story fact month lot right study book
eye job word business issue side kind head house service friend father power hour game line
end member law car city community name president team minute idea body information back
parent face others level office door health person art war history party result change
morning reason research girl guy moment air teacher force education
"""
_WORDS: Final = tuple(_VOCABULARY.split())
_MOST_TOOLS: Final = 1000
_RANGES: Final = {"turns": (1, 1000), "prefixes": (1, 2**31), "prefix_tokens": (0, 10_000_000)}
_PROMPT: Final = Lengths("fixed", 128)
_ANSWER: Final = Lengths("fixed", 64)


@attrs.frozen(slots=True)
class Conversation:
    """What one user says, turn by turn.

    Attributes:
        turns: The messages of each turn, put behind the history.
        output_tokens: Most tokens of each answer, by turn, or None.
        tools: Tools that are offered, or None.
    """

    turns: tuple[tuple[dict[str, Any], ...], ...] = attrs.field(repr=False)
    output_tokens: tuple[int | None, ...]
    tools: tuple[dict[str, Any], ...] | None = attrs.field(default=None, repr=False)


def _share(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigurationError(f"{attribute.name} is a share from 0 to 1, not {value!r}")


def _count(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    least, most = _RANGES[attribute.name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigurationError(
            f"{attribute.name} is a whole number from {least} to {most}, not {value!r}"
        )


@attrs.frozen(slots=True, kw_only=True)
class Workload:
    """How conversations are made.

    Attributes:
        input_tokens: Length of each synthetic prompt, the shared prefix not counted; about,
            for a word of the prompt is taken for a token.
        output_tokens: Length of each answer, sent as ``max_tokens`` and asked for in
            synthetic prompts; None leaves it to the model.
        dataset: Conversations to have in turn instead of synthetic ones.
        turns: Turns of a synthetic conversation.
        tools: Tools that are offered with every request.
        prefix_tokens: Length of a shared beginning, a system message; 0 for none.
        prefix_ratio: Share of conversations that begin with a shared one; the others begin
            with one as long of their own.
        prefixes: How many different shared ones there are.
        reasoning: Reasoning level, or None (GATEWAY 4).
        stream: Whether answers are streamed.
        extra_body: Fields put into every request.
        seed: What chance is drawn from.

    Raises:
        ConfigurationError: A number is out of range.
    """

    input_tokens: Lengths = _PROMPT
    output_tokens: Lengths | None = _ANSWER
    dataset: Sequence[DatasetEntry] | None = attrs.field(default=None, repr=False)
    turns: int = attrs.field(default=1, validator=_count)
    tools: Sequence[dict[str, Any]] = attrs.field(default=(), repr=False)
    prefix_tokens: int = attrs.field(default=0, validator=_count)
    prefix_ratio: float = attrs.field(default=1.0, validator=_share)
    prefixes: int = attrs.field(default=1, validator=_count)
    reasoning: str | None = None
    stream: bool = True
    extra_body: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    seed: int = 0

    def conversation(
        self,
        number: int,
        *,
        entry: DatasetEntry | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
    ) -> Conversation:
        """Return a conversation.

        Args:
            number: Which, from 0.
            entry: What to have it of, instead of the data set or a synthetic prompt.
            input_tokens: Length of each synthetic prompt instead of a drawn one; there is one
                then, whatever the data set.
            output_tokens: Length of each answer, likewise.
        """
        # Reproducible, and no secret hangs on it.
        rng = random.Random(f"{self.seed}/{number}")  # noqa: S311
        if entry is None and self.dataset is not None and input_tokens is None:
            entry = self.dataset[number % len(self.dataset)]
        if entry is not None:
            return self._entry_conversation(entry, rng, output_tokens)
        turns: list[tuple[dict[str, Any], ...]] = []
        lengths = []
        for _ in range(self.turns):
            size = input_tokens or self.input_tokens.draw(rng)
            limit = output_tokens
            if limit is None and self.output_tokens is not None:
                limit = self.output_tokens.draw(rng)
            turns.append(({"role": "user", "content": _prompt(rng, size, limit)},))
            lengths.append(limit)
        if self.prefix_tokens:
            turns[0] = (self._prefix(rng, number), *turns[0])
        return Conversation(tuple(turns), tuple(lengths), tuple(self.tools) or None)

    def _entry_conversation(
        self, entry: DatasetEntry, rng: random.Random, output_tokens: int | None
    ) -> Conversation:
        lengths = []
        for _ in entry.turns:
            limit = output_tokens or entry.output_tokens
            if limit is None and self.output_tokens is not None:
                limit = self.output_tokens.draw(rng)
            lengths.append(limit)
        return Conversation(entry.turns, tuple(lengths), entry.tools or tuple(self.tools) or None)

    def _prefix(self, rng: random.Random, number: int) -> dict[str, Any]:
        """Return a system message that is one of the shared ones, or this conversation's own."""
        shares = rng.random() < self.prefix_ratio
        source = rng.randrange(self.prefixes) if shares else f"own/{number}"
        own = random.Random(f"{self.seed}/prefix/{source}")  # noqa: S311
        return {"role": "system", "content": _words(own, self.prefix_tokens)}


def synthetic_tools(count: int) -> list[dict[str, Any]]:
    """Return that many made-up tools in the form that chat completions take.

    Raises:
        ConfigurationError: More than 1000, or less than none; providers take 128 and less.
    """
    if not 0 <= count <= _MOST_TOOLS:
        raise ConfigurationError(f"made-up tools are 0 to {_MOST_TOOLS}, not {count}")
    return [
        {
            "type": "function",
            "function": {
                "name": f"look_up_{number}",
                "description": f"Look a word up in book {number} of the library.",
                "parameters": {
                    "type": "object",
                    "properties": {"word": {"type": "string"}, "page": {"type": "integer"}},
                    "required": ["word"],
                },
            },
        }
        for number in range(1, count + 1)
    ]


def _prompt(rng: random.Random, size: int, answer: int | None) -> str:
    """Return a prompt of about ``size`` words that asks for an answer of a length."""
    wish = "" if answer is None else f" Answer with exactly {answer} tokens."
    return _words(rng, max(size - len(wish.split()), 1)) + wish


def _words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(_WORDS, k=count))
