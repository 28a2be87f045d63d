"""Every topic of playfold: its name, its partitions, and what Kafka keeps of it."""

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
# Time on the wire is arrival, event time stands in the value: so the clock of a client cannot make Kafka refuse a play
# or drop it early, and every lag below counts from when a record was written.
ARRIVAL = {"message.timestamp.type": "LogAppendTime"}
# A forgotten listener is gone from the log's files a day after the tombstone, however quiet the topic is.
COMPACT = {**ARRIVAL, "cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)}
DELETE = {**ARRIVAL, "cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS)}
# Only the last pulse of a worker is wanted, and none of one that is long gone. Kafka removes nothing of the segment
# that it writes to, hence the short ones: a reader meets minutes of pulses and not days.
BRIEF = {
    **ARRIVAL,
    "cleanup.policy": "compact,delete",
    "retention.ms": str(HOUR_MS),
    "segment.ms": str(HOUR_MS // 6),
    "min.cleanable.dirty.ratio": "0.1",
}
# A segment goes as a whole once its youngest record is old enough, so the short ones of a busy topic go soon, too; the
# files are not kept for readers that have them open.
FLEETING = {
    **ARRIVAL,
    "cleanup.policy": "delete",
    "retention.ms": str(10 * MINUTE_MS),
    "segment.ms": str(5 * MINUTE_MS),
    "file.delete.delay.ms": "1000",
}


class TopicNames(msgspec.Struct, frozen=True):
    """The names of a playfold's topics on its cluster."""

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
    """A topic as it should be."""

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
    """Return every topic as it should be."""
    names = topic_names(settings)
    partitions = settings.topics.partitions
    return [
        # Kafka counts a whole batch of a producer as one message.
        Topic(names.plays, partitions, DELETE | {"max.message.bytes": str(MIB)}),
        # Holds the largest play in base64 and what is said about it.
        Topic(names.plays_rejected, partitions, DELETE | {"max.message.bytes": str(2 * MIB)}),
        # As many partitions as `plays`: a list goes to the partition of its play. A list of 1,000 long ids fits.
        Topic(names.recommendations, partitions, COMPACT | {"max.message.bytes": str(4 * MIB)}),
        Topic(names.private_recommendations, partitions, FLEETING | {"max.message.bytes": str(4 * MIB)}),
        Topic(names.generations, 1, COMPACT),
        Topic(names.related_items, partitions, COMPACT | {"max.message.bytes": str(MIB)}),
        # As many as `plays`: who owns a partition there writes to the one here.
        Topic(names.popular_items, partitions, COMPACT | {"max.message.bytes": str(MIB)}),
        Topic(names.catalog, partitions, COMPACT | {"max.message.bytes": str(MIB)}),
        Topic(names.pulse, 1, BRIEF),
        # The same number again, as Faust demands. The longest history fits. The lag gives a successor an hour to
        # write its record again before compaction can prefer what a worker that froze and woke up wrote after it.
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
