"""What a worker tells Prometheus, read from its parts whenever it is asked."""

import asyncio
import errno
import logging
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.observers.latency_histogram import LatencyHistogram
from agents.observers.live_quality import LISTS, LiveQuality
from agents.observers.outcome_counts import OutcomeCounts
from agents.observers.quality_window import compared
from agents.telemetry.pulse import Pulses
from model.arrays import Doubles
from model.evaluation.rank_metrics import HISTORIES
from state.generations.serving import Serving
from state.lists.ranker import Ranker
from state.storage.disk_space import DiskMetrics
from state.users.store import UserStore

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
"""Nobody but this machine is answered, unless a setting says otherwise."""


class MetricsError(RuntimeError):
    """The metrics cannot be served. Give the process a port of its own in PLAYFOLD_METRICS_PORT, or none with 0.

    PLAYFOLD_METRICS_HOST has to be an address of its machine.
    """


class WorkerMetrics(Collector):
    """Turns the present state of a worker into samples; no part of the worker knows of it."""

    def __init__(
        self,
        ranker: Ranker,
        serving: Serving,
        store: UserStore,
        outcome_counts: OutcomeCounts,
        quality: LiveQuality | None = None,
        pulses: Pulses | None = None,
        latencies: LatencyHistogram | None = None,
        disk: DiskMetrics | None = None,
    ) -> None:
        """Read these parts."""
        self._ranker, self._serving, self._store, self._outcome_counts = ranker, serving, store, outcome_counts
        self._quality, self._pulses, self._latencies, self._disk = quality, pulses, latencies, disk

    def collect(self) -> Iterator[Metric]:
        """Give one sample of everything."""
        yield from self._of_events()
        yield from self._of_ranking()
        yield from self._of_catalog()
        yield from self._of_serving()
        if self._quality is not None:
            yield from _of_counts(self._quality)
            yield from _of_window(self._quality)
        if self._pulses is not None:
            what = "Pulses that Kafka did not take in time."
            yield CounterMetricFamily("playfold_pulses_failed", what, value=self._pulses.n_failed)
        if self._latencies is not None:
            yield _of_latencies(self._latencies)
        if self._disk is not None:
            yield from self._disk.collect()

    def _of_events(self) -> Iterator[Metric]:
        events = CounterMetricFamily("playfold_events", "Events, by what became of them.", labels=["outcome"])
        for outcome, n in self._outcome_counts.n_events.items():
            events.add_metric([outcome], n)
        yield events

    def _of_ranking(self) -> Iterator[Metric]:
        ranker = self._ranker
        lists = CounterMetricFamily("playfold_lists", "Lists ranked, by how.", labels=["ranking"])
        for ranking, n in ranker.n_lists.items():
            lists.add_metric([ranking], n)
        yield lists
        yield CounterMetricFamily("playfold_index_probes", "Lists ranked both ways.", value=ranker.n_probes)
        yield CounterMetricFamily(
            "playfold_index_fallbacks", "Revisions whose index found too little.", value=ranker.n_fallbacks
        )
        recall = ranker.recall
        if recall is not None:
            what = "Share of the exact first ten that the index found, over the last probes."
            yield GaugeMetricFamily("playfold_index_recall_ratio", what, value=recall)

    def _of_catalog(self) -> Iterator[Metric]:
        left_out, catalog = self._ranker.left_out, self._ranker.catalog
        counts = CounterMetricFamily(
            "playfold_items_left_out", "Items left out of lists, summed over the lists, by reason.", labels=["reason"]
        )
        for reason, n in left_out.counts.items():
            counts.add_metric([reason], n)
        yield counts
        what = "Items of which the catalog tells kind or availability."
        yield GaugeMetricFamily("playfold_catalog_items", what, value=len(catalog))
        what = "Records of the catalog that could not be read."
        yield CounterMetricFamily("playfold_catalog_unreadable", what, value=catalog.n_unreadable)

    def _of_serving(self) -> Iterator[Metric]:
        generation, partitions = self._serving.current, list(self._store.partitions.values())
        yield GaugeMetricFamily("playfold_partitions", "Partitions that this worker owns.", value=len(partitions))
        if generation is None:
            return
        serving = GaugeMetricFamily("playfold_generation", "What is in service.", labels=["generation", "revision"])
        serving.add_metric([generation.id, str(generation.revision.number)], 1)
        yield serving
        yield GaugeMetricFamily("playfold_items", "Items in the generation in service.", value=len(generation.item_ids))
        n_withdrawn = len(generation.revision.withdrawn_rows)
        yield GaugeMetricFamily("playfold_items_withdrawn", "Of those, items in no list.", value=n_withdrawn)
        swept = sum(state.swept == generation.key for state in partitions)
        what = "Partitions of which every user was folded under the generation in service."
        yield GaugeMetricFamily("playfold_partitions_swept", what, value=swept)


