"""The progress of a sweep, partition by partition."""

from collections.abc import Iterable

from agents.background.refold_groups import UserGroup
from agents.background.sweep_order import SweepOrder
from agents.background.walk_progress import WalkProgress


class SweepProgress:
    """The progress of one sweep through several partitions."""

    def __init__(self, generation_id: str, partitions: Iterable[int]) -> None:
        """Begin a sweep under a generation."""
        self._walks = {
            partition: WalkProgress(
                "sweep_progress", "partition_swept", {"partition": partition, "generation": generation_id}, 0
            )
            for partition in partitions
        }

    def found(self, order: SweepOrder) -> None:
        """Take the numbers of a scan: users that are folded already, or left out, are done."""
        for partition, walk in self._walks.items():
            walk.n_users_about = order.n_users[partition]
            walk.seen = walk.n_users_about - order.n_left[partition]

    def done(self, group: UserGroup, n_folded: int) -> None:
        """Add a group that is durable."""
        self._walks[group.partition].add(group.seen, n_folded)

    def log_end(self, partition: int) -> None:
        """Log that a partition is swept."""
        self._walks[partition].log_end()
