"""The declarations of all topics: names, partitions and retention."""

import msgspec

from streams.settings import Settings

PLAYS = "plays"
PLAYS_REJECTED = "plays-rejected"
RECOMMENDATIONS = "recommendations"
PRIVATE_RECOMMENDATIONS = "private-recommendations"
GENERATIONS = "generations"
RELATED_ITEMS = "related-items"
POPULAR_ITEMS = "popular-items"
CATALOG = "catalog"
PULSE = "pulse"
# Faust names the changelog of the table `users`: <app id>-users-changelog.
USERS_TABLE = "users"

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MINUTE_MS = 60_000
MIB = 1_048_576
BATCH_BYTES_MAX = 1_000_000
"""Size at which a produce batch is sent; every topic of playfold takes batches of 1 MiB."""
# Record timestamps are arrival times, and the value has the event time. So a client's clock cannot make Kafka reject a
# play or delete it early, and every lag below counts from the write of a record.
ARRIVAL = {"message.timestamp.type": "LogAppendTime"}
# The records of a forgotten listener are deleted a day after the tombstone, even on a topic without traffic.
COMPACT = {**ARRIVAL, "cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)}
DELETE = {**ARRIVAL, "cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS)}
# Readers need the last pulse of every recent worker. Kafka never compacts the active segment, so segments are short: a
# reader reads minutes of pulses, not days.
BRIEF = {
    **ARRIVAL,
    "cleanup.policy": "compact,delete",
    "retention.ms": str(HOUR_MS),
    "segment.ms": str(HOUR_MS // 6),
    "min.cleanable.dirty.ratio": "0.1",
}
# Kafka deletes whole segments, once their youngest record is old enough. Short segments are deleted soon on a busy
# topic as well, and their files are not kept for readers that have them open.
FLEETING = {
    **ARRIVAL,
    "cleanup.policy": "delete",
    "retention.ms": str(10 * MINUTE_MS),
    "segment.ms": str(5 * MINUTE_MS),
    "file.delete.delay.ms": "1000",
}


class TopicNames(msgspec.Struct, frozen=True):
    """The names of the topics on the cluster."""

    plays: str
    plays_rejected: str
    recommendations: str
    private_recommendations: str
    generations: str
    related_items: str
    popular_items: str
    catalog: str
    pulse: str
    users_changelog: str


class Topic(msgspec.Struct, frozen=True):
    """The declaration of a topic."""

    name: str
    partitions: int
    configs: dict[str, str]

    @property
    def cleanup_policy(self) -> str:
        """Return `compact`, `delete` or both."""
        return self.configs["cleanup.policy"]


def topic_names(settings: Settings) -> TopicNames:
    """Return the names of the topics under these settings."""
    prefix = settings.topics.prefix
    return TopicNames(
        plays=prefix + PLAYS,
        plays_rejected=prefix + PLAYS_REJECTED,
        recommendations=prefix + RECOMMENDATIONS,
        private_recommendations=prefix + PRIVATE_RECOMMENDATIONS,
        generations=prefix + GENERATIONS,
        related_items=prefix + RELATED_ITEMS,
        popular_items=prefix + POPULAR_ITEMS,
        catalog=prefix + CATALOG,
        pulse=prefix + PULSE,
        users_changelog=f"{settings.application.group}-{USERS_TABLE}-changelog",
    )


def declare_topics(settings: Settings) -> list[Topic]:
    """Return the declarations of all topics."""
    names = topic_names(settings)
    partitions = settings.topics.partitions
    return [
        # Kafka applies the limit to a whole batch of a producer.
        Topic(names.plays, partitions, DELETE | {"max.message.bytes": str(MIB)}),
        # The largest play in base64 fits, with its place and the reason.
        Topic(names.plays_rejected, partitions, DELETE | {"max.message.bytes": str(2 * MIB)}),
        # As many partitions as `plays`: a list is sent to the partition of its play. A list of 1,000 long ids fits.
        Topic(names.recommendations, partitions, COMPACT | {"max.message.bytes": str(4 * MIB)}),
        Topic(names.private_recommendations, partitions, FLEETING | {"max.message.bytes": str(4 * MIB)}),
        Topic(names.generations, 1, COMPACT),
        Topic(names.related_items, partitions, COMPACT | {"max.message.bytes": str(MIB)}),
        # As many as `plays`: the owner of a partition there writes to the same partition here.
        Topic(names.popular_items, partitions, COMPACT | {"max.message.bytes": str(MIB)}),
        Topic(names.catalog, partitions, COMPACT | {"max.message.bytes": str(MIB)}),
        Topic(names.pulse, 1, BRIEF),
        # Faust requires the same number of partitions. The longest history fits. The minimum lag gives a successor an
        # hour to rewrite a record that a frozen worker overwrites after it wakes up; compaction would keep the latter.
        Topic(
            names.users_changelog,
            partitions,
            COMPACT
            | {
                "min.compaction.lag.ms": str(HOUR_MS),
                "delete.retention.ms": str(DAY_MS),
                "max.message.bytes": str(4 * MIB),
            },
        ),
    ]
