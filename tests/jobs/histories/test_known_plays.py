"""Plays that a listener's record remembers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jobs.histories.known_plays import KnownPlays, await_workers
from state.keys import item_key, play_id_key
from state.users.record import HistoryEntry, UserRecord
from streams.files.formats.ids import play_id_of
from streams.readers.log_reader import Span
from streams.settings import Settings

AT_S = 1_600_000_000


def known(*plays: tuple[str, int], history_max: int = 10, play_ids: tuple[str, ...] = ()) -> KnownPlays:
    """Return the known plays of ann, whose history has plays at seconds after `AT_S`."""
    history = [HistoryEntry(item_key(item), 1.0, number, AT_S + at) for number, (item, at) in enumerate(plays, 1)]
    record = UserRecord(plays=len(plays), history=history, play_ids=[play_id_key(name) for name in play_ids])
    return KnownPlays({b"ann": record.encode()}, history_max)


def ms(at: int) -> int:
    """Return a time after `AT_S` in milliseconds."""
    return (AT_S + at) * 1000


def test_a_play_of_the_history_is_known_by_item_and_second() -> None:
    """Of this listener, this item and this second."""
    is_known = known(("x", 5), ("y", 7))

    assert is_known("ann", "x", ms(5) + 999)
    assert not is_known("ann", "x", ms(7))
    assert not is_known("ann", "z", ms(5))
    assert not is_known("ben", "x", ms(5))


def test_a_play_with_a_remembered_id_is_known() -> None:
    """The ids of the latest plays are remembered even where the history is not."""
    is_known = known(play_ids=(play_id_of("ann", "x", ms(5)),))

    assert is_known("ann", "x", ms(5))
    assert not is_known("ann", "x", ms(6))


def test_a_history_that_is_not_full_has_dropped_nothing() -> None:
    """An earlier play of a known item is new."""
    assert not known(("x", 5), ("y", 7))("ann", "x", ms(4))


def test_a_full_history_may_have_dropped_earlier_plays() -> None:
    """A play before all of them, or before another one of its item, is taken for one that counts already."""
    is_known = known(("x", 5), ("y", 7), ("x", 9), history_max=3)

    assert is_known("ann", "z", ms(4))
    assert is_known("ann", "x", ms(8))
    assert not is_known("ann", "z", ms(8))
    assert not is_known("ann", "y", ms(8))
    assert not is_known("ann", "x", ms(10))


class FakeLag:
    """Plays that arrive and are committed at the same pace."""

    def __init__(self, committed: list[int]) -> None:
        """Commit up to these offsets, one a look; another play arrives at each."""
        self._committed = committed
        self.n_looks = 0

    async def spans(self) -> dict[int, Span]:
        """Return the waiting plays of two partitions; those of the second are committed."""
        start = self._committed[min(self.n_looks, len(self._committed) - 1)]
        self.n_looks += 1
        return {0: Span(start, 3 + self.n_looks), 1: Span(5, 5 + self.n_looks - 1)}


async def waiting_of(committed: list[int], monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Await workers that commit up to these offsets; return the plays that wait, and the number of looks."""
    lag = FakeLag(committed)

    @asynccontextmanager
    async def lag_of(_: Settings) -> AsyncIterator[FakeLag]:
        yield lag

    monkeypatch.setattr("jobs.histories.known_plays.lag_of", lag_of)
    monkeypatch.setattr("jobs.histories.known_plays.POLL_S", 0.0)
    monkeypatch.setattr("jobs.histories.known_plays.STALLED_S", 0.05)
    return await await_workers(Settings()), lag.n_looks


async def test_plays_that_arrive_meanwhile_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under steady traffic the lag is never 0."""
    assert (0, 4) == await waiting_of([1, 2, 3, 4, 5, 6, 7, 8], monkeypatch)


async def test_workers_that_stand_still_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plays from before that still wait are counted."""
    n_waiting, n_looks = await waiting_of([1, 2], monkeypatch)

    assert 2 == n_waiting
    assert n_looks > 2
