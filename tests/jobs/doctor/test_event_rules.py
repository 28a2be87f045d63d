"""The judgement on the latest events."""

from typing import Any

import pytest

from jobs.doctor.answers import RejectReadings, WorkerReport
from jobs.doctor.event_rules import check_events
from jobs.doctor.finding import Finding
from streams.messages.records import RejectedPlay
from streams.settings import Settings
from tests.support.pulses import NOW_MS, pulse_of

NONE = RejectReadings(3000, [])
REASON = "the key is not the user_id"


def rejected(n: int, key: bytes = b'"anna"', reason: str = REASON) -> list[RejectedPlay]:
    """Return rejects."""
    return [
        RejectedPlay(topic="plays", partition=0, offset=offset, reason=reason, key=key, value=b"{}")
        for offset in range(n)
    ]


def check(rejects: RejectReadings = NONE, earliest: dict[str, Any] | None = None, **counts: Any) -> Finding:
    """Judge rejects, and the counts of one worker."""
    before = pulse_of(**earliest) if earliest is not None else None
    report = WorkerReport(pulse_of(**counts), NOW_MS, before)
    return check_events(rejects, [report], Settings())


def test_without_a_fault_the_number_is_told() -> None:
    """And nothing is to be done."""
    finding = check()

    assert "ok" == finding.verdict
    assert "Of the last 3,000 events 0 could not be read." == finding.says
    assert "" == finding.do
    assert "No event has come yet." == check(RejectReadings(0, [])).says


def test_when_every_event_is_rejected_the_setting_is_named() -> None:
    """The sentence has the cause that most of them have."""
    finding = check(RejectReadings(3000, [*rejected(2990), *rejected(10, b"")]))

    assert "problem" == finding.verdict
    assert finding.says == (
        "Of the last 3,000 events none could be read, most often: the key is JSON text in quotes, as Kafka Connect's "
        "JsonConverter writes it (2,990); the record has no key (10)."
    )
    assert finding.do.startswith(
        "In Kafka Connect, set key.converter=org.apache.kafka.connect.storage.StringConverter."
    )


def test_rejects_that_a_retry_has_sent_again_are_a_note() -> None:
    """They do not count as events that could not be read."""
    finding = check(RejectReadings(3000, [], 2990))

    assert "note" == finding.verdict
    assert finding.says == (
        "Of the last 3,000 events 0 could not be read. A retry has sent 2,990 rejected events of them again."
    )


@pytest.mark.parametrize(
    ("n", "verdict", "share"), [(1501, "problem", "50.0%"), (31, "warning", "1.0%"), (3, "note", "0.1%")]
)
def test_a_share_of_rejects_has_its_weight(n: int, verdict: str, share: str) -> None:
    """With the number and the share."""
    finding = check(RejectReadings(3000, rejected(n)))

    assert verdict == finding.verdict
    assert f"Of the last 3,000 events {n:,} ({share}) could not be read" in finding.says


def test_misplaced_events_name_the_producers_setting() -> None:
    """With their share."""
    finding = check(arrivals={"records": 1000, "rejected": 0, "misplaced": 512, "ahead": 0})

    assert "warning" == finding.verdict
    assert "512 of 1,000 events (51.2%) were on another partition than the one of their key" in finding.says
    assert "partitioner=murmur2_random" in finding.do


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"arrivals": {"records": 1000, "misplaced": 0, "ahead": 20}}, "2.0% of events were dated ahead of the clock"),
        (
            {
                "arrivals": {"records": 1000, "misplaced": 0, "ahead": 0},
                "odd_hints": {"duration_ms": 100, "private": 5},
            },
            "Fields of events had impossible values and were ignored: duration_ms (10.0%).",
        ),
        (
            {"events": {"learnt": 800, "capped": 200}},
            "20.0% of events were not learnt, because their listeners had 2,000",
        ),
        ({"events": {"learnt": 100, "retried": 900}}, "90.0% of events were skipped, because their play_id was known"),
        ({"events": {"learnt": 100, "redelivered": 900}}, "90.0% of events were skipped as delivered again."),
        ({"events": {"learnt": 100, "ignored": 900}}, "90.0% of events were ignored, because nothing was heard"),
    ],
)
def test_a_high_share_is_a_warning(counts: dict[str, Any], says: str) -> None:
    """Each with a remedy."""
    finding = check(**counts)

    assert "warning" == finding.verdict
    assert says in finding.says
    assert finding.do


@pytest.mark.parametrize(
    "counts",
    [
        {"events": {"learnt": 0, "capped": 19}},
        {"events": {"learnt": 95, "capped": 5}},
        {"arrivals": {"records": 1000, "misplaced": 0, "ahead": 5}, "odd_hints": {"private": 5}},
    ],
)
def test_a_few_are_none(counts: dict[str, Any]) -> None:
    """Nor is a share of a handful."""
    assert "ok" == check(**counts).verdict


def test_old_counts_do_not_matter() -> None:
    """A fault that was mended an hour ago is none any more, unless the worker was restarted since."""
    now: dict[str, Any] = {"events": {"learnt": 2000, "capped": 900}}

    assert "ok" == check(**now, earliest={"events": {"learnt": 1000, "capped": 900}}).verdict
    assert "warning" == check(**now, earliest={"events": {"learnt": 1000, "capped": 900}, "started_at_ms": 1}).verdict
