"""The changes that plays make in their users' records, held against a plain reference."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.decay import HalfLives
from state.users.admission import OUTCOMES
from state.users.event_columns import COPY, Action
from state.users.learn import half_lives_of, learn
from state.users.record import DaySignals, HistoryEntry, ShownItem, UserRecord
from state.users.record_batch import UserRecords, new_users, pack
from streams.settings import Settings, override
from tests.support.generations import Played, columns_of, plain
from tests.support.settings import settings_with

N_USERS = 3
HALF_LIFE = 3.0


LIMITS = settings_with(
    half_life_plays=HALF_LIFE,
    half_life_days=20.0,
    user_signals_per_day_max=4,
    item_weight_max=2.5,
    hidden_max=2,
    shown_max=3,
    cooldown_shows=2,
    cooldown_plays=2,
    user_days_max=2,
)
DAY_S = 86_400
OF_TWO = settings_with(play_ids_max=2)


def learn_plain(record: UserRecord, events: list[Played], settings: Settings) -> UserRecord:
    """Apply events to one record, one at a time, in lines that anybody can check."""
    learned = replace(record, play_ids=[*record.play_ids], vector=(0.0, 0.0))
    for event in events:
        if event.offset <= learned.applied_offset:
            continue
        learned.applied_offset = event.offset
        if event.action in (Action.PAUSE, Action.RESUME):
            learned.paused = event.action == Action.PAUSE
        elif event.action in (Action.HIDE, Action.UNHIDE):
            left = [key for key in learned.hidden if key != event.item_key]
            remaining = [*left, event.item_key] if event.action == Action.HIDE else left
            learned.hidden = remaining[max(0, len(remaining) - settings.users.hidden_max) :]
        elif event.action == Action.SHOWN:
            show_plain(learned, event.item_key, settings)
        elif event.action != Action.NOTHING:
            signal_plain(learned, event, settings)
    return learned


def show_plain(record: UserRecord, key: int, settings: Settings) -> None:
    """Count that an item was shown."""
    if record.paused:
        return
    old = next((item for item in record.shown if item.item_key == key), ShownItem(key, 0, 0))
    cooled = old.shows >= settings.users.cooldown_shows and record.plays - old.at_play >= settings.users.cooldown_plays
    left = [item for item in record.shown if item.item_key != key]
    record.shown = [*left, ShownItem(key, 1 if cooled else old.shows + 1, record.plays)][-settings.users.shown_max :]


def signal_plain(record: UserRecord, event: Played, settings: Settings) -> None:
    """Learn a signal, unless there is a reason not to."""
    if record.paused or (event.play_id and event.play_id in record.play_ids):
        return
    turn_to_day_plain(record, event.played_at_s // DAY_S, settings.users.days_max)
    if 0 < settings.signals.per_day_max <= record.day_signals:
        return
    record.day_signals += 1
    if event.play_id:
        play_ids = [*record.play_ids, event.play_id]
        record.play_ids = play_ids[max(0, len(play_ids) - settings.users.play_ids_max) :]
    record.plays += event.action == Action.PLAY
    record.last_played_s = max(record.last_played_s, event.played_at_s)
    if event.weight > 0:
        record.shown = [item for item in record.shown if item.item_key != event.item_key]
    record.history = history_plain(record, event, settings)


def turn_to_day_plain(record: UserRecord, today: int, days_max: int) -> None:
    """Count on another day, with the signals that were counted on it before, if it is still remembered."""
    if today == record.day:
        return
    others = [day for day in record.days if day.day != today]
    signals = sum(day.signals for day in record.days if day.day == today)
    if record.day_signals:
        others.append(DaySignals(record.day, record.day_signals))
    record.days = others[max(0, len(others) - days_max) :]
    record.day, record.day_signals = today, signals


def history_plain(record: UserRecord, event: Played, settings: Settings) -> list[HistoryEntry]:
    """Return the history after a signal: over its limit the oldest repeat goes, or the oldest signal."""
    history = [*record.history, HistoryEntry(event.item_key, event.weight, record.plays, event.played_at_s)]
    if len(history) > settings.users.history_max:
        items = [(entry.item_key, entry.value < 0) for entry in history]
        repeats = (place for place, item in enumerate(items) if item in items[place + 1 :])
        del history[next(repeats, 0)]
    return history


def learned(
    records: UserRecords, plays: list[list[Played]], settings: Settings | None = None
) -> tuple[UserRecords, list[bool]]:
    """Apply plays, a list a user; return for each user also whether a play was delivered again."""
    settings = settings or settings_with(history_max=4, play_ids_max=2, half_life_plays=HALF_LIFE)
    after, repeated, _ = learn(records, columns_of(plays), settings, half_lives_of(settings))
    return after, repeated.tolist()


@st.composite
def topics(draw: st.DrawFn) -> list[tuple[int, Played]]:
    """Draw a partition of events: users, items, times, worths and a few retried ids, in the order of their offsets."""
    one = st.tuples(
        st.integers(0, N_USERS - 1),
        st.integers(1, 6),
        st.integers(0, 90 * DAY_S),
        st.sampled_from([0, 0, 7, 8, 9, 10]),
        st.sampled_from([1.0, 1.0, 2.0, 0.25, -1.0]),
        st.sampled_from([Action.PLAY] * 5 + list(Action)),
    )
    drawn = draw(st.lists(one, max_size=30))
    return [(user, Played(offset, *rest)) for offset, (user, *rest) in enumerate(drawn)]


def of_each(topic: list[tuple[int, Played]]) -> list[list[Played]]:
    """Return the plays of each user."""
    return [[play for owner, play in topic if owner == user] for user in range(N_USERS)]


@given(topics(), st.integers(1, 5), st.integers(0, 3), st.integers(0, 3))
def test_learning_equals_the_plain_reference(
    topic: list[tuple[int, Played]], history_max: int, play_ids_max: int, hidden_max: int
) -> None:
    """Offsets, counts, histories, memories and wishes are those of the few lines above, bit for bit."""
    limits = {"history_max": history_max, "play_ids_max": play_ids_max, "hidden_max": hidden_max}
    settings, plays = override(LIMITS, **limits), of_each(topic)
    expected = [learn_plain(UserRecord(), events, settings) for events in plays]

    after, repeated = learned(new_users(N_USERS, 2), plays, settings)

    assert expected == plain(after)
    assert [False] * N_USERS == repeated


@given(topics(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=5), st.integers(0, 3))
def test_groups_and_deliveries_do_not_matter(
    topic: list[tuple[int, Played]], cuts: list[tuple[int, int]], play_ids_max: int
) -> None:
    """However plays are split into groups, and however much of them comes again, the records are the same."""
    settings = override(LIMITS, history_max=4, play_ids_max=play_ids_max)
    expected = plain(learned(new_users(N_USERS, 2), of_each(topic), settings)[0])

    records, begin = new_users(N_USERS, 2), 0
    for end, again in [*sorted(cuts), (len(topic), 3)]:
        records, _ = learned(records, of_each(topic[max(0, begin - again) : end]), settings)
        begin = min(end, len(topic))

    assert expected == plain(records)


@given(topics())
def test_the_same_plays_twice_change_nothing(topic: list[tuple[int, Played]]) -> None:
    """A second delivery is skipped whole, and it is told whose plays came again."""
    plays = of_each(topic)
    once, _ = learned(new_users(N_USERS, 2), plays)

    twice, repeated = learned(once, plays)

    assert plain(once) == plain(twice)
    assert [bool(events) for events in plays] == repeated


def test_an_offset_at_or_below_the_applied_one_is_skipped() -> None:
    """Only plays behind the applied offset are new."""
    first, _ = learned(new_users(1, 2), [[Played(10, 1)]])

    after, repeated = learned(first, [[Played(9, 2), Played(10, 3), Played(11, 4)]])

    (record,) = plain(after)
    assert 11 == record.applied_offset
    assert 2 == record.plays
    assert [1, 4] == [entry.item_key for entry in record.history]
    assert [True] == repeated


def test_an_offset_twice_in_one_group_counts_once() -> None:
    """Faust may queue a slice again while the first copy of it still waits."""
    after, _ = learned(new_users(1, 2), [[Played(5, 1), Played(5, 1), Played(6, 2)]])

    (record,) = plain(after)
    assert 6 == record.applied_offset
    assert 2 == record.plays
    assert [1.0, 1.0] == [entry.value for entry in record.history]


def test_a_clients_retry_counts_once_and_moves_the_applied_offset() -> None:
    """The play id is known, so nothing but the place in the topic changes."""
    first, _ = learned(new_users(1, 2), [[Played(0, 1, 100, play_id=77)]])

    after, repeated = learned(first, [[Played(1, 1, 200, play_id=77)]])

    assert [replace(plain(first)[0], applied_offset=1)] == plain(after)
    assert [False] == repeated


def test_the_oldest_play_ids_are_forgotten() -> None:
    """At `play_ids_max` a retry of a play longer ago counts again: the memory is bounded."""
    plays = [Played(offset, 1, play_id=offset + 1) for offset in range(5)]

    after, _ = learned(new_users(1, 2), [plays], OF_TWO)
    again, _ = learned(after, [[Played(5, 1, play_id=1)]], OF_TWO)

    assert [4, 5] == plain(after)[0].play_ids
    assert [5, 1] == plain(again)[0].play_ids
    assert 6 == plain(again)[0].plays


def test_no_play_ids_are_remembered_if_so_wished() -> None:
    """With `play_ids_max` 0 every retry counts, within a group too."""
    after, _ = learned(
        new_users(1, 2), [[Played(0, 1, play_id=7), Played(1, 1, play_id=7)]], settings_with(play_ids_max=0)
    )

    assert 2 == plain(after)[0].plays
    assert [] == plain(after)[0].play_ids


def test_nobody_and_nothing_is_learnt() -> None:
    """A group of rejects alone has no users, and a user may come without plays."""
    nobody, no_flags = learned(new_users(0, 2), [])
    alone, repeated = learned(new_users(1, 2), [[]])

    assert [] == plain(nobody)
    assert [] == no_flags
    assert [replace(UserRecord(), vector=(0.0, 0.0))] == plain(alone)
    assert [False] == repeated


def outcomes_of(events: list[Played], settings: Settings) -> list[str]:
    """Return the outcomes of one user's events."""
    found = learn(new_users(1, 2), columns_of([events]), settings, half_lives_of(settings))
    return [OUTCOMES[code] for code in found.outcomes]


