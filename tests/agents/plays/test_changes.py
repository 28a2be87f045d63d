"""The changes of a batch of users, split by partition."""

import numpy as np

from agents.plays.changes import Changes, changes_by_partition, remove_markers


def test_records_are_ordered_by_applied_offset() -> None:
    """So recovery knows by one number that a record is later than all before it; lists keep the same order."""
    users = {1: [b"ann", b"ben"], 4: [b"cem"]}

    changes = changes_by_partition(users, np.array([9, 3, 5]), [b"A", b"B", b"C"], {0: b"list", 1: None})

    assert Changes([(b"ben", b"B"), (b"ann", b"A")], 9, [(b"ben", None), (b"ann", b"list")], []) == changes[1]
    assert Changes([(b"cem", b"C")], 5, [], []) == changes[4]


def test_a_partition_without_users_has_empty_changes() -> None:
    """Its group may have nothing but rejects."""
    changes = changes_by_partition({2: []}, np.zeros(0, np.int64), [], {})

    assert {2: Changes([], -1, [], [])} == changes


def test_a_marker_is_removed_by_a_tombstone() -> None:
    """In its own partition, without a list."""
    assert {3: Changes([(b"ann", None)], -1, [], [])} == remove_markers({3: [b"ann"]})