def _of_latencies(latencies: LatencyHistogram) -> Metric:
    """Give how long plays took, as Prometheus wants a histogram."""
    found = latencies.all()
    what = "Seconds from a play's arrival in Kafka until its list was durable."
    buckets = [*((f"{bound:g}", float(n)) for bound, n in found.up_to.items()), ("+Inf", float(found.n))]
    return HistogramMetricFamily("playfold_play_to_list_seconds", what, buckets=buckets, sum_value=found.sum_s)


KINDS = ("list", "generation", "history", "fresh")


def _of_counts(quality: LiveQuality) -> Iterator[Metric]:
    """Give what was counted since the worker was started; the sum over a label is the figure without it."""
    plays = CounterMetricFamily("playfold_scored_plays", "Plays looked for in the list of before.", labels=KINDS)
    hits = CounterMetricFamily("playfold_hits", "Those of which the item was in it.", labels=[*KINDS, "at"])
    what = "Sum of 1 / rank of the item in it, 0 beyond the 50th."
    reciprocal = CounterMetricFamily("playfold_reciprocal_rank", what, labels=KINDS)
    for generation, counts in quality.counts.items():
        for kinds, (n, at_10, at_50, ranks) in _by_kinds(generation, counts):
            plays.add_metric(kinds, n)
            hits.add_metric([*kinds, "10"], at_10)
            hits.add_metric([*kinds, "50"], at_50)
            reciprocal.add_metric(kinds, ranks)
    yield from (plays, hits, reciprocal)


def _by_kinds(generation: str, counts: Doubles) -> Iterator[tuple[list[str], list[float]]]:
    """Yield the labels and the figures of every kind of plays."""
    for which, name in enumerate(LISTS):
        for kind, history in enumerate(HISTORIES):
            for fresh, told in enumerate(("no", "yes")):
                yield [name, generation, history, told], counts[which, kind, fresh].tolist()


def _of_window(quality: LiveQuality) -> Iterator[Metric]:
    """Give how good the lists were by the last plays, with 95 % intervals."""
    what = "Share of the last 10,000 scored plays of which the item was in the list of before."
    hits = GaugeMetricFamily("playfold_hit_ratio", what, labels=["list", "at", "bound"])
    what = "Mean of 1 / rank of the item in it, over the same plays."
    ranks = GaugeMetricFamily("playfold_reciprocal_rank_ratio", what, labels=["list", "bound"])
    found = compared(quality.window.entries)
    for name in LISTS if found is not None else ():
        figures = getattr(found, name)
        for bound in ("value", "low", "high"):
            hits.add_metric([name, "10", bound], getattr(figures.hit_at_10, bound))
            hits.add_metric([name, "50", bound], getattr(figures.hit_at_50, bound))
            ranks.add_metric([name, bound], getattr(figures.mrr_at_50, bound))
    yield from (hits, ranks)


class MetricsServer:
    """Serves samples to whoever asks, from a thread of its own."""

    def __init__(self, collector: Collector, port: int, host: str = HOST) -> None:
        """Serve what `collector` gives at a port; 0 serves nothing."""
        self._port, self._host = port, host
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        self._running: tuple[Any, Any] | None = None

    def start(self) -> None:
        """Begin.

        Raises:
            MetricsError: The port is taken, or the address is none of this machine.
        """
        if not self._port:
            return
        try:
            self._running = start_http_server(self._port, self._host, self._registry)
        except OSError as error:
            raise self._unservable(error) from None
        log.info("metrics_served", extra={"url": f"http://{self._host}:{self._port}/metrics"})

    def _unservable(self, error: OSError) -> MetricsError:
        if error.errno == errno.EADDRINUSE:
            return MetricsError(
                f"Metrics cannot be served on port {self._port} ({error.strerror}): set PLAYFOLD_METRICS_PORT."
            )
        return MetricsError(
            f"Metrics cannot be served at {self._host} ({error.strerror}): "
            "set PLAYFOLD_METRICS_HOST to an address of this machine."
        )

    async def stop(self) -> None:
        """End, if it was begun."""
        if self._running is not None:
            server, thread = self._running
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            await asyncio.to_thread(thread.join)
            self._running = None
