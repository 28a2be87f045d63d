"""The parts of a play: microseconds a play of each step of a commit group, by the group's size, Kafka left out.

Groups are made and folded as in `tests/benchmarks/group.py`. The functions of each step are wrapped from the outside.
A step's time is without that of other steps inside it, so the steps and `rest` add up to the whole. Times are those of
the processor, of one thread. Each is the mean of the groups whose whole lies between its 10th and 90th percentile.

Options:
    --json  One JSON object a line, instead of the table.
    --draw  Write docs/images/where-a-play-goes.svg and the table of docs/performance.md.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cli.threads import pin_threads
from tests.benchmarks.report import Row, report

pin_threads(1)  # before numpy is loaded

# ruff: noqa: E402
import numpy as np

from agents.observers.live_quality import LiveQuality
from agents.observers.outcome_counts import OutcomeCounts
from agents.observers.popularity import PopularityObserver
from agents.plays import fold
from agents.worker import warm_up
from state.lists import build, encode
from state.lists.blending import Blender
from state.lists.build import ListBuilder
from state.lists.encode import ListEncoder
from state.lists.popularity import LivePopularity
from state.lists.publish_policy import PublishPolicy
from state.users.partition import PartitionState
from streams.settings import Settings
from tests.benchmarks import live_quality
from tests.benchmarks.exclusive_times import ExclusiveTimes, Timed
from tests.benchmarks.group import USERS, WARM, filled, histories, popular_generation
from tests.benchmarks.live_quality import Side
from tests.benchmarks.parts_page import PartTimes, draw, table_of, write_table
from tests.benchmarks.stream import ITEMS
from tests.support.made_up import made_up_plays

GROUPS = {1: 600, 10: 300, 100: 60, 1000: 20}
"""Groups of every size."""
FUNCTIONS = (
    Timed("read events", live_quality, "read_group"),
    Timed("read records", PartitionState, "read"),
    Timed("unpack", fold, "unpack"),
    Timed("learn", fold, "forget"),
    Timed("learn", fold, "learn"),
    Timed("live quality", LiveQuality, "learned"),
    Timed("popularity", OutcomeCounts, "learned"),
    Timed("popularity", PopularityObserver, "learned"),
    Timed("popularity", LivePopularity, "now"),
    Timed("solve", build, "items_of"),
    Timed("solve", build, "present"),
    Timed("solve", build, "equations_under"),
    Timed("solve", build, "_fold_in"),
    Timed("rank", build, "excluded"),
    Timed("rank", ListBuilder, "_rank"),
    Timed("blend", Blender, "lists"),
    Timed("decide", PublishPolicy, "decide"),
    Timed("decide", fold, "record_published"),
    Timed("reasons", encode, "explain_lists"),
    Timed("encode", ListEncoder, "encode"),
    Timed("pack", fold, "pack"),
    Timed("pack", fold, "changes_by_partition"),
    Timed("commit", live_quality, "make_durable"),
)
"""The functions of the steps, in the order of a group."""
PARTS = (*dict.fromkeys(timed.part for timed in FUNCTIONS), "rest")
ROOT = Path(__file__).parents[2]
PICTURE, PAGE = ROOT / "docs" / "images" / "where-a-play-goes.svg", ROOT / "docs" / "performance.md"


def times_of(size: int, seconds: Sequence[Sequence[float]]) -> PartTimes:
    """Return the times of a play in groups of one size.

    Args:
        size: Plays in each group.
        seconds: For each group the seconds of each part but the rest, in their order, and behind them of the whole.
    """
    us = 1e6 * np.asarray(seconds, np.float64) / size
    steps, whole = us[:, :-1], us[:, -1]
    each = np.column_stack([steps, whole - steps.sum(axis=1)])
    low, high = np.percentile(whole, (10, 90)).tolist()
    middle = each[(whole >= low) & (whole <= high)].mean(axis=0)
    return PartTimes(size, dict(zip(PARTS, middle.tolist(), strict=True)), low, high, len(us))


def measure(size: int, side: Side, times: ExclusiveTimes, rng: np.random.Generator) -> PartTimes:
    """Measure groups of one size; the first ones warm up."""
    groups, seconds = [made_up_plays(size, USERS, ITEMS, rng) for _ in range(WARM + GROUPS[size])], []
    for plays in groups:
        times.begin()
        whole_s = side.take(plays)
        seconds.append([*(times.seconds[part] for part in PARTS[:-1]), whole_s])
    return times_of(size, seconds[WARM:])


def measured() -> list[PartTimes]:
    """Measure every size."""
    warm_up()
    rng, settings, times = np.random.default_rng(3), Settings(), ExclusiveTimes(time.thread_time)
    with tempfile.TemporaryDirectory() as folder:
        generation = popular_generation(Path(folder) / "generation", rng)
        side = filled(Side(Path(folder) / "state", settings, generation), histories(rng))
        with times.wrapping(FUNCTIONS):
            every = [measure(size, side, times, rng) for size in GROUPS]
        side.close()
    return every


def rows(every: Sequence[PartTimes]) -> Iterator[Row]:
    """Yield the whole of every size, and its parts."""
    for times in every:
        yield Row(f"play_{times.size}_us", times.whole, "us", p10=times.low, p90=times.high, groups=times.groups)
        for part, us in times.us.items():
            yield Row(f"{part.replace(' ', '_')}_{times.size}_us", us, "us", share=us / times.whole)


def main(arguments: Sequence[str]) -> None:
    """Measure, and print or draw."""
    if unknown := [argument for argument in arguments if argument not in {"--json", "--draw"}]:
        sys.exit(f"{unknown[0]} is no option; there are --json and --draw.")
    every = measured()
    if "--draw" in arguments:
        draw(every, PICTURE)
        write_table(every, PAGE)
    if "--json" in arguments:
        report(rows(every), ["--json"])
    else:
        sys.stdout.write("\n".join(table_of(every)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
