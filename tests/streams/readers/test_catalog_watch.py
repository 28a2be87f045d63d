"""Workers that have taken in records of the catalog."""

import asyncio
import time
from typing import cast

import msgspec
import pytest

from streams.readers import catalog_watch, pulse_watch
from streams.readers.catalog_watch import CatalogWatch
from streams.readers.followed_topic import FollowedTopic
from streams.readers.pulse_watch import LIVE_S
from tests.support.deliveries import Delivered
from tests.support.followed import Followed
from tests.support.pulses import pulse_of
from tests.support.virtual_time import now_s


def watch_of(*workers: tuple[str, dict[int, int], float]) -> CatalogWatch:
    """Return a watch that expects two partitions, by the places of workers and the seconds since their pulse."""
    watch = CatalogWatch()
    watch.begin({name: (pulse_of(name, catalog_places=places), ago_s) for name, places, ago_s in workers})
    watch.expect(0, 9)
    watch.expect(0, 4)
    watch.expect(1, 3)
    return watch


def test_a_worker_is_ready_when_it_is_past_every_expected_record() -> None:
    """Its place is the offset after the last record that it has taken in."""
    watch = watch_of(("a", {0: 10, 1: 4}, 0), ("b", {0: 10, 1: 3}, 0), ("c", {0: 9, 1: 4}, 0))

    assert 1 == watch.n_ready
    assert 2 == watch.n_waiting


@pytest.mark.parametrize(("reported", "n_ready"), [("old", 0), ("present", 1), ("", 1)])
def test_places_in_a_topic_that_was_deleted_do_not_count(reported: str, n_ready: int) -> None:
    """They may be behind every expected record; a worker of an older version reports no id."""
    watch = CatalogWatch()
    watch.topic_id = "present"
    watch.begin({"a": (pulse_of("a", catalog_places={0: 5_000}, catalog_id=reported), 0.0)})
    watch.expect(0, 9)

    assert n_ready == watch.n_ready
    assert bool(n_ready) != watch.is_awaiting


def test_a_worker_that_has_ended_is_not_awaited() -> None:
    """It reads the catalog when it starts again."""
    watch = watch_of(("a", {0: 10, 1: 4}, 0), ("b", {}, LIVE_S + 1))

    assert 1 == watch.n_ready
    assert 0 == watch.n_waiting
    assert not watch.is_awaiting


def test_the_latest_pulse_of_a_worker_counts() -> None:
    """And a worker that starts meanwhile is awaited, too."""
    watch = watch_of(("a", {}, 0))
    for name, places in (("a", {0: 10, 1: 4}), ("b", {0: 1})):
        watch.take(pulse_of(name, catalog_places=places), time.monotonic())

    assert 1 == watch.n_ready
    assert 1 == watch.n_waiting


@pytest.mark.parametrize("workers", [(), (("a", {0: 10, 1: 4}, 0.0),)])
async def test_nothing_is_waited_for_without_a_worker_that_has_to_read(
    workers: tuple[tuple[str, dict[int, int], float], ...],
) -> None:
    """No worker runs, or all have taken the records in."""
    async with asyncio.timeout(1):
        await watch_of(*workers).wait(60)


async def test_the_wait_has_an_end() -> None:
    """A worker may stand still."""
    watch = watch_of(("a", {}, 0))
    async with asyncio.timeout(5):
        await watch.wait(0.05)

    assert 1 == watch.n_waiting


def delivered(name: str, places: dict[int, int]) -> Delivered:
    """Return the pulse of a worker as Kafka delivers it."""
    return Delivered(0, name.encode(), msgspec.json.encode(pulse_of(name, catalog_places=places)))


@pytest.mark.virtual_time
async def test_workers_whose_clocks_are_behind_are_awaited() -> None:
    """By their clocks they have ended; each is heard, and then counts like others."""
    watch = watch_of(("a", {}, LIVE_S + 1), ("b", {}, 2 * LIVE_S))
    pulses = delivered("b", {0: 10, 1: 4}), delivered("a", {0: 9, 1: 4}), delivered("a", {0: 10, 1: 4})
    watch.start(cast(FollowedTopic, Followed(*pulses)))

    await watch.wait(60)

    assert 2 == watch.n_ready
    assert 0 == watch.n_waiting
    assert 3.0 == pytest.approx(now_s())
    await watch.stop()


@pytest.mark.parametrize("ago_s", [LIVE_S + 1, -60.0], ids=["behind", "ahead"])
async def test_a_worker_that_is_not_heard_has_ended(ago_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for its pulse has an end by the clock here, for any time on its own."""
    for module in (pulse_watch, catalog_watch):
        monkeypatch.setattr(module, "LIVE_S", 0.05)
    watch = watch_of(("a", {}, ago_s))
    async with asyncio.timeout(5):
        await watch.wait(60)
    await asyncio.sleep(0.01)

    assert 0 == watch.n_ready
    assert 0 == watch.n_waiting
