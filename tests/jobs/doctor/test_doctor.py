"""What `playfold doctor` makes of what it sees: every threshold, and what becomes of a check that fails."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobs.doctor import doctor as doctor_module
from jobs.doctor.doctor import Doctor, in_thread
from jobs.doctor.finding import Complaint, Finding, found
from jobs.doctor.probes import judge_answer, look_at_disks, look_at_gateway, size_of
from jobs.doctor.rules import (
    Serving,
    Told,
    judge_clocks,
    judge_cluster,
    judge_generation,
    judge_lag,
    judge_room,
    judge_workers,
)
from state.storage.disk_space import DiskSpace
from streams.kafka.broker import free_port
from streams.messages.records import Compared, ListQuality, LiveFigures, Pulse, Share
from streams.readers.log_reader import Span
from streams.topics.cluster import Cluster
from tests.support.settings import settings_with

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
SERVING = Serving("g2", 3, NOW_MS - HOUR_MS, 1200)
SETTINGS = settings_with(partitions=4)


def pulse_of(instance: str = "west", partitions: tuple[int, ...] = (0, 1, 2, 3), **changes: Any) -> Pulse:
    """Return the pulse of a worker that is well, but for what is changed."""
    told = Pulse(
        instance=instance,
        at_ms=NOW_MS,
        started_at_ms=NOW_MS - HOUR_MS,
        generation="g2",
        revision=3,
        partitions=list(partitions),
        partitions_swept=list(partitions),
        events={"learnt": 1000},
        events_per_s=10.0,
        p50_ms=8.0,
        p99_ms=40.0,
        quality=None,
    )
    return msgspec.structs.replace(told, **changes)


def told(*pulses: Pulse, ago_ms: int = 500) -> list[Told]:
    """Return pulses as they arrived at the broker."""
    return [Told(pulse, NOW_MS - ago_ms) for pulse in pulses]


def judged(*pulses: Pulse, announced: str | None = "g2") -> Finding:
    """Return the verdict on workers that were heard just now."""
    return judge_workers(told(*pulses), SETTINGS, announced, NOW_MS)


def quality(own: tuple[float, float], popular: tuple[float, float]) -> LiveFigures:
    """Return figures of lists whose hit rates lie between these bounds."""

    def of(bounds: tuple[float, float]) -> ListQuality:
        share = Share(sum(bounds) / 2, *bounds)
        return ListQuality(hit_at_10=share, hit_at_50=share, mrr_at_50=share)

    every = Compared(plays=900, own=of(own), popular=of(popular))
    return LiveFigures(every=every, by_history={}, fresh=None, by_generation={})


def test_the_worst_complaint_is_the_verdict_and_comes_first() -> None:
    """What is fine is said where nothing is worse than a note; what is to do is said once."""
    note, warning, problem = (
        Complaint("note", "N."),
        Complaint("warning", "W.", "Do."),
        Complaint("problem", "P.", "Do."),
    )

    assert Finding(check="c", verdict="ok", says="Fine.") == found("c", "Fine.")
    assert Finding(check="c", verdict="note", says="Fine. N.") == found("c", "Fine.", [note])
    assert Finding(check="c", verdict="problem", says="P. W. N.", do="Do.") == found(
        "c", "F.", [note, warning, problem]
    )


def test_a_cluster_needs_as_many_brokers_as_copies() -> None:
    """One that the controller keeps out of service does not count."""
    cluster, three = Cluster("abc", "4.3", 3), settings_with(replication=3)

    fine, fenced = judge_cluster(cluster, three), judge_cluster(msgspec.structs.replace(cluster, n_fenced=1), three)

    assert "ok" == fine.verdict
    assert "Kafka 4.3 answers at 127.0.0.1:19092: cluster abc, 3 brokers." == fine.says
    assert "warning" == fenced.verdict
    assert "with 2 of 3 brokers in service, but PLAYFOLD_REPLICATION is 3." in fenced.says


@pytest.mark.parametrize(("free", "verdict"), [(50, "ok"), (10, "ok"), (9, "warning"), (5, "warning"), (4, "problem")])
def test_a_disk_is_judged_by_its_free_share(free: int, verdict: str) -> None:
    """The fullest of them counts."""
    rooms = {"the data folder": DiskSpace(60 * 10**9, 10**11), "generations": DiskSpace(free * 10**9, 10**11)}

    judged_disk = judge_room(rooms, {"generations": 2 * 10**9})

    assert verdict == judged_disk.verdict
    expected = (
        "Free are 60% of 100.0 GB for the data folder, 50% of 100.0 GB for generations. In use: generations 2.0 GB."
    )
    assert (judged_disk.says == expected) == (free == 50)
    assert ("generations only" in judged_disk.says) == (verdict != "ok")


def test_what_lies_on_the_disk_is_summed(tmp_path: Path) -> None:
    """Files at any depth; a folder that is not there is empty."""
    settings = settings_with(data_dir=str(tmp_path))
    (settings.application.worker_path / "0").mkdir(parents=True)
    (settings.application.worker_path / "0" / "a.sst").write_bytes(b"12345")
    (settings.application.worker_path / "lock").write_bytes(b"1")

    rooms, sizes = look_at_disks(settings)

    assert {"states of workers": 6, "the gateway's view": 0, "generations": 0} == sizes
    assert ["the data folder"] == list(rooms)
    assert 0 == size_of(tmp_path / "nowhere")


@pytest.mark.parametrize(("hours", "verdict"), [(1, "ok"), (36, "ok"), (37, "warning")])
def test_a_generation_ages(hours: int, verdict: str) -> None:
    """A night and a half may pass."""
    finding = judge_generation(SERVING._replace(created_at_ms=NOW_MS - hours * HOUR_MS), NOW_MS)

    assert verdict == finding.verdict
    assert "Generation g2, revision 3 is " in finding.says
    assert ("playfold nightly" in finding.do) == (verdict == "warning")


def test_a_newer_generation_that_was_rejected_is_noted() -> None:
    """With its reason: whoever waits for it wants to know."""
    finding = judge_generation(SERVING._replace(newer_rejected="A newer one, g3, was rejected: It is worse."), NOW_MS)

    assert "note" == finding.verdict
    assert finding.says.endswith("1,200 items, 1.0 h old. A newer one, g3, was rejected: It is worse.")


def lag(before: int, now: int, start: int = 0, committed: int = 10) -> Finding:
    """Judge a lag of two partitions, of which the first has so many plays to come."""
    spans = [{0: Span(committed, committed + n), 1: Span(5, 5)} for n in (before, now)]
    return judge_lag(spans[0], spans[1], {0: start, 1: 0}, 2.0)


def test_lag_is_told_by_partition() -> None:
    """Some plays wait always; that they become more by a few says nothing."""
    assert Finding(check="lag", verdict="ok", says="Not folded yet: 900 plays (0: 900, 1: 0).") == lag(100, 900)
    assert "ok" == lag(99_000, 98_000).verdict


def test_a_lag_that_grows_is_a_warning() -> None:
    """With how fast it grows."""
    finding = lag(5000, 7000)

    assert "warning" == finding.verdict
    assert finding.says.endswith("It becomes 1,000 more a second.")


def test_a_lag_that_is_high_is_a_warning_though_it_shrinks() -> None:
    """Lists are old by all of it."""
    assert "warning" == lag(200_000, 150_000).verdict


def test_plays_that_went_unfolded_are_a_problem() -> None:
    """Kafka has dropped what the workers had not come to."""
    finding = lag(0, 0, start=14)

    assert "problem" == finding.verdict
    assert "Kafka's retention ended before it was folded: 4 plays of partition 0." == finding.says


def test_workers_that_are_well_are_told_by_what_they_own() -> None:
    """Nothing to do."""
    finding = judged(pulse_of("east", (0, 1)), pulse_of("west", (2, 3)))

    says = "2 workers told something just now: east owns partitions 0, 1, west owns partitions 2, 3."
    assert Finding(check="workers", verdict="ok", says=says) == finding


@pytest.mark.parametrize(
    ("pulses", "announced", "verdict", "says"),
    [
        ([pulse_of(partitions=(0, 1, 3))], "g2", "problem", "Nobody owns partition 2: their plays are not folded."),
        ([pulse_of("a"), pulse_of("b", (3,))], "g2", "warning", "Two workers claim partition 3, as they may"),
        ([pulse_of()], "g3", "warning", "Worker west serves generation g2, not g3."),
        ([pulse_of(generation=None)], "g3", "warning", "Worker west serves no generation, not g3."),
        ([pulse_of(partitions_swept=[1])], "g2", "note", "Worker west still refolds the listeners of 3 partitions."),
        ([pulse_of(p99_ms=2500.0)], "g2", "warning", "Worker west took 2.5 s from play to list for one play in a"),
        (
            [pulse_of(quality=quality((0.1, 0.2), (0.3, 0.4)))],
            "g2",
            "warning",
            "Worker west finds plays more often in the",
        ),
    ],
)
def test_what_is_wrong_with_a_worker_is_said(pulses: list[Pulse], announced: str, verdict: str, says: str) -> None:
    """By its name, with what to do unless it passes by itself."""
    finding = judged(*pulses, announced=announced)

    assert verdict == finding.verdict
    assert says in finding.says
    assert bool(finding.do) == (verdict != "note")


@pytest.mark.parametrize(
    "pulse",
    [
        pulse_of(generation=None, partitions_swept=[]),
        pulse_of(p99_ms=None),
        pulse_of(p99_ms=1000.0),
        pulse_of(quality=quality((0.1, 0.3), (0.25, 0.4))),
    ],
)
def test_what_may_be_so_is_no_complaint(pulse: Pulse) -> None:
    """No generation before the first is announced, no play, slow but not too slow, intervals that overlap."""
    assert "ok" == judged(pulse, announced=None).verdict


def test_a_worker_that_fell_silent_is_noted_while_others_have_its_partitions() -> None:
    """It may have been stopped on purpose."""
    both = [*told(pulse_of("east")), *told(pulse_of("west"), ago_ms=60_000)]

    finding = judge_workers(both, SETTINGS, "g2", NOW_MS)

    assert "note" == finding.verdict
    assert finding.says.endswith("Worker west has told nothing for 1.0 min: it was stopped, or hangs.")


def test_no_worker_is_a_problem() -> None:
    """Whether one was ever heard or not."""
    never, silent = (
        judge_workers([], SETTINGS, "g2", NOW_MS),
        judge_workers(told(pulse_of(), ago_ms=11_000), SETTINGS, "g2", NOW_MS),
    )

    assert "problem" == never.verdict
    assert "No worker told anything in the last hour." == never.says
    assert "problem" == silent.verdict
    assert "No worker tells anything; the last was west, 11.0 s ago." == silent.says
    assert never.do
    assert silent.do


def test_a_worker_that_tells_seldom_is_not_silent_sooner() -> None:
    """Five pulses may be missing; without any pulse nothing can be known."""
    heard = told(pulse_of(), ago_ms=100_000)

    assert "ok" == judge_workers(heard, settings_with(partitions=4, pulse_s=30), "g2", NOW_MS).verdict
    assert "note" == judge_workers([], settings_with(pulse_s=0), "g2", NOW_MS).verdict


@pytest.mark.parametrize(("at_ms", "arrived", "says"), [
    (NOW_MS - 500, NOW_MS - 480, "Clocks agree within 0.0 s."),
    (NOW_MS - 60_000, NOW_MS - 500, "Beside Kafka's clock, that of worker west is 59.5 s slow."),
    (NOW_MS + 90_000, NOW_MS - 500, "Beside Kafka's clock, that of worker west is 1.5 min fast."),
    (NOW_MS + 5000, NOW_MS + 5000, "Beside Kafka's clock, that of this machine is 5.0 s slow."),
    (NOW_MS - HOUR_MS, NOW_MS - HOUR_MS, "Clocks agree within 0.0 s."),
])  # fmt: skip
def test_clocks_are_held_to_kafkas(at_ms: int, arrived: int, says: str) -> None:
    """A pulse has two times: when it was told, and when it arrived. An old one says nothing of this machine."""
    finding = judge_clocks([Told(pulse_of(at_ms=at_ms), arrived)], NOW_MS)

    assert says == finding.says
    assert ("ok" if says.startswith("Clocks") else "warning") == finding.verdict


def test_clocks_without_pulses_are_not_compared() -> None:
    """That is no fault of theirs."""
    assert Finding(
        check="clock", verdict="note", says="Clocks were not compared, for no worker tells the time."
    ) == judge_clocks([], NOW_MS)


@pytest.mark.parametrize(
    ("status", "body", "verdict", "says"),
    [
        (200, b'{"status": "ready", "generation": "g2"}', "ok", "is ready."),
        (503, b'{"title": "x", "detail": "12 records are left."}', "problem", "is not ready: 12 records are left."),
        (200, b"<html>", "warning", "not playfold's gateway, or not of this version: status 200."),
        (403, b'{"detail": "no"}', "warning", "status 403."),
        (200, b"[" * 100_000, "warning", "status 200."),
    ],
)
def test_the_gateways_answer_is_judged(status: int, body: bytes, verdict: str, says: str) -> None:
    """Whatever stands at its address."""
    finding = judge_answer("http://h:1/readyz", status, body)

    assert verdict == finding.verdict
    assert finding.says.endswith(says)


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """Serve one answer to every request, and give the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_gateway_that_listens_anywhere_is_asked_here() -> None:
    """0.0.0.0 is nowhere to ask."""
    with answering(200, b'{"status": "ready"}') as port:
        finding = look_at_gateway(settings_with(gateway_host="0.0.0.0", gateway_port=port).gateway)  # noqa: S104

    assert (
        Finding(check="gateway", verdict="ok", says=f"The gateway at http://127.0.0.1:{port}/readyz is ready.")
        == finding
    )


