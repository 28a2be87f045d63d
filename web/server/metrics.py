"""Metrics of a gateway for Prometheus."""

import time
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
OUTCOMES = ("accepted", "invalid", "failed")
OTHER = "other"
"""The label of an unknown path, so that the number of labels is bounded."""


class GatewayMetrics:
    """Counts requests and events; gauges are read when Prometheus scrapes."""

    def __init__(self, *present: Collector) -> None:
        """Register the counters, and collectors of present state."""
        self.registry = CollectorRegistry()
        for collector in present:
            self.registry.register(collector)
        self._requests = RequestCounts()
        self.registry.register(self._requests)
        self._plays = Counter("playfold_gateway_plays", "Events, by outcome.", ["outcome"], registry=self.registry)
        for outcome in OUTCOMES:
            self._plays.labels(outcome)  # from the start on, so that the first failure is a change
        self._limited = Counter(
            "playfold_gateway_rate_limited", "Requests of clients that sent too many.", registry=self.registry
        )

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request and its time; the route is a template, never the requested path."""
        self._requests.count(route, method, status, seconds)

    def count_plays(self, outcome: str, n: int) -> None:
        """Count events that were `accepted`, `invalid` or `failed`."""
        if n:
            self._plays.labels(outcome).inc(n)

    def count_limited(self) -> None:
        """Count a request that was one too many."""
        self._limited.inc()


class RequestCounts(Collector):
    """Counts requests in numbers of its own: a tenth of the library's time, a thousand times a second."""

    def __init__(self) -> None:
        """Begin with none."""
        self._counts: Counts[tuple[str, str, int]] = Counts()
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._counts[route, method, status] += 1
        buckets = self._buckets.setdefault(route, [0] * (len(BUCKETS) + 1))
        buckets[bisect_left(BUCKETS, seconds)] += 1
        self._sums[route] = self._sums.get(route, 0.0) + seconds

    def collect(self) -> Iterator[Metric]:
        """Give a sample of every route."""
        labels = ["route", "method", "status"]
        requests = CounterMetricFamily("playfold_gateway_requests", "Requests answered.", labels=labels)
        for (route, method, status), n in self._counts.items():
            requests.add_metric([route, method, str(status)], n)
        yield requests
        what = "Seconds until a request was answered."
        seconds = HistogramMetricFamily("playfold_gateway_request_seconds", what, labels=["route"])
        for route, counts in self._buckets.items():
            bounds = [*map(str, BUCKETS), "+Inf"]
            seconds.add_metric([route], list(zip(bounds, accumulate(counts), strict=True)), self._sums[route])
        yield seconds


class GatewayState(Collector):
    """Turns the present state of a gateway into samples."""

    def __init__(
        self,
        ready: Callable[[], bool],
        behind: Callable[[], int],
        lags: Callable[[], dict[int, int] | None],
        streams: Callable[[], int],
        created_at_ms: Callable[[], int | None],
        rejects: Callable[[], int],
        unreadable: Callable[[], int] = lambda: 0,
    ) -> None:
        """Ask these when samples are wanted."""
        self._unreadable = unreadable
        self._ready, self._behind, self._lags, self._streams = ready, behind, lags, streams
        self._created_at_ms, self._rejects = created_at_ms, rejects

    def collect(self) -> Iterator[Metric]:
        """Give one sample of everything."""
        yield GaugeMetricFamily("playfold_gateway_ready", "1 if it answers from all topics.", value=self._ready())
        what = "Records of the topics that are not held yet."
        yield GaugeMetricFamily("playfold_gateway_view_lag_records", what, value=self._behind())
        yield GaugeMetricFamily("playfold_gateway_streams", "Live pages that are open.", value=self._streams())
        what = "Partitions of which a part cannot be read."
        yield GaugeMetricFamily("playfold_gateway_unreadable_partitions", what, value=self._unreadable())
        what = "Plays that are not committed by the workers."
        lags = GaugeMetricFamily("playfold_lag_plays", what, labels=["partition"])
        for partition, lag in (self._lags() or {}).items():
            lags.add_metric([str(partition)], lag)
        yield lags
        what = "Rejected records that were seen since the start."
        yield CounterMetricFamily("playfold_rejects", what, value=self._rejects())
        created = self._created_at_ms()
        if created is not None:
            age_s = max(0.0, time.time() - created / 1000)
            yield GaugeMetricFamily(
                "playfold_generation_age_seconds", "Age of the generation in service, in seconds.", value=age_s
            )
