"""Every metric that playfold exports, with its labels, and the metrics in an expression of PromQL."""

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import numpy as np
import promql_parser
import yaml
from prometheus_client import Metric

from agents.observers.live_quality import LiveQuality
from agents.observers.ordered import Observers
from agents.observers.outcome_counts import OutcomeCounts
from agents.observers.popularity import PopularityObserver
from agents.observers.quality_window import ENTRY
from agents.telemetry.metrics import PlaysSource, WorkerMetrics
from agents.telemetry.pulse import Pulses
from agents.telemetry.reported_parts import ReportedParts
from state.catalog.item_catalog import ItemCatalog
from state.generations.serving import Serving
from state.lists.exclusion_counts import ExclusionCounts
from state.lists.popularity import LivePopularity, TrainedPopularity
from state.lists.ranker import Ranker
from state.storage.disk_metrics import DiskMetrics
from state.users.store import UserStore
from streams.consumer.slices import StableEnd
from streams.settings import Settings
from web.server.metrics import GatewayMetrics, GatewayState

PROJECT = Path(__file__).parents[2]
OPS = PROJECT / "ops"
SCRAPED = {"job", "instance"}
"""Labels that Prometheus gives every sample."""


def gateway_metrics() -> Iterator[Metric]:
    """Yield the metrics of a gateway that has done some of everything, as `web/parts.py` registers them."""
    state = GatewayState(
        ready=lambda: True,
        behind=lambda: 0,
        lags=lambda: {0: 1},
        streams=lambda: 0,
        created_at_ms=lambda: 0,
        rejects=lambda: 0,
        unreadable=lambda: 0,
    )
    metrics = GatewayMetrics(state, DiskMetrics(PROJECT))
    metrics.count_request("/readyz", "GET", 200, 0.01)
    metrics.count_limited()
    yield from metrics.registry.collect()


def worker_metrics() -> WorkerMetrics:
    """Return the metrics of a worker that has done some of everything; the largest parts are stood in for."""
    quality = LiveQuality(Settings(), TrainedPopularity(), ItemCatalog())
    quality.window.add(np.ones(3, ENTRY))
    quality.counts = {"older": np.zeros((2, 3, 2, 4))}
    generation = SimpleNamespace(
        id="g", key=1, item_ids=["i"], revision=SimpleNamespace(number=1, withdrawn_rows=np.zeros(0))
    )
    ranker = SimpleNamespace(
        n_lists={"exact": 1, "annoy": 1},
        n_probes=1,
        n_fallbacks=0,
        recall=0.99,
        left_out=ExclusionCounts(),
        catalog=ItemCatalog(),
    )
    parts = ReportedParts(
        cast(Serving, SimpleNamespace(current=generation)),
        cast(UserStore, SimpleNamespace(partitions={0: SimpleNamespace(swept=1)})),
        Observers(OutcomeCounts(), quality, PopularityObserver(LivePopularity(Settings().popularity))),
    )
    return WorkerMetrics(
        parts,
        cast(Ranker, ranker),
        cast(Pulses, SimpleNamespace(n_failed=0)),
        DiskMetrics(PROJECT),
        cast(PlaysSource, SimpleNamespace(n_unreadable=0, stable_ends=lambda: {0: StableEnd(7, 0)})),
    )


@cache
def exported() -> dict[str, set[str]]:
    """Return the labels of every metric by its name, Prometheus's own `up` included."""
    labels_of: dict[str, set[str]] = {"up": set()}
    for family in chain(worker_metrics().collect(), gateway_metrics()):
        for sample in family.samples:
            labels_of.setdefault(sample.name, set()).update(sample.labels)
    return labels_of


class Asked(NamedTuple):
    """One selector of an expression."""

    metric: str
    labels: set[str]
    """Labels that it matches."""
    over: str
    """The function over its range; empty if it has none."""


def parse(expression: str) -> Any:
    """Parse an expression with the variables of Grafana filled in.

    Raises:
        ValueError: It is none.
    """
    return promql_parser.parse(expression.replace("$__rate_interval", "5m"))


def children(node: Any) -> Iterator[Any]:
    """Yield the expressions that an expression is made of."""
    for name in ("lhs", "rhs", "expr", "param"):
        if isinstance(child := getattr(node, name, None), promql_parser.Expr):
            yield child
    yield from getattr(node, "args", ())


def selectors(node: Any, over: str = "") -> Iterator[Asked]:
    """Yield every selector of a parsed expression."""
    if isinstance(node, promql_parser.MatrixSelector):
        node = node.vector_selector
    elif isinstance(node, promql_parser.VectorSelector):
        over = ""
    if isinstance(node, promql_parser.VectorSelector):
        yield Asked(node.name or "", {matcher.name for matcher in node.matchers.matchers}, over)
        return
    name = node.func.name if isinstance(node, promql_parser.Call) else ""
    for child in children(node):
        yield from selectors(child, name)


def grouped(node: Any) -> Iterator[set[str]]:
    """Yield the labels by which a parsed expression groups or matches."""
    modifier = getattr(node, "modifier", None)
    labels = getattr(modifier, "labels", None) or getattr(getattr(modifier, "matching", None), "labels", None)
    if labels:
        yield set(labels)
    for child in children(node):
        yield from grouped(child)


def faults(expression: str) -> list[str]:
    """Return the faults of an expression, by the exported metrics."""
    node, known = parse(expression), exported()
    selected = list(selectors(node))
    messages = [f"{one.metric} is not exported" for one in selected if one.metric not in known]
    labels = {name for one in selected for name in known.get(one.metric, set())} | SCRAPED
    for one in selected:
        if extra := one.labels - known.get(one.metric, set()) - SCRAPED:
            messages.append(f"{one.metric} has no label {sorted(extra)}")
        counts = one.metric.endswith(("_total", "_bucket", "_count", "_sum"))
        if counts and one.over not in {"rate", "increase"}:
            messages.append(f"{one.metric} is a counter and is read without a rate")
    messages += [f"nothing here has a label {sorted(names - labels)}" for names in grouped(node) if names - labels]
    return messages


def rules() -> list[dict[str, Any]]:
    """Return all alerts."""
    groups = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    document: dict[str, Any] = json.loads((OPS / "grafana" / "dashboards" / "playfold.json").read_text())
    return document


def legend_labels(legend: str) -> set[str]:
    """Return the labels that a legend names."""
    return set(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend))
