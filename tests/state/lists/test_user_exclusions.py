"""The items that a user's own lists leave out."""

from dataclasses import replace
from pathlib import Path

from state.keys import item_key
from state.lists.user_exclusions import only_skipped, rows_under, unwanted
from state.users.record import HistoryEntry, ShownItem, UserRecord
from tests.support.generations import listener, make_generation, unpacked
from tests.support.settings import settings_with

SETTINGS = settings_with(cooldown_shows=3, cooldown_plays=2)


def test_hidden_items_and_items_shown_too_often_are_unwanted() -> None:
    """Each of its own user; an item that was shown less often is wanted."""
    tired = [ShownItem(item_key("i2"), 3, 2), ShownItem(item_key("i3"), 2, 2)]
    records = unpacked(
        replace(listener(9, 8), hidden=[item_key("i1")]), replace(listener(9, 8), shown=tired), listener(9)
    )

    hidden, cooled = unwanted(records, SETTINGS.users)

    assert [0, 1, 1, 1] == hidden.starts.tolist()
    assert [item_key("i1")] == hidden.keys.tolist()
    assert [0, 0, 1, 1] == cooled.starts.tolist()
    assert [item_key("i2")] == cooled.keys.tolist()


def test_an_item_with_signals_against_it_alone_is_skipped() -> None:
    """One that the same user has also played is not."""
    signals = [(1, -1.0), (2, 1.0), (2, -1.0), (3, -0.5), (3, -0.5)]
    history = [HistoryEntry(item_key(f"i{item}"), weight, 1, 100) for item, weight in signals]
    records = unpacked(UserRecord(plays=1, history=history), listener(1))

    skipped = only_skipped(records)

    assert [0, 3, 3] == skipped.starts.tolist()
    assert {item_key("i1"), item_key("i3")} == set(skipped.keys.tolist())


def test_an_item_that_the_generation_does_not_know_has_no_row(tmp_path: Path) -> None:
    """It is -1, which no list holds."""
    generation = make_generation(tmp_path)
    records = unpacked(replace(listener(9), hidden=[item_key("i1"), item_key("unknown")]))

    rows = rows_under(generation, unwanted(records, SETTINGS.users).hidden)

    assert "i1" == generation.item_ids[rows.rows[0]]
    assert -1 == rows.rows[1]
