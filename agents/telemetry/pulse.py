"""The pulse: a worker's health and figures, sent to a topic at intervals."""

import asyncio
import logging
import time
from typing import Protocol

import msgspec
from aiokafka.errors import KafkaError

from agents.observers.quality_window import by_generation, by_history, compared
from agents.telemetry.reported_parts import ReportedParts
from streams.connection.credentials import CredentialsError
from streams.messages.pulse import LiveFigures, Pulse
from streams.outbox import Outbox, OutboxError
from streams.settings import Settings
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)

SEND_S = 5.0
"""Longest wait for the acknowledgement of a pulse; a late pulse is worth less than the next one."""


class CatalogProgress(Protocol):
    """Follows the catalog (`streams/readers/broadcast.py`)."""

    @property
    def places(self) -> dict[int, int]:
        """Return by partition the offset before which the catalog is taken in."""

    @property
    def topic_id(self) -> str:
        """Return the id of the topic that the places are in."""


class Pulses:
    """Publishes the worker's health on its own Kafka connection, so a failing pulse never delays plays.

    Attributes:
        n_failed: Pulses that Kafka did not acknowledge in time.
    """

    def __init__(
        self,
        parts: ReportedParts,
        settings: Settings,
        outbox: Outbox | None = None,
        catalog: CatalogProgress | None = None,
    ) -> None:
        """Report on these parts; `outbox` must be used for pulses only. `catalog` has taken in the catalog."""
        self._parts, self._settings, self._catalog = parts, settings, catalog
        self._outbox = Outbox(settings.kafka) if outbox is None else outbox
        self._started_at_ms = time.time_ns() // 1_000_000
        self._sent_at, self._sent_events = time.monotonic(), 0
        self.n_failed = 0

    async def run(self) -> None:
        """Send a pulse every `pulse_s`; log the first one of a series that fails."""
        if not self._settings.telemetry.pulse_s:
            return
        connected, failing = False, False
        try:
            while True:
                await asyncio.sleep(self._settings.telemetry.pulse_s)
                try:
                    if not connected:
                        await self._outbox.start()
                        connected = True
                    await self._send(self.beat())
                    failing = False
                except (KafkaError, OutboxError, TimeoutError, CredentialsError) as error:
                    self.n_failed += 1
                    if not failing:
                        log.warning("pulse_failed", extra={"reason": repr(error), "failed": self.n_failed})
                    await self._outbox.stop(patience_s=0.0)  # an idempotent producer does not recover from a lost batch
                    connected, failing = False, True
        finally:
            await self._outbox.stop(patience_s=0.0)

    def beat(self) -> Pulse:
        """Return the present pulse; rates are counted from the pulse before."""
        generation, states = self._parts.serving.current, dict(self._parts.store.partitions)
        key = generation.key if generation else None
        events, now = dict(self._parts.observers.outcome_counts.n_events), time.monotonic()
        n_events = sum(events.values())
        per_s = (n_events - self._sent_events) / max(now - self._sent_at, 1e-3)
        self._sent_at, self._sent_events = now, n_events
        p50_ms, p99_ms = self._parts.latencies.take(0.5, 0.99)
        return Pulse(
            instance=self._settings.application.instance,
            at_ms=time.time_ns() // 1_000_000,
            started_at_ms=self._started_at_ms,
            generation=generation.id if generation else None,
            revision=generation.revision.number if generation else 0,
            partitions=sorted(states),
            partitions_swept=sorted(number for number, state in states.items() if state.swept == key),
            events=events,
            arrivals=dict(self._parts.observers.arrival_counts.counts),
            odd_hints=dict(self._parts.observers.arrival_counts.odd_hints),
            outcomes=self._parts.observers.outcome_log.take(),
            events_per_s=round(per_s, 1),
            p50_ms=p50_ms,
            p99_ms=p99_ms,
            quality=self._figures(),
            plays_lost=sum(self._parts.lost().values()),
            catalog_places=self._catalog.places if self._catalog else {},
            catalog_id=self._catalog.topic_id if self._catalog else "",
            republishing=self._parts.republishing(states),
        )

    def _figures(self) -> LiveFigures | None:
        quality = self._parts.observers.live_quality
        entries = quality.window.entries if quality is not None else None
        every = compared(entries) if entries is not None else None
        if quality is None or entries is None or every is None:
            return None
        return LiveFigures(
            every=every,
            by_history=by_history(entries),
            fresh=compared(entries[entries["fresh"]]),
            by_generation=by_generation(entries, quality.names),
        )

    async def _send(self, pulse: Pulse) -> None:
        topic, key = topic_names(self._settings).pulse, pulse.instance.encode()
        async with asyncio.timeout(min(SEND_S, self._settings.kafka.timeout_s)):
            await (await self._outbox.send(topic, 0, [(key, msgspec.json.encode(pulse))])).written()
