"""The plays of a commit group, counted for the popular list: a listener counts once per item."""

from agents.group_context import GroupContext
from model.arrays import Codes
from model.listener_popularity import Signals, contributions
from state.generations.generation import Generation
from state.lists.popularity import LivePopularity
from state.users.admission import LEARNT, TRIMMED
from state.users.event_columns import EventColumns
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

    def learned(self, context: GroupContext, before: UserRecords, events: EventColumns, outcomes: Codes) -> None:
        """Count the signals of a group; before the first generation there are no rows to count in."""
        if context.generation is None:
            return
        counted = ((outcomes == LEARNT) | (outcomes == TRIMMED)) & (events.weights > 0)
        signals = Signals(events.starts, events.item_keys, events.weights, events.at_s, counted)
        changes = contributions(before.histories, signals, self._popularity.half_life_s)
        self._popularity.learn(
            context.generation,
            events.item_keys[counted],
            changes.after,
            changes.after_s,
            context.now_ms // 1000,
            (changes.before, changes.before_s),
        )
