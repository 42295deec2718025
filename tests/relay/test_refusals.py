"""What clients hear of errors."""

from __future__ import annotations

import copy
import pickle

import pytest

from kilo_sdk import errors
from kilo_sdk.relay import RelayRefusedError
from kilo_sdk.relay.refusals import failure_of

SECRET = "the upstream's own words, with sk-key"
CLASSES = [
    cls
    for name in errors.__all__
    if isinstance(cls := getattr(errors, name), type) and issubclass(cls, errors.KiloError)
]


@pytest.mark.parametrize("cls", CLASSES)
def test_no_error_of_the_sdk_is_told_in_its_own_words(cls: type[errors.KiloError]) -> None:
    failure = failure_of(cls(SECRET))
    assert failure.state == "error"
    assert SECRET not in failure.text
    assert failure.text


def test_the_most_specific_word_counts() -> None:
    def code(error: BaseException) -> str:
        return failure_of(error).code

    assert code(errors.APITimeoutError("")) == "timeout"
    assert code(errors.APIConnectionError("")) == "unavailable"
    assert code(errors.ContextLengthExceededError("")) == "too_long"
    assert code(errors.BadRequestError("")) == "bad_prompt"
    assert code(errors.StreamProtocolError("")) == "interrupted"
    assert code(errors.UpstreamError("")) == "upstream"
    assert code(LookupError("x")) == "internal"


def test_a_wait_that_the_gateway_asks_for_is_passed_on() -> None:
    assert failure_of(errors.RateLimitError("", retry_after=3.0)).retry_after == 3.0


def test_words_of_the_app_are_told_as_they_are() -> None:
    failure = failure_of(RelayRefusedError("your trial is over", code="trial"))
    assert (failure.code, failure.text) == ("trial", "your trial is over")


def test_a_refusal_pickles_and_copies() -> None:
    refusal = RelayRefusedError("no", code="trial", stream="s", request="r")
    for twin in (pickle.loads(pickle.dumps(refusal)), copy.copy(refusal)):
        assert (str(twin), twin.code, twin.stream, twin.request) == ("no", "trial", "s", "r")
