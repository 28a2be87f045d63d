"""The figures of the live page: the workers' pulses, their lag and quality, and the stored generations."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from model.evaluation.rank_metrics import share_of
from state.errors import GenerationError
from state.generations.manifest import Manifest
from state.generations.open_store import generation_store
from state.generations.serving import Serving
from streams.messages.pulse import ListQuality, Pulse, Share
from streams.settings import Settings
from web.feeds.commit_progress import CommitProgress

log = logging.getLogger(__name__)

HISTORY_S = 600
"""Seconds of figures that are kept, one point each."""
SILENT_MS = 10_000
"""A worker without a pulse for this long does not count in the figures; the page still shows it."""
GONE_MS = 3_600_000
WORKERS_MAX = 200
GENERATIONS = 7
STORE_S = 15.0
"""Seconds between two reads of the generation store."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one second."""

    at_ms: int
    plays_per_s: float
    lag: int | None
    p50_ms: float | None
    p99_ms: float | None
    own: Share | None
    popular: Share | None
    scored_plays: int


class Dashboard:
    """Holds the last pulse of every worker and a point for each of the last seconds."""

    def __init__(self, settings: Settings, progress: CommitProgress, serving: Serving) -> None:
        """Compute figures from the pulses, the lag and the generation in service."""
        self._settings, self._progress, self._serving = settings, progress, serving
        self._pulses: dict[str, Pulse] = {}
        self._manifests: list[Manifest] = []
        self.points: deque[Point] = deque(maxlen=HISTORY_S)

    def on_pulse(self, pulse: Pulse) -> None:
        """Store a pulse."""
        self._pulses[pulse.instance] = pulse
        if len(self._pulses) > WORKERS_MAX:
            del self._pulses[min(self._pulses, key=lambda instance: self._pulses[instance].at_ms)]

    async def run(self) -> None:
        """Append a point every second, for ever."""
        looked = float("-inf")
        while True:
            if time.monotonic() - looked > STORE_S:
                looked = time.monotonic()
                await self._look_into_store()
            self.points.append(self.point(time.time_ns() // 1_000_000))
            await asyncio.sleep(1)

    async def _look_into_store(self) -> None:
        try:
            store = await asyncio.to_thread(generation_store, self._settings)
            self._manifests = (await asyncio.to_thread(store.manifests))[-GENERATIONS:]
        except GenerationError as error:
            log.warning("generations_unread", extra={"reason": str(error)})

    def point(self, now_ms: int) -> Point:
        """Return the figures of now, of all workers together."""
        live = [pulse for pulse in self._pulses.values() if now_ms - pulse.at_ms < SILENT_MS]
        per_s = sum(pulse.events_per_s for pulse in live)
        medians = [(pulse.p50_ms, pulse.events_per_s) for pulse in live if pulse.p50_ms is not None]
        weight = sum(share for _, share in medians)
        own, n_scored = _together(live, lambda quality: quality.own)
        popular, _ = _together(live, lambda quality: quality.popular)
        return Point(
            at_ms=now_ms,
            plays_per_s=round(per_s, 1),
            lag=self._progress.lag,
            p50_ms=sum(median * share for median, share in medians) / weight if weight else None,
            p99_ms=max((pulse.p99_ms for pulse in live if pulse.p99_ms is not None), default=None),
            own=own,
            popular=popular,
            scored_plays=n_scored,
        )

    def latest(self, now_ms: int) -> Point:
        """Return the point of the last second, or the figures of now before the first point."""
        return self.points[-1] if self.points else self.point(now_ms)

    def workers(self, now_ms: int) -> list[dict[str, Any]]:
        """Return the latest pulse of every worker that published one in the last hour."""
        return [
            {
                "instance": pulse.instance,
                "partitions": pulse.partitions,
                "partitions_swept": pulse.partitions_swept,
                "generation": pulse.generation,
                "revision": pulse.revision,
                "events_per_s": pulse.events_per_s,
                "p50_ms": pulse.p50_ms,
                "p99_ms": pulse.p99_ms,
                "reported_ms_ago": max(0, now_ms - pulse.at_ms),
            }
            for _, pulse in sorted(self._pulses.items())
            if now_ms - pulse.at_ms < GONE_MS
        ]

    def generations(self) -> list[dict[str, Any]]:
        """Return the generations in the store, the newest first, each with its quality in the gate."""
        serving = self._serving.current
        return [
            {
                "generation_id": manifest.generation_id,
                "created_at": datetime.fromtimestamp(manifest.created_at_ms / 1000, UTC).isoformat(),
                "serving": serving is not None and serving.id == manifest.generation_id,
                "rejected": manifest.rejected,
                "n_items": manifest.n_items,
                "n_listeners": manifest.n_users,
                "quality": _judged(manifest),
            }
            for manifest in reversed(self._manifests)
        ]


def _judged(manifest: Manifest) -> dict[str, Any] | None:
    judged = manifest.gate.candidate if manifest.gate is not None else None
    return None if judged is None else msgspec.to_builtins(judged)


def _together(pulses: Sequence[Pulse], list_quality: Callable[[Any], ListQuality]) -> tuple[Share | None, int]:
    """Return how often the item was among the first ten of the plays that all workers scored last, and their number."""
    qualities = [pulse.quality.every for pulse in pulses if pulse.quality is not None]
    n = sum(quality.plays for quality in qualities)
    if not n:
        return None, 0
    hits = round(sum(list_quality(quality).hit_at_10.value * quality.plays for quality in qualities))
    return Share(*share_of(hits, n)), n
