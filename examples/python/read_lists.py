"""Print every list, and then every change.

Run it beside `playfold up`: .venv/bin/python examples/python/read_lists.py
"""

import json
import os

from kafka import KafkaConsumer

brokers = os.environ.get("BROKERS", "127.0.0.1:19092")
for record in KafkaConsumer("recommendations", bootstrap_servers=brokers, auto_offset_reset="earliest"):
    if record.value is None:
        print(record.key.decode(), "was forgotten")
        continue
    latest = json.loads(record.value)
    print(latest["user_id"], latest["kind"], latest["items"][:10])
