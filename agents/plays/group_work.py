"""The work on a commit group between reading and committing it: from slices, or users, to changes."""

from collections.abc import Iterable, Mapping, Sequence

from agents.group_context import GroupContext, GroupObserver
from agents.observers.arrival_counts import ArrivalCounts
from agents.observers.outcome_log import OutcomeLog
from agents.plays.changes import Changes, Users, remove_markers
from agents.plays.decode import read_group
from agents.plays.fold import Folder
from agents.plays.private_lists import PrivateLists
from agents.plays.private_sessions import PrivateSessions
from state.lists.build import ListBuilder
from state.lists.popularity import Popularity
from state.lists.ranker import Ranker
from state.users.record_bytes import is_forgotten
from streams.consumer.slices import Slice
from streams.settings import Settings


class GroupWork:
    """Turns slices or users into changes; one thread at a time does it.

    Partitions that this worker does not own are left out of the changes.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Folder,
        private_lists: PrivateLists,
        arrival_counts: ArrivalCounts | None = None,
        outcome_log: OutcomeLog | None = None,
    ) -> None:
        """Fold with `folder`, and add private lists."""
        self._settings, self._folder, self.private_lists = settings, folder, private_lists
        self._arrival_counts, self.outcome_log = arrival_counts or ArrivalCounts(), outcome_log or OutcomeLog()

    def fold(self, slices: Sequence[Slice], context: GroupContext) -> dict[int, Changes]:
        """Decode slices and fold their events."""
        owned = [part for part in slices if part.partition in context.states]
        if not owned:
            return {}
        epochs = {part.partition: context.states[part.partition].epoch.epoch for part in owned}
        group = read_group(owned, self._settings, epochs, context.now_ms)
        self._arrival_counts.add(group.arrivals)
        return self.private_lists.add(self._folder.fold(group, context), group, context)

    def refold(self, users: Users, context: GroupContext, *, publish_all: bool) -> dict[int, Changes]:
        """Fold users again, without any event."""
        return self._folder.refold(_owned(users, context), context, publish_all=publish_all)

    def refold_values(
        self, partition: int, values: Mapping[bytes, bytes], context: GroupContext, *, publish_all: bool
    ) -> Changes:
        """Fold users of a partition again from records that were read before."""
        users = {partition: list(values)}
        return self._folder.refold_values(users, list(values.values()), context, publish_all=publish_all)[partition]

    def drop_markers(self, users: Users, context: GroupContext) -> dict[int, Changes]:
        """Remove the markers of forgotten users; a user with newer events is not dropped."""
        forgotten = {}
        for partition, keys in _owned(users, context).items():
            values = context.states[partition].read(keys)
            forgotten[partition] = [
                key for key, value in zip(keys, values, strict=True) if value is not None and is_forgotten(value)
            ]
        return remove_markers(forgotten)


def make_group_work(
    settings: Settings,
    ranker: Ranker,
    popularity: Popularity,
    observers: Iterable[GroupObserver],
    arrival_counts: ArrivalCounts | None = None,
    outcome_log: OutcomeLog | None = None,
) -> GroupWork:
    """Return the work of a worker that ranks with `ranker`, with its folder, lists and private sessions."""
    lists = ListBuilder(settings, ranker, popularity)
    outcome_log = outcome_log or OutcomeLog()
    folder = Folder(settings, lists, list(observers), outcome_log)
    private_lists = PrivateLists(settings, lists, PrivateSessions(settings.private))
    return GroupWork(settings, folder, private_lists, arrival_counts, outcome_log)


def _owned(users: Users, context: GroupContext) -> Users:
    return {partition: keys for partition, keys in users.items() if partition in context.states}