@pytest.mark.processes
def test_no_gateway_is_a_note() -> None:
    """Nobody has to run one."""
    port = free_port()

    nowhere, unknown = (
        look_at_gateway(settings_with(gateway_port=port).gateway),
        look_at_gateway(settings_with(gateway_port=0).gateway),
    )

    assert "note" == nowhere.verdict
    assert "note" == unknown.verdict
    assert f"No gateway answers at http://127.0.0.1:{port}/readyz; `playfold gateway` runs one." == nowhere.says


def test_a_gateway_of_a_name_that_nobody_has_is_a_problem() -> None:
    """The names of `.invalid` are nobody's."""
    finding = look_at_gateway(settings_with(gateway_host="gateway.invalid", gateway_port=free_port()).gateway)

    assert "problem" == finding.verdict
    assert "does not answer" in finding.says


class Scripted(Doctor):
    """A doctor whose check of the disk is made up; the broker is said to answer."""

    def __init__(self, disk: Any) -> None:
        """Check the disk so, and little else."""
        super().__init__(settings_with(gateway_port=0), check_s=0.3)
        self._others["disk"] = disk
        self._of_kafka = {}

    async def _broker(self) -> Finding:
        return found("broker", "Kafka answers.")


async def broken() -> Finding:
    """Fail as no check should."""
    message = "The disk is gone."
    raise OSError(message)


