"""The rules of `playfold doctor` about topics: whether they are those of the workers' state, and have all plays."""

from jobs.doctor.answers import LagReadings, StateReadings
from jobs.doctor.finding import Finding, Issue, make_finding
from streams.process.format_text import format_time, pluralize
from streams.settings import Settings
from streams.topics.topics import declare_topics, topic_names

REBASE = "Stop every worker and run `playfold state rebase`."


def check_topics(readings: StateReadings, settings: Settings) -> Finding:
    """Check that the topics are those that the workers' state belongs to; they exist as declared."""
    names, known = topic_names(settings), readings.known
    fine = f"All {len(declare_topics(settings))} topics exist as declared."
    if known is None:
        return make_finding("topics", fine)
    issues = []
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
