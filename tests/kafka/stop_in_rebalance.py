"""A process that stops its Faust app in the middle of a rebalance: `python -m tests.kafka.stop_in_rebalance`.

It writes one line of JSON: whether the consumer's client was closed in the event loop that its sockets belong to, how
many seconds the stop took, and whether the consumer's thread has ended. With the event loop of a worker.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

from streams.consumer.faust_app import PlayfoldApp, create_app, topic_of_bytes
from streams.settings import Settings, read_settings
from streams.topics.topics import topic_names


async def stop(settings: Settings) -> None:
    """Stop the app when it is given its partitions, and before it knows of them."""
    settings.application.worker_path.mkdir(parents=True, exist_ok=True)
    app = create_app(settings)
    closed_in: list[Any] = []
    stopped: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def stop_app() -> None:
        began = time.monotonic()
        await app.stop()
        stopped.set_result(time.monotonic() - began)

    async def on_assigned(*args: Any) -> None:
        client = app.consumer._thread._ensure_consumer()._client  # noqa: SLF001
        close = client.close

        async def noted_close() -> None:
            closed_in.append(asyncio.get_running_loop())
            await close()

        client.close = noted_close
        stopping = asyncio.create_task(stop_app())
        await asyncio.sleep(0)
        await PlayfoldApp._on_partitions_assigned(app, *args)  # noqa: SLF001
        await stopping

    app._on_partitions_assigned = on_assigned  # noqa: SLF001

    async def take(_stream: Any) -> None:
        await asyncio.Event().wait()

    app.agent(topic_of_bytes(app, topic_names(settings).plays, settings.topics.partitions), name="take")(take)
    await app.start()
    seconds, thread = await stopped, app.consumer._thread  # noqa: SLF001
    own_loop = bool(closed_in) and all(loop is thread.thread_loop for loop in closed_in)
    report = {"own_loop": own_loop, "seconds": seconds, "ended": not thread._thread.is_alive()}  # noqa: SLF001
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(stop(read_settings()))
