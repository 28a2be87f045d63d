"""Made-up user records on a users changelog, as workers write them."""

import numpy as np

from model.history import Histories
from state.keys import EPOCH_KEY
from state.users.plays_epoch import PlaysEpoch
from state.users.record_batch import new_users, pack
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import topic_names

EPOCH: Item = (EPOCH_KEY, PlaysEpoch(epoch=1).encode())


def user_records(n_users: int, n_history: int, partitions: int) -> dict[int, list[Item]]:
    """Return records of users `u0`, `u1`, ... with so many items each: per partition, by ascending applied offset."""
    rng = np.random.default_rng(3)
    records = new_users(n_users, 2)
    n = n_users * n_history
    records.histories = Histories(
        np.arange(0, n + 1, n_history),
        rng.integers(1, 2**63, n).astype(np.uint64),
        np.ones(n, np.float32),
        np.tile(np.arange(1, n_history + 1, dtype=np.uint32), n_users),
        np.full(n, 1_700_000_000, np.uint32),
    )
    records.header["applied_offset"] = np.arange(n_users) * n_history
    records.header["plays"] = n_history
    items: dict[int, list[Item]] = {partition: [] for partition in range(partitions)}
    for user, value in enumerate(pack(records)):
        items[partition_of(f"u{user}", partitions)].append((f"u{user}".encode(), value))
    return items


async def write_changelog(settings: Settings, items: dict[int, list[Item]]) -> None:
    """Write records into their partitions, of an earlier epoch: their plays are not on the topic."""
    async with Outbox(settings.kafka) as outbox:
        for partition, records in items.items():
            await (await outbox.send(topic_names(settings).users_changelog, partition, [EPOCH, *records])).written()
