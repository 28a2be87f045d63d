"""The findings about topics that are not those of the state, and about offsets that do not fit."""

import msgspec
import pytest

from jobs.doctor.answers import LagReadings, StateReadings
from jobs.doctor.rules import check_lag
from jobs.doctor.topic_rules import check_topics
from streams.messages.generations import StateTopics
from streams.readers.lag import GroupOffsets
from streams.readers.log_reader import Span
from streams.topics.admin import ClusterTopic
from streams.topics.identity import TopicIdentity
from streams.topics.topics import declare_topics
from tests.support.settings import settings_with

SETTINGS = settings_with()
KNOWN = StateTopics(plays_id="p", changelog_id="c", epoch=0, partitions=4)


def readings(plays_id: str = "p", changelog_id: str = "c", known: StateTopics | None = KNOWN) -> StateReadings:
    """Return the topics on the cluster by their ids."""
    names = {"plays": plays_id, "playfold-users-changelog": changelog_id}
    return StateReadings(known, {name: TopicIdentity(topic_id, {0: 1}) for name, topic_id in names.items()})


def test_the_topics_of_the_state_are_fine() -> None:
    """As they are while no worker has published any."""
    assert "ok" == check_topics(readings(), SETTINGS).verdict
    assert "ok" == check_topics(readings("x", "y", None), SETTINGS).verdict


def test_another_topic_of_plays_is_a_problem() -> None:
    """With both ids and the command."""
    finding = check_topics(readings("new"), SETTINGS)

    assert "problem" == finding.verdict
    expected = "Topic plays is another topic now: its id is new, and the workers' state belongs to the one with id p."
    assert expected == finding.says
    assert "Stop every worker and run `playfold state rebase`." == finding.do


def test_another_changelog_is_a_problem() -> None:
    """The command has another option."""
    finding = check_topics(readings(changelog_id="new"), SETTINGS)

    assert "problem" == finding.verdict
    assert "run `playfold state rebase --from-disk`" in finding.do


def with_config(topic: str, name: str, value: str) -> dict[str, ClusterTopic]:
    """Return topics as they are declared, of which one has another setting."""
    topics = {
        one.name: ClusterTopic(one.partitions, one.cleanup_policy, 1 << 20, one.configs)
        for one in declare_topics(SETTINGS)
    }
    configs = {**topics[topic].configs, name: value}
    return topics | {topic: msgspec.structs.replace(topics[topic], configs=configs)}


@pytest.mark.parametrize(
    ("topic", "name", "value", "consequence"),
    [
        ("plays", "message.timestamp.type", "CreateTime", "by the clocks of their producers"),
        ("pulse", "message.timestamp.type", "CreateTime", "by the clocks of their producers"),
        ("plays", "max.message.bytes", "100000", "refuses batches of the gateway"),
        ("plays", "retention.ms", "60000", "within this time are lost"),
        ("private-recommendations", "retention.ms", "-1", "private lists stay"),
        ("private-recommendations", "retention.ms", "604800000", "private lists stay"),
        ("recommendations", "delete.retention.ms", "0", "keeps records of forgotten listeners"),
        ("playfold-users-changelog", "delete.retention.ms", "1000", "keeps records of forgotten listeners"),
        ("playfold-users-changelog", "min.compaction.lag.ms", "0", "a record of a late worker"),
    ],
)
def test_a_setting_of_a_topic_that_loses_or_keeps_records_is_a_warning(
    topic: str, name: str, value: str, consequence: str
) -> None:
    """With the value that it should have."""
    finding = check_topics(readings(), SETTINGS, with_config(topic, name, value))

    assert "warning" == finding.verdict
    assert finding.says.startswith(f"Topic {topic} has {name}={value}: ")
    assert consequence in finding.says
    assert finding.do.startswith(f"Alter the topic to {name}=")


@pytest.mark.parametrize(
    ("topic", "name", "value"),
    [
        ("plays", "retention.ms", "-1"),
        ("plays", "retention.ms", "2592000000"),
        ("private-recommendations", "retention.ms", "60000"),
        ("recommendations", "compression.type", "zstd"),
        ("recommendations", "delete.retention.ms", "604800000"),
        ("catalog", "retention.ms", "1000"),
    ],
)
def test_another_setting_of_a_topic_is_fine(topic: str, name: str, value: str) -> None:
    """It loses nothing: a longer retention, another codec, and a retention of a topic that is only compacted."""
    assert "ok" == check_topics(readings(), SETTINGS, with_config(topic, name, value)).verdict


def lag(offsets: GroupOffsets, left_ms: int | None = None) -> LagReadings:
    """Return readings of one partition."""
    uncommitted = {0: offsets.uncommitted}
    return LagReadings(uncommitted, uncommitted, {0: offsets.start}, 2.0, (), {0: offsets}, {0: left_ms})


def test_a_committed_offset_behind_the_end_is_a_problem() -> None:
    """The topic was truncated, and its lag is not negative."""
    finding = check_lag(lag(GroupOffsets(50, 0, 40)))

    assert "problem" == finding.verdict
    assert "Workers committed offset 50 of partition 0, but plays end at 40: the topic lost records" in finding.says
    assert Span(40, 40) == GroupOffsets(50, 0, 40).uncommitted


def test_expired_offsets_are_a_note() -> None:
    """They are no loss."""
    finding = check_lag(lag(GroupOffsets(None, 30, 40)))

    assert "note" == finding.verdict
    assert "it has expired, or no worker has run." in finding.says
    assert 0 == GroupOffsets(None, 30, 40).n_lost


def test_a_gap_is_a_problem_with_offsets_and_a_time() -> None:
    """These plays are lost."""
    finding = check_lag(lag(GroupOffsets(10, 30, 40), 1_700_000_000_000))

    assert "problem" == finding.verdict
    assert "Kafka deleted 20 plays of partition 0" in finding.says
    assert "Partition 0: offsets 10 to 29, before 2023-11-14T22:13:20Z." in finding.says
