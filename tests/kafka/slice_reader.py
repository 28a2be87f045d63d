"""A process that takes commit groups and acknowledges some: `python -m tests.kafka.slice_reader EXPECTED ACKNOWLEDGED`.

It ends when it has seen EXPECTED plays, and acknowledges groups until it has seen ACKNOWLEDGED. It writes one line of
JSON a group: a list of `[partition, offsets]`. A process of its own because Faust leaves its thread's loop open.
"""

import asyncio
import json
import sys
from typing import Any

from streams.consumer.faust_app import create_app, topic_of_bytes
from streams.consumer.groups import acknowledge, take_group
from streams.settings import Settings, read_settings
from streams.topics.topics import topic_names


async def read(settings: Settings, expected: int, acknowledged: int) -> None:
    """Take groups until enough was seen."""
    settings.application.worker_path.mkdir(parents=True, exist_ok=True)
    app, done, seen = create_app(settings), asyncio.Event(), 0

    async def take(_stream: Any) -> None:
        nonlocal seen
        while seen < expected:
            async with take_group(app, settings.worker.group_plays_max, asyncio.Lock()) as group:
                seen += sum(len(part.records) for part in group)
                offsets = [(part.partition, [record.offset for record in part.records]) for part in group]
                sys.stdout.write(json.dumps(offsets) + "\n")
                sys.stdout.flush()
                if seen <= acknowledged:
                    acknowledge(group, app.consumer)
        done.set()
        await asyncio.Event().wait()

    app.agent(topic_of_bytes(app, topic_names(settings).plays, settings.topics.partitions), name="take")(take)
    await app.start()
    await done.wait()
    app.conf.stream_wait_empty = False
    await app.stop()


if __name__ == "__main__":
    asyncio.run(read(read_settings(), int(sys.argv[1]), int(sys.argv[2])))
