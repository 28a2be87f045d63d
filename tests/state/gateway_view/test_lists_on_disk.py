"""Lists in the files of a view."""

from pathlib import Path

from state.gateway_view.lists_on_disk import lists_on_disk
from state.gateway_view.view import View
from streams.partitioning import partition_of
from tests.state.gateway_view.records import HOME, OTHER, TOPIC, made_of, put


def test_the_lists_on_the_disk_are_found_by_partition(tmp_path: Path) -> None:
    """With the place that the files have reached."""
    view = View(tmp_path / "view", n_partitions=4)
    put(view, HOME, made_of(9))
    put(view, OTHER, made_of(5))
    view.close()

    assert {HOME: 1, OTHER: 1} == lists_on_disk(tmp_path / "view", "ann", TOPIC, HOME, 4)
    assert {} == lists_on_disk(tmp_path / "view", "ben", TOPIC, partition_of("ben", 4), 4)
