"""A listener's record in the states of the workers on this machine."""

from collections.abc import Iterator

from jobs.user_requests.trace_document import TracedState
from state.errors import StateError
from state.users.partition_on_disk import read_on_disk
from state.users.record import UserRecord
from state.users.stored_keys import OUTRANKED_PREFIX
from streams.positions import epoch_of, offset_of
from streams.settings import Settings
from streams.topics.topics import USERS_TABLE


def traced_states(key: bytes, partition: int, settings: Settings) -> Iterator[TracedState]:
    """Yield the listener's record in every state of the partition; its files lag behind a running worker."""
    for folder in sorted(settings.application.workers_path.glob(f"*/**/{USERS_TABLE}/{partition}")):
        try:
            on_disk = read_on_disk(folder, [key, OUTRANKED_PREFIX + key])
        except StateError as error:
            yield TracedState(folder=str(folder), unread=str(error))
            continue
        value, outranked = on_disk.values
        record = UserRecord.decode(value) if value is not None else None
        yield TracedState(
            folder=str(folder),
            changelog_offset=on_disk.place.changelog_offset,
            applied_offset=offset_of(record.applied_offset) if record else None,
            epoch=epoch_of(record.applied_offset) if record else None,
            plays=record.plays if record else None,
            outranked=outranked is not None,
        )
