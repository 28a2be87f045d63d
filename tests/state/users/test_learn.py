"""The changes that plays make in their users' records, held against a plain reference."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from model.decay import HalfLives
from state.users.admission import OUTCOMES
from state.users.event_columns import COPY, Action
from state.users.learn import learn
from state.users.record import ShownItem, UserRecord
from state.users.record_batch import new_users, pack
from streams.settings import Settings, override
from tests.state.users.plain_learning import DAY_S, HALF_LIFE, learn_plain, learned, outcomes_of
from tests.support.generations import Played, columns_of, plain
from tests.support.settings import settings_with

N_USERS = 3

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
OF_TWO = settings_with(play_ids_max=2)


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
