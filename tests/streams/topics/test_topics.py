"""The declaration of the topics, and the faults of a cluster that differs; without Kafka."""

import msgspec
import pytest

from streams.settings import Settings, SettingsError, read_settings
from streams.topics.admin import ClusterTopic, TopicsError, compare_topics
from streams.topics.topics import TopicNames, declare_topics, topic_names
from tests.support.settings import settings_with


def as_declared(settings: Settings) -> dict[str, ClusterTopic]:
    """Return a cluster on which everything is right."""
    return {
        topic.name: ClusterTopic(
            partitions=topic.partitions,
            cleanup_policy=topic.configs["cleanup.policy"],
            message_bytes_max=int(topic.configs.get("max.message.bytes", "1048588")),
        )
        for topic in declare_topics(settings)
    }


def said_of(settings: Settings, present: dict[str, ClusterTopic]) -> str:
    """Return the sentence about a cluster."""
    with pytest.raises(TopicsError) as caught:
        compare_topics(settings, present)
    return str(caught.value)


def test_names_carry_the_prefix_but_the_changelog_carries_the_group() -> None:
    """Faust names the changelog by the application; the others take the prefix."""
    expected = TopicNames(
        plays="eu.plays",
        plays_rejected="eu.plays-rejected",
        recommendations="eu.recommendations",
        private_recommendations="eu.private-recommendations",
        generations="eu.generations",
        related_items="eu.related-items",
        popular_items="eu.popular-items",
        catalog="eu.catalog",
        pulse="eu.pulse",
        users_changelog="radio-users-changelog",
    )

    assert expected == topic_names(settings_with(topic_prefix="eu.", group="radio"))


def test_a_prefix_that_kafka_refuses_is_refused_first() -> None:
    """The prefix is a setting with a pattern."""
    with pytest.raises(SettingsError, match=r"^PLAYFOLD_TOPIC_PREFIX is 'a b', which does not fit"):
        read_settings({"PLAYFOLD_TOPIC_PREFIX": "a b"})


def test_brokers_without_a_port_are_refused() -> None:
    """`host:port`, separated by commas."""
    with pytest.raises(SettingsError, match=r"^PLAYFOLD_BROKERS is 'kafka', which does not fit"):
        read_settings({"PLAYFOLD_BROKERS": "kafka"})
    assert read_settings({"PLAYFOLD_BROKERS": "a:1,[::1]:2"}).kafka.brokers == "a:1,[::1]:2"


def test_a_cluster_as_declared_passes() -> None:
    """The comparison raises nothing if nothing differs, and names the difference once something does."""
    settings = settings_with(partitions=7)

    compare_topics(settings, as_declared(settings))
    assert said_of(Settings(), as_declared(settings)).startswith("Topic plays has 7 partitions, but ")


def test_plays_lists_and_changelog_have_equal_partitions() -> None:
    """A play's list and its state go to the number of its own partition."""
    names = topic_names(Settings())

    partitions = {topic.name: topic.partitions for topic in declare_topics(settings_with(partitions=6))}

    alike = {names.plays, names.plays_rejected, names.recommendations, names.users_changelog}
    alike |= {names.related_items, names.popular_items, names.catalog, names.private_recommendations}
    assert dict.fromkeys(alike, 6) | {names.generations: 1, names.pulse: 1} == partitions


def test_no_stale_record_can_win_before_an_hour() -> None:
    """Compaction leaves a successor time to repair; the lag counts from the arrival, not from the time in a record."""
    names = topic_names(Settings())

    (changelog,) = [topic for topic in declare_topics(Settings()) if topic.name == names.users_changelog]

    assert changelog.configs["cleanup.policy"] == "compact"
    assert changelog.configs["min.compaction.lag.ms"] == "3600000"
    assert changelog.configs["message.timestamp.type"] == "LogAppendTime"


def test_private_lists_really_go() -> None:
    """Never compacted; old after minutes, in segments that are soon full and files that are not kept."""
    name = topic_names(Settings()).private_recommendations

    (configs,) = [topic.configs for topic in declare_topics(Settings()) if topic.name == name]

    assert "delete" == configs["cleanup.policy"]
    assert "600000" == configs["retention.ms"]
    assert int(configs["segment.ms"]) <= int(configs["retention.ms"])
    assert int(configs["file.delete.delay.ms"]) <= 1000


