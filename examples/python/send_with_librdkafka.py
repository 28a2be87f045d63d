"""Send events with confluent-kafka, which is made of librdkafka.

Its default partitioner is not Kafka's: it has to be set, or half of the plays are sent to the wrong partition.

Run it beside `playfold up`: .venv/bin/python examples/python/send_with_librdkafka.py
"""

import json
import os
import sys
import time
import uuid
from typing import Any

from confluent_kafka import Producer

producer = Producer(
    {
        "bootstrap.servers": os.environ.get("BROKERS", "127.0.0.1:19092"),
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
        "linger.ms": 5,
    }
)


def report(error: Any, record: Any) -> None:
    """Print the place of a record, or the error of a refused one. The producer goes on after it."""
    print(
        f"refused: {error}" if error else f"{record.key().decode()} is stored at {record.partition()}:{record.offset()}"
    )


for user_id in ("gina", "hugo", "ida", "jon"):
    event = {
        "user_id": user_id,
        "item_id": "song-7",
        "played_at_ms": int(time.time() * 1000),
        "play_id": str(uuid.uuid4()),
    }
    producer.produce("plays", key=user_id, value=json.dumps(event), on_delivery=report)
if left := producer.flush(30):
    sys.exit(f"{left} events are not acknowledged")
