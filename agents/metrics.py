"""What a worker tells Prometheus, read from its parts whenever it is asked."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.tally import Tally
from state.ranker import Ranker
from state.serving import Serving
from state.user_store import UserStore

log = logging.getLogger(__name__)

HOST = "127.0.0.1"


class MetricsError(RuntimeError):
    """The metrics cannot be served. Give the process a port of its own in PLAYFOLD_METRICS_PORT, or none with 0."""


class WorkerMetrics(Collector):
    """Turns the present state of a worker into samples; no part of the worker knows of it."""

    def __init__(self, ranker: Ranker, serving: Serving, store: UserStore, tally: Tally) -> None:
        """Read these parts."""
        self._ranker, self._serving, self._store, self._tally = ranker, serving, store, tally

    def collect(self) -> Iterator[Metric]:
        """Give one sample of everything."""
        yield from self._of_events()
        yield from self._of_ranking()
        yield from self._of_catalog()
        yield from self._of_serving()

    def _of_events(self) -> Iterator[Metric]:
        events = CounterMetricFamily("playfold_events", "Events, by what became of them.", labels=["outcome"])
        for outcome, n in self._tally.n_events.items():
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


class MetricsServer:
    """Serves samples on this machine, to whoever asks, from a thread of its own."""

    def __init__(self, collector: Collector, port: int) -> None:
        """Serve what `collector` gives at a port; 0 serves nothing."""
        self._port = port
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        self._running: tuple[Any, Any] | None = None

    def start(self) -> None:
        """Begin.

        Raises:
            MetricsError: The port is taken.
        """
        if not self._port:
            return
        try:
            self._running = start_http_server(self._port, HOST, self._registry)
        except OSError as error:
            message = f"Metrics cannot be served on port {self._port} ({error.strerror}): set PLAYFOLD_METRICS_PORT."
            raise MetricsError(message) from None
        log.info("metrics_served", extra={"url": f"http://{HOST}:{self._port}/metrics"})

    async def stop(self) -> None:
        """End, if it was begun."""
        if self._running is not None:
            server, thread = self._running
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            await asyncio.to_thread(thread.join)
            self._running = None
