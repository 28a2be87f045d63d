"""The state of the worker that a commit group works under, and the observers of groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from model.arrays import Codes
from state.generations.generation import Generation
from state.generations.serving import ServingObserver
from state.lists.context import ListContext
from state.users.event_columns import EventColumns
from state.users.partition import PartitionState
from state.users.record_batch import UserRecords


@dataclass(frozen=True, slots=True)
class GroupContext:
    """Everything that a commit group reads once, when it begins.

    Attributes:
        states: The partitions that this worker owns.
        generation: The generation in service; None before the first one.
        now_ms: The clock, in milliseconds since 1970.
    """

    states: Mapping[int, PartitionState]
    generation: Generation | None
    now_ms: int

    @property
    def lists(self) -> ListContext | None:
        """Return the context of the group's lists, None while no generation is in service."""
        return None if self.generation is None else ListContext(self.generation, self.now_ms)


class GroupObserver(ServingObserver, Protocol):
    """An observer of commit groups: it counts or measures, and changes no record."""

    def learned(self, context: GroupContext, before: UserRecords, events: EventColumns, outcomes: Codes) -> None:
        """Observe a group whose events were learned.

        Args:
            context: The context of the group.
            before: The users' records before the events.
            events: The group's events.
            outcomes: The outcome of every event, a place in `state.users.admission.OUTCOMES`.
        """
