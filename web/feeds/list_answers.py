"""The lists that answer events of this gateway: the outcome of each event, from the headers of the list."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count, islice

from streams.messages.list_requests import outcomes_in


class ListAnswers:
    """Holds the outcomes of the events that requests wait for, by the tokens of the events.

    A list is stored in the view before its headers are taken. So a request that has all outcomes reads a list that
    reflects its events. A token is never used again, so a list from before the start of the gateway answers nothing.
    """

    def __init__(self) -> None:
        self._name = secrets.token_hex(6)
        self._numbers = count()
        self._awaited: dict[bytes, dict[bytes, str]] = {}

    @property
    def any(self) -> bool:
        """Return whether any event waits for a list."""
        return bool(self._awaited)

    @contextmanager
    def expected(self, n: int) -> Iterator[tuple[list[bytes], dict[bytes, str]]]:
        """Yield the tokens of n events, and the outcomes by token, which grow while the block lasts."""
        tokens = [f"{self._name}-{number:x}".encode() for number in islice(self._numbers, n)]
        outcomes: dict[bytes, str] = {}
        self._awaited |= dict.fromkeys(tokens, outcomes)
        try:
            yield tokens, outcomes
        finally:
            for token in tokens:
                del self._awaited[token]

    def take(self, headers: Iterable[Iterable[tuple[str, bytes | None]]]) -> None:
        """Take the headers of some lists; the first outcome of an event counts."""
        for of_list in headers:
            for token, outcome in outcomes_in(of_list) if of_list else ():
                if token in self._awaited:
                    self._awaited[token].setdefault(token, outcome)
