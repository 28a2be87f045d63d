"""The figures of the live page."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from state.generations.open_store import generation_store
from streams.reference.examples import EXAMPLES
from streams.topics.topics import PULSE
from tests.support.made_up import write_made_up
from tests.web.scene import NOW_MS, Scene
from web.feeds.dashboard import GONE_MS, HISTORY_S, SILENT_MS, WORKERS_MAX


def pulse(scene: Scene, instance: str = "a", **fields: Any) -> None:
    """Have a worker tell of itself."""
    payload = EXAMPLES[PULSE][0].payload | {"instance": instance, "at_ms": NOW_MS, "quality": None} | fields
    scene.parts.on_pulse(instance.encode(), msgspec.json.encode(payload))


def quality(n_plays: int, own: float, popular: float) -> Any:
    """Return how good a worker's lists were."""
    (example_with_quality,) = [example for example in EXAMPLES[PULSE] if example.payload["quality"]][:1]
    shares = example_with_quality.payload["quality"]
    every = msgspec.json.decode(msgspec.json.encode(shares["every"]))
    every["plays"] = n_plays
    for name, value in (("own", own), ("popular", popular)):
        every[name]["hit_at_10"] = {"value": value, "low": 0.0, "high": 1.0}
    return shares | {"every": every}


async def test_workers_are_summed_up(scene: Scene) -> None:
    """Rates add up; the median is that of most plays, and of the slow ones the slowest counts."""
    pulse(scene, "a", events_per_s=30.0, p50_ms=10.0, p99_ms=20.0)
    pulse(scene, "b", events_per_s=10.0, p50_ms=30.0, p99_ms=90.0)
    pulse(scene, "idle", events_per_s=0.0, p50_ms=None, p99_ms=None)

    point = scene.parts.dashboard.point(NOW_MS)

    assert 40.0 == point.plays_per_s
    assert 15.0 == point.p50_ms
    assert 90.0 == point.p99_ms
    assert point.lag is None
    assert point.own is None
    assert point.popular is None
    assert 0 == point.scored_plays


async def test_without_a_worker_there_are_no_figures(scene: Scene) -> None:
    """Nothing is 0 that is not known."""
    point = scene.parts.dashboard.point(NOW_MS)

    assert 0.0 == point.plays_per_s
    assert point.p50_ms is None
    assert point.p99_ms is None
    assert point.lag is None
    assert [] == scene.parts.dashboard.workers(NOW_MS)


async def test_hits_of_all_workers_are_one_share(scene: Scene) -> None:
    """By plays, with the interval of all of them together."""
    pulse(scene, "a", quality=quality(300, 0.2, 0.1))
    pulse(scene, "b", quality=quality(100, 0.4, 0.3))

    point = scene.parts.dashboard.point(NOW_MS)

    assert point.own is not None
    assert point.popular is not None
    assert 0.25 == point.own.value
    assert 0.15 == point.popular.value
    assert 400 == point.scored_plays
    assert 0.2 < point.own.low < 0.25 < point.own.high < 0.3


async def test_a_silent_worker_is_shown_and_does_not_count(scene: Scene) -> None:
    """For an hour; then it is gone."""
    pulse(scene, "a", events_per_s=5.0)
    pulse(scene, "b", events_per_s=7.0, at_ms=NOW_MS - SILENT_MS)
    pulse(scene, "c", at_ms=NOW_MS - GONE_MS)

    assert 5.0 == scene.parts.dashboard.point(NOW_MS).plays_per_s
    shown = scene.parts.dashboard.workers(NOW_MS)
    assert [("a", 0), ("b", SILENT_MS)] == [(worker["instance"], worker["reported_ms_ago"]) for worker in shown]


@pytest.mark.parametrize("value", [None, b"", b"no pulse", b"[" * 3000, b'{"instance":"a"}'])
async def test_what_is_no_pulse_is_nobodys(scene: Scene, value: bytes | None) -> None:
    """Written by any process."""
    scene.parts.on_pulse(b"a", value)

    assert [] == scene.parts.dashboard.workers(NOW_MS)


async def test_a_pulse_under_another_name_is_nobodys(scene: Scene) -> None:
    """The key has to be the worker's."""
    payload = EXAMPLES[PULSE][0].payload | {"at_ms": NOW_MS}
    scene.parts.on_pulse(b"somebody", msgspec.json.encode(payload))

    assert [] == scene.parts.dashboard.workers(NOW_MS)


async def test_so_many_workers_are_remembered_and_the_live_ones_among_them(scene: Scene) -> None:
    """Names that change with every start take no memory for ever, and leave room for those that live."""
    for number in range(WORKERS_MAX + 50):
        pulse(scene, f"w{number:03}", at_ms=NOW_MS + number, events_per_s=1.0)

    shown = scene.parts.dashboard.workers(NOW_MS + WORKERS_MAX + 50)

    assert [f"w{number:03}" for number in range(50, WORKERS_MAX + 50)] == [worker["instance"] for worker in shown]


async def test_generations_are_told_the_newest_first(scene: Scene) -> None:
    """Which one serves, and which were turned down; a store that has none tells none."""
    figures = scene.parts.dashboard
    await figures._look_into_store()  # noqa: SLF001  what a task does every now and then
    assert [] == figures.generations()
    store = generation_store(scene.settings)
    for name in ("2026-01-01T00-00-00.000Z", "2026-01-02T00-00-00.000Z"):
        folder = Path(scene.settings.application.data_dir) / "made" / name
        write_made_up(folder, name, np.ones((5, 4), np.float32))
        store.publish(folder)
    scene.parts.serving.take(store.open("2026-01-01T00-00-00.000Z"))
    await figures._look_into_store()  # noqa: SLF001

    assert [("2026-01-02T00-00-00.000Z", False, 5), ("2026-01-01T00-00-00.000Z", True, 5)] == [
        (row["generation_id"], row["serving"], row["n_items"]) for row in figures.generations()
    ]
    assert [("2026-01-01T00:00:00+00:00", False, None)] * 2 == [
        (row["created_at"], row["rejected"], row["quality"]) for row in figures.generations()
    ]


async def test_ten_minutes_of_points_are_held(scene: Scene) -> None:
    """One a second, the latest."""
    points = scene.parts.dashboard.points
    for second in range(HISTORY_S + 10):
        points.append(scene.parts.dashboard.point(NOW_MS + 1000 * second))

    assert HISTORY_S == len(points)
    assert NOW_MS + 10_000 == points[0].at_ms