async def hanging() -> Finding:
    """Wait in a thread for longer than a check may take, as a network disk does."""
    await in_thread(lambda: time.sleep(1))
    return found("disk", "Late.")


@pytest.mark.parametrize(
    ("disk", "says"), [(broken, "The disk is gone."), (hanging, "This could not be found out within 0.3 s.")]
)
async def test_a_check_that_fails_or_hangs_stops_no_other(disk: Any, says: str) -> None:
    """It is a problem of its own, with the reason."""
    began = time.monotonic()

    findings = {one.check: one for one in await Scripted(disk).examine()}

    assert time.monotonic() - began < 5
    assert "problem" == findings["disk"].verdict
    assert says == findings["disk"].says
    assert "ok" == findings["broker"].verdict
    assert "note" == findings["gateway"].verdict


@pytest.mark.processes
async def test_without_kafka_the_rest_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One problem and no echoes of it: what needs Kafka says that it was not looked at."""
    monkeypatch.setattr(doctor_module, "KAFKA_S", 0.3)
    settings = settings_with(brokers=f"127.0.0.1:{free_port()}", data_dir=str(tmp_path), gateway_port=0)

    findings = await Doctor(settings).examine()

    by_verdict = {one.check: one.verdict for one in findings}
    unseen = dict.fromkeys(("topics", "generation", "lag", "workers", "clock"), "note")
    assert by_verdict.pop("disk") in {"ok", "warning", "problem"}
    assert {"broker": "problem", **unseen, "gateway": "note"} == by_verdict
    assert f"Kafka did not answer at {settings.kafka.brokers} within 0.3 s" in findings[0].says
    assert "Not looked at, for Kafka does not answer." == findings[1].says


async def test_a_look_that_comes_too_late_is_let_go() -> None:
    """Its thread ends by itself, though nobody waits for it."""
    release, before = threading.Event(), set(threading.enumerate())
    looking = asyncio.create_task(in_thread(release.wait))
    await asyncio.sleep(0.01)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    [thread] = set(threading.enumerate()) - before

    release.set()
    await asyncio.to_thread(thread.join, 5)

    assert not thread.is_alive()
