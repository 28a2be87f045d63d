"""Send events with a producer that goes on after a refused record.

Run it beside `playfold up`: .venv/bin/python examples/python/steady_producer.py

Kafka refuses a record that is too large, that has no key on a compacted topic, or whose time is too far ahead. An
idempotent producer of kafka-python, which is its default, then fails every later record on every topic. So this one
begins anew with another producer, and sends again everything that Kafka has not acknowledged.
"""

import json
import os
import time
import uuid
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

BROKERS = os.environ.get("BROKERS", "127.0.0.1:19092")
ACKNOWLEDGED_S = 30  # Kafka acknowledges a batch within these seconds, or the rest of it is sent again
SILENT_RECORDS = 2  # after as many time-outs in a row, Kafka does not answer, and the records left are not tried
Record = tuple[str, bytes | None, bytes]  # topic, key, value
Failure = tuple[Record, KafkaError]


def start() -> KafkaProducer:
    """Start a producer."""
    # max_block_ms bounds the wait of the client for a topic, or for space in its buffer.
    return KafkaProducer(
        bootstrap_servers=BROKERS, acks="all", enable_idempotence=True, max_block_ms=ACKNOWLEDGED_S * 1000
    )


class SteadyProducer:
    """Sends records in batches; a record that Kafka refuses stops none of the others."""

    def __init__(self) -> None:
        """Connect."""
        self._producer = start()

    def send(self, records: list[Record]) -> list[Failure]:
        """Send records and wait for their acknowledgement; return those that Kafka refuses, each with its error."""
        unsent = self._try(records)
        refused: list[Failure] = []
        n_silent = 0
        # One by one from here on: an error now is the error of this record, and not of one before it.
        for number, (record, _) in enumerate(unsent, 1):
            failed = self._try([record])
            refused += failed
            n_silent = n_silent + 1 if failed and isinstance(failed[0][1], KafkaTimeoutError) else 0
            if n_silent == SILENT_RECORDS:
                return refused + unsent[number:]
        return refused

    def _try(self, records: list[Record]) -> list[Failure]:
        """Send records; return those that failed. After a failure, begin anew with another producer."""
        failed: list[Failure] = []
        sent = []
        ends = time.monotonic() + ACKNOWLEDGED_S
        for record in records:
            topic, key, value = record
            if time.monotonic() >= ends:
                failed.append((record, KafkaTimeoutError("Kafka does not answer.")))
                continue
            try:
                sent.append((record, self._producer.send(topic, key=key, value=value)))
            except KafkaError as error:  # the client itself refuses it
                failed.append((record, error))
        for record, future in sent:
            try:
                future.get(timeout=max(0, ends - time.monotonic()))
            except KafkaError as error:
                failed.append((record, error))
        if failed:
            self._producer.close(timeout=5)
            self._producer = start()
        return failed


def play(user_id: str, item_id: str) -> Record:
    """Return the record of a play; the play_id makes it count once, however often it is sent."""
    event: dict[str, Any] = {"user_id": user_id, "item_id": item_id, "played_at_ms": int(time.time() * 1000)}
    return "plays", user_id.encode(), json.dumps(event | {"play_id": str(uuid.uuid4())}).encode()


if __name__ == "__main__":
    steady = SteadyProducer()
    without_key: Record = ("catalog", None, b'{"item_id": "song-7"}')
    for records in ([play("anna", "song-7"), without_key, play("ben", "song-8")], [play("anna", "song-9")]):
        for (topic, key, _), error in steady.send(records):
            print(f"refused by {topic}, key {key!r}: {type(error).__name__}")
    print("all other records are stored")