def test_robots_are_held_back_and_it_is_told() -> None:
    """Over the day's limit signals are not learnt; those of an item at its limit are told; the next day counts."""
    settings = settings_with(user_signals_per_day_max=3, item_weight_max=1.5, half_life_plays=float("inf"))
    events = [Played(offset, 1, DAY_S * (offset // 5)) for offset in range(7)]

    (record,) = plain(learned(new_users(1, 2), [events], settings)[0])

    assert 5 == record.plays
    assert [1.0] * 5 == [entry.value for entry in record.history]
    assert ["trimmed"] * 3 + ["capped"] * 2 + ["trimmed"] * 2 == outcomes_of(events, settings)


def test_the_generation_decides_what_is_trimmed_and_changes_no_record() -> None:
    """Under a short half-life an item stays below its limit; the records are the same, bit for bit."""
    settings = settings_with(item_weight_max=1.5, half_life_plays=float("inf"))
    events = columns_of([[Played(offset, 1) for offset in range(3)]])

    long, short = (learn(new_users(1, 2), events, settings, HalfLives(plays)) for plays in (float("inf"), 0.5))

    assert ["trimmed"] * 3 == [OUTCOMES[code] for code in long.outcomes]
    assert ["learnt"] * 3 == [OUTCOMES[code] for code in short.outcomes]
    assert pack(long.records) == pack(short.records)


def test_nothing_is_learnt_between_pause_and_resume() -> None:
    """Neither plays nor shown items count; requests are carried out, and each outcome is told apart."""
    settings = settings_with(cooldown_shows=1)
    actions = [Action.PLAY, Action.PAUSE, Action.PLAY, Action.SHOWN, Action.HIDE, Action.RESUME, Action.PLAY]
    events = [Played(offset, offset + 1, action=action) for offset, action in enumerate(actions)]

    (record,) = plain(learned(new_users(1, 2), [events], settings)[0])

    assert [1, 7] == [entry.item_key for entry in record.history]
    assert 6 == record.applied_offset
    assert 2 == record.plays
    assert [5] == record.hidden
    assert [] == record.shown
    assert ["learnt", "wished", "paused", "paused", "wished", "wished", "learnt"] == outcomes_of(events, settings)


def test_all_items_of_one_event_were_shown() -> None:
    """They share its offset; delivered again, none of them counts."""
    settings = settings_with(cooldown_shows=3)
    events = [Played(4, key, action=Action.SHOWN) for key in (1, 2, 1)]

    once, _ = learned(new_users(1, 2), [events], settings)
    twice, repeated = learned(once, [events], settings)

    assert [ShownItem(2, 1, 0), ShownItem(1, 2, 0)] == plain(once)[0].shown
    assert plain(once) == plain(twice)
    assert [True] == repeated


DAYS = 3000
TWO_A_DAY = [DAY_S * (1 + number // 2) for number in range(2 * DAYS)]
IN_OTHER_ORDERS = {
    "oldest first": TWO_A_DAY,
    "newest first": TWO_A_DAY[::-1],
    "after a play of today": [DAY_S * 20_000, *TWO_A_DAY[1:]],
    "shuffled": random.Random(1).sample(TWO_A_DAY, len(TWO_A_DAY)),
}


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


def test_nothing_heard_changes_nothing() -> None:
    """It moves the applied offset, ages no signal, and is told apart."""
    events = [Played(0, 1), Played(1, 0, 0, 0, 0.0, Action.NOTHING), Played(2, 2)]

    (record,) = plain(learned(new_users(1, 2), [events], Settings())[0])

    assert ["learnt", "ignored", "learnt"] == outcomes_of(events, Settings())
    assert 2 == record.plays
    assert [1, 2] == [entry.item_key for entry in record.history]
    assert 2 == record.applied_offset


def test_a_copy_of_a_request_applies_where_something_is_stored() -> None:
    """Before the first signal it is nothing; behind one, in the same group or a later one, it is the request."""
    copies = [Played(0, 5, action=Action.HIDE | COPY), Played(1, 1), Played(2, 6, action=Action.HIDE | COPY)]
    pause = Played(3, 0, action=Action.PAUSE | COPY)

    together, _ = learned(new_users(1, 2), [[*copies, pause]], Settings())
    apart, _ = learned(new_users(1, 2), [copies], Settings())
    apart, _ = learned(apart, [[pause]], Settings())

    assert [6] == plain(together)[0].hidden
    assert plain(together)[0].paused
    assert pack(together) == pack(apart)
    assert ["ignored", "learnt", "wished", "wished"] == outcomes_of([*copies, pause], Settings())
