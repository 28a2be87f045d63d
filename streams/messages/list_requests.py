"""Headers by which a sender asks for a listener's list, and by which the list answers.

A record of `plays` with the header `playfold-list` asks for the list of its listener: a worker publishes the list with
the event, also if it has not changed. The list has a header `playfold-outcome` with the token of the event and its
outcome. So a sender that follows `recommendations` recognizes the list of its own event.
"""

from collections.abc import Iterable, Sequence

REQUEST, OUTCOME = "playfold-list", "playfold-outcome"
"""The names of the headers of an event and of a list."""
TOKEN_BYTES_MAX = 64
ANSWERS_MAX = 500
"""Most events that one list answers, the latest ones."""
Header = tuple[str, bytes]


def request_of(token: bytes) -> Header:
    """Return the header that asks for a list."""
    return REQUEST, token


def token_of(headers: Iterable[tuple[str, bytes | None]]) -> bytes | None:
    """Return the token of a request; None if there is none, or it is empty, too long or has a space.

    >>> token_of([("trace", b"1"), ("playfold-list", b"a7-1")]), token_of([("playfold-list", b"a b")])
    (b'a7-1', None)
    """
    for name, value in headers:
        if name == REQUEST and value and len(value) <= TOKEN_BYTES_MAX and b" " not in value:
            return value
    return None


def outcome_of(token: bytes, outcome: str) -> Header:
    """Return the header by which a list answers an event."""
    return OUTCOME, token + b" " + outcome.encode()


def outcomes_in(headers: Iterable[tuple[str, bytes | None]]) -> Sequence[tuple[bytes, str]]:
    """Return the tokens and outcomes of the events that a list answers.

    >>> outcomes_in([outcome_of(b"a7-1", "learnt"), ("trace", None)])
    [(b'a7-1', 'learnt')]
    """
    parts = [value.partition(b" ") for name, value in headers if name == OUTCOME and value]
    return [(token, outcome.decode(errors="replace")) for token, _, outcome in parts]
