"""A listener's lists on several partitions."""

from pathlib import Path

import msgspec

from state.gateway_view.stored_list import StoredList
from state.gateway_view.view import View
from streams.partitioning import partition_of
from tests.state.gateway_view.records import HOME, OTHER, THIRD, made_of, put


def plays_of(view: View) -> int | None:
    """Return the plays that ann's list reflects."""
    stored = view.list_of("ann")
    return None if stored is None else int(msgspec.json.decode(stored.value)["plays"])


def test_of_lists_on_several_partitions_the_one_with_most_plays_is_given_out(tmp_path: Path) -> None:
    """Their offsets are of different logs; of equals it is that of the key's own partition."""
    view = View(tmp_path / "view", n_partitions=4)
    put(view, OTHER, made_of(5, offset=1000))
    assert 5 == plays_of(view)
    put(view, HOME, made_of(9, offset=3))
    put(view, THIRD, made_of(7, offset=9999))

    assert 9 == plays_of(view)
    assert [3, 1000, 9999] == [view.reflected_position("ann", number) for number in (HOME, OTHER, THIRD)]
    put(view, OTHER, made_of(9, offset=2000))
    assert 3 == (view.list_of("ann") or StoredList(0, b"", 0)).position
    view.close()


def test_a_tombstone_removes_the_list_of_its_partition_alone(tmp_path: Path) -> None:
    """The others stand until theirs come, also after a restart."""
    view = View(tmp_path / "view", n_partitions=4)
    put(view, HOME, made_of(9))
    put(view, OTHER, made_of(5))
    put(view, HOME, None)
    view.close()
    view = View(tmp_path / "view", n_partitions=4)

    assert 5 == plays_of(view)
    put(view, OTHER, None)
    assert plays_of(view) is None
    view.close()


def test_listeners_with_a_misplaced_list_are_found(tmp_path: Path) -> None:
    """Each once, in order."""
    view = View(tmp_path / "view", n_partitions=4)
    for user in ("anna", "ann", "bob"):
        for partition in range(4):
            put(view, partition, made_of(1), user)
    put(view, (partition_of("andy", 4) + 1) % 4, made_of(1), "andy")

    assert ["andy", "ann", "anna"] == view.listeners("an", 9)
    assert ["andy", "ann"] == view.listeners("an", 2)
    view.close()
