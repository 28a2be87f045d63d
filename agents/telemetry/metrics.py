"""A worker's metrics for Prometheus, read from its parts at every scrape."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.observers.arrival_counts import ArrivalCounts
from agents.observers.latency_histogram import LatencyHistogram
from agents.observers.live_quality import LISTS, LiveQuality
from agents.observers.quality_window import compared
from agents.telemetry.pulse import Pulses
from agents.telemetry.reported_parts import ReportedParts
from model.arrays import Doubles
from model.evaluation.rank_metrics import HISTORY_KINDS
from state.lists.ranker import Ranker
from state.storage.disk_metrics import DiskMetrics
from streams.consumer.slices import StableEnd

ARRIVALS = {
    "records": "Records of plays that were read.",
    "rejected": "Of those, records that are no event.",
    "misplaced": "Of those, events on a partition that is not the one of their key.",
    "ahead": "Of those, signals from the future, which count as of their arrival.",
}


class PlaysSource(Protocol):
    """The consumer of plays."""

    @property
    def n_unreadable(self) -> int:
        """Return the records in batches that were set aside because they do not decode."""

    def stable_ends(self) -> Mapping[int, StableEnd]:
        """Return the last stable offset of every partition."""


class WorkerMetrics(Collector):
    """Turns the present state of a worker into samples; the worker's parts do not depend on it."""

    def __init__(
        self,
        parts: ReportedParts,
        ranker: Ranker,
        pulses: Pulses | None = None,
        disk: DiskMetrics | None = None,
        source: PlaysSource | None = None,
    ) -> None:
        """Read these parts."""
        self._parts, self._ranker, self._pulses, self._disk, self._source = parts, ranker, pulses, disk, source

    def collect(self) -> Iterator[Metric]:
        """Yield the current value of every metric."""
        yield from self._of_events()
        yield from self._of_lost()
        yield from _of_arrivals(self._parts.observers.arrival_counts)
        yield from self._of_ranking()
        yield from self._of_catalog()
        yield from self._of_serving()
        quality = self._parts.observers.live_quality
        if quality is not None:
            yield from _of_counts(quality)
            yield from _of_window(quality)
        if self._pulses is not None:
            text = "Pulses that Kafka did not acknowledge in time."
            yield CounterMetricFamily("playfold_pulses_failed", text, value=self._pulses.n_failed)
        yield _of_latencies(self._parts.latencies)
        if self._disk is not None:
            yield from self._disk.collect()

    def _of_events(self) -> Iterator[Metric]:
        events = CounterMetricFamily("playfold_events", "Events by outcome.", labels=["outcome"])
        for outcome, n in self._parts.observers.outcome_counts.n_events.items():
            events.add_metric([outcome], n)
        if self._source is not None:
            events.add_metric(["unreadable"], self._source.n_unreadable)
            yield from _of_stable_ends(self._source.stable_ends())
        yield events

    def _of_lost(self) -> Iterator[Metric]:
        text = "Plays that Kafka deleted or committed offsets skip unprocessed, since the start of the worker."
        lost = GaugeMetricFamily("playfold_plays_lost", text, labels=["partition"])
        for partition, n in sorted(({**dict.fromkeys(self._parts.store.partitions, 0), **self._parts.lost()}).items()):
            lost.add_metric([str(partition)], n)
        yield lost

    def _of_ranking(self) -> Iterator[Metric]:
        ranker = self._ranker
        lists = CounterMetricFamily("playfold_lists", "Lists by ranking method.", labels=["ranking"])
        for ranking, n in ranker.n_lists.items():
            lists.add_metric([ranking], n)
        yield lists
        yield CounterMetricFamily(
            "playfold_index_probes", "Lists ranked from the index and exactly.", value=ranker.n_probes
        )
        yield CounterMetricFamily(
            "playfold_index_fallbacks", "Revisions whose index had too low a recall.", value=ranker.n_fallbacks
        )
        recall = ranker.recall
        if recall is not None:
            text = "Recall of the exact first ten items by the index, over the last probes."
            yield GaugeMetricFamily("playfold_index_recall_ratio", text, value=recall)

    def _of_catalog(self) -> Iterator[Metric]:
        left_out, catalog = self._ranker.left_out, self._ranker.catalog
        counts = CounterMetricFamily(
            "playfold_items_left_out", "Items left out of lists by reason, summed over all lists.", labels=["reason"]
        )
        for reason, n in left_out.counts.items():
            counts.add_metric([reason], n)
        yield counts
        text = "Items with a kind or availability in the catalog."
        yield GaugeMetricFamily("playfold_catalog_items", text, value=len(catalog))
        text = "Unreadable records of the catalog."
        yield CounterMetricFamily("playfold_catalog_unreadable", text, value=catalog.n_unreadable)

    def _of_serving(self) -> Iterator[Metric]:
        generation, states = self._parts.serving.current, dict(self._parts.store.partitions)
        yield GaugeMetricFamily("playfold_partitions", "Partitions that this worker owns.", value=len(states))
        text = "Partitions whose lists are published again, since their topic was made again."
        n_republishing = len(self._parts.republishing(states))
        yield GaugeMetricFamily("playfold_partitions_republishing", text, value=n_republishing)
        if generation is None:
            return
        serving = GaugeMetricFamily(
            "playfold_generation", "The generation and revision in service.", labels=["generation", "revision"]
        )
        serving.add_metric([generation.id, str(generation.revision.number)], 1)
        yield serving
        yield GaugeMetricFamily("playfold_items", "Items in the generation in service.", value=len(generation.item_ids))
        n_withdrawn = len(generation.revision.withdrawn_rows)
        yield GaugeMetricFamily(
            "playfold_items_withdrawn",
            "Of those, items withdrawn from all lists.",
            value=n_withdrawn,
        )
        swept = sum(state.swept == generation.key for state in states.values())
        text = "Partitions whose users are all folded under the generation in service."
        yield GaugeMetricFamily("playfold_partitions_swept", text, value=swept)


