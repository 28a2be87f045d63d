"""A worker's pulse, and that a failing pulse holds nothing up."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from aiokafka.errors import KafkaError

from agents.observers.latency_histogram import LatencyHistogram
from agents.observers.live_quality import LiveQuality
from agents.observers.ordered import Observers
from agents.observers.outcome_counts import OutcomeCounts
from agents.observers.popularity import PopularityObserver
from agents.observers.quality_window import ENTRY
from agents.telemetry.pulse import Pulses
from agents.telemetry.reported_parts import ReportedParts
from state.catalog.item_catalog import ItemCatalog
from state.generations.folder_store import FolderStore
from state.generations.serving import Serving
from state.lists.popularity import LivePopularity, TrainedPopularity
from state.users.store import UserStore
from streams.connection.credentials import CredentialsError
from streams.messages.pulse import Pulse
from streams.outbox import OutboxError
from streams.settings import Settings, override
from streams.topics.topics import topic_names
from tests.support.generations import FIRST_ID, make_generation
from tests.support.memory_outbox import MemoryOutbox
from tests.support.settings import settings_with
from tests.support.wait import wait_until

SETTINGS = settings_with(factors=8, pulse_s=0.01, instance="west", kafka_timeout_s=0.05)
TOPIC = topic_names(SETTINGS).pulse


class Scene:
    """The parts that a pulse tells of."""

    def __init__(self, folder: Path, settings: Settings = SETTINGS) -> None:
        """Prepare; nothing has happened yet."""
        self.outbox = MemoryOutbox(settings.kafka)
        self.tally, self.delays, self.quality = (
            OutcomeCounts(),
            LatencyHistogram(),
            LiveQuality(settings, TrainedPopularity(), ItemCatalog()),
        )
        observers = Observers(self.tally, self.quality, PopularityObserver(LivePopularity(settings.popularity)))
        self.states = dict[int, Any]()
        store = cast(UserStore, SimpleNamespace(partitions=self.states))
        self.serving = Serving(FolderStore(folder))
        parts = ReportedParts(self.serving, store, observers, self.delays)
        self.pulses = Pulses(parts, settings, self.outbox)
        self.running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Have it told."""
        self.running = asyncio.create_task(self.pulses.run())

    def told(self) -> list[Pulse]:
        """Return the pulses that were sent."""
        log = self.outbox.logs.get((TOPIC, 0), [])
        assert {b"west"} >= {key for key, _ in log}
        return [msgspec.json.decode(value or b"", type=Pulse) for _, value in log]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give the scene."""
    prepared = Scene(tmp_path)
    yield prepared
    if prepared.running is not None:
        prepared.running.cancel()
        with suppress(asyncio.CancelledError):
            await prepared.running


async def test_a_worker_that_does_nothing_has_a_pulse(scene: Scene) -> None:
    """Repeatedly, under its name, with null for unknown figures."""
    scene.start()

    await wait_until(lambda: len(scene.told()) >= 3)

    first = scene.told()[0]
    assert "west" == first.instance
    assert first.generation is None
    assert 0 == first.revision
    assert [] == first.partitions
    assert [] == first.partitions_swept
    assert 0.0 == first.events_per_s
    assert first.p50_ms is None
    assert first.p99_ms is None
    assert first.quality is None


async def test_a_pulse_tells_what_is_in_service(scene: Scene, tmp_path: Path) -> None:
    """And of which partitions every user was folded under it."""
    generation = make_generation(tmp_path)
    scene.serving.take(generation)
    scene.states |= {3: SimpleNamespace(swept=generation.key), 1: SimpleNamespace(swept=0)}

    pulse = scene.pulses.beat()

    assert FIRST_ID == pulse.generation
    assert [1, 3] == pulse.partitions
    assert [3] == pulse.partitions_swept


async def test_what_is_told_by_the_second_is_counted_from_the_pulse_before(scene: Scene) -> None:
    """Counts are since the start; a rate and delays are of the time in between."""
    scene.tally.count(np.array([0, 0, 1], np.uint8))
    scene.delays.add([10.0, 10.0, 1000.0])

    first, second = scene.pulses.beat(), scene.pulses.beat()

    assert 3 == sum(first.events.values())
    assert 3 == sum(second.events.values())
    assert 2 == first.events["learnt"]
    assert 1 == first.events["wished"]
    assert first.events_per_s > 0
    assert 0 == second.events_per_s
    assert 10.0 <= (first.p50_ms or 0) < 11.0
    assert 1000.0 <= (first.p99_ms or 0) < 1091.0
    assert second.p50_ms is None
    assert second.p99_ms is None


async def test_a_pulse_tells_how_good_the_lists_are(scene: Scene) -> None:
    """By all plays, by kinds of listeners, by fresh items and by generations."""
    entries = np.zeros(4, ENTRY)
    entries["own"], entries["history"], entries["fresh"] = [1, 20, 0, 0], [0, 0, 2, 2], [False, False, False, True]
    entries["generation"], scene.quality.names = [7, 7, 7, 8], {7: "seven"}
    scene.quality.window.add(entries)

    quality = scene.pulses.beat().quality

    assert quality is not None
    assert 4 == quality.every.plays
    assert 0.25 == quality.every.own.hit_at_10.value
    assert 0.5 == quality.every.own.hit_at_50.value
    assert {"new": 2, "many": 2} == {name: kind.plays for name, kind in quality.by_history.items()}
    assert {"seven": 3, "older": 1} == {name: kind.plays for name, kind in quality.by_generation.items()}
    assert quality.fresh is not None
    assert 1 == quality.fresh.plays


async def test_without_live_quality_a_pulse_tells_the_rest(scene: Scene) -> None:
    """The setting is off."""
    parts = scene.pulses._parts  # noqa: SLF001
    scene.pulses._parts = replace(parts, observers=replace(parts.observers, live_quality=None))  # noqa: SLF001

    assert scene.pulses.beat().quality is None


async def test_a_refused_pulse_is_counted_and_logged_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Until one arrives again; the task goes on."""
    scene.outbox.refused = {TOPIC: KafkaError("gone")}
    scene.start()

    await wait_until(lambda: scene.pulses.n_failed >= 3)
    scene.outbox.refused = {}
    await wait_until(scene.told)

    assert 1 == sum(record.getMessage() == "pulse_failed" for record in caplog.records)


async def test_a_pulse_that_is_not_acknowledged_is_given_up(scene: Scene) -> None:
    """The next one tells more."""
    scene.outbox.held = {TOPIC}
    scene.start()

    await wait_until(lambda: scene.pulses.n_failed >= 2)

    assert scene.running is not None
    assert not scene.running.done()


async def test_a_kafka_that_cannot_be_reached_is_asked_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At the next pulse."""
    caplog.set_level(logging.WARNING)
    start, failures = scene.outbox.start, [CredentialsError("empty"), OutboxError("gone")]

    async def starting() -> None:
        if failures:
            raise failures.pop()
        await start()

    monkeypatch.setattr(scene.outbox, "start", starting)
    scene.start()
    await wait_until(scene.told)

    assert 2 == scene.pulses.n_failed


async def test_an_interval_of_zero_is_none(tmp_path: Path) -> None:
    """Nothing is connected, nothing is sent."""
    scene = Scene(tmp_path, override(SETTINGS, pulse_s=0.0))

    await scene.pulses.run()

    assert [] == scene.told()
