"""The rules about workers."""

import pytest

from jobs.doctor.finding import Finding
from jobs.doctor.worker_rules import check_workers
from streams.messages.pulse import Compared, ListQuality, LiveFigures, Pulse, Republished, Share
from tests.support.pulses import NOW_MS, pulse_of, reports_of
from tests.support.settings import settings_with

SETTINGS = settings_with(partitions=4)


def checked(*pulses: Pulse, announced: str | None = "g2") -> Finding:
    """Return the finding about workers that reported just now."""
    return check_workers(reports_of(*pulses), SETTINGS, announced, NOW_MS)


def quality(own: tuple[float, float], popular: tuple[float, float]) -> LiveFigures:
    """Return figures of lists whose hit rates lie between these bounds."""

    def of(bounds: tuple[float, float]) -> ListQuality:
        share = Share(sum(bounds) / 2, *bounds)
        return ListQuality(hit_at_10=share, hit_at_50=share, mrr_at_50=share)

    every = Compared(plays=900, own=of(own), popular=of(popular))
    return LiveFigures(every=every, by_history={}, fresh=None, by_generation={})


def test_healthy_workers_are_named_with_their_partitions() -> None:
    """There is nothing to do."""
    finding = checked(pulse_of("east", (0, 1)), pulse_of("west", (2, 3)))

    says = "2 workers reported just now: east owns partitions 0, 1, west owns partitions 2, 3."
    assert Finding(check="workers", verdict="ok", says=says) == finding


@pytest.mark.parametrize(
    ("pulses", "announced", "verdict", "says"),
    [
        ([pulse_of(partitions=(0, 1, 3))], "g2", "problem", "No worker owns partition 2: plays there are not folded."),
        (
            [pulse_of("a"), pulse_of("b", (3,))],
            "g2",
            "warning",
            "Two workers claim partition 3. That is normal during a handover only.",
        ),
        ([pulse_of()], "g3", "warning", "Worker west serves generation g2, but g3 is announced."),
        ([pulse_of(generation=None)], "g3", "warning", "Worker west serves no generation, but g3 is announced."),
        ([pulse_of(partitions_swept=[1])], "g2", "note", "Worker west still refolds the listeners of 3 partitions."),
        (
            [pulse_of(republishing={n: Republished(done=600, of_about=2000) for n in (1, 3)})],
            "g2",
            "warning",
            (
                "The topic of lists was made again. Worker west publishes the lists of partitions 1, 3 to it again: "
                "1,200 of about 4,000 listeners are done."
            ),
        ),
        (
            [pulse_of(p99_ms=2500.0)],
            "g2",
            "warning",
            "Worker west needs 2.5 s or more from play to list for 1% of plays.",
        ),
        (
            [pulse_of(quality=quality((0.1, 0.2), (0.3, 0.4)))],
            "g2",
            "warning",
            "The popular list predicts the plays of worker west better than the listeners' own lists.",
        ),
    ],
)
def test_an_issue_of_a_worker_is_described(pulses: list[Pulse], announced: str, verdict: str, says: str) -> None:
    """With the name of the worker, and with a remedy unless it ends by itself."""
    finding = checked(*pulses, announced=announced)

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
def test_a_healthy_worker_has_no_issue(pulse: Pulse) -> None:
    """No generation before the first is announced, no play, a latency at the limit, intervals that overlap."""
    assert "ok" == checked(pulse, announced=None).verdict


def test_a_silent_worker_is_noted_while_others_own_its_partitions() -> None:
    """It may have been stopped on purpose."""
    reports = [*reports_of(pulse_of("east")), *reports_of(pulse_of("west"), ago_ms=60_000)]

    finding = check_workers(reports, SETTINGS, "g2", NOW_MS)

    assert "note" == finding.verdict
    assert finding.says.endswith("Worker west has not reported for 1.0 min: it was stopped, or hangs.")


def test_no_report_in_the_last_hour_is_a_problem() -> None:
    """A worker has to be started."""
    finding = check_workers([], SETTINGS, "g2", NOW_MS)

    assert "problem" == finding.verdict
    assert "No worker reported in the last hour." == finding.says
    assert "Start one: `playfold worker`." == finding.do


def test_silence_of_all_workers_is_a_problem() -> None:
    """The last of them is named."""
    finding = check_workers(reports_of(pulse_of(), ago_ms=11_000), SETTINGS, "g2", NOW_MS)

    assert "problem" == finding.verdict
    assert "No worker reports any more. The last report was that of west, 11.0 s ago." == finding.says
    assert "Read the reason in its log, and start it again." == finding.do


def test_silence_is_measured_in_pulses() -> None:
    """A worker that reports rarely may miss five pulses."""
    reports = reports_of(pulse_of(), ago_ms=100_000)

    assert "ok" == check_workers(reports, settings_with(partitions=4, pulse_s=30), "g2", NOW_MS).verdict


def test_workers_that_do_not_report_are_a_note() -> None:
    """Their settings say so."""
    expected = Finding(check="workers", verdict="note", says="Workers do not report: PLAYFOLD_PULSE_S is 0.")
    assert expected == check_workers([], settings_with(pulse_s=0), "g2", NOW_MS)