def _of_stable_ends(ends: Mapping[int, StableEnd]) -> Iterator[Metric]:
    text = "The offset up to which transactions on plays have ended."
    offsets = GaugeMetricFamily("playfold_last_stable_offset", text, labels=["partition"])
    text = "Records of plays that wait for the end of an open transaction."
    waiting = GaugeMetricFamily("playfold_uncommitted_plays", text, labels=["partition"])
    for partition, end in sorted(ends.items()):
        offsets.add_metric([str(partition)], end.offset)
        waiting.add_metric([str(partition)], end.n_waiting)
    yield offsets
    yield waiting


def _of_arrivals(arrivals: ArrivalCounts) -> Iterator[Metric]:
    """Yield the counts of records, and of those with a fault of their producer."""
    for name, text in ARRIVALS.items():
        yield CounterMetricFamily(
            f"playfold_records_{name}" if name != "records" else "playfold_records", text, value=arrivals.counts[name]
        )
    hints = CounterMetricFamily(
        "playfold_odd_hints", "Optional fields of plays with impossible values, ignored.", labels=["field"]
    )
    for name, n in arrivals.odd_hints.items():
        hints.add_metric([name], n)
    yield hints


def _of_latencies(latencies: LatencyHistogram) -> Metric:
    """Return the latencies of plays as a Prometheus histogram."""
    every = latencies.all()
    text = "Seconds from a play's arrival in Kafka until its list was durable."
    buckets = [*((f"{bound:g}", float(n)) for bound, n in every.up_to.items()), ("+Inf", float(every.n))]
    return HistogramMetricFamily("playfold_play_to_list_seconds", text, buckets=buckets, sum_value=every.sum_s)


KINDS = ("list", "generation", "history", "fresh")


def _of_counts(quality: LiveQuality) -> Iterator[Metric]:
    """Yield the counts since the worker was started; summing over a label gives the figure without it."""
    plays = CounterMetricFamily("playfold_scored_plays", "Plays scored against the list of before.", labels=KINDS)
    hits = CounterMetricFamily("playfold_hits", "Scored plays whose item was in that list.", labels=[*KINDS, "at"])
    text = "Sum of 1 / rank of the item in that list, 0 beyond the 50th."
    reciprocal = CounterMetricFamily("playfold_reciprocal_rank", text, labels=KINDS)
    for generation, counts in quality.counts.items():
        for kinds, (n, at_10, at_50, ranks) in _by_kinds(generation, counts):
            plays.add_metric(kinds, n)
            hits.add_metric([*kinds, "10"], at_10)
            hits.add_metric([*kinds, "50"], at_50)
            reciprocal.add_metric(kinds, ranks)
    yield from (plays, hits, reciprocal)


def _by_kinds(generation: str, counts: Doubles) -> Iterator[tuple[list[str], list[float]]]:
    """Yield the labels and the figures of every kind of plays."""
    for number, name in enumerate(LISTS):
        for kind, history in enumerate(HISTORY_KINDS):
            for fresh, label in enumerate(("no", "yes")):
                yield [name, generation, history, label], counts[number, kind, fresh].tolist()


def _of_window(quality: LiveQuality) -> Iterator[Metric]:
    """Yield the quality of lists by the latest plays, with 95 % intervals."""
    text = "Share of the last 10,000 scored plays whose item was in the list of before."
    hits = GaugeMetricFamily("playfold_hit_ratio", text, labels=["list", "at", "bound"])
    text = "Mean of 1 / rank of the item in that list, over the same plays."
    ranks = GaugeMetricFamily("playfold_reciprocal_rank_ratio", text, labels=["list", "bound"])
    qualities = compared(quality.window.entries)
    for name in LISTS if qualities is not None else ():
        figures = getattr(qualities, name)
        for bound in ("value", "low", "high"):
            hits.add_metric([name, "10", bound], getattr(figures.hit_at_10, bound))
            hits.add_metric([name, "50", bound], getattr(figures.hit_at_50, bound))
            ranks.add_metric([name, bound], getattr(figures.mrr_at_50, bound))
    yield from (hits, ranks)
