"""The parts of a play: sums over made-up groups, the table and the picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from streams.settings import Settings
from tests.benchmarks import parts
from tests.benchmarks.exclusive_times import ExclusiveTimes
from tests.benchmarks.group import popular_generation
from tests.benchmarks.live_quality import Side
from tests.benchmarks.parts import FUNCTIONS, PARTS, main, rows, times_of
from tests.benchmarks.parts_page import BEGIN, END, PartTimes, draw, table_of, write_table
from tests.benchmarks.stream import ITEMS
from tests.support.clock import StepClock
from tests.support.made_up import made_up_plays

STEPS = len(PARTS) - 1


def group(step_s: float, rest_s: float = 0.0) -> list[float]:
    """Return the seconds of a group whose steps take the same time, and of its whole."""
    return [step_s] * STEPS + [STEPS * step_s + rest_s]


def test_steps_and_rest_add_up_to_a_play() -> None:
    """A group of ten shares its seconds among ten plays."""
    times = times_of(10, [group(1e-6, rest_s=5e-6)] * 3)

    assert list(PARTS) == list(times.us)
    assert [0.1] * STEPS == pytest.approx(list(times.us.values())[:-1])
    assert 0.5 == pytest.approx(times.us["rest"])
    assert 0.1 * STEPS + 0.5 == pytest.approx(times.whole)


def test_an_odd_group_moves_the_spread_alone() -> None:
    """The tenth of the slowest groups, and of the fastest, are left out of the means."""
    usual = [group(1e-6)] * 18
    times = times_of(1, [group(1e-3), group(1e-9), *usual])

    assert [1.0] * STEPS == pytest.approx(list(times.us.values())[:-1])
    assert 20 == times.groups


def test_every_timed_function_is_called(tmp_path: Path) -> None:
    """A function that moved is an error of this test, not a part without time in the next measurement."""
    rng, times = np.random.default_rng(0), ExclusiveTimes(StepClock())
    single = [timed._replace(part=f"{timed.owner}.{timed.name}") for timed in FUNCTIONS]
    side = Side(tmp_path / "state", Settings(), popular_generation(tmp_path / "generation", rng))
    with times.wrapping(single):
        side.take(made_up_plays(20, 5, ITEMS, rng))
    side.close()

    assert [] == [part for part, readings in times.seconds.items() if not readings]


@pytest.fixture
def every() -> Sequence[PartTimes]:
    """Return times of two sizes."""
    return [
        PartTimes(1, {"read": 50.0, "rank": 150.0, "rest": 0.25}, 180.0, 1234.0, 600),
        PartTimes(1000, {"read": 4.0, "rank": 6.5, "rest": 0.05}, 10.0, 11.0, 8),
    ]


def test_a_table_has_the_parts_their_sum_and_the_fixed_time(every: Sequence[PartTimes]) -> None:
    """The fixed time of a group of one is its time without that of a play in a large group."""
    assert [
        "| µs a play, in a group of | 1 | 1,000 | fixed, a group |",
        "|---|--:|--:|--:|",
        "| read | 50.0 | 4.0 | 46.0 |",
        "| rank | 150 | 6.5 | 144 |",
        "| rest | 0.25 | 0.05 | 0.20 |",
        "| **a play** | 200 | 10.6 | 190 |",
        "| 10th to 90th percentile | 180 to 1,234 | 10.0 to 11.0 | |",
    ] == list(table_of(every))


def test_rows_have_the_whole_and_its_parts(every: Sequence[PartTimes]) -> None:
    """`versus` compares them by name."""
    first, second = next(printed := rows(every)), next(printed)

    assert {"name": "play_1_us", "value": 200.25, "unit": "us", "p10": 180.0, "p90": 1234.0, "groups": 600} == (
        first.fields
    )
    assert {"name": "read_1_us", "value": 50.0, "unit": "us", "share": 50.0 / 200.25} == second.fields


def test_the_same_times_draw_the_same_bytes(every: Sequence[PartTimes], tmp_path: Path) -> None:
    """A picture changes in git only if its figures do."""
    for name in ("one.svg", "two.svg"):
        draw(every, tmp_path / name)

    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_picture_names_sizes_parts_and_microseconds(every: Sequence[PartTimes], tmp_path: Path) -> None:
    """Its text stays text."""
    draw(every, tmp_path / "picture.svg")
    text = (tmp_path / "picture.svg").read_text()

    assert [] == [
        word for word in ("1 play", "1,000 plays", "read", "rank", "rest", "200 µs") if f">{word}<" not in text
    ]


def test_all_parts_have_a_colour(tmp_path: Path) -> None:
    """A part more than colours is an error."""
    draw([times_of(1, [group(1e-6)]), times_of(10, [group(1e-6)])], tmp_path / "picture.svg")

    assert (tmp_path / "picture.svg").exists()


def test_the_table_of_a_page_is_replaced(every: Sequence[PartTimes], tmp_path: Path) -> None:
    """The text around it stays."""
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    write_table(every, page)

    assert ["Before.", "", BEGIN, "", *table_of(every), "", END, "", "After."] == page.read_text().splitlines()


@pytest.mark.parametrize("text", ["No table.\n", f"{BEGIN}\nno end\n"])
def test_a_page_without_a_place_for_the_table_is_a_sentence(
    every: Sequence[PartTimes], tmp_path: Path, text: str
) -> None:
    """It stays as it is."""
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(
        ValueError, match=r"page\.md has no table of parts to replace: it has to stand between <!-- begin"
    ):
        write_table(every, page)
    assert text == page.read_text()


def test_the_page_of_the_project_has_a_place_for_the_table(every: Sequence[PartTimes], tmp_path: Path) -> None:
    """A measurement is not lost at its end."""
    page = tmp_path / "performance.md"
    page.write_text(parts.PAGE.read_text())
    write_table(every, page)

    assert "| **a play** | 200 | 10.6 | 190 |" in page.read_text()


def test_an_unknown_option_is_a_sentence() -> None:
    """Nothing is measured."""
    with pytest.raises(SystemExit) as caught:
        main(["--drawn"])
    assert "--drawn is no option; there are --json and --draw." == caught.value.code
