"""Which known items may come again."""

import numpy as np
import pytest

from model.repeat_rule import KnownItems, known_excluded

AGES = np.array([0, 1, 9, 10, 500], np.int64)


@pytest.mark.parametrize(
    ("expected", "known_items", "repeat_after_plays"),
    [
        ([True] * 5, "exclude", 0),
        ([True, True, True, False, False], "exclude", 10),
        ([True, False, False, False, False], "exclude", 1),
        ([False] * 5, "include", 0),
        ([False] * 5, "include", 10),
    ],
)
def test_known_items_come_again_when_they_may(
    expected: list[bool], known_items: KnownItems, repeat_after_plays: int
) -> None:
    """Never, after so many plays of the listener's own, or always."""
    assert expected == known_excluded(AGES, known_items, repeat_after_plays).tolist()


def test_who_knows_nothing_has_nothing_left_out() -> None:
    """In every mode."""
    assert [[], []] == [known_excluded([], mode, 3).tolist() for mode in ("exclude", "include")]
