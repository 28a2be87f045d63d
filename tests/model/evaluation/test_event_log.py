"""Events in time, from columns or from histories, and the cut between training and stream."""

import numpy as np

from model.evaluation.event_log import Events, events_of, events_of_histories, split_events
from model.history import Histories, Plays, add_plays


def test_events_are_sorted_and_those_of_one_second_keep_their_order() -> None:
    """Events in any order are sorted by time; equal times do not reorder a listener's plays."""
    events = events_of(np.array([0, 1, 0]), np.array([7, 8, 9], np.uint64), np.array([5, 3, 5], np.uint32))

    assert [8, 7, 9] == events.item_keys.tolist()
    assert [1, 0, 0] == events.users.tolist()
    assert [1.0, 1.0, 1.0] == events.weights.tolist()


def histories() -> Histories:
    """Return histories of two listeners; the first one's second play arrived late, and the third repeats the first."""
    plays = Plays(
        np.array([0, 4, 6]),
        np.array([1, 2, 1, 3, 2, 4], np.uint64),
        np.ones(6, np.float32),
        np.array([50, 20, 60, 70, 10, 55], np.uint32),
    )
    columns = np.zeros(0, np.uint64), np.zeros(0, np.float32), np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    return add_plays(Histories(np.zeros(3, np.int64), *columns), np.zeros(2, np.uint32), plays, 9)[0]


def test_the_signals_of_a_history_are_events() -> None:
    """Every entry is one event at its own time, repeats too, in the order of its listener's plays."""
    events = events_of_histories(histories())

    assert [2, 1, 2, 4, 1, 3] == events.item_keys.tolist()
    assert [1, 0, 0, 1, 0, 0] == events.users.tolist()
    assert [1.0] * 6 == events.weights.tolist()
    assert events.counted.all()


def test_a_signal_that_did_not_count_is_no_play() -> None:
    """It has the number of the play before it, or 0 before the first; the first play of a listener counts."""
    touched = np.array([0, 1, 1, 2, 1, 1], np.uint32)

    events = events_of_histories(histories()._replace(touched_at_play=touched))

    of_first, of_second = (events.part(events.users == user) for user in (0, 1))
    assert [False, True, False, True] == of_first.counted.tolist()
    assert [True, False] == of_second.counted.tolist()


def test_a_signal_against_an_item_is_no_play() -> None:
    """A skip is the first entry with its count of plays if the history dropped the play before it."""
    values = np.array([1, -1, 1, 1, -1, 1], np.float32)

    events = events_of_histories(histories()._replace(values=values))

    of_first, of_second = (events.part(events.users == user) for user in (0, 1))
    assert [True, False, True, True] == of_first.counted.tolist()
    assert [False, True] == of_second.counted.tolist()


def test_a_late_play_does_not_overtake_those_before_it() -> None:
    """A play that arrived after a later one comes after it, because the history has that order."""
    old = histories()
    late = old._replace(last_played_s=np.array([80, 60, 70, 75, 10, 55], np.uint32))

    of_first = events_of_histories(late).part(events_of_histories(late).users == 0)

    assert old.item_keys[:4].tolist() == of_first.item_keys.tolist()


def test_entries_can_be_left_out() -> None:
    """An entry that is held out of a training gives no event."""
    mask = np.array([True, False, True, True, True, True])

    assert [2, 1, 4, 1, 3] == events_of_histories(histories(), mask).item_keys.tolist()


def test_only_first_plays_of_later_items_are_scored() -> None:
    """Neither the training, nor a listener's first event, nor a repeat, nor an event of several plays is scored."""
    events = Events(
        np.array([0, 0, 0, 1, 1, 0, 0]),
        np.array([5, 6, 7, 5, 9, 7, 8], np.uint64),
        np.arange(7, dtype=np.uint32),
        np.array([1, 1, 1, 1, 1, 1, 2], np.float32),
        np.ones(7, np.float32),
        np.ones(7, np.bool_),
    )

    split = split_events(events, n_trained=2)

    assert [0, 1, 2, 5, 6, 3, 4] == split.places.tolist()
    assert [2, 4] == split.places[split.scored].tolist()
    assert [5, 6] == split.vocabulary.tolist()
    assert [0, 1, -1, -1, -1, 0, -1] == split.rows.tolist()


def test_a_repeat_makes_no_history_longer() -> None:
    """Before each play stands how many different items its listener had played, each listener from none."""
    users, items = np.array([0, 0, 0, 1, 1, 0]), np.array([5, 6, 5, 5, 9, 7], np.uint64)

    split = split_events(events_of(users, items, np.arange(6, dtype=np.uint32)), n_trained=2)

    assert [0, 1, 2, 2, 0, 1] == split.lengths.tolist()


def with_likes() -> Events:
    """Return plays of two listeners with a like and a skip between them."""
    users, keys = np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.array([5, 6, 5, 6, 7, 7, 6, 7], np.uint64)
    signals = np.array([1, 1, -1, 0.5, 3, 1, 1, 1], np.float32)
    counted = np.array([True, True, False, True, False, True, True, True])
    return events_of(users, keys, np.arange(8, dtype=np.uint32), signals, counted)


def test_only_plays_of_what_nothing_was_known_of_are_scored() -> None:
    """A play of an item that the listener liked before is not scored, nor is a first play, nor a like."""
    split = split_events(with_likes(), n_trained=3)

    assert [7] == split.places[split.scored].tolist()
    assert split.has_signals


def test_plays_alone_are_the_same_plays() -> None:
    """In the same order, with the same scored ones, without the signals between them."""
    split = split_events(with_likes(), n_trained=3)

    alone = split.plays_alone()

    assert [0, 3, 6] == alone.starts.tolist()
    assert 2 == alone.n_trained
    assert [0, 1, 3, 2, 4, 5] == alone.places.tolist()
    assert [False, False, False, False, False, True] == alone.scored.tolist()
    assert [True, True, True, True, False, True] == alone.new.tolist()
    assert np.array_equal(split.vocabulary, alone.vocabulary)
    assert split.with_signals().weights.tolist() == split.signals.tolist()


def test_without_signals_nothing_is_left_out() -> None:
    """Events of plays alone are returned as they are."""
    split = split_events(events_of(np.array([0, 0]), np.array([5, 6], np.uint64), np.arange(2, dtype=np.uint32)), 1)

    assert not split.has_signals
    assert split is split.plays_alone()


def test_events_without_signals_are_plays_that_are_worth_one() -> None:
    """In their order; the others are gone."""
    alone = with_likes().plays_alone()

    assert [0, 1, 3, 5, 6, 7] == alone.played_at_s.tolist()
    assert [1] * 6 == alone.signals.tolist() == alone.weights.tolist()
