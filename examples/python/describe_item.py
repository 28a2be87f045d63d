"""Send a catalog record.

Run it beside `playfold up`: .venv/bin/python examples/python/describe_item.py
"""

import json
import os

from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=os.environ.get("BROKERS", "127.0.0.1:19092"))
item = {"item_id": "song-7", "title": "Seven", "kind": "song", "available_until_ms": 1_893_456_000_000}
producer.send("catalog", key=b"song-7", value=json.dumps(item).encode()).get(timeout=10)
