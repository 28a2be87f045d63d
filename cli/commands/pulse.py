"""`playfold pulse`: the state of the workers, by the last pulse of each."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from streams.messages.pulse import Compared, ListQuality, LiveFigures, Pulse, Share
from streams.process.format_text import format_duration
from streams.process.run_tasks import run_until_stopped
from streams.readers.broadcast import Broadcast
from streams.readers.latest_pulse import read_pulse
from streams.settings import Settings, read_settings
from streams.topics.topics import topic_names

LOOK_S = 0.5
"""Seconds between two updates."""
KNOWN = {"new": "up to 4", "few": "up to 19", "many": "more"}
"""The names of the kinds of listeners."""
app = typer.Typer(add_completion=False)


class NoPulseError(LookupError):
    """No worker reported lately. Check that one runs, and that PLAYFOLD_PULSE_S is not 0."""


class Heard:
    """The last pulse of every worker."""

    def __init__(self) -> None:
        """Begin with none."""
        self.latest: dict[str, Pulse] = {}

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Store a pulse; ignore a record that does not decode."""
        pulse = read_pulse(key, value)
        if pulse is not None:
            self.latest[pulse.instance] = pulse


@app.command()
def pulse(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per worker.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Keep printing until Ctrl-C.")] = False,
) -> None:
    """Print the last pulse of every worker."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_show(read_settings(), as_json=as_json, follow=follow))


async def _show(settings: Settings, *, as_json: bool, follow: bool) -> None:
    heard = Heard()
    topic = topic_names(settings).pulse
    async with Broadcast(settings.kafka, topic, heard.take, settings.kafka.timeout_s) as followed:
        if not heard.latest and not follow:
            message = "No worker reported in the last hour: either none runs, or PLAYFOLD_PULSE_S is 0."
            raise NoPulseError(message)
        if follow:
            await run_until_stopped([_follow(heard, as_json=as_json), followed.failed()], asyncio.Event())
        elif as_json:
            for latest in in_order(heard.latest.values()):
                typer.echo(msgspec.json.encode(latest))
        else:
            Console().print(table_of(heard.latest.values(), time.time_ns() // 1_000_000))


async def _follow(heard: Heard, *, as_json: bool) -> None:
    """Print pulses forever: each as a line, or the last ones in a live table."""
    if as_json:
        printed_at: dict[str, int] = {}
        while True:
            for latest in in_order(heard.latest.values()):
                if printed_at.get(latest.instance) != latest.at_ms:
                    printed_at[latest.instance] = latest.at_ms
                    typer.echo(msgspec.json.encode(latest))
            await asyncio.sleep(LOOK_S)
    with Live(auto_refresh=False) as live:
        while True:
            live.update(table_of(heard.latest.values(), time.time_ns() // 1_000_000), refresh=True)
            await asyncio.sleep(LOOK_S)


def in_order(pulses: Iterable[Pulse]) -> list[Pulse]:
    """Return pulses by the names of their workers."""
    return sorted(pulses, key=lambda pulse: pulse.instance)


def table_of(pulses: Iterable[Pulse], now_ms: int) -> Table:
    """Return a table of pulses, one column per worker."""
    ordered = in_order(pulses)
    table = Table(box=SIMPLE_HEAD)
    table.add_column("worker")
    for pulse in ordered:
        table.add_column(pulse.instance, justify="right")
    columns = [_cells(pulse, now_ms) for pulse in ordered]
    for name in columns[0] if columns else ():
        table.add_row(name, *(column[name] for column in columns))
    return table


def _cells(pulse: Pulse, now_ms: int) -> dict[str, str]:
    """Return the cells of a worker by their rows."""
    every = pulse.quality.every if pulse.quality else None
    own_lists, popular = (every.own, every.popular) if every else (None, None)
    serving = f"{pulse.generation}, revision {pulse.revision}" if pulse.generation else "none"
    return {
        "reported": f"{format_duration(now_ms - pulse.at_ms)} ago",
        "runs for": format_duration(pulse.at_ms - pulse.started_at_ms),
        "generation": serving,
        "partitions": f"{len(pulse.partitions)}, {len(pulse.partitions_swept)} swept{_republished(pulse)}",
        "events": f"{sum(pulse.events.values()):,}",
        "events/s": f"{pulse.events_per_s:,.1f}",
        "play to list, p50": _milliseconds(pulse.p50_ms),
        "play to list, p99": _milliseconds(pulse.p99_ms),
        "scored plays": _scored(every),
        "hit@10, own list": _share(own_lists, "hit_at_10"),
        "hit@10, popular list": _share(popular, "hit_at_10"),
        "hit@50, own list": _share(own_lists, "hit_at_50"),
        "hit@50, popular list": _share(popular, "hit_at_50"),
        "MRR@50, own list": _share(own_lists, "mrr_at_50"),
        "MRR@50, popular list": _share(popular, "mrr_at_50"),
    } | {f"hit@10, {part}: own, popular": _pair(compared) for part, compared in _parts(pulse.quality).items()}


def _parts(quality: LiveFigures | None) -> dict[str, Compared | None]:
    """Return the figures of parts of the scored plays, by the name of the part; every worker has the same parts."""
    by_history = quality.by_history if quality else {}
    parts = {f"{kind} items known": by_history.get(name) for name, kind in KNOWN.items()}
    return parts | {"fresh items": quality.fresh if quality else None}


def _pair(compared: Compared | None) -> str:
    return f"{compared.own.hit_at_10.value:.3f}, {compared.popular.hit_at_10.value:.3f}" if compared else ""


def _scored(every: Compared | None) -> str:
    return f"the last {every.plays:,}" if every else "none"


def _republished(pulse: Pulse) -> str:
    """Return the progress of lists that are published again; empty if there are none."""
    if not pulse.republishing:
        return ""
    done = sum(one.done for one in pulse.republishing.values())
    of_about = sum(one.of_about for one in pulse.republishing.values())
    return f", lists again: {done:,} of about {of_about:,}"


def _milliseconds(latency_ms: float | None) -> str:
    return "" if latency_ms is None else f"{latency_ms:,.1f} ms"


def _share(quality: ListQuality | None, name: str) -> str:
    """Return a figure with its 95 % interval."""
    if quality is None:
        return ""
    share: Share = getattr(quality, name)
    return f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})"
