"""What is well and what is not: every threshold of `playfold doctor`, as functions of what was seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jobs.doctor.finding import Complaint, Finding, Verdict, found
from state.storage.disk_space import DiskSpace
from streams.messages.records import Pulse
from streams.process.format_text import count_of, tell_span
from streams.readers.log_reader import Span
from streams.settings import Settings
from streams.topics.cluster import Cluster

LOW_SHARE, FULL_SHARE = 0.1, 0.05
"""Free share of a disk below which it is told, and below which it is a problem."""
LAG_HIGH = 100_000
"""Plays that wait, from which on their number alone is told."""
LAG_GROWS = 1000
"""Plays that wait, up to which it does not matter that they become more: a second's plays wait always."""
OLD_MS = 36 * 3_600_000
"""Age of a generation, of which a night has brought none then."""
SILENT_MS, SILENT_PULSES = 10_000, 5
"""A worker is silent after so many milliseconds, or so many pulses, whichever is longer."""
SLOW_MS = 1000.0
SKEW_MS = 1000
"""Clocks may differ so much: with more, delays and the ends of private sessions are wrong."""


class Told(NamedTuple):
    """The last pulse of a worker."""

    pulse: Pulse
    arrived_at_ms: int
    """By the broker's clock."""


class Serving(NamedTuple):
    """The generation that was announced, as it is in the store."""

    generation_id: str
    revision: int
    created_at_ms: int
    n_items: int
    newer_rejected: str = ""
    """Why a newer one is not in service, in a sentence; empty if there is none."""


def judge_cluster(cluster: Cluster, settings: Settings) -> Finding:
    """Judge the cluster: whether it has as many brokers as copies are wanted."""
    brokers = settings.kafka.brokers
    fine = f"Kafka {cluster.version} answers at {brokers}: cluster {cluster.cluster_id}, {_brokers(cluster)}."
    in_service = cluster.n_brokers - cluster.n_fenced
    if in_service >= settings.topics.replication:
        return found("broker", fine)
    says = f"Kafka answers at {brokers} with {in_service} of {_brokers(cluster)} in service, "
    says += f"but PLAYFOLD_REPLICATION is {settings.topics.replication}."
    return found("broker", fine, [Complaint("warning", says, "Start the brokers that are missing.")])


def judge_room(rooms: Mapping[str, DiskSpace], sizes: Mapping[str, int]) -> Finding:
    """Judge disks, by the folders that lie on them.

    Args:
        rooms: The room by what is kept there.
        sizes: Bytes that playfold uses, by what for.
    """
    complaints = [_full(what, room) for what, room in rooms.items() if _free(room) < LOW_SHARE]
    free = ", ".join(f"{_free(room):.0%} of {tell_bytes(room.size_bytes)} for {what}" for what, room in rooms.items())
    used = ", ".join(f"{what} {tell_bytes(size)}" for what, size in sizes.items())
    return found("disk", f"Free are {free}. In use: {used}.", complaints)


def _full(what: str, room: DiskSpace) -> Complaint:
    verdict: Verdict = "problem" if _free(room) < FULL_SHARE else "warning"
    says = f"Of the disk for {what} only {tell_bytes(room.free_bytes)} are free, {_free(room):.1%}."
    return Complaint(verdict, says, "Make room: `playfold generations prune`, and states of workers that are gone.")


def judge_generation(serving: Serving, now_ms: int) -> Finding:
    """Judge the generation that is announced and opens: its age."""
    age_ms = now_ms - serving.created_at_ms
    what = f"Generation {serving.generation_id}, revision {serving.revision}"
    complaints = []
    if age_ms > OLD_MS:
        says = f"{what} is {tell_span(age_ms)} old."
        do = "See in the log of `playfold nightly` why no night brought another, or run `playfold retrain`."
        complaints.append(Complaint("warning", says, do))
    if serving.newer_rejected:
        complaints.append(Complaint("note", serving.newer_rejected))
    fine = f"{what} is announced and opens: {serving.n_items:,} items, {tell_span(age_ms)} old."
    return found("generation", fine, complaints)


def judge_lag(
    first: Mapping[int, Span], second: Mapping[int, Span], starts: Mapping[int, int], seconds: float
) -> Finding:
    """Judge how far workers are behind.

    Args:
        first: By partition, from the offset that is committed to the end of the log.
        second: The same, later.
        starts: By partition, the first offset that Kafka still has.
        seconds: How much later.
    """
    before, now = _waiting(first), _waiting(second)
    by_partition = ", ".join(f"{part}: {span.end - span.start:,}" for part, span in sorted(second.items()))
    fine = f"Not folded yet: {count_of(now, 'play')} ({by_partition})."
    complaints = []
    if now > LAG_HIGH or (now > before and now > LAG_GROWS):
        grows = f" It becomes {(now - before) / seconds:,.0f} more a second." if now > before else ""
        do = "See that every worker runs; add one while there are more partitions than workers."
        complaints.append(Complaint("warning", f"{fine}{grows}", do))
    lost = {part: starts[part] - span.start for part, span in second.items() if starts.get(part, 0) > span.start}
    if lost:
        gone = f"{count_of(sum(lost.values()), 'play')} of {_partitions(sorted(lost))}"
        says = f"Kafka's retention ended before it was folded: {gone}."
        complaints.append(
            Complaint("problem", says, "Send them again if a client still has them; start workers in time.")
        )
    return found("lag", fine, complaints)


def _waiting(spans: Mapping[int, Span]) -> int:
    return sum(span.end - span.start for span in spans.values())


