"""A conversation too long for its model: how vendors say it, and the counts in their words.

Pure: a message in, a verdict or two numbers out.

Source: GATEWAY 8 (the upstream's own words come through the gateway).
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["context_length_counts", "says_context_exceeded"]

# How the main vendors say it: OpenAI, OpenRouter, DeepSeek, Mistral ("maximum context
# length"), xAI ("maximum prompt length"), Anthropic ("prompt is too long", "exceed context
# limit"), Bedrock ("input is too long"), Gemini ("token count ... exceeds"), Groq ("reduce
# the length"), Moonshot ("exceeded model token limit"), llama.cpp ("available context"),
# Together and TGI (name their parameters), Cohere ("cannot exceed", "size limit exceeded"),
# Zhipu ("exceeds max length"), Qwen ("range of input length"), vLLM ("maximum model length",
# "max_model_len"), SGLang and LM Studio ("than the ... context length").
_CONTEXT_WORDS: Final = (
    r"maximum (?:context|prompt|input) length"
    r"|(?:prompt|input|conversation) is too long"
    r"|token count.{0,60}(?:exceeds|only supports)"
    r"|input tokens exceed"
    r"|exceed(?:s|ed)?\b.{0,60}\bcontext[ _](?:length|window|limit|size)"
    r"|context[ _](?:length|window|limit|size)\b.{0,40}\bexceed"
    r"|exceeded model token limit"
    r"|too many input tokens|too many tokens: size limit exceeded"
    r"|\b(?:longer|greater) than the (?:\w+'s |maximum )?(?:context|model) length"
    r"|exceeds the max_model_len|too long to fit into the model"
    r"|loaded with context length of only"
    r"|tokens in the prompt cannot exceed"
    r"|`inputs` tokens \+ `max_new_tokens`|`inputs` must have less than"
    r"|prompt exceeds max(?:imum)? length"
    r"|range of input length should be"
    r"|reduce the length of (?:the|your) (?:messages|prompt|input)"
)

_LIMIT: Final = r"(?P<limit>\d[\d,]*)"
_REQUESTED: Final = r"(?P<requested>\d[\d,]*)"
# The most telling first. ``more`` is added to ``requested``: the answer's share, where a
# vendor counts it apart. Compiled at their first use, which most processes never come to.
_COUNTS: Final = (
    # Anthropic: "190000 + 20000 > 200000", "213462 tokens > 200000 maximum"
    rf"{_REQUESTED} \+ (?P<more>\d[\d,]*) > {_LIMIT}",
    rf"{_REQUESTED} tokens > {_LIMIT} maximum",
    # vLLM, where the prompt alone would fit: "your request has 27 input tokens (32768 >
    # 32768 - 27)"; and where it sums up: "for a total of at least 32769 tokens"
    rf"request has {_REQUESTED} input tokens \((?P<more>\d[\d,]*) > {_LIMIT} - ",
    rf"maximum context length is {_LIMIT}\b.{{0,140}}?for a total of (?:at least )?{_REQUESTED}",
    # OpenAI, OpenRouter, DeepSeek, vLLM: "... is 8192 tokens. However, you requested about
    # 9001 tokens", "your messages resulted in 9001", "your request has 9001 input tokens"
    rf"maximum (?:context|prompt|input) length (?:is|of) {_LIMIT}\b.{{0,80}}?"
    rf"(?:requested|resulted in|request has|request contains|prompt contains)(?: about)? "
    rf"(?:at least |a total of )?{_REQUESTED}",
    rf"configured limit of {_LIMIT} tokens\..{{0,40}}?resulted in {_REQUESTED}",
    # Mistral, which names what was asked first
    rf"prompt contains {_REQUESTED} tokens.{{0,60}}?model with {_LIMIT} maximum",
    # Gemini, with the numbers in brackets, and Vertex, with none
    rf"token count (?:\(|is ){_REQUESTED}.{{0,60}}?(?:allowed \(?|supports up to ){_LIMIT}",
    # Moonshot
    rf"token limit: {_LIMIT} \(requested: {_REQUESTED}\)",
    # Cohere
    rf"cannot exceed {_LIMIT} - received {_REQUESTED}",
    # Together, which counts the answer apart
    rf"must be <= {_LIMIT}\. Given: {_REQUESTED} `inputs` tokens and (?P<more>\d[\d,]*)",
    # llama.cpp
    rf"request \({_REQUESTED} tokens\) exceeds the available context size \({_LIMIT}",
    # TGI, Fireworks, Cerebras, DeepInfra, Copilot, Nova
    rf"must have less than {_LIMIT} tokens\. Given: {_REQUESTED}",
    rf"too long: {_REQUESTED}, model maximum context length: {_LIMIT}",
    rf"current length is {_REQUESTED} while limit is {_LIMIT}",
    rf"input length {_REQUESTED} exceeds maximum input length {_LIMIT}",
    rf"token count of {_REQUESTED} exceeds the limit of {_LIMIT}",
    rf"max input tokens: {_LIMIT}, request input token count: {_REQUESTED}",
    # vLLM, SGLang, LM Studio
    rf"length {_REQUESTED}\) is (?:longer than|too long).{{0,40}}?length (?:of )?{_LIMIT}",
    rf"prompt length {_REQUESTED} exceeds the max_model_len {_LIMIT}",
    rf"input \({_REQUESTED} tokens\) is longer than.{{0,40}}?length \({_LIMIT}",
    rf"first {_REQUESTED} tokens.{{0,80}}?context length of only {_LIMIT}",
    # The limit alone
    rf"maximum (?:context|prompt|input) length (?:is|of) {_LIMIT}\b",
    rf"maximum number of tokens allowed \(?{_LIMIT}\b",
    rf"available context size \({_LIMIT} tokens",
    rf"exceeded model token limit: {_LIMIT}\b",
    rf"range of input length should be \[\d+, {_LIMIT}\]",
)
_FLAGS: Final = re.IGNORECASE | re.DOTALL


def says_context_exceeded(words: str) -> bool:
    """Whether these are a vendor's words for a conversation longer than the model takes."""
    return re.search(_CONTEXT_WORDS, words, _FLAGS) is not None


def context_length_counts(words: str) -> tuple[int | None, int | None]:
    """Read what the model takes and what was asked of it, as far as the words tell.

    Returns:
        The limit and the requested count, in tokens. What was requested includes the
        answer's ``max_tokens`` where the vendor counts it in. None for what is not told.
    """
    for pattern in _COUNTS:
        found = re.search(pattern, words, _FLAGS)
        if found is not None:
            counts = {
                name: int(number.replace(",", "")) for name, number in found.groupdict().items()
            }
            requested = counts.get("requested")
            if requested is not None:
                requested += counts.get("more", 0)
            return counts["limit"], requested
    return None, None
