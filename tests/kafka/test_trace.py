"""`playfold trace` beside a running worker, on a real Kafka."""

import asyncio
import subprocess
from functools import partial
from typing import Any

import msgspec
import numpy as np
import pytest

from agents.plays.recompute import recompute
from jobs.user_requests.trace import Limits, Tracer, TraceTimeoutError, UnknownListenerError
from jobs.user_requests.trace_document import Trace
from streams.outbox import Item
from streams.readers.log_reader import LogReadError
from streams.settings import Settings, override
from streams.topics.admin import create_topics
from tests.support.forked import run_forked
from tests.support.made_up import made_up_factors, publish
from tests.support.topics import lists, send, worker
from tests.support.wait import block_until

NOW_MS = 1_800_000_000_000


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Give settings with small vectors, and topics of one partition."""
    made = override(settings, factors=8, list_n=5, partitions=1, kafka_timeout_s=10.0)
    create_topics(made)
    return made


def event(user: str, **fields: Any) -> Item:
    """Return an event as it travels."""
    return user.encode(), msgspec.json.encode({"user_id": user, **fields})


def signal(user: str, item: str, **fields: Any) -> Item:
    """Return a play as it travels, or another signal."""
    return event(user, item_id=item, played_at_ms=1_700_000_000_000, **fields)


def traced(settings: Settings, user: str, n_events: int = 20, seconds: float = 30.0) -> Trace:
    """Return the trace of a listener."""
    tracer = Tracer(user, settings, Limits(n_events, seconds), partial(recompute, partition=0, settings=settings))
    return asyncio.run(tracer.trace(NOW_MS))


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `playfold trace`."""
    return run_forked(settings, "trace", *arguments)


def outcomes(trace: Trace) -> list[tuple[int, str]]:
    """Return offsets and outcomes."""
    return [(one.offset, one.outcome) for one in trace.events.latest]


def check_record(trace: Trace, generation: str) -> None:
    """Check the record and the list of a listener with two plays."""
    record, made = trace.record, trace.recommendations
    assert record is not None
    assert made is not None
    assert 6 == record.applied_offset
    assert 2 == record.plays
    assert 2 == record.n_history
    assert generation == record.generation
    assert generation == made.generation
    assert 6 == made.reflects_offset
    assert 5 == made.n_items


def test_a_listener_is_traced_beside_a_running_worker(small: Settings) -> None:
    """Outcomes, record, state and list agree; events that no worker has seen wait."""
    generation = publish(small, made_up_factors(40, 8, np.random.default_rng(0)))
    events = [
        signal("ann", "i1", play_id="p"),
        signal("ben", "i2"),
        signal("ann", "i1", play_id="p"),
        signal("ann", "secret", private=True),
        (b"ann", b"no event"),
        event("ann", type="hide", item_id="i3"),
        signal("ann", "i1"),
    ]
    with worker(small):
        send(small, events)
        block_until(lambda: "ann" in lists(small), 20)
        block_until(lambda: traced(small, "ann").events.committed == 7, 20)
        beside = traced(small, "ann")
        ended = run(small, "ann")
    send(small, [signal("ann", "i5")])
    after = traced(small, "ann", n_events=2)

    expected = [(0, "learnt"), (2, "retried"), (3, "private"), (4, "rejected"), (5, "wished"), (6, "learnt")]
    assert expected == outcomes(beside)
    assert [] == beside.events.differing
    assert "secret" not in str(beside)
    check_record(beside, generation)
    assert "ann: 6 events at offsets 0 to 6 of partition 0 of plays, the latest 6 shown.\n" in ended.stdout
    assert "The outcomes are certain" in ended.stdout
    assert ", 2 plays, 2 signals of history, " in ended.stdout.replace("\n", " ")
    assert "" == ended.stderr
    assert [(6, "learnt"), (7, "waiting")] == outcomes(after)
    assert 7 == after.events.committed
    assert 8 == after.events.topic_end
    assert 7 == after.events.n_events
    assert [(6, 2, None)] == [(state.applied_offset, state.plays, state.unread) for state in after.states]


def test_outcomes_under_other_settings_are_unknown(small: Settings) -> None:
    """The events lead to another record than the worker's; the command says so."""
    with worker(small):
        send(small, [signal("ann", "i1", play_id="p"), event("ann", type="pause"), signal("ann", "i1")])
        block_until(lambda: _applied(small) == 2, 20)
    capped = override(small, event_weights="play=0.5,skip=-1")

    trace, ended = traced(capped, "ann"), run(capped, "ann")

    assert ["history"] == trace.events.differing
    assert ["unknown", "wished", "unknown"] == [outcome for _, outcome in outcomes(trace)]
    assert (
        "Outcomes marked unknown cannot be recomputed: the events lead to another record (history differ).\n"
        "Either a worker had other settings than this command, or the record was written by an earlier version, "
        "which kept one sum per item, or the topic was made anew.\n"
    ) in ended.stdout


def _applied(settings: Settings) -> int:
    record = traced(settings, "ann").record
    return record.applied_offset if record else -1


def test_a_listener_who_is_forgotten_is_traced(small: Settings) -> None:
    """The events are still on the topic; the marker is the record."""
    with worker(small):
        send(small, [signal("ann", "i1"), event("ann", type="forget")])
        block_until(lambda: _applied(small) == 1, 20)
        ended = run(small, "ann", "--json")

    trace = msgspec.json.decode(ended.stdout, type=Trace)
    assert [(0, "forgotten"), (1, "wished")] == outcomes(trace)
    assert trace.record is not None
    assert trace.record.forgotten
    assert trace.recommendations is None


def test_an_unknown_listener_is_a_sentence(small: Settings) -> None:
    """With status 1."""
    send(small, [signal("ben", "i1")])

    ended = run(small, "ann")

    assert 1 == ended.returncode
    assert (
        f"Nothing is known of 'ann': offsets 0 to 1 of partition 0 of {small.topics.prefix}plays have no event with "
        "this key, and there is no record and no list.\n"
    ) == ended.stderr
    with pytest.raises(UnknownListenerError):
        traced(small, "ann")


def test_a_topic_that_takes_too_long_is_a_sentence(small: Settings) -> None:
    """The reads of a trace are bounded."""
    with pytest.raises(TraceTimeoutError) as caught:
        traced(small, "ann", seconds=0.0)

    expected = (
        f"Partition 0 of {small.application.group}-users-changelog was not read to its end within 0 s: "
        "give --seconds a larger number."
    )
    assert expected == str(caught.value)


def test_a_partition_that_is_not_there_is_a_sentence(small: Settings) -> None:
    """The setting does not fit the topic."""
    wider = override(small, partitions=1000)

    with pytest.raises(LogReadError) as caught:
        asyncio.run(Tracer("ann", wider, Limits(1, 30.0), partial(recompute, partition=0, settings=wider)).trace(0))

    expected = (
        f"Topic {small.topics.prefix}plays has 1 partition, but PLAYFOLD_PARTITIONS is 1000: correct the setting."
    )
    assert expected == str(caught.value)
    assert f"{expected}\n" == run(wider, "ann").stderr
