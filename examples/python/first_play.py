"""Send one play.

Run it beside `playfold up`: .venv/bin/python examples/python/first_play.py
"""

import json
import os
import time

from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=os.environ.get("BROKERS", "127.0.0.1:19092"))
play = {"user_id": "anna", "item_id": "song-7", "played_at_ms": int(time.time() * 1000)}
producer.send("plays", key=b"anna", value=json.dumps(play).encode()).get(timeout=10)
