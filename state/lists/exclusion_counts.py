"""Counts of items left out of lists, by reason: the list builder counts, the metrics read."""

from collections.abc import Mapping
from typing import Literal, get_args

Reason = Literal["known", "withdrawn", "unavailable", "hidden", "cooldown"]
REASONS: tuple[Reason, ...] = get_args(Reason)


class ExclusionCounts:
    """Counts of items left out, summed over all lists that were ranked; an item counts for each of its reasons.

    Attributes:
        counts: Items left out so far, by reason.
    """

    def __init__(self) -> None:
        self.counts: dict[Reason, int] = dict.fromkeys(REASONS, 0)

    def add(self, n_items: Mapping[Reason, int]) -> None:
        """Add the items that a batch of lists left out, by reason."""
        for reason, n in n_items.items():
            self.counts[reason] += n
