"""The rules and their thresholds."""

import msgspec
import pytest

from jobs.doctor.answers import AnnouncedGeneration, DiskUsage, GatewayResponse, LagReadings, WorkerReport
from jobs.doctor.finding import Finding, Issue
from jobs.doctor.rules import check_clocks, check_cluster, check_disks, check_gateway, check_generation, check_lag
from state.storage.disk_space import DiskSpace
from streams.readers.log_reader import Span
from streams.readers.open_transactions import OpenTransaction
from streams.topics.cluster import Cluster
from tests.support.pulses import HOUR_MS, NOW_MS, pulse_of
from tests.support.settings import settings_with

SERVING = AnnouncedGeneration("g2", 3, NOW_MS - HOUR_MS, 1200)


def test_a_cluster_has_as_many_brokers_as_copies() -> None:
    """Then it is described."""
    finding = check_cluster(Cluster("abc", "4.3", 3), settings_with(replication=3))

    assert "ok" == finding.verdict
    assert "Kafka 4.3 answers at 127.0.0.1:19092: cluster abc, 3 brokers." == finding.says


def test_a_fenced_broker_does_not_count() -> None:
    """The controller keeps it out of service."""
    cluster = msgspec.structs.replace(Cluster("abc", "4.3", 3), n_fenced=1)

    finding = check_cluster(cluster, settings_with(replication=3))

    assert "warning" == finding.verdict
    assert finding.says.endswith("with 2 of 3 brokers in service, but PLAYFOLD_REPLICATION is 3.")
    assert "Start the missing brokers." == finding.do


@pytest.mark.parametrize(("free", "verdict"), [(50, "ok"), (10, "ok"), (9, "warning"), (5, "warning"), (4, "problem")])
def test_a_disk_is_checked_by_its_free_share(free: int, verdict: str) -> None:
    """The fullest disk decides the verdict."""
    spaces = {"the data folder": DiskSpace(60 * 10**9, 10**11), "generations": DiskSpace(free * 10**9, 10**11)}

    assert verdict == check_disks(DiskUsage(spaces, {"generations": 2 * 10**9})).verdict


def test_disks_are_described() -> None:
    """By their free share, and by the bytes in use; a full one by its free bytes."""
    fine = {"the data folder": DiskSpace(60 * 10**9, 10**11)}
    full = {"the data folder": DiskSpace(4 * 10**9, 10**11)}

    expected = "Free: 60% of 100.0 GB for the data folder. In use: generations 2.0 GB."
    assert expected == check_disks(DiskUsage(fine, {"generations": 2 * 10**9})).says
    expected = "The disk for the data folder has only 4.0 GB free, 4.0%."
    assert expected == check_disks(DiskUsage(full, {})).says


@pytest.mark.parametrize(("hours", "verdict"), [(1, "ok"), (36, "ok"), (37, "warning")])
def test_a_generation_ages(hours: int, verdict: str) -> None:
    """A night and a half may pass."""
    finding = check_generation(SERVING._replace(created_at_ms=NOW_MS - hours * HOUR_MS), NOW_MS)

    assert verdict == finding.verdict
    assert "Generation g2, revision 3 is " in finding.says
    assert ("playfold nightly" in finding.do) == (verdict == "warning")


def test_a_newer_rejected_generation_is_noted() -> None:
    """With the reason."""
    newer = "The newer generation g3 was rejected: It is worse."
    finding = check_generation(SERVING._replace(newer_rejected=newer), NOW_MS)

    assert "note" == finding.verdict
    expected = f"Generation g2, revision 3 is announced and can be opened: 1,200 items, 1.0 h old. {newer}"
    assert expected == finding.says


def test_an_issue_of_a_probe_is_the_finding() -> None:
    """It has nothing to add."""
    issue = Issue("problem", "P.", "Do.")

    assert Finding(check="generation", verdict="problem", says="P.", do="Do.") == check_generation(issue, NOW_MS)
    assert Finding(check="gateway", verdict="problem", says="P.", do="Do.") == check_gateway(issue)


def lag(before: int, now: int, start: int = 0) -> Finding:
    """Check the lag of two partitions, of which the first has so many plays that are not committed."""
    first, second = ({0: Span(10, 10 + n), 1: Span(5, 5)} for n in (before, now))
    return check_lag(LagReadings(first, second, {0: start, 1: 0}, 2.0))


def test_lag_is_described_by_partition() -> None:
    """A small lag is always there, and its growth means nothing."""
    says = "The lag is 900 plays (by partition: 0: 900, 1: 0)."
    assert Finding(check="lag", verdict="ok", says=says) == lag(100, 900)
    assert "ok" == lag(99_000, 98_000).verdict