def judge_workers(told: Sequence[Told], settings: Settings, announced: str | None, now_ms: int) -> Finding:
    """Judge the workers by their last pulses.

    Args:
        told: One of each worker that was heard.
        settings: How many partitions there are, and how often pulses come.
        announced: The generation that is to serve; None if none was, or it is not known.
        now_ms: The present time.
    """
    if not settings.telemetry.pulse_s and not told:
        return found("workers", "Workers tell nothing of themselves.", [Complaint("note", "PLAYFOLD_PULSE_S is 0.")])
    silent_ms = max(SILENT_MS, SILENT_PULSES * settings.telemetry.pulse_s * 1000)
    lively = [one.pulse for one in told if now_ms - one.arrived_at_ms <= silent_ms]
    silent = [one for one in told if now_ms - one.arrived_at_ms > silent_ms]
    if not lively:
        return found("workers", "", [_nobody(silent, now_ms)])
    complaints = [*_of_ownership(lively, settings), *(_silent(one, now_ms) for one in silent)]
    for pulse in lively:
        complaints += _of_one(pulse, announced)
    names = ", ".join(f"{pulse.instance} owns {_partitions(pulse.partitions)}" for pulse in lively)
    return found("workers", f"{count_of(len(lively), 'worker')} told something just now: {names}.", complaints)


def _nobody(silent: Sequence[Told], now_ms: int) -> Complaint:
    if not silent:
        return Complaint("problem", "No worker told anything in the last hour.", "Start one: `playfold worker`.")
    last = max(silent, key=lambda one: one.arrived_at_ms)
    says = (
        f"No worker tells anything; the last was {last.pulse.instance}, {tell_span(now_ms - last.arrived_at_ms)} ago."
    )
    return Complaint("problem", says, "See in its log why it ended, and start it again.")


def _silent(one: Told, now_ms: int) -> Complaint:
    since = tell_span(now_ms - one.arrived_at_ms)
    return Complaint("note", f"Worker {one.pulse.instance} has told nothing for {since}: it was stopped, or hangs.")


def _of_ownership(lively: Sequence[Pulse], settings: Settings) -> list[Complaint]:
    """Complain of partitions that nobody owns, and of those that two workers claim."""
    owners = Counter(number for pulse in lively for number in pulse.partitions)
    free = sorted(set(range(settings.topics.partitions)) - owners.keys())
    complaints = []
    if free:
        says = f"Nobody owns {_partitions(free)}: their plays are not folded."
        do = "Wait until a worker that has just started is ready; if none has, start one."
        complaints.append(Complaint("problem", says, do))
    if twice := sorted(number for number, n in owners.items() if n > 1):
        says = f"Two workers claim {_partitions(twice)}, as they may for the moment of a handover."
        complaints.append(Complaint("warning", says, "Look again in a minute; restart one of them if it stays so."))
    return complaints


def _of_one(pulse: Pulse, announced: str | None) -> list[Complaint]:
    """Complain of what a worker tells of itself."""
    name, complaints = f"Worker {pulse.instance}", []
    if announced is not None and pulse.generation != announced:
        serves = f"serves generation {pulse.generation}" if pulse.generation else "serves no generation"
        do = "Look for `generation_refused` in its log, and restart it once it can read the store."
        complaints.append(Complaint("warning", f"{name} {serves}, not {announced}.", do))
    elif pulse.generation and (left := len(pulse.partitions) - len(pulse.partitions_swept)):
        complaints.append(Complaint("note", f"{name} still refolds the listeners of {count_of(left, 'partition')}."))
    if pulse.p99_ms is not None and pulse.p99_ms > SLOW_MS:
        says = f"{name} took {pulse.p99_ms / 1000:.1f} s from play to list for one play in a hundred."
        complaints.append(Complaint("warning", says, "Look at the lag, at its processor time and at Kafka's disk."))
    every = pulse.quality.every if pulse.quality else None
    if every is not None and every.own.hit_at_10.high < every.popular.hit_at_10.low:
        says = f"{name} finds plays more often in the popular list than in listeners' own ones."
        do = "If that began with the present generation: `playfold generations rollback`."
        complaints.append(Complaint("warning", says, do))
    return complaints


def judge_clocks(told: Sequence[Told], now_ms: int) -> Finding:
    """Judge the clocks: every worker's and this machine's beside Kafka's."""
    if not told:
        return found("clock", "Clocks were not compared, for no worker tells the time.", [Complaint("note", "")])
    off = {one.pulse.instance: one.pulse.at_ms - one.arrived_at_ms for one in told}
    # This machine can only be seen to be late: what arrived in its future. A last pulse of before may just be old.
    behind = max(one.arrived_at_ms for one in told) - now_ms
    far = [(f"that of worker {name}", ms) for name, ms in sorted(off.items()) if abs(ms) > SKEW_MS]
    far += [("that of this machine", -behind)] if behind > SKEW_MS else []
    do = "Have every machine set its clock by NTP: delays, private sessions and ages go by it."
    complaints = [Complaint("warning", f"Beside Kafka's clock, {what} is {_off(ms)}.", do) for what, ms in far]
    return found("clock", f"Clocks agree within {max(map(abs, off.values())) / 1000:.1f} s.", complaints)


def _off(ms: int) -> str:
    return f"{tell_span(abs(ms))} {'fast' if ms > 0 else 'slow'}"


def tell_bytes(size: float) -> str:
    """Return a number of bytes as a person says it.

    >>> tell_bytes(1_500_000)
    '1.5 MB'
    """
    for unit_bytes, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= unit_bytes:
            return f"{size / unit_bytes:.1f} {unit}"
    return f"{size / 1000:.1f} kB"


def _free(room: DiskSpace) -> float:
    return room.free_bytes / max(room.size_bytes, 1)


def _brokers(cluster: Cluster) -> str:
    return count_of(cluster.n_brokers, "broker")


def _partitions(numbers: Sequence[int]) -> str:
    if not numbers:
        return "no partition"
    return f"partition{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"
