"""The limits of a day and of an item, for plays in any order of their days."""

import random

import pytest

from state.users.record import DaySignals
from state.users.record_batch import new_users, pack
from streams.settings import Settings
from tests.state.users.plain_learning import DAY_S, learned, outcomes_of
from tests.support.generations import Played, plain
from tests.support.settings import settings_with

DAYS = 3000
TWO_A_DAY = [DAY_S * (1 + number // 2) for number in range(2 * DAYS)]
IN_OTHER_ORDERS = {
    "oldest first": TWO_A_DAY,
    "newest first": TWO_A_DAY[::-1],
    "after a play of today": [DAY_S * 20_000, *TWO_A_DAY[1:]],
    "shuffled": random.Random(1).sample(TWO_A_DAY, len(TWO_A_DAY)),
}


def test_robots_are_held_back_and_it_is_told() -> None:
    """Over the day's limit signals are not learnt; those of an item at its limit are told; the next day counts."""
    settings = settings_with(user_signals_per_day_max=3, item_weight_max=1.5, half_life_plays=float("inf"))
    events = [Played(offset, 1, DAY_S * (offset // 5)) for offset in range(7)]

    (record,) = plain(learned(new_users(1, 2), [events], settings)[0])

    assert 5 == record.plays
    assert [1.0] * 5 == [entry.value for entry in record.history]
    assert ["trimmed"] * 3 + ["capped"] * 2 + ["trimmed"] * 2 == outcomes_of(events, settings)


@pytest.mark.parametrize("times_s", IN_OTHER_ORDERS.values(), ids=IN_OTHER_ORDERS)
def test_a_whole_history_is_learnt_in_any_order(times_s: list[int]) -> None:
    """The day's limit is about days: 6,000 plays, two a day, are below it."""
    events = [Played(offset, offset, at_s) for offset, at_s in enumerate(times_s)]

    assert {"learnt"} == set(outcomes_of(events, Settings()))
    assert 2 * DAYS == plain(learned(new_users(1, 2), [events], Settings())[0])[0].plays


@pytest.mark.parametrize("seed", range(5))
def test_the_limit_of_a_day_holds_in_any_order(seed: int) -> None:
    """Of 60 days with 20 signals each, 7 are learnt from each, in groups of any size."""
    settings = settings_with(user_signals_per_day_max=7)
    rng = random.Random(seed)
    times_s = rng.sample([DAY_S * (1 + number % 60) for number in range(1200)], 1200)
    events = [Played(offset, offset, at_s) for offset, at_s in enumerate(times_s)]

    records, start = new_users(1, 2), 0
    while start < len(events):
        size = rng.randrange(1, 200)
        records, _ = learned(records, [events[start : start + size]], settings)
        start += size

    (record,) = plain(records)
    assert 60 * 7 == record.plays
    assert {7} == {record.day_signals, *(day.signals for day in record.days)}
    assert pack(learned(new_users(1, 2), [events], settings)[0]) == pack(records)


def test_the_days_of_a_record_are_bounded() -> None:
    """The day counted longest ago is forgotten, and begins anew when a signal of it comes."""
    settings = settings_with(user_signals_per_day_max=1, user_days_max=2)
    days = [1, 2, 3, 4, 2, 1, 1]

    events = [Played(offset, offset, DAY_S * day) for offset, day in enumerate(days)]

    assert ["learnt"] * 4 + ["capped", "learnt", "capped"] == outcomes_of(events, settings)
    (record,) = plain(learned(new_users(1, 2), [events], settings)[0])
    assert 1 == record.day
    assert 1 == record.day_signals
    assert [DaySignals(4, 1), DaySignals(2, 1)] == record.days
