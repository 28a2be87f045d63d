"""Signals, user requests and bursts on a real Kafka, as a worker processes them."""

from typing import Any

import msgspec
import numpy as np

from state.users.record import UserRecord
from streams.messages.records import Recommendations
from streams.outbox import Item
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.support.made_up import made_up_factors, publish
from tests.support.topics import lists, send, values, worker
from tests.support.wait import block_until

AT_MS = 1_700_000_000_000
ITEMS, FACTORS = 60, 8


def event(kind: str, **fields: Any) -> Item:
    """Return an event of ann's as it travels."""
    return b"ann", msgspec.json.encode({"user_id": "ann", "type": kind, **fields})


def signal(kind: str, item: str) -> Item:
    """Return a play or another signal."""
    return event(kind, item_id=item, played_at_ms=AT_MS)


def prepared(settings: Settings, **changed: Any) -> Settings:
    """Return settings with a generation of made-up items in service."""
    changed_settings = override(settings, factors=FACTORS, list_n=10, rank="exact", popular_blend=0.0, **changed)
    publish(changed_settings, made_up_factors(ITEMS, FACTORS, np.random.default_rng(4)))
    return changed_settings


def record_of(settings: Settings, names: TopicNames) -> UserRecord:
    """Return ann's record."""
    records = [value for key, value in values(settings, names.users_changelog) if key == b"ann"]
    return UserRecord.decode(records[-1])


def sent_through(settings: Settings, names: TopicNames, *events: Item) -> Recommendations:
    """Send events, wait until the record has them, and return the list that stands then."""
    before = len(values(settings, names.plays))
    send(settings, events)
    offset = before + len(events) - 1
    block_until(lambda: any(key == b"ann" for key, _ in values(settings, names.users_changelog)), 20)
    block_until(lambda: record_of(settings, names).applied_offset >= offset, 20)
    return lists(settings)["ann"]


def test_a_listener_is_heard(settings: Settings, names: TopicNames) -> None:
    """Hidden items leave the list, skips and likes weigh, and nothing is learnt while paused."""
    ready = prepared(settings, cooldown_shows=2)
    with worker(ready):
        first = sent_through(ready, names, signal("play", "i3"))
        hidden, shown = first.items[0], first.items[1]
        second = sent_through(ready, names, event("hide", item_id=hidden))
        third = sent_through(ready, names, *[event("shown", item_ids=[shown])] * 2, signal("like", "i4"))
        fourth = sent_through(ready, names, event("pause"), signal("play", "i5"), event("resume"), signal("skip", "i6"))

    assert hidden not in second.items
    assert not {hidden, shown} & set(third.items)
    assert "i6" not in fourth.items
    record = record_of(ready, names)
    assert 1 == record.plays
    assert not record.paused
    assert 1 == len(record.hidden)
    assert [1, 2, -1] == [entry.value for entry in record.history]


def test_a_burst_of_plays_is_few_lists(settings: Settings, names: TopicNames) -> None:
    """The last one comes by itself when the burst is over, and reflects all plays."""
    ready = prepared(settings, debounce_ms=1000, list_score_change=0.0, slice_plays_max=1, group_plays_max=1)
    with worker(ready):
        sent_through(ready, names, signal("play", "i3"))
        sent_through(ready, names, *(signal("play", f"i{number}") for number in range(4, 24)))
        block_until(lambda: lists(ready)["ann"].plays == 21, 20)

    published = [value for _, value in values(ready, names.recommendations)]
    assert len(published) <= 6
    assert "changed" == lists(ready)["ann"].reason
    assert 20 == lists(ready)["ann"].offset
