"""The rules of `playfold doctor` about topics: whether they are those of the workers' state, and have all plays."""

from collections.abc import Mapping

from jobs.doctor.answers import LagReadings, StateReadings
from jobs.doctor.finding import Finding, Issue, make_finding
from streams.process.format_text import format_time, pluralize
from streams.settings import Settings
from streams.topics.admin import ClusterTopic
from streams.topics.topics import DAY_MS, MIB, declare_topics, topic_names

REBASE = "Stop every worker and run `playfold state rebase`."


def check_topics(
    readings: StateReadings, settings: Settings, existing: Mapping[str, ClusterTopic] | None = None
) -> Finding:
    """Check that the topics are those that the workers' state belongs to, and that their settings lose nothing.

    Args:
        readings: The topics of the state.
        settings: The settings.
        existing: The topics on the cluster, which exist as declared.
    """
    names, known = topic_names(settings), readings.known
    fine = f"All {len(declare_topics(settings))} topics exist as declared."
    issues = _check_configs(existing or {}, settings)
    if known is None:
        return make_finding("topics", fine, issues)
    for name, topic_id, do in (
        (names.plays, known.plays_id, REBASE),
        (
            names.users_changelog,
            known.changelog_id,
            "Stop every worker and run `playfold state rebase --from-disk` where their states are.",
        ),
    ):
        present = readings.present.get(name)
        if present is not None and present.topic_id != topic_id:
            says = (
                f"Topic {name} is another topic now: its id is {present.topic_id}, and the workers' state belongs to "
                f"the one with id {topic_id}."
            )
            issues.append(Issue("problem", says, do))
    return make_finding("topics", fine, issues)


def _check_configs(existing: Mapping[str, ClusterTopic], settings: Settings) -> list[Issue]:
    """Return the settings of topics that lose or keep records against their declaration, as issues."""
    names, issues = topic_names(settings), list[Issue]()
    for topic in declare_topics(settings):
        has = existing[topic.name].configs if topic.name in existing else {}
        consequences = {
            "message.timestamp.type": _times_of_producers(has, topic.configs),
            "max.message.bytes": _batches(has, topic.configs),
            "retention.ms": _retention(has, topic.configs, is_private=topic.name == names.private_recommendations),
            "delete.retention.ms": _tombstones(has, topic.configs),
            "min.compaction.lag.ms": _compaction(has, topic.configs),
        }
        for name, consequence in consequences.items():
            if consequence:
                declared = topic.configs.get(name, str(DAY_MS))
                says = f"Topic {topic.name} has {name}={has[name]}: {consequence}."
                issues.append(Issue("warning", says, f"Alter the topic to {name}={declared}."))
    return issues


def _times_of_producers(has: Mapping[str, str], declared: Mapping[str, str]) -> str:
    name = "message.timestamp.type"
    if has.get(name, declared[name]) == declared[name]:
        return ""
    return "Kafka refuses or deletes records by the clocks of their producers"


def _batches(has: Mapping[str, str], declared: Mapping[str, str]) -> str:
    """Return the consequence of small batches; of other topics than `plays`, workers do not start with them."""
    name = "max.message.bytes"
    is_small = name in declared and int(has.get(name, declared[name])) < min(int(declared[name]), MIB)
    return "the topic refuses batches of the gateway and of `playfold replay`" if is_small else ""


def _retention(has: Mapping[str, str], declared: Mapping[str, str], *, is_private: bool) -> str:
    name = "retention.ms"
    if name not in has or name not in declared:
        return ""
    ms, declared_ms = int(has[name]), int(declared[name])
    if is_private:
        return "private lists stay for longer than declared" if not 0 <= ms <= declared_ms else ""
    is_short = declared["cleanup.policy"] == "delete" and 0 <= ms < min(declared_ms, DAY_MS)
    return "records that are not read within this time are lost" if is_short else ""


def _tombstones(has: Mapping[str, str], declared: Mapping[str, str]) -> str:
    is_short = declared["cleanup.policy"] == "compact" and int(has.get("delete.retention.ms", DAY_MS)) < DAY_MS
    return "a process that was stopped for longer keeps records of forgotten listeners" if is_short else ""


def _compaction(has: Mapping[str, str], declared: Mapping[str, str]) -> str:
    name = "min.compaction.lag.ms"
    is_short = name in declared and int(has.get(name, declared[name])) < int(declared[name])
    return "compaction may keep a record of a late worker instead of its successor's" if is_short else ""


def check_offsets(lag: LagReadings) -> list[Issue]:
    """Return committed offsets that do not fit the topic of plays, as issues."""
    issues = []
    for partition, one in sorted(lag.offsets.items()):
        if one.committed is not None and one.committed > one.end:
            says = (
                f"Workers committed offset {one.committed:,} of partition {partition}, but plays end at {one.end:,}: "
                "the topic lost records, or it is another one."
            )
            issues.append(Issue("problem", says, REBASE))
    without = [partition for partition, one in sorted(lag.offsets.items()) if one.committed is None and one.start]
    if without:
        says = (
            f"The group has no committed offset of {pluralize(len(without), 'partition')}: it has expired, or no "
            "worker has run. Workers read all plays that Kafka has, and skip those that the state contains."
        )
        issues.append(Issue("note", says))
    return issues


def describe_deleted(lag: LagReadings) -> str:
    """Return the places of the plays that Kafka deleted, as sentences."""
    return "".join(
        f" Partition {partition}: offsets {one.committed:,} to {one.start - 1:,}, before "
        f"{format_time(lag.left_ms.get(partition))}."
        for partition, one in sorted(lag.offsets.items())
        if one.n_lost and one.committed is not None
    )
