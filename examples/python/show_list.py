"""Show the list of one listener, with titles, reasons and related items.

Run it beside `playfold up`: .venv/bin/python examples/python/show_list.py anna
"""

import json
import os
import sys
import time
from itertools import zip_longest
from typing import Any

from kafka import KafkaConsumer, TopicPartition

lists: dict[str, Any] = {}
catalog: dict[str, Any] = {}
related: dict[str, Any] = {}
popular: dict[tuple[str, int], Any] = {}  # by kind of items and partition


def store(record: Any) -> None:
    """Store a record under its key; the value of a tombstone is None."""
    key, value = record.key.decode(), json.loads(record.value) if record.value else None
    if record.topic == "recommendations":
        previous = lists.get(key)
        if value is None or previous is None or order(value) >= order(previous):
            lists[key] = value
    elif record.topic == "popular-items":
        popular[key, record.partition] = value
    else:
        {"catalog": catalog, "related-items": related}[record.topic][key] = value


def order(value: Any) -> tuple[int, int]:
    """Return the place of a list among those of its listener; a later topic of plays has a higher epoch."""
    return value.get("epoch", 0), value["offset"]


def is_available(item: str, now_ms: float) -> bool:
    """Return whether an item may be shown now."""
    entry = catalog.get(item) or {}
    return entry.get("available_from_ms", 0) <= now_ms < entry.get("available_until_ms", now_ms + 1)


def choose_list(user: str) -> tuple[str, list[tuple[str, str | None]]]:
    """Return the kind of list to show, and its items with the first reason of each."""
    now_ms = time.time() * 1000
    latest = lists.get(user)
    if latest and now_ms < latest["expires_at_ms"]:
        reasons = [because[0] if because else None for because in latest["because"]]  # of the first items only
        entries = list(zip_longest(latest["items"], reasons))
        return latest["kind"], [entry for entry in entries if is_available(entry[0], now_ms)]
    overall = [value for (kind, _), value in popular.items() if kind == "all" and value]
    newest = max(overall, key=lambda value: value["made_at_ms"])["items"] if overall else []
    return "popular", [(item, None) for item in newest if is_available(item, now_ms)]


def title(item: str) -> str:
    """Return the title of an item, or its id if the catalog has none."""
    return (catalog.get(item) or {}).get("title", item)


consumer = KafkaConsumer(bootstrap_servers=os.environ.get("BROKERS", "127.0.0.1:19092"), enable_auto_commit=False)
topics = ("recommendations", "popular-items", "catalog", "related-items")
partitions = [TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)]
consumer.assign(partitions)
consumer.seek_to_beginning(*partitions)
ends = consumer.end_offsets(partitions)
while any(consumer.position(partition) < end for partition, end in ends.items()):
    for records in consumer.poll(timeout_ms=500).values():
        for record in records:
            store(record)
# Everything up to this moment is stored. A long-running process continues with `poll` and `store`.

user = sys.argv[1]
kind, entries = choose_list(user)
print(f"{user}: {kind}")
for item, reason in entries[:10]:
    print(f"  {title(item)}" + (f", because of {title(reason)}" if reason else ""))
if entries:
    first = entries[0][0]
    nearest = (related.get(first) or {"items": []})["items"]
    print(f"related to {title(first)}: {', '.join(map(title, nearest[:3]))}")