def test_a_growing_lag_is_a_warning() -> None:
    """With its growth."""
    finding = lag(5000, 7000)

    assert "warning" == finding.verdict
    assert finding.says.endswith("It grows by 1,000 plays/s.")


def test_a_high_lag_is_a_warning_though_it_shrinks() -> None:
    """Lists are that old."""
    assert "warning" == lag(200_000, 150_000).verdict


def test_an_open_transaction_is_named() -> None:
    """The lag is not the workers' fault then; the way out is a command."""
    held = OpenTransaction("plays", 2, 17, 40, 0, 4711)
    span = {2: Span(17, 57)}

    finding = check_lag(LagReadings(span, span, {2: 0}, 2.0, [held]))

    assert "warning" == finding.verdict
    assert (
        "A transaction of producer 4711, open since 1970-01-01 00:00:00 UTC, holds partition 2 of plays at offset 17: "
        "40 records wait for its end."
    ) == finding.says
    assert "`kafka-transactions.sh --bootstrap-server BROKER abort --topic plays --partition 2 --start-offset 17`" in (
        finding.do
    )


def test_the_remedy_of_a_transaction_on_several_partitions_is_said_once() -> None:
    """Each partition has its place in the description, and the command stands for all of them."""
    held = [OpenTransaction("plays", partition, 17 + partition, 40, 0, 4711) for partition in range(3)]
    spans = {partition: Span(17, 57) for partition in range(3)}

    finding = check_lag(LagReadings(spans, spans, dict.fromkeys(range(3), 0), 2.0, held))

    assert 3 == finding.says.count("A transaction of producer 4711")
    assert 1 == finding.do.count("Workers read on")
    assert 1 == finding.do.count("kafka-transactions.sh")
    assert "on each of these partitions" in finding.do
    assert "--partition PARTITION --start-offset OFFSET`" in finding.do


def test_plays_that_kafka_deleted_before_they_were_folded_are_a_problem() -> None:
    """They are lost for playfold."""
    finding = lag(0, 0, start=14)

    assert "problem" == finding.verdict
    expected = "Kafka deleted 4 plays of partition 0 at the end of the retention, before a worker folded them."
    assert expected == finding.says


@pytest.mark.parametrize(("at_ms", "arrived", "says"), [
    (NOW_MS - 500, NOW_MS - 480, "Clocks agree within 0.0 s."),
    (NOW_MS - 60_000, NOW_MS - 500, "The clock of worker west is 59.5 s behind Kafka's."),
    (NOW_MS + 90_000, NOW_MS - 500, "The clock of worker west is 1.5 min ahead of Kafka's."),
    (NOW_MS + 5000, NOW_MS + 5000, "The clock of this machine is 5.0 s behind Kafka's."),
    (NOW_MS - HOUR_MS, NOW_MS - HOUR_MS, "Clocks agree within 0.0 s."),
])  # fmt: skip
def test_clocks_are_compared_with_kafkas(at_ms: int, arrived: int, says: str) -> None:
    """A pulse has two times: that of its worker, and that of its arrival. An old one says nothing of this machine."""
    finding = check_clocks([WorkerReport(pulse_of(at_ms=at_ms), arrived)], NOW_MS)

    assert says == finding.says
    assert ("ok" if says.startswith("Clocks") else "warning") == finding.verdict


def test_clocks_without_pulses_are_not_compared() -> None:
    """That is no issue of the clocks."""
    says = "Clocks were not compared: no worker reports its time."
    assert Finding(check="clock", verdict="note", says=says) == check_clocks([], NOW_MS)


@pytest.mark.parametrize(
    ("status", "body", "verdict", "says"),
    [
        (200, b'{"status": "ready", "generation": "g2"}', "ok", "The gateway at U is ready."),
        (
            200,
            b'{"status": "ready", "unreadable": ["lists, partition 1, offsets 5 to 9: no codec"]}',
            "problem",
            "The gateway at U cannot read 1 part of its topics: lists, partition 1, offsets 5 to 9: no codec.",
        ),
        (
            503,
            b'{"title": "x", "detail": "12 records are left."}',
            "problem",
            "The gateway at U is not ready: 12 records are left.",
        ),
        (
            200,
            b"<html>",
            "warning",
            "U answers with status 200, but not like a playfold gateway of this version.",
        ),
        (
            403,
            b'{"detail": "no"}',
            "warning",
            "U answers with status 403, but not like a playfold gateway of this version.",
        ),
        (
            200,
            b"[" * 100_000,
            "warning",
            "U answers with status 200, but not like a playfold gateway of this version.",
        ),
    ],
)
def test_a_response_of_the_gateway_is_checked(status: int, body: bytes, verdict: str, says: str) -> None:
    """It may be that of another program."""
    finding = check_gateway(GatewayResponse("U", status, body))

    assert verdict == finding.verdict
    assert says == finding.says
