"""Print what is rejected and why, beginning with the oldest record that Kafka still keeps (seven days).

Run it beside `playfold up`: .venv/bin/python examples/python/watch_rejects.py
"""

import base64
import json
import os

from kafka import KafkaConsumer

brokers = os.environ.get("BROKERS", "127.0.0.1:19092")
for record in KafkaConsumer("plays-rejected", bootstrap_servers=brokers, auto_offset_reset="earliest"):
    rejected = json.loads(record.value)
    value = base64.b64decode(rejected["value"] or "")  # empty for a private play
    print(f"{rejected['partition']}:{rejected['offset']} {rejected['reason']}: {value[:200]!r}")
