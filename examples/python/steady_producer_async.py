"""Send events with an asyncio producer that goes on after a refused record.

Run it beside `playfold up`: .venv/bin/python examples/python/steady_producer_async.py

An idempotent producer of aiokafka fails every later record of a partition after one that Kafka refused. So this one
begins anew with another producer, and sends again everything that Kafka has not acknowledged.
"""

import asyncio
import json
import os
import time
import uuid
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

BROKERS = os.environ.get("BROKERS", "127.0.0.1:19092")
ACKNOWLEDGED_S = 30  # Kafka acknowledges a batch within these seconds, or the rest of it is sent again
SILENT_RECORDS = 2  # after as many time-outs in a row, Kafka does not answer, and the records left are not tried
Record = tuple[str, bytes | None, bytes]  # topic, key, value
Failure = tuple[Record, BaseException]


class SteadyProducer:
    """Sends records in batches; a record that Kafka refuses stops none of the others."""

    async def start(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(bootstrap_servers=BROKERS, acks="all", enable_idempotence=True)
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect, without waiting for records that cannot be sent."""
        # The records that are left are sent again by the next producer.
        with suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(self._producer.stop(), 5)

    async def send(self, records: list[Record]) -> list[Failure]:
        """Send records and wait for their acknowledgement; return those that Kafka refuses, each with its error."""
        unsent = await self._try(records)
        refused: list[Failure] = []
        n_silent = 0
        # One by one from here on: an error now is the error of this record, and not of one before it.
        for number, (record, _) in enumerate(unsent, 1):
            failed = await self._try([record])
            refused += failed
            n_silent = n_silent + 1 if failed and isinstance(failed[0][1], TimeoutError) else 0
            if n_silent == SILENT_RECORDS:
                return refused + unsent[number:]
        return refused

    async def _try(self, records: list[Record]) -> list[Failure]:
        """Send records; return those that failed. After a failure, begin anew with another producer."""
        failed: list[Failure] = []
        sent = []
        ends = asyncio.get_running_loop().time() + ACKNOWLEDGED_S
        for record in records:
            topic, key, value = record
            try:
                async with asyncio.timeout_at(ends):  # the client waits while its buffer is full
                    sent.append((record, await self._producer.send(topic, value, key)))
            except (KafkaError, TimeoutError) as error:  # the client itself refuses it
                failed.append((record, error))
        if sent:
            left_s = max(0, ends - asyncio.get_running_loop().time())
            await asyncio.wait([future for _, future in sent], timeout=left_s)
        for record, future in sent:
            is_late = future.cancel()  # False for a future that is done
            fault = TimeoutError() if is_late else future.exception()
            if fault is not None:
                failed.append((record, fault))
        if failed:
            await self.stop()
            await self.start()
        return failed


def play(user_id: str, item_id: str) -> Record:
    """Return the record of a play; the play_id makes it count once, however often it is sent."""
    event: dict[str, Any] = {"user_id": user_id, "item_id": item_id, "played_at_ms": int(time.time() * 1000)}
    return "plays", user_id.encode(), json.dumps(event | {"play_id": str(uuid.uuid4())}).encode()


async def main() -> None:
    """Send plays, and a record that Kafka refuses between them."""
    steady = SteadyProducer()
    await steady.start()
    without_key: Record = ("catalog", None, b'{"item_id": "song-7"}')
    for records in ([play("anna", "song-7"), without_key, play("ben", "song-8")], [play("anna", "song-9")]):
        for (topic, key, _), error in await steady.send(records):
            print(f"refused by {topic}, key {key!r}: {type(error).__name__}")
    await steady.stop()
    print("all other records are stored")


if __name__ == "__main__":
    asyncio.run(main())
