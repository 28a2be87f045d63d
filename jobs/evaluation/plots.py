"""Plots of an evaluation; the same evaluation gives the same bytes."""

from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from jobs.evaluation.evaluate import Evaluation, Part
from model.evaluation.rank_metrics import HISTORY_KINDS

OVER_TIME, BY_HISTORY = "hit-rate-over-time", "by-history-length"
STYLE = {
    "svg.hashsalt": "playfold",  # otherwise the names of elements are random
    "svg.fonttype": "none",  # text stays text
    "path.simplify": False,
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
COLORS = (
    "#bab0ac",
    "#79706e",
    "#9c755f",
    "#f28e2b",
    "#86bcb6",
    "#17807a",
    "#a0cbe8",
    "#c7c7e8",
    "#8f8fd0",
    "#5f5fae",
    "#1f5fa8",
    "#b07aa1",
    "#59a14f",
    "#d62728",
)
"""One for every model, in their order."""


def draw(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw hit@20 over time and by the length of the history, each with 95 % intervals, as PNG and as SVG.

    Args:
        evaluation: The evaluation.
        folder: The folder of the plots; created if it does not exist.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figures = {OVER_TIME: _over_time(evaluation), BY_HISTORY: _by_history(evaluation)}
        return [path for name, figure in figures.items() for path in _save(figure, folder / name)]


def _save(figure: Figure, path: Path) -> list[Path]:
    """Write a plot in both formats, without the date and the version of matplotlib."""
    png, svg = path.with_suffix(".png"), path.with_suffix(".svg")
    figure.savefig(png, dpi=150, metadata={"Software": None})
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return [png, svg]


def _over_time(evaluation: Evaluation) -> Figure:
    """Draw one line with an interval band for each model."""
    figure, axes = _empty()
    for color, row in zip(_colors(evaluation), evaluation.rows, strict=True):
        sizes = [part.n_events for part in row.over_time]
        middles = [end - size / 2 for end, size in zip(accumulate(sizes), sizes, strict=True)]
        values, lows, highs = _columns(row.over_time)
        axes.fill_between(middles, lows, highs, color=color, alpha=0.25, linewidth=0)
        axes.plot(middles, values, color=color, linewidth=1.2, label=row.name)
    axes.set_xlabel("scored plays")
    axes.set_xlim(0, evaluation.n_events)
    return _with_legend(figure, axes)


def _by_history(evaluation: Evaluation) -> Figure:
    """Draw one point with its interval for each model and range of history lengths."""
    figure, axes = _empty()
    kinds, n = list(HISTORY_KINDS), len(evaluation.rows)
    for at, (color, row) in enumerate(zip(_colors(evaluation), evaluation.rows, strict=True)):
        places = [kinds.index(part.name) + 0.7 * (at - (n - 1) / 2) / n for part in row.by_history]
        values, lows, highs = _columns(row.by_history)
        axes.vlines(places, lows, highs, color=color, linewidth=1.5)
        axes.plot(places, values, "o", color=color, markersize=3.5, label=row.name)
    axes.set_xticks(range(len(kinds)), [_kind(name, evaluation) for name in kinds])
    axes.set_xlabel("items that the listener had played")
    return _with_legend(figure, axes)


def _kind(name: str, evaluation: Evaluation) -> str:
    """Return the label of a range of history lengths."""
    low, high = HISTORY_KINDS[name]
    n_events = {part.name: part.n_events for part in evaluation.rows[0].by_history}.get(name, 0)
    lengths = f"{low} to {high}" if high < float("inf") else f"{low} or more"
    return f"{lengths}\n({n_events:,} plays)"


def _columns(parts: list[Part]) -> tuple[list[float], list[float], list[float]]:
    """Return the values, and the lower and upper ends of their intervals."""
    rates = [part.hit_at_20 for part in parts]
    return [rate.value for rate in rates], [rate.low for rate in rates], [rate.high for rate in rates]


def _colors(evaluation: Evaluation) -> list[str]:
    return [COLORS[at % len(COLORS)] for at in range(len(evaluation.rows))]


def _empty() -> tuple[Figure, Any]:
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_ylabel("hit@20")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _with_legend(figure: Figure, axes: Any) -> Figure:
    """Start the axis at zero, and add a legend beside the plot."""
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside right upper", frameon=False)
    return figure
