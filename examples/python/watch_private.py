"""Print private lists as they arrive, and store none.

Run it beside `playfold up`: .venv/bin/python examples/python/watch_private.py
"""

import json
import os

from kafka import KafkaConsumer

brokers = os.environ.get("BROKERS", "127.0.0.1:19092")
consumer = KafkaConsumer("private-recommendations", bootstrap_servers=brokers, auto_offset_reset="latest")
while not consumer.assignment() or any(consumer.position(partition) is None for partition in consumer.assignment()):
    consumer.poll(timeout_ms=100)
print("watching")
for record in consumer:
    private = json.loads(record.value)
    print(private["user_id"], private["private"], private["items"][:3])
