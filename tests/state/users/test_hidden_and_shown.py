"""Which items are left out of a list because their listener wished it, or never played them."""

import numpy as np

from state.users.event_columns import Action
from state.users.hidden_and_shown import cooling
from state.users.learn import half_lives_of, learn
from state.users.record_batch import UserRecords, new_users
from streams.settings import Settings
from tests.support.generations import Played, columns_of
from tests.support.settings import settings_with

SETTINGS = settings_with(cooldown_shows=2, cooldown_plays=3)


def after(*events: tuple[Action, int], settings: Settings = SETTINGS) -> UserRecords:
    """Return the record of a user after events, each an action and an item."""
    columns = columns_of([[Played(offset, key, action=action) for offset, (action, key) in enumerate(events)]])
    return learn(new_users(1, 2), columns, settings, half_lives_of(settings)).records


def cooled(records: UserRecords, settings: Settings = SETTINGS) -> list[int]:
    """Return the items that are left out for now."""
    cooldown = settings.users.cooldown_shows, settings.users.cooldown_plays
    return records.shown.item_keys[cooling(records.shown, records.header["plays"], cooldown)].tolist()  # type: ignore[no-any-return]


def test_an_item_that_is_shown_again_and_again_is_left_out_for_a_while() -> None:
    """From the second show on, for three plays of other items; then its shows are counted anew."""
    shown, play = (Action.SHOWN, 9), (Action.PLAY, 1)

    assert [] == cooled(after(shown))
    assert [9] == cooled(after(shown, shown))
    assert [9] == cooled(after(shown, shown, play, play))
    assert [] == cooled(after(shown, shown, play, play, play))
    assert [] == cooled(after(shown, shown, play, play, play, shown))
    assert [9] == cooled(after(shown, shown, play, play, play, shown, shown))


def test_a_play_ends_a_cool_down() -> None:
    """A like does, too; a skip does not."""
    shown = [(Action.SHOWN, 9), (Action.SHOWN, 9)]

    assert [] == cooled(after(*shown, (Action.PLAY, 9)))
    assert [] == cooled(after(*shown, (Action.SIGNAL, 9)))


def test_the_settings_decide_whether_items_cool_down() -> None:
    """Without a limit of shows nothing cools down, even with shows in memory."""
    records = after((Action.SHOWN, 9), (Action.SHOWN, 9))

    assert [] == cooled(records, Settings())


def test_memories_are_bounded() -> None:
    """The latest are kept; the item that was hidden first is listed again."""
    settings = settings_with(hidden_max=2, shown_max=2, cooldown_shows=1)

    hidden = after(*((Action.HIDE, key) for key in (1, 2, 1, 3)), settings=settings).hidden
    shown = after(*((Action.SHOWN, key) for key in (1, 2, 1, 3)), settings=settings).shown

    assert [1, 3] == hidden.keys.tolist()
    assert [1, 3] == shown.item_keys.tolist()
    np.testing.assert_array_equal([0, 2], hidden.starts)
    np.testing.assert_array_equal([2, 1], shown.shows)


def test_what_is_hidden_is_shown_again_on_wish() -> None:
    """Others stay hidden; showing an item that is not hidden changes nothing."""
    assert [2] == after((Action.HIDE, 1), (Action.HIDE, 2), (Action.UNHIDE, 1), (Action.UNHIDE, 7)).hidden.keys.tolist()


def test_memories_at_their_limit_do_not_depend_on_groups() -> None:
    """The oldest item is evicted by the event that is one too many, not at the end of a commit group."""
    settings = settings_with(hidden_max=2, shown_max=2, cooldown_shows=1)
    for one_more, one_less in ((Action.HIDE, Action.UNHIDE), (Action.SHOWN, Action.PLAY)):
        events = [(one_more, 1), (one_more, 2), (one_more, 3), (one_less, 3)]
        apart = new_users(1, 2)
        for offset, (action, key) in enumerate(events):
            event = columns_of([[Played(offset, key, action=action)]])
            apart = learn(apart, event, settings, half_lives_of(settings)).records

        together = after(*events, settings=settings)

        assert apart.hidden.keys.tolist() == together.hidden.keys.tolist()
        assert apart.shown.item_keys.tolist() == together.shown.item_keys.tolist()
        assert [2] == [*together.hidden.keys.tolist(), *together.shown.item_keys.tolist()]
