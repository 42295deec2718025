"""How vendors say that a conversation is too long, and the counts in their words."""

from __future__ import annotations

import pytest

from kilo_sdk.context_length import context_length_counts, says_context_exceeded


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 8192 tokens. However, your messages resulted in"
        " 9001 tokens.",
        "This endpoint's maximum context length is 200000 tokens. However, you requested about"
        " 250000 tokens (240000 of text input, 10000 in the output).",
        "Your input exceeds the context window of this model. Please adjust your input.",
        "Input tokens exceed the configured limit of 272000 tokens.",
        "prompt is too long: 220000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
        "The input token count is 40000 but model only supports up to 32768.",
        "Input is too long for requested model.",
        "Too many input tokens: 5000",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "Please reduce the length of the messages or completion.",
        "Invalid request: Your request exceeded model token limit: 131072",
        "the request exceeds the available context size. try increasing the context size",
        "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        "context_length_exceeded: the context window was exceeded",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193.",
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000",
        "Prompt exceeds max length",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "The prompt (total length 140000) is too long to fit into the model",
        "The engine prompt length 1327 exceeds the max_model_len 1024. Please reduce prompt.",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        "too many tokens: size limit exceeded by 11326 tokens. Try using shorter inputs",
        "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000",
        "The number of tokens to keep from the initial prompt is greater than the context length",
        "However, the model is loaded with context length of only 4096 tokens",
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]",
    ],
)
def test_the_vendors_words_for_too_long_a_conversation(words: str) -> None:
    assert says_context_exceeded(words)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
        "Rate limit reached: too many tokens per minute",
        "Rate limit reached: too many tokens: the maximum of 30000 per minute is exceeded",
        "The context of this call is not known",
        "Quota exceeded for quota metric 'Generate Content API requests per minute'",
        "invalid temperature: must not exceed 2",
        "The conversation must alternate between roles, and no message is longer than the others",
        "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7000",
        "max_tokens: 20000 > 8192, which is the maximum allowed number of output tokens",
        "Range of max_tokens should be [1, 8192]",
    ],
)
def test_other_words_are_not_taken_for_too_long_a_conversation(words: str) -> None:
    assert not says_context_exceeded(words)


COUNTS = [
    (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in"
        " 9001 tokens. Please reduce the length of the messages.",
        8192,
        9001,
    ),
    (
        "This endpoint's maximum context length is 200000 tokens. However, you requested about"
        " 250000 tokens (240000 of text input, 10000 in the output).",
        200000,
        250000,
    ),
    (
        "This model's maximum context length is 8192 tokens. However, you requested 9096 tokens"
        " (5000 in the messages, 4096 in the completion).",
        8192,
        9096,
    ),
    (
        "This model's maximum context length is 4096 tokens. However, your request has 5000 input"
        " tokens.",
        4096,
        5000,
    ),
    ("prompt is too long: 213462 tokens > 200000 maximum", 200000, 213462),
    (
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in"
        " 300123 tokens. Please reduce the length of the messages.",
        272000,
        300123,
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 32768. This model's maximum context"
        " length is 32768 tokens and your request has 27 input tokens (32768 > 32768 - 27).",
        32768,
        32795,
    ),
    (
        "This model's maximum context length is 32768 tokens. However, you requested 0 output"
        " tokens and your prompt contains at least 32769 input tokens, for a total of at least"
        " 32769 tokens.",
        32768,
        32769,
    ),
    (
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        4096,
        5000,
    ),
    (
        "The prompt (total length 140000) is too long to fit into the model (context length"
        " 131072). Make sure that `max_model_len` is no smaller.",
        131072,
        140000,
    ),
    ("The engine prompt length 1327 exceeds the max_model_len 1024.", 1024, 1327),
    (
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        4096,
        5000,
    ),
    (
        "Requested token count exceeds the model's maximum context length of 32768 tokens. You"
        " requested a total of 40000 tokens: 30000 tokens from the input messages.",
        32768,
        40000,
    ),
    (
        "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000",
        4096,
        5000,
    ),
    ("The prompt is too long: 140000, model maximum context length: 131071", 131071, 140000),
    (
        "Please reduce the length of the messages or completion. Current length is 9000 while"
        " limit is 8192",
        8192,
        9000,
    ),
    ("Requested input length 40000 exceeds maximum input length 32767", 32767, 40000),
    ("prompt token count of 140000 exceeds the limit of 128000", 128000, 140000),
    (
        "Too many input tokens. Max input tokens: 8192, request input token count: 9000",
        8192,
        9000,
    ),
    (
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is"
        " loaded with context length of only 4096 tokens, which is not enough.",
        4096,
        5000,
    ),
    (
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease"
        " input length or `max_tokens` and try again",
        200000,
        210000,
    ),
    (
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        1048576,
        1200000,
    ),
    (
        "The input token count exceeds the maximum number of tokens allowed 1048576.",
        1048576,
        None,
    ),
    (
        "Unable to submit request because the input token count is 40000 but model only supports"
        " up to 32768.",
        32768,
        40000,
    ),
    (
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        131072,
        537812,
    ),
    (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum"
        " context length",
        32768,
        40000,
    ),
    (
        "Invalid request: Your request exceeded model token limit: 131072 (requested: 140000)",
        131072,
        140000,
    ),
    ("Invalid request: Your request exceeded model token limit: 131072", 131072, None),
    (
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000",
        4081,
        5000,
    ),
    (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000"
        " `inputs` tokens and 512 `max_new_tokens`",
        8193,
        9512,
    ),
    ("request (9001 tokens) exceeds the available context size (8192 tokens)", 8192, 9001),
    ("the request exceeds the available context size (8192 tokens), try increasing it", 8192, None),
    ("Range of input length should be [1, 129024]", 129024, None),
    ("maximum context length is 131,072 tokens. However, you requested 140,000", 131072, 140000),
    ("Input is too long for requested model.", None, None),
    ("invalid params, context window exceeds limit (2013)", None, None),
    ("Please reduce the length of the messages or completion.", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("words", "limit", "requested"), COUNTS)
def test_the_counts_in_the_vendors_words(
    words: str, limit: int | None, requested: int | None
) -> None:
    assert context_length_counts(words) == (limit, requested)
