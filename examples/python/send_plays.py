"""Send events and print the offset of each.

Run it beside `playfold up`: .venv/bin/python examples/python/send_plays.py
"""

import json
import os
import time
import uuid
from typing import Any

from kafka import KafkaProducer

producer = KafkaProducer(
    bootstrap_servers=os.environ.get("BROKERS", "127.0.0.1:19092"),
    key_serializer=str.encode,
    value_serializer=lambda event: json.dumps(event).encode(),
    acks="all",
    enable_idempotence=True,
    linger_ms=5,
    compression_type="gzip",
)
now_ms = int(time.time() * 1000)
events: list[dict[str, Any]] = [
    {"user_id": "anna", "item_id": "song-7", "played_at_ms": now_ms, "play_id": str(uuid.uuid4())},
    {"user_id": "anna", "item_id": "song-9", "played_at_ms": now_ms, "ms_played": 60_000, "duration_ms": 180_000},
    {"user_id": "ben", "item_id": "song-7", "played_at_ms": now_ms, "type": "like"},
    {"user_id": "ben", "type": "hide", "item_id": "song-3"},
]
futures = [producer.send("plays", key=event["user_id"], value=event) for event in events]
for event, future in zip(events, futures, strict=True):
    sent = future.get(timeout=30)  # raises an error if Kafka did not acknowledge the record
    print(event["user_id"], "is stored at", f"{sent.partition}:{sent.offset}")
