"""The outcomes that a gateway holds, for requests that wait for them."""

import asyncio

import msgspec
import pytest

from streams.messages.pulse import OutcomeSpan
from tests.support.pulses import pulse_of
from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle
from web.feeds import outcome_feed
from web.feeds.outcome_feed import OutcomeFeed


def report(feed: OutcomeFeed, partition: int, first: int, *runs: tuple[str, int]) -> None:
    """Let a worker report."""
    span = OutcomeSpan.of(partition, first, list(runs))
    feed.on_pulse(pulse_of("west", outcomes=[span]))


async def test_outcomes_that_were_reported_are_there_at_once() -> None:
    """By partition and offset."""
    feed = OutcomeFeed()
    report(feed, 1, 5, ("learnt", 2), ("capped", 1))
    report(feed, 2, 5, ("rejected", 1))

    assert {(1, 6): "learnt", (1, 7): "capped", (2, 5): "rejected"} == await feed.wait([(1, 6), (1, 7), (2, 5)], 0.5)


@pytest.mark.virtual_time
async def test_a_request_waits_for_all_of_its_events() -> None:
    """And no longer than that."""
    feed = OutcomeFeed()
    waiting = asyncio.create_task(feed.wait([(1, 5), (1, 6)], 9.0))
    await wait_idle()
    report(feed, 1, 5, ("learnt", 1))
    await asyncio.sleep(1.0)
    report(feed, 1, 6, ("retried", 1))

    assert {(1, 5): "learnt", (1, 6): "retried"} == await waiting
    assert 1.0 == pytest.approx(now_s())


@pytest.mark.virtual_time
async def test_without_a_report_the_time_runs_out() -> None:
    """The outcomes that came are returned."""
    feed = OutcomeFeed()
    report(feed, 1, 5, ("learnt", 1))

    assert {(1, 5): "learnt"} == await feed.wait([(1, 5), (3, 0)], 2.0)
    assert 2.0 == pytest.approx(now_s())


async def test_the_first_report_on_an_event_counts() -> None:
    """The second one is on its redelivery."""
    feed = OutcomeFeed()
    report(feed, 1, 5, ("learnt", 1))
    report(feed, 1, 5, ("redelivered", 1))

    assert {(1, 5): "learnt"} == await feed.wait([(1, 5)], 1.0)


async def test_old_reports_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of spans is bounded."""
    monkeypatch.setattr(outcome_feed, "SPANS_MAX", 2)
    feed = OutcomeFeed()
    for offset in range(3):
        report(feed, 1, offset, ("learnt", 1))

    assert {(1, 1): "learnt", (1, 2): "learnt"} == await feed.wait([(1, 0), (1, 1), (1, 2)], 0.01)


class CountedSpan(OutcomeSpan, frozen=True, kw_only=True):
    """A report that counts how often it is looked at."""

    looks: list[int] = msgspec.field(default_factory=list)

    @property
    def end(self) -> int:
        """Count, and return the offset after the last event."""
        self.looks.append(self.first)
        return super().end


@pytest.mark.virtual_time
async def test_held_reports_are_searched_once() -> None:
    """Further reports are compared with the events that are waited for, not with the requests."""
    feed = OutcomeFeed()
    held = CountedSpan(partition=1, first=0, outcomes=["learnt"], counts=[1], looks=[])
    feed.on_pulse(pulse_of("west", outcomes=[held]))
    waiting = asyncio.create_task(feed.wait([(1, 0), (1, 900)], 9.0))
    await wait_idle()
    n_looks = len(held.looks)

    for offset in range(100, 200):
        report(feed, 1, offset, ("learnt", 1))
        await wait_idle()
    report(feed, 1, 899, ("learnt", 1), ("capped", 1))

    assert {(1, 0): "learnt", (1, 900): "capped"} == await waiting
    assert 1 == n_looks == len(held.looks)


@pytest.mark.virtual_time
async def test_many_requests_wait_for_events_of_one_report() -> None:
    """Each gets the outcomes of its own events; nothing is held of a request that has ended."""
    feed = OutcomeFeed()
    waiting = [asyncio.create_task(feed.wait([(1, number), (1, number)], 9.0)) for number in range(50)]
    gone = asyncio.create_task(feed.wait([(1, 7), (2, 7)], 1.0))
    await wait_idle()
    report(feed, 1, 0, ("learnt", 10), ("capped", 40))

    for number, outcomes in enumerate(await asyncio.gather(*waiting)):
        assert {(1, number): "learnt" if number < 10 else "capped"} == outcomes
    assert {(1, 7): "learnt"} == await gone
    assert {1: {}, 2: {}} == feed._awaited  # noqa: SLF001  the bound of the memory


@pytest.mark.virtual_time
async def test_a_request_beyond_the_bound_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the outcomes so far: its events are accepted already."""
    monkeypatch.setattr(outcome_feed, "WAITING_MAX", 1)
    feed = OutcomeFeed()
    report(feed, 1, 5, ("learnt", 1))
    waiting = asyncio.create_task(feed.wait([(1, 6)], 9.0))
    await wait_idle()

    assert {(1, 5): "learnt"} == await feed.wait([(1, 5), (1, 7)], 9.0)

    assert 0.0 == pytest.approx(now_s())
    report(feed, 1, 6, ("learnt", 1))
    assert {(1, 6): "learnt"} == await waiting


@pytest.mark.virtual_time
async def test_the_outcomes_of_an_earlier_topic_are_dropped() -> None:
    """An event of the present topic may have the same place, whether its request came before or comes after."""
    feed = OutcomeFeed()
    feed.follow_topic("first")
    report(feed, 1, 5, ("learnt", 1))
    early = asyncio.create_task(feed.wait([(1, 6)], 2.0))
    await wait_idle()

    feed.follow_topic("second")
    report(feed, 1, 6, ("rejected", 1))

    assert {} == await early
    assert {(1, 6): "rejected"} == await feed.wait([(1, 5), (1, 6)], 1.0)


@pytest.mark.virtual_time
async def test_a_broker_that_does_not_know_the_topic_ends_no_waiting() -> None:
    """It has just started; the topic is the same as before."""
    feed = OutcomeFeed()
    feed.follow_topic("first")
    report(feed, 1, 5, ("learnt", 1))
    waiting = asyncio.create_task(feed.wait([(1, 5), (1, 6)], 2.0))
    await wait_idle()

    feed.follow_topic(None)
    feed.follow_topic("first")
    report(feed, 1, 6, ("capped", 1))

    assert {(1, 5): "learnt", (1, 6): "capped"} == await waiting


@pytest.mark.virtual_time
async def test_the_first_topic_ends_no_waiting() -> None:
    """A gateway that has just started learns the id of the topic while its first requests wait."""
    feed = OutcomeFeed()
    report(feed, 1, 5, ("learnt", 1))
    early = asyncio.create_task(feed.wait([(1, 6)], 2.0))
    await wait_idle()

    feed.follow_topic("first")
    feed.follow_topic("first")
    report(feed, 1, 6, ("capped", 1))

    assert {(1, 6): "capped"} == await early
    assert {} == await feed.wait([(1, 5)], 0.1)
