"""Waiting for the workers' reports, without Kafka."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from streams.connection.rights import MissingRightError
from streams.messages.pulse import OutcomeSpan
from streams.readers.followed_topic import FollowedTopic
from streams.readers.outcome_watch import OutcomeWatch
from streams.readers.pulse_watch import LIVE_S
from tests.support.deliveries import Delivered
from tests.support.followed import Followed
from tests.support.pulses import pulse_of
from tests.support.virtual_time import now_s

pytestmark = pytest.mark.virtual_time


def watch_of(*parts: Any, ago_s: float = 0.0) -> OutcomeWatch:
    """Return a watch that has begun, so many seconds after the last pulse by the worker's clock."""
    watch = OutcomeWatch()
    watch.begin({"west": (pulse_of("west"), ago_s)})
    watch.start(cast(FollowedTopic, Followed(*parts)))
    return watch


def reported(first: int, n: int) -> Delivered:
    """Return a report that events are learned."""
    pulse = pulse_of("west", outcomes=[OutcomeSpan.of(0, first, [("learnt", n)])])
    return Delivered(0, b"west", msgspec.json.encode(pulse))


async def test_a_wait_ends_with_the_last_report() -> None:
    """Its outcomes are counted."""
    watch = watch_of(reported(5, 2), reported(7, 1))
    watch.expect(0, 5, 7)

    await watch.wait(9.0)

    assert {"learnt": 3} == watch.counts
    assert 0 == watch.n_awaited
    assert 2.0 == pytest.approx(now_s())
    await watch.stop()


async def test_a_worker_whose_clock_is_behind_is_awaited() -> None:
    """By its clock, it has sent nothing for longer than a worker that runs."""
    watch = watch_of(reported(5, 2), reported(7, 1), ago_s=LIVE_S + 1)
    watch.expect(0, 5, 7)

    await watch.wait(9.0)

    assert {"learnt": 3} == watch.counts
    await watch.stop()


async def test_a_failure_ends_a_wait_at_once() -> None:
    """The reports that are missing would never come."""
    watch = watch_of(reported(5, 1), MissingRightError("grant READ."))
    watch.expect(0, 5, 7)

    with pytest.raises(MissingRightError, match="grant READ"):
        await watch.wait(LIVE_S)

    assert 2.0 == pytest.approx(now_s())
    assert {"learnt": 1} == watch.counts
    await watch.stop()


async def test_a_failure_before_a_wait_is_raised() -> None:
    """Also by a caller that does not wait."""
    watch = watch_of(MissingRightError("grant READ."))
    watch.check()
    await asyncio.sleep(2.0)

    with pytest.raises(MissingRightError, match="grant READ"):
        watch.check()
    with pytest.raises(MissingRightError, match="grant READ"):
        await watch.wait(0.0)
    await watch.stop()


async def test_a_stop_is_no_failure() -> None:
    """A check raises nothing afterwards, and awaited events get no outcome. A watch that never started stops, too."""
    watch = watch_of()
    watch.expect(0, 5, 7)
    await watch.stop()

    watch.check()
    await OutcomeWatch().stop()
    assert 3 == watch.n_awaited
    assert {} == watch.counts