@pytest.mark.parametrize("topic", msgspec.structs.fields(TopicNames), ids=lambda field: field.name)
def test_every_missing_topic_is_named(topic: msgspec.structs.FieldInfo) -> None:
    """Verify does not pass while one is missing."""
    declared = as_declared(Settings())
    name = getattr(topic_names(Settings()), topic.name)
    del declared[name]

    assert said_of(Settings(), declared) == f"Topic {name} is missing: run `playfold topics create`."


@pytest.mark.parametrize("topic", msgspec.structs.fields(TopicNames), ids=lambda field: field.name)
def test_every_wrong_policy_is_named(topic: msgspec.structs.FieldInfo) -> None:
    """Verify does not pass while one is compacted that must not be, or the reverse."""
    declared = as_declared(Settings())
    name = getattr(topic_names(Settings()), topic.name)
    right = declared[name].cleanup_policy
    wrong = {"delete": "compact", "compact": "delete", "compact,delete": "compact"}[right]
    declared[name] = msgspec.structs.replace(declared[name], cleanup_policy=wrong)
    losses = {"delete": "plays would vanish", "compact": "records would age out"}
    loss = losses.get(right, "records would stay for ever")
    loss = "private lists would stay" if topic.name == "private_recommendations" else loss

    expected = (
        f"Topic {name} has cleanup.policy={wrong}, under which {loss}: alter the topic to cleanup.policy={right}."
    )
    assert expected == said_of(Settings(), declared)


def test_a_policy_of_two_words_is_theirs_in_any_order() -> None:
    """Brokers give them in an order of their own; one of the two words is not enough."""
    declared = as_declared(Settings())
    declared["pulse"] = msgspec.structs.replace(declared["pulse"], cleanup_policy="delete, compact")

    compare_topics(Settings(), declared)

    declared["pulse"] = msgspec.structs.replace(declared["pulse"], cleanup_policy="compact")
    assert said_of(Settings(), declared).startswith("Topic pulse has cleanup.policy=compact, ")


@pytest.mark.parametrize("topic", ["recommendations", "playfold-users-changelog", "generations", "catalog"])
def test_a_topic_that_takes_no_whole_batch_is_named(topic: str) -> None:
    """A worker would end at its first large group."""
    declared = as_declared(Settings())
    declared[topic] = msgspec.structs.replace(declared[topic], message_bytes_max=1_000_000)

    expected = (
        f"Topic {topic} takes messages of 1000000 bytes, but playfold writes batches of 1000000 bytes: "
        "alter the topic to max.message.bytes=1048576."
    )
    assert expected == said_of(Settings(), declared)


def test_one_partition_of_plays_is_counted_right() -> None:
    """The sentence names both numbers."""
    declared = as_declared(settings_with(partitions=1))

    expected = (
        "Topic plays has 1 partition, but PLAYFOLD_PARTITIONS is 4 for all alike: "
        "correct the setting; or run `playfold topics repartition 4`, which copies the state to new topics; "
        "or, without a state to keep, delete the topic and run `playfold topics create`."
    )
    assert expected == said_of(Settings(), declared)


def test_generations_has_one_partition() -> None:
    """Its announcements are read in one order."""
    declared = as_declared(Settings())
    declared["generations"] = msgspec.structs.replace(declared["generations"], partitions=2)

    expected = (
        "Topic generations has 2 partitions, but it needs 1: "
        "delete the topic and run `playfold topics create`, or correct the setting."
    )
    assert expected == said_of(Settings(), declared)


def test_a_play_too_large_to_be_rejected_is_named() -> None:
    """Every record of `plays` must fit on `plays-rejected`, in base64."""
    declared = as_declared(Settings())
    declared["plays"] = msgspec.structs.replace(declared["plays"], message_bytes_max=2_000_000)

    expected = (
        "Topic plays takes messages of 2000000 bytes, too large for plays-rejected at 2097152 bytes: "
        "raise max.message.bytes of the latter."
    )
    assert expected == said_of(Settings(), declared)
