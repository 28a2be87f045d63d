"""`playfold trace`: the outcomes of a listener's latest events, and the record and the list they led to."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.user_requests import AsJson, User
from streams.process.format_text import format_moment, pluralize, printable
from streams.settings import read_settings

if TYPE_CHECKING:
    from jobs.user_requests.trace_document import (
        PartitionTrace,
        TracedEvent,
        TracedEvents,
        TracedList,
        TracedRecord,
        TracedState,
    )

OUTCOMES = {
    "learnt": "learned",
    "trimmed": "learned, up to the largest weight of an item",
    "wished": "applied",
    "redelivered": "skipped: delivered twice",
    "retried": "skipped: its play_id is known",
    "paused": "skipped: the listener had paused",
    "capped": "skipped: over the limit of signals a day",
    "private": "a private play, never stored",
    "ignored": "ignored: PLAYFOLD_COOLDOWN_SHOWS is 0",
    "forgotten": "removed by a later forget request",
    "waiting": "not processed yet",
    "missing": "committed, but the record does not contain it",
    "unknown": "processed, outcome unknown",
}
"""The words for every outcome but `rejected`, which has its reason."""
LEARNED = frozenset({"learnt", "trimmed"})
EXCEPTION = (
    "The largest weight of an item may differ: a worker uses the half-lives of its generation, not of the settings."
)
"""The limit of certainty: the events do not name the generation that was in service."""
IN_RECORD = {True: "yes", False: "no", None: "not known"}
REASONS = {
    "first": "as the first list of the listener",
    "generation": "because the generation changed",
    "repeated": "again, because an event was delivered twice",
    "changed": "because it changed",
    "renewed": "again, because it grew old",
}
app = typer.Typer(add_completion=False)


@app.command()
def trace(
    user: User,
    *,
    events: Annotated[int, typer.Option("--events", min=1, max=1000, help="How many of the latest events.")] = 20,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="Longest time to read a topic.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Show the outcome of each of a listener's latest events, and the record and the list they led to.

    Outcomes are not stored. The command recomputes them from the events that are still on the topic. It shows them as
    unknown if the result differs from the listener's record. It computes the largest weight of an item with the
    half-lives of the settings; a worker uses those of the generation in service.
    """
    from agents.plays.recompute import recompute
    from jobs.user_requests.trace import Limits, Tracer
    from streams.partitioning import partition_of

    settings = read_settings()
    recompute_here = partial(recompute, partition=partition_of(user, settings.topics.partitions), settings=settings)
    tracer = Tracer(user, settings, Limits(events, seconds), recompute_here)
    traced = asyncio.run(tracer.trace(time.time_ns() // 1_000_000))
    if as_json:
        typer.echo(msgspec.json.encode(traced))
        return
    print_partition(user, traced)
    for part in traced.elsewhere:
        typer.echo(f"\n{sentence_on_misplaced(part.events.partition, traced.events.partition)}")
        print_partition(user, part)


def print_partition(user: str, traced: "PartitionTrace") -> None:
    """Print the trace of a partition."""
    typer.echo("\n".join(sentences_on_events(user, traced)))
    if traced.events.latest:
        Console().print(table_of(traced.events.latest))
    typer.echo("\n".join(sentences_on_result(traced)))


def sentence_on_misplaced(partition: int, home: int) -> str:
    """Return the cause of events on another partition than the one of their key."""
    return (
        f"Also on partition {partition}, though the key belongs to partition {home}: a producer writes with another "
        "partitioner. For librdkafka, set partitioner=murmur2_random."
    )


def sentences_on_events(user_id: str, traced: "PartitionTrace") -> Iterator[str]:
    """Yield the sentences above the table: which events were read, and whether their outcomes are certain."""
    events = traced.events
    partition = f"partition {events.partition} of plays"
    if events.topic_end == events.topic_start:
        yield f"{user_id}: no event, since {partition} is empty."
        return
    span = f"offsets {events.read_start} to {events.topic_end - 1} of {partition}"
    yield f"{user_id}: {pluralize(events.n_events, 'event')} at {span}, the latest {len(events.latest)} shown."
    waiting = events.topic_end - max(events.committed, events.topic_start)
    if waiting > 0:
        committed = f"events up to offset {events.committed - 1}" if events.committed else "no event"
        yield f"Workers have committed {committed}; {pluralize(waiting, 'event')} wait."
    if not events.differing:
        yield "The outcomes are certain: these events lead exactly to the record."
        if any(event.outcome in LEARNED for event in events.latest):
            yield EXCEPTION
        return
    fields = ", ".join(events.differing)
    yield f"Outcomes marked unknown cannot be recomputed: the events lead to another record ({fields} differ)."
    yield _cause_of_difference(events)


def _cause_of_difference(events: "TracedEvents") -> str:
    causes = ["a worker had other settings than this command"]
    if "history" in events.differing:
        causes.append("the record was written by an earlier version, which kept one sum per item")
    if events.read_start > events.topic_start:
        unread = f"{events.topic_start} to {events.read_start - 1}"
        return f"Offsets {unread} were not read in time: give --seconds a larger number."
    if events.topic_start:
        return f"Kafka has deleted the events below offset {events.topic_start}, or {', or '.join(causes)}."
    return f"Either {', or '.join(causes)}, or the topic was made anew."


def table_of(events: "Sequence[TracedEvent]") -> Table:
    """Return events as a table, the latest last."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("offset", justify="right")
    for name in ("arrived", "type", "item"):
        table.add_column(name, overflow="fold")
    table.add_column("weight", justify="right")
    for name in ("outcome", "in the record"):
        table.add_column(name, overflow="fold")
    for event in events:
        table.add_row(
            str(event.offset),
            "" if event.arrived_at_ms is None else format_moment(event.arrived_at_ms),
            Text(printable(event.type or "")),
            Text(", ".join(event.item_ids)),
            "" if event.weight is None else f"{event.weight:.3g}",
            Text(f"rejected: {printable(event.reason)}" if event.outcome == "rejected" else OUTCOMES[event.outcome]),
            IN_RECORD[event.in_record],
        )
    return table


def sentences_on_result(traced: "PartitionTrace") -> Iterator[str]:
    """Yield the sentences below the table: the record, the states on this machine, the list."""
    partition, record = traced.events.partition, traced.record
    yield sentence_on_record(record, partition) if record else "There is no record of the listener."
    for state in traced.states:
        yield sentence_on_state(state, record)
    made = traced.recommendations
    yield sentence_on_list(made, partition) if made else "There is no list of the listener."


def sentence_on_record(record: "TracedRecord", partition: int) -> str:
    """Return the record in a sentence or some."""
    head = f"Record (users changelog, partition {partition}, offset {record.offset}): "
    if record.forgotten:
        return f"{head}the marker of a forgotten listener; it contains the events up to offset {record.applied_offset}."
    made = f"list made {format_moment(record.listed_at_ms)}" if record.listed_at_ms else "no list made"
    facts = [
        f"events up to offset {record.applied_offset}",
        pluralize(record.plays, "play"),
        f"{pluralize(record.n_history, 'signal')} of history",
        _vector(record),
        made,
        *(["a changed list waits to be published"] if record.owed else []),
        *(["paused"] if record.paused else []),
    ]
    return f"{head}{', '.join(facts)}."


def _vector(record: "TracedRecord") -> str:
    if record.generation_key is None:
        return "no vector"
    return f"vector of generation {record.generation or f'{record.generation_key}, which is not in the store'}"


def sentence_on_state(state: "TracedState", record: "TracedRecord | None") -> str:
    """Return a worker's state on this machine in a sentence; its files lag behind a running worker."""
    if state.unread is not None:
        return state.unread
    head = f"State in {state.folder} (changelog up to offset {state.changelog_offset}): "
    if state.outranked:
        return f"{head}the worker will write its record again, since a staler one came after it on the changelog."
    if state.applied_offset is None:
        return f"{head}its files have no record of the listener."
    if record is not None and state.applied_offset == record.applied_offset:
        return f"{head}the same events as the record."
    return f"{head}events up to offset {state.applied_offset}, {pluralize(state.plays or 0, 'play')}."


def sentence_on_list(made: "TracedList", partition: int) -> str:
    """Return the list in a sentence."""
    return (
        f"List (recommendations, partition {partition}, offset {made.offset}): {made.kind}, "
        f"{pluralize(made.n_items, 'item')}, generation {made.generation}, revision {made.revision}, "
        f"made {format_moment(made.made_at_ms)}, published {REASONS[made.reason]}; it reflects "
        f"{f'events up to offset {made.reflects_offset}' if made.reflects_offset >= 0 else 'no event'} "
        f"of partition {made.reflects_partition}."
    )
