"""The outcomes that a gateway holds, for requests that wait for them."""

import asyncio

import msgspec
import pytest

from streams.messages.records import OutcomeSpan
from tests.support.pulses import pulse_of
from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle
from web.feeds import outcome_feed
from web.feeds.outcome_feed import OutcomeFeed


def report(feed: OutcomeFeed, partition: int, first: int, *runs: tuple[str, int]) -> None:
    """Let a worker report."""
    span = OutcomeSpan.of(partition, first, list(runs))
    feed.on_record(b"west", msgspec.json.encode(pulse_of("west", outcomes=[span])))


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


async def test_other_records_are_ignored_and_old_reports_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of spans is bounded."""
    monkeypatch.setattr(outcome_feed, "SPANS_MAX", 2)
    feed = OutcomeFeed()
    feed.on_record(b"west", b"{}")
    feed.on_record(None, None)
    for offset in range(3):
        report(feed, 1, offset, ("learnt", 1))

    assert {(1, 1): "learnt", (1, 2): "learnt"} == await feed.wait([(1, 0), (1, 1), (1, 2)], 0.01)
