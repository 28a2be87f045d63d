"""The rules of `playfold doctor` and their thresholds, as pure functions of the probes' answers."""

from collections.abc import Mapping, Sequence

import msgspec

from jobs.doctor.answers import AnnouncedGeneration, DiskUsage, GatewayResponse, LagReadings, WorkerReport
from jobs.doctor.finding import Finding, Issue, Verdict, make_finding
from jobs.doctor.topic_rules import check_offsets, describe_deleted
from state.storage.disk_space import DiskSpace
from streams.process.format_text import format_duration, pluralize
from streams.readers.log_reader import Span
from streams.readers.open_transactions import OpenTransaction
from streams.settings import Settings
from streams.topics.cluster import Cluster

LOW_SHARE, FULL_SHARE = 0.1, 0.05
"""Free share of a disk below which there is a warning, and below which there is a problem."""
LAG_HIGH = 100_000
"""Lag in plays above which there is a warning, even if it shrinks."""
LAG_GROWS = 1000
"""Lag in plays up to which growth does not matter: the plays of about a second are always on their way."""
OLD_MS = 36 * 3_600_000
"""Age of a generation above which a night has brought none."""
SKEW_MS = 1000
"""Largest difference of clocks: with more, latencies and the ends of private sessions are wrong."""


def check_cluster(cluster: Cluster, settings: Settings) -> Finding:
    """Check that the cluster has as many brokers as copies are configured."""
    brokers = settings.kafka.brokers
    fine = f"Kafka {cluster.version} answers at {brokers}: cluster {cluster.cluster_id}, {_brokers(cluster)}."
    in_service = cluster.n_brokers - cluster.n_fenced
    if in_service >= settings.topics.replication:
        return make_finding("broker", fine)
    says = f"Kafka answers at {brokers} with {in_service} of {_brokers(cluster)} in service, "
    says += f"but PLAYFOLD_REPLICATION is {settings.topics.replication}."
    return make_finding("broker", fine, [Issue("warning", says, "Start the missing brokers.")])


def _brokers(cluster: Cluster) -> str:
    return pluralize(cluster.n_brokers, "broker")


def check_disks(usage: DiskUsage) -> Finding:
    """Check the free space of every disk."""
    issues = [_low_space(use, space) for use, space in usage.spaces.items() if _free(space) < LOW_SHARE]
    free = ", ".join(
        f"{_free(space):.0%} of {format_bytes(space.size_bytes)} for {use}" for use, space in usage.spaces.items()
    )
    used = ", ".join(f"{use} {format_bytes(size)}" for use, size in usage.sizes.items())
    return make_finding("disk", f"Free: {free}. In use: {used}.", issues)


def _low_space(use: str, space: DiskSpace) -> Issue:
    verdict: Verdict = "problem" if _free(space) < FULL_SHARE else "warning"
    says = f"The disk for {use} has only {format_bytes(space.free_bytes)} free, {_free(space):.1%}."
    return Issue(verdict, says, "Run `playfold generations prune`, and delete the state folders of removed workers.")


def _free(space: DiskSpace) -> float:
    return space.free_bytes / max(space.size_bytes, 1)


def format_bytes(size: float) -> str:
    """Return a number of bytes with a decimal unit.

    >>> format_bytes(1_500_000)
    '1.5 MB'
    """
    for unit_bytes, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= unit_bytes:
            return f"{size / unit_bytes:.1f} {unit}"
    return f"{size / 1000:.1f} kB"


def check_generation(probed: AnnouncedGeneration | Issue, now_ms: int, damage: Sequence[Issue] = ()) -> Finding:
    """Check the age of the announced generation; `damage` names records that could not be read."""
    if isinstance(probed, Issue):
        return make_finding("generation", "", [probed, *damage])
    age_ms, issues = now_ms - probed.created_at_ms, list(damage)
    generation = f"Generation {probed.generation_id}, revision {probed.revision}"
    if age_ms > OLD_MS:
        do = "Read in the log of `playfold nightly` why no newer one was announced, or run `playfold retrain`."
        issues.append(Issue("warning", f"{generation} is {format_duration(age_ms)} old.", do))
    if probed.newer_rejected:
        issues.append(Issue("note", probed.newer_rejected))
    fine = f"{generation} is announced and can be opened: {probed.n_items:,} items, {format_duration(age_ms)} old."
    return make_finding("generation", fine, issues)


