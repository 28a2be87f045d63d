"""The rules of `playfold doctor` about workers, as pure functions of their last pulses."""

from collections import Counter
from collections.abc import Mapping, Sequence

from jobs.doctor.answers import WorkerReport
from jobs.doctor.finding import Finding, Issue, make_finding
from jobs.doctor.rules import name_partitions
from streams.messages.pulse import Pulse, Republished
from streams.process.format_text import format_duration, pluralize
from streams.settings import Settings

SILENT_MS, SILENT_PULSES = 10_000, 5
"""A worker is silent after so many milliseconds, or so many pulses, whichever is longer."""
SLOW_MS = 1000.0
"""Milliseconds from play to list above which there is a warning."""


def check_workers(
    reports: Sequence[WorkerReport],
    settings: Settings,
    announced: str | None,
    now_ms: int,
    damage: Sequence[Issue] = (),
) -> Finding:
    """Check that every partition has an owner, and that every worker is healthy.

    Args:
        reports: The last report of each worker.
        settings: The number of partitions, and the interval of pulses.
        announced: Id of the announced generation; None if there is none, or it is not known.
        now_ms: The present time.
        damage: Records of pulses that could not be read.
    """
    if not settings.telemetry.pulse_s and not reports:
        return make_finding("workers", "", [Issue("note", "Workers do not report: PLAYFOLD_PULSE_S is 0."), *damage])
    silent_ms = max(SILENT_MS, SILENT_PULSES * settings.telemetry.pulse_s * 1000)
    live = [one.pulse for one in reports if now_ms - one.arrived_at_ms <= silent_ms]
    silent = [one for one in reports if now_ms - one.arrived_at_ms > silent_ms]
    if not live:
        return make_finding("workers", "", [_no_worker(silent, now_ms), *damage])
    issues = [*damage, *_check_ownership(live, settings), *(_silent_worker(one, now_ms) for one in silent)]
    for pulse in live:
        issues += _check_worker(pulse, announced)
    owners = ", ".join(f"{pulse.instance} owns {name_partitions(pulse.partitions)}" for pulse in live)
    return make_finding("workers", f"{pluralize(len(live), 'worker')} reported just now: {owners}.", issues)


def _no_worker(silent: Sequence[WorkerReport], now_ms: int) -> Issue:
    if not silent:
        return Issue("problem", "No worker reported in the last hour.", "Start one: `playfold worker`.")
    last = max(silent, key=lambda one: one.arrived_at_ms)
    ago = format_duration(now_ms - last.arrived_at_ms)
    says = f"No worker reports any more. The last report was that of {last.pulse.instance}, {ago} ago."
    return Issue("problem", says, "Read the reason in its log, and start it again.")


def _silent_worker(report: WorkerReport, now_ms: int) -> Issue:
    since = format_duration(now_ms - report.arrived_at_ms)
    return Issue("note", f"Worker {report.pulse.instance} has not reported for {since}: it was stopped, or hangs.")


def _check_ownership(live: Sequence[Pulse], settings: Settings) -> list[Issue]:
    """Return the partitions without an owner, and those that two workers claim, as issues."""
    owners = Counter(number for pulse in live for number in pulse.partitions)
    free = sorted(set(range(settings.topics.partitions)) - owners.keys())
    issues = []
    if free:
        says = f"No worker owns {name_partitions(free)}: plays there are not folded."
        do = "Wait until a worker that has just started is ready. If none has, start one."
        issues.append(Issue("problem", says, do))
    if twice := sorted(number for number, n in owners.items() if n > 1):
        says = f"Two workers claim {name_partitions(twice)}. That is normal during a handover only."
        issues.append(Issue("warning", says, "Check again in a minute. If it is still so, restart one of them."))
    return issues


def _check_worker(pulse: Pulse, announced: str | None) -> list[Issue]:
    """Return the issues of one worker."""
    name, issues = f"Worker {pulse.instance}", []
    if announced is not None and pulse.generation != announced:
        serves = f"serves generation {pulse.generation}" if pulse.generation else "serves no generation"
        do = "Look for `generation_refused` in its log. Restart it once it can read the store."
        issues.append(Issue("warning", f"{name} {serves}, but {announced} is announced.", do))
    elif pulse.generation and (left := len(pulse.partitions) - len(pulse.partitions_swept)):
        issues.append(Issue("note", f"{name} still refolds the listeners of {pluralize(left, 'partition')}."))
    if pulse.republishing:
        issues.append(_republishing(name, pulse.republishing))
    if pulse.plays_lost:
        says = (
            f"Kafka deleted {pluralize(pulse.plays_lost, 'play')} before {name[0].lower()}{name[1:]} folded them, or "
            "the committed offsets were moved ahead of them."
        )
        do = (
            "Look for `plays_lost` in its log, which has offsets and times. "
            "Send them again if a client still has them. "
            "After `plays_skipped`, stop the workers and set the group's offset of the partition back to its `first`."
        )
        issues.append(Issue("problem", says, do))
    if pulse.p99_ms is not None and pulse.p99_ms > SLOW_MS:
        says = f"{name} needs {pulse.p99_ms / 1000:.1f} s or more from play to list for 1% of plays."
        issues.append(Issue("warning", says, "Check the lag, its CPU time and Kafka's disk."))
    every = pulse.quality.every if pulse.quality else None
    if every is not None and every.own.hit_at_10.high < every.popular.hit_at_10.low:
        says = (
            f"The popular list predicts the plays of {name[0].lower()}{name[1:]} better than the listeners' own lists."
        )
        issues.append(
            Issue("warning", says, "If this began with the present generation, run `playfold generations rollback`.")
        )
    return issues


def _republishing(name: str, partitions: Mapping[int, Republished]) -> Issue:
    """Return the issue of a worker that publishes lists again."""
    done = sum(one.done for one in partitions.values())
    of_about = sum(one.of_about for one in partitions.values())
    says = (
        f"The topic of lists was made again. {name} publishes the lists of {name_partitions(sorted(partitions))} to it "
        f"again: {done:,} of about {of_about:,} listeners are done."
    )
    do = "Wait. Until then, the other listeners get the popular list, or the list of their next play."
    return Issue("warning", says, do)
