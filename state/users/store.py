"""The Faust store of users: opens and closes partitions with rebalances, recovers them in bulk."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, cast

import faust
import rocksdict
from faust.stores.base import Store
from faust.tables.table import Table
from faust.types.tuples import TP

from state.errors import StateError
from state.storage.files import finish_removals, last_written_s, remove_folder
from state.users.partition import PartitionState
from streams.fetch.unreadable_batch import readable
from streams.settings import Settings
from streams.topics.topics import USERS_TABLE

CACHE_BYTES = 64 << 20
OPEN_TRIES = 30
OPEN_RETRY_S = 0.5
RECOVERY_SLICES = 4
STATE_S_MAX = 36 * 3600.0
"""A state without a write for longer is rebuilt from the changelog. A forgotten listener has a marker there for a day,
and then a tombstone for another (`delete.retention.ms`): an older state would miss both."""
log = logging.getLogger(__name__)


def _drop_old(folder: Path, now_s: float) -> None:
    """Remove a state older than `STATE_S_MAX`: the changelog may have dropped the tombstone of a user in it.

    Removals that a crash interrupted are finished first.
    """
    finish_removals(folder.parent)
    written_s = last_written_s(folder)
    if written_s is not None and now_s - written_s > STATE_S_MAX:
        remove_folder(folder)
        log.warning("old_state_dropped", extra={"folder": str(folder), "age_s": round(now_s - written_s)})


class UserStore(Store[bytes, bytes]):
    """State of the partitions that this worker owns.

    Faust calls it at rebalances and while the changelog is read back; the agents use `partitions`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Pass the arguments to Faust's store; the folder is in the app's data folder."""
        super().__init__(*args, **options)
        self.partitions: dict[int, PartitionState] = {}
        self.n_recovered = 0
        self._failed = False
        self.opened_at = time.monotonic()
        """When partitions were opened last, by the monotonic clock."""
        self.on_opened: Callable[[int, PartitionState], Awaitable[None]] | None = None
        """Called with every partition that a rebalance opens, before its changelog is read back; it may refuse."""
        self.lock = asyncio.Lock()
        """Locked while a group is folded and committed, so that no partition is opened or closed meanwhile."""
        self.thread: Executor | None = None
        """The thread that reads records of a partition without the lock; partitions are closed in it."""
        self._cache = rocksdict.Cache(CACHE_BYTES)
        self._named_max = int((self.options or {})["item_names_cached_max"])

    @property
    def folder(self) -> Path:
        """Return the folder of all partitions of this worker."""
        return Path(self.app.conf.datadir) / USERS_TABLE

    @property
    def settled(self) -> bool:
        """Return whether neither a rebalance nor a recovery is running."""
        app = self.app
        return not app.rebalancing and not app.in_recovery and app.tables.recovery.completed.is_set()

    def persisted_offset(self, tp: TP) -> int | None:
        """Return the changelog offset that a partition's state contains, None for a new partition."""
        offset = self.partition(tp.partition).place.changelog_offset
        return offset if offset >= 0 else None

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Do nothing: the offset is written with the state it belongs to."""

    def partition(self, number: int) -> PartitionState:
        """Return the state of a partition; open it first if it is closed."""
        if number not in self.partitions:
            folder = self.folder / str(number)
            _drop_old(folder, time.time())
            self.partitions[number] = PartitionState(folder, self._cache, self._named_max)
        return self.partitions[number]

    async def on_rebalance(
        self,
        assigned: set[TP],  # noqa: ARG002  Faust's signature
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,  # noqa: ARG002  Faust's signature
    ) -> None:
        """Close the revoked partitions and open the newly assigned ones."""
        mine = self.table.changelog_topic.topics
        async with self.lock:
            for tp in revoked:
                if tp.topic in mine and tp.partition in self.partitions:
                    await self._close(tp.partition)
            for tp in newly_assigned:
                if tp.topic in mine:
                    await self._open(tp.partition)
            self.opened_at = time.monotonic()

    async def _close(self, number: int) -> None:
        """Close a partition behind all that reads it."""
        state = self.partitions.pop(number)
        if self.thread is None:
            state.close()
        else:
            await asyncio.get_running_loop().run_in_executor(self.thread, state.close)

    async def _open(self, number: int) -> None:
        """Open a partition; retry while a stopping worker still holds its lock.

        Raises:
            StateError: The state stays locked, or it is damaged.
        """
        for tried in range(1, OPEN_TRIES + 1):
            try:
                state = self.partition(number)
            except Exception as error:
                if tried < OPEN_TRIES and "lock" in str(error).lower():
                    await asyncio.sleep(OPEN_RETRY_S)
                    continue
                message = (
                    f"The state of partition {number} in {self.folder / str(number)} cannot be opened: {error}. "
                    "If another worker uses the folder, give this one a PLAYFOLD_INSTANCE of its own; "
                    "if it is damaged, delete it: it is rebuilt from the changelog."
                )
                raise StateError(message) from error
            if self.on_opened is not None:
                await self.on_opened(number, state)
            return

    def apply_changelog_batch(self, batch: Iterable[faust.EventT[Any]], to_key: Any, to_value: Any) -> None:  # noqa: ARG002
        """Apply slices of the changelog.

        Faust would log an error here and continue with incomplete state, so an error stops the worker. Later slices,
        and those that Faust applies while it stops, are ignored: the state would have a gap behind its place.
        """
        for event in batch:
            if self._failed:
                return
            message = event.message
            state = self.partitions.get(message.partition)
            if state is None:  # it was revoked meanwhile; its place does not change
                continue
            try:
                state.apply_changelog(readable(message.value))
            except Exception as error:
                reason = StateError(f"Partition {message.partition} cannot take in its changelog: {error}.")
                reason.__cause__ = error
                self._failed = True
                self.app.loop.create_task(self.app.crash(reason), name="recovery-failed")
                raise reason from error
            self.n_recovered += len(message.value)

    async def backup_partition(self, tp: TP | int, *_: Any, **__: Any) -> None:
        """Refuse: the changelog is the backup.

        Raises:
            StateError: Always.
        """
        message = f"Partition {tp} is not backed up: its changelog holds all of it."
        raise StateError(message)

    def restore_backup(self, tp: TP | int, *_: Any, **__: Any) -> None:
        """Refuse: delete the partition's folder instead, and it is rebuilt from the changelog.

        Raises:
            StateError: Always.
        """
        message = f"Partition {tp} has no backup: delete its folder, and it is rebuilt from the changelog."
        raise StateError(message)

    def reset_state(self) -> None:
        """Do nothing: Faust must not delete the state."""

    async def on_stop(self) -> None:
        """Close every partition."""
        for number in list(self.partitions):
            await self._close(number)


class UserTable(Table[bytes, bytes]):
    """The Faust table that owns the users changelog; its values are read through the store."""

    def _new_store(self) -> UserStore:
        return UserStore("playfold://", self.app, self, table_name=self.name, loop=self.loop, options=self.options)


def add_user_table(app: faust.App, settings: Settings) -> UserStore:
    """Add the table of users to an app and return its store."""
    table = UserTable(
        app,
        name=USERS_TABLE,
        key_type=bytes,
        value_type=bytes,
        partitions=settings.topics.partitions,
        options={"item_names_cached_max": settings.users.item_names_cached_max},
        recovery_buffer_size=RECOVERY_SLICES,
        beacon=app.tables.beacon,
    )
    app.tables.add(table)
    return cast(UserStore, table.data)
