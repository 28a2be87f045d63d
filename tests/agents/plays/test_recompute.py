"""A listener's record, recomputed from their events, is the one that a worker writes."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.plays.recompute import recompute
from state.users.partition import PartitionState
from state.users.record import UserRecord
from streams.settings import override
from tests.support.deliveries import FIRST_S, Delivered, fold_slices, slice_of
from tests.support.settings import settings_with

SETTINGS = settings_with(history_max=6, hidden_max=2, shown_max=3, cooldown_shows=2, user_signals_per_day_max=20)
ANN = b"ann"
OF_LISTS: dict[str, Any] = {
    "generation_key": 0,
    "listed_at_s": 0,
    "listed_at_ms": 0,
    "list_score": 0.0,
    "listed": [],
    "vector": (),
}
"""Fields of a record that do not follow from events alone."""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[PartitionState]:
    """Give an empty partition."""
    opened = PartitionState(tmp_path / "state")
    yield opened
    opened.close()


def event(**fields: Any) -> bytes:
    """Return an event of ann's as it travels."""
    return msgspec.json.encode({"user_id": "ann", **fields})


def signal(item: str, at_s: int = FIRST_S, **fields: Any) -> bytes:
    """Return a play of ann's, or another signal."""
    return event(item_id=item, played_at_ms=1000 * at_s, **fields)


def delivered(*values: bytes) -> list[Delivered]:
    """Return ann's events by offset."""
    return [Delivered(offset, ANN, value) for offset, value in enumerate(values)]


def made_up_event(rng: random.Random) -> bytes:
    """Return an event of any kind; some are private or unreadable."""
    item = f"i{rng.randrange(9)}"
    return rng.choice(
        [
            signal(item, FIRST_S + rng.randrange(300_000)),
            signal(item, play_id=f"p{rng.randrange(5)}"),
            signal(item, type="skip"),
            signal(item, private=True),
            event(type="hide", item_id=item),
            event(type="unhide", item_id=item),
            event(type="shown", item_ids=[item, "i1"]),
            event(type="pause"),
            event(type="resume"),
            event(type="resume"),
            b"unreadable",
            *([event(type="forget")] if rng.random() < 0.2 else []),
        ]
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_record_is_that_of_a_worker(state: PartitionState, seed: int) -> None:
    """However a worker groups the events, and however many of them are applied one at a time."""
    rng = random.Random(seed)
    values = [made_up_event(rng) for _ in range(60)]
    for first in range(0, len(values), 7):
        group = [(ANN, value) for value in values[first : first + 7]]
        fold_slices([slice_of(0, first, *group)], {0: state}, None, SETTINGS)
    (stored,) = state.read([ANN])
    assert stored is not None

    recomputed = [recompute(delivered(*values), n_latest, 0, SETTINGS).record for n_latest in (0, 20, 60)]

    assert [replace(UserRecord.decode(stored), **OF_LISTS)] * 3 == [replace(r, **OF_LISTS) for r in recomputed]


def test_the_latest_events_have_outcomes() -> None:
    """By offset; an event that is private, unreadable or not among the latest has none."""
    settings = override(SETTINGS, user_signals_per_day_max=3, item_weight_max=1.5)
    values = (
        signal("i1"),
        signal("i1", play_id="p"),
        signal("i2", play_id="p"),
        event(type="pause"),
        signal("i3"),
        event(type="resume"),
        signal("i4", private=True),
        b"unreadable",
        signal("i5"),
        signal("i6"),
        event(type="forget"),
    )

    outcomes = recompute(delivered(*values), len(values) - 1, 0, settings).outcomes

    assert {
        1: "trimmed",
        2: "retried",
        3: "wished",
        4: "paused",
        5: "wished",
        8: "learnt",
        9: "capped",
        10: "wished",
    } == outcomes


def test_without_events_the_record_is_empty() -> None:
    """That of a listener nobody knows."""
    assert UserRecord() == recompute([], 5, 0, SETTINGS).record
