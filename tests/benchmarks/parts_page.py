"""The parts of a play as a picture and as a table of docs/performance.md; the same times give the same bytes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from jobs.evaluation.plots import COLORS, STYLE

REST_COLOR = "#e6e6e6"
BEGIN, END = "<!-- begin: python -m tests.benchmarks.parts --draw -->", "<!-- end -->"


class PartTimes(NamedTuple):
    """The microseconds of a play in groups of one size."""

    size: int
    us: dict[str, float]
    """By part, in the order of a group, the rest last."""
    low: float
    """The 10th percentile of the whole."""
    high: float
    """The 90th percentile of the whole."""
    groups: int

    @property
    def whole(self) -> float:
        """Return the sum of the parts."""
        return sum(self.us.values())


def table_of(every: Sequence[PartTimes]) -> Iterator[str]:
    """Yield a Markdown table of the parts by the group's size, and of each part's fixed time.

    The fixed time of a part is its microseconds in a group of the smallest size, without those that it takes for as
    many plays in a group of the largest size.
    """
    least, most = every[0], every[-1]
    sizes = [f"{times.size:,}" for times in every]
    yield f"| µs a play, in a group of | {' | '.join(sizes)} | fixed, a group |"
    yield f"|---|{'--:|' * (len(every) + 1)}"
    for part in least.us:
        yield _row(part, [times.us[part] for times in every], least.size * (least.us[part] - most.us[part]))
    yield _row("**a play**", [times.whole for times in every], least.size * (least.whole - most.whole))
    spreads = [f"{_digits(times.low)} to {_digits(times.high)}" for times in every]
    yield f"| 10th to 90th percentile | {' | '.join(spreads)} | |"


def _row(name: str, us: Sequence[float], fixed: float) -> str:
    return f"| {name} | {' | '.join(map(_digits, us))} | {_digits(fixed)} |"


def _digits(us: float) -> str:
    """Return microseconds with as many digits as they are worth."""
    return f"{us:,.0f}" if abs(us) >= 100 else f"{us:.1f}" if abs(us) >= 1 else f"{us:.2f}"


def write_table(every: Sequence[PartTimes], page: Path) -> None:
    """Replace the table of a page.

    Raises:
        ValueError: The page has no place for it.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        message = f"{page} has no table of parts to replace: it has to stand between {BEGIN} and {END}."
        raise ValueError(message)
    page.write_text("\n".join([before + BEGIN, "", *table_of(every), "", END + after]))


def draw(every: Sequence[PartTimes], path: Path) -> None:
    """Draw a bar for each size: above in microseconds a play with the spread of the whole, below as shares of it."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 5), layout="constrained")
        above, below = figure.subplots(2)
        names = [f"{times.size:,} {'play' if times.size == 1 else 'plays'}" for times in every]
        wholes = [times.whole for times in every]
        _bars(above, every, names, [1.0] * len(every))
        _bars(below, every, names, wholes)
        spread = [
            _distances(wholes, [times.low for times in every]),
            _distances(wholes, [times.high for times in every]),
        ]
        above.errorbar(wholes, names, xerr=spread, fmt="none", ecolor="#333333", elinewidth=1.0, capsize=3)
        for times, name in zip(every, names, strict=True):
            above.annotate(f"{times.whole:,.0f} µs", (times.high, name), **_BESIDE)
        above.set_xlim(0, 1.2 * max(times.high for times in every))
        above.set_xlabel("microseconds a play, with the 10th to 90th percentile")
        below.set_xlabel("share of a play's time")
        below.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        below.set_xlim(0, 1)
        figure.legend(*above.get_legend_handles_labels(), loc="outside right upper", frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def _distances(wholes: Sequence[float], ends: Sequence[float]) -> list[float]:
    return [abs(whole - end) for whole, end in zip(wholes, ends, strict=True)]


_BESIDE: dict[str, Any] = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}


def _bars(axes: Any, every: Sequence[PartTimes], names: Sequence[str], units: Sequence[float]) -> None:
    """Stack the parts of every size, each in its unit."""
    lefts = [0.0] * len(every)
    colors = (*COLORS[: len(every[0].us) - 1], REST_COLOR)
    for part, color in zip(every[0].us, colors, strict=True):
        widths = [times.us[part] / unit for times, unit in zip(every, units, strict=True)]
        axes.barh(names, widths, left=lefts, color=color, label=part, edgecolor="white", linewidth=0.4)
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_ylabel("in a group of")
