"""Headers that ask for a list, and those by which it answers."""

import pytest

from streams.messages.list_requests import TOKEN_BYTES_MAX, outcome_of, outcomes_in, request_of, token_of


def test_a_token_travels_there_and_back() -> None:
    """Beside headers of others."""
    assert b"a-1" == token_of([("trace", b"x"), request_of(b"a-1")])
    headers = [outcome_of(b"a-1", "learnt"), ("trace", b"x"), outcome_of(b"a-2", "capped")]
    assert [(b"a-1", "learnt"), (b"a-2", "capped")] == outcomes_in(headers)


@pytest.mark.parametrize("value", [None, b"", b"a b", b"x" * (TOKEN_BYTES_MAX + 1)])
def test_an_unusable_token_asks_for_nothing(value: bytes | None) -> None:
    """The event counts all the same."""
    assert None is token_of([("playfold-list", value)])


def test_the_longest_token_is_one() -> None:
    """To the byte."""
    assert b"x" * TOKEN_BYTES_MAX == token_of([request_of(b"x" * TOKEN_BYTES_MAX)])


def test_headers_of_others_answer_nothing() -> None:
    """Nor does one without a value; bytes that are no text do no harm."""
    assert [] == outcomes_in([("other", b"a-1 learnt"), ("playfold-outcome", None), ("playfold-outcome", b"")])
    assert [(b"a-1", "\N{REPLACEMENT CHARACTER}")] == outcomes_in([("playfold-outcome", b"a-1 \xff")])
