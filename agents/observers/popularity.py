"""The plays of a commit group, counted for the popular list."""

from agents.group_context import GroupContext
from model.arrays import Codes
from state.generations.generation import Generation
from state.lists.popularity import LivePopularity
from state.users.event_columns import EventColumns
from state.users.learn import LEARNT
from state.users.record_batch import UserRecords


class PopularityObserver:
    """Counts learned signals, each once, under the generation in service."""

    def __init__(self, popularity: LivePopularity) -> None:
        """Count in `popularity`."""
        self._popularity = popularity

    def generation_swapped(self, generation: Generation) -> None:
        """Begin anew with the popularity of the training."""
        self._popularity.generation_swapped(generation)

    def revision_swapped(self, generation: Generation) -> None:
        """Leave out other items."""
        self._popularity.revision_swapped(generation)

    def learned(self, context: GroupContext, before: UserRecords, events: EventColumns, outcomes: Codes) -> None:  # noqa: ARG002  the observers' signature
        """Count the signals of a group; before the first generation there are no rows to count in."""
        if context.generation is None:
            return
        learnt = outcomes == LEARNT
        signals = events.item_keys[learnt], events.weights[learnt], events.at_s[learnt]
        self._popularity.learn(context.generation, *signals, context.now_ms // 1000)