def check_lag(lag: LagReadings, damage: Sequence[Issue] = ()) -> Finding:
    """Check that the lag is low or shrinks, and that Kafka has deleted no play before a worker folded it.

    `damage` names records of plays that could not be read.
    """
    before, now = _plays(lag.first), _plays(lag.second)
    by_partition = ", ".join(f"{part}: {span.end - span.start:,}" for part, span in sorted(lag.second.items()))
    fine, issues = f"The lag is {pluralize(now, 'play')} (by partition: {by_partition}).", list(damage)
    if now > LAG_HIGH or (now > before and now > LAG_GROWS):
        grows = f" It grows by {(now - before) / lag.seconds:,.0f} plays/s." if now > before else ""
        do = "Check that every worker runs. Add one if there are more partitions than workers."
        issues.append(Issue("warning", f"{fine}{grows}", do))
    deleted = {
        part: lag.starts[part] - span.start for part, span in lag.second.items() if lag.starts.get(part, 0) > span.start
    }
    if deleted:
        plays = f"{pluralize(sum(deleted.values()), 'play')} of {name_partitions(sorted(deleted))}"
        says = f"Kafka deleted {plays} at the end of the retention, before a worker folded them."
        says += describe_deleted(lag)
        issues.append(Issue("problem", says, "Send them again if a client still has them, and start workers in time."))
    if lag.open_transactions:
        issues.append(_held(lag.open_transactions))
    return make_finding("lag", fine, [*issues, *check_offsets(lag)])


def _held(transactions: Sequence[OpenTransaction]) -> Issue:
    """Return the open transactions, each with its place, and their remedy once."""
    first, several = transactions[0], len(transactions) > 1
    partition, offset = ("PARTITION", "OFFSET") if several else (first.partition, first.offset)
    do = (
        "Workers read on once its producer commits or aborts it. If the producer is gone, abort it"
        f"{' on each of these partitions' if several else ''}: "
        f"`kafka-transactions.sh --bootstrap-server BROKER abort --topic {first.topic} "
        f"--partition {partition} --start-offset {offset}`."
    )
    return Issue("warning", " ".join(map(str, transactions)), do)


def _plays(spans: Mapping[int, Span]) -> int:
    return sum(span.end - span.start for span in spans.values())


def name_partitions(numbers: Sequence[int]) -> str:
    """Return the names of partitions.

    >>> name_partitions([0, 2])
    'partitions 0, 2'
    """
    if not numbers:
        return "no partition"
    return f"partition{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def check_clocks(reports: Sequence[WorkerReport], now_ms: int) -> Finding:
    """Compare the clock of every worker, and that of this machine, with Kafka's."""
    if not reports:
        return make_finding("clock", "Clocks were not compared: no worker reports its time.", [Issue("note", "")])
    skews = {f"worker {one.pulse.instance}": one.pulse.at_ms - one.arrived_at_ms for one in reports}
    agree = f"Clocks agree within {max(map(abs, skews.values())) / 1000:.1f} s."
    # This machine can only be seen to be slow: by a pulse from its future. An old pulse may just be the last one.
    behind_ms = max(one.arrived_at_ms for one in reports) - now_ms
    far = {name: ms for name, ms in sorted(skews.items()) if abs(ms) > SKEW_MS}
    far |= {"this machine": -behind_ms} if behind_ms > SKEW_MS else {}
    do = "Synchronize every clock by NTP: latencies, private sessions and ages depend on it."
    return make_finding("clock", agree, [Issue("warning", _describe_skew(name, ms), do) for name, ms in far.items()])


def _describe_skew(name: str, skew_ms: int) -> str:
    side = "ahead of" if skew_ms > 0 else "behind"
    return f"The clock of {name} is {format_duration(abs(skew_ms))} {side} Kafka's."


def _unreadable(url: str, places: object) -> list[Issue]:
    """Return the parts of the topics that a gateway cannot read."""
    if not isinstance(places, list) or not places:
        return []
    says = f"The gateway at {url} cannot read {pluralize(len(places), 'part')} of its topics: {'; '.join(places)}."
    do = "Let another replica lead the partition, or restore the topic from a backup, and restart the gateway."
    return [Issue("problem", says, do)]


def check_gateway(probed: GatewayResponse | Issue) -> Finding:
    """Check that the response is that of a gateway that is ready."""
    if isinstance(probed, Issue):
        return make_finding("gateway", "", [probed])
    url, status, body = probed
    try:
        fields = msgspec.json.decode(body, type=dict[str, object])
    except (ValueError, RecursionError):
        fields = {}
    if status == 200 and fields.get("status") == "ready":  # noqa: PLR2004  HTTP's own number
        return make_finding("gateway", f"The gateway at {url} is ready.", _unreadable(url, fields.get("unreadable")))
    if status == 503 and "detail" in fields:  # noqa: PLR2004
        says = f"The gateway at {url} is not ready: {fields['detail']}"
        issue = Issue("problem", says, "Wait while it reads its topics. If that does not end, check Kafka.")
    else:
        says = f"{url} answers with status {status}, but not like a playfold gateway of this version."
        issue = Issue("warning", says, "Correct PLAYFOLD_GATEWAY_HOST and PLAYFOLD_GATEWAY_PORT.")
    return make_finding("gateway", "", [issue])
