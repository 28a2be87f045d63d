"""How many items were left out of lists, by the reason: counted where lists are made, read by the metrics."""

from collections.abc import Mapping
from typing import Literal, get_args

Reason = Literal["known", "withdrawn", "unavailable", "hidden", "cooldown"]
REASONS: tuple[Reason, ...] = get_args(Reason)


class LeftOut:
    """Counts of items left out, summed over all lists that were ranked; an item counts for each of its reasons.

    Attributes:
        counts: Items left out so far, by reason.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.counts: dict[Reason, int] = dict.fromkeys(REASONS, 0)

    def add(self, n_items: Mapping[Reason, int]) -> None:
        """Take in what a batch of lists left out."""
        for reason, n in n_items.items():
            self.counts[reason] += n
