"""Made-up listeners written straight into the users changelog, as workers would have left them."""

import asyncio

from state.keys import item_key, item_name_key
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import topic_names
from tests.support.snapshots import Played, record_of


def write_listeners(settings: Settings, plays: Played) -> None:
    """Write the items' names and the listeners' records, each to its partition."""
    by_partition: dict[int, list[Item]] = {partition: [] for partition in range(settings.topics.partitions)}
    for user, items in plays.items():
        names = [(item_name_key(item_key(item)), item.encode()) for item in dict.fromkeys(items)]
        by_partition[partition_of(user, settings.topics.partitions)] += [*names, (user.encode(), record_of(items))]

    async def write() -> None:
        async with Outbox(settings.kafka) as outbox:
            for partition, records in by_partition.items():
                await (await outbox.send(topic_names(settings).users_changelog, partition, records)).written()

    asyncio.run(write())
