"""Ids of topics, of brokers that learn of a new topic one after the other."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from streams.readers import topic_identities as module
from streams.readers.log_reader import LogReadError
from streams.readers.topic_identities import UnknownTopicError, read_identities
from streams.topics.identity import TopicIdentity
from tests.support.settings import settings_with
from tests.support.virtual_time import now_s

pytestmark = pytest.mark.virtual_time

KAFKA = settings_with(kafka_timeout_s=5).kafka
CONSUMER = cast(AIOKafkaConsumer, SimpleNamespace(_client=None))
IDENTITY = TopicIdentity("id", {0: 1})


class Brokers:
    """Brokers of which each knows some topics; the last one answers from then on."""

    def __init__(self, *answers: set[str] | Exception) -> None:
        """Answer in this order."""
        self._answers = list(answers)

    async def identify(self, _client: Any, names: list[str]) -> dict[str, TopicIdentity]:
        """Answer as the next broker does."""
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {name: IDENTITY for name in names if name in answer}


async def read(monkeypatch: pytest.MonkeyPatch, *answers: set[str] | Exception) -> dict[str, TopicIdentity]:
    """Read the identities of two topics."""
    monkeypatch.setattr(module, "identify_topics", Brokers(*answers).identify)
    return await read_identities(CONSUMER, ["plays", "changelog"], KAFKA)


async def test_topics_are_asked_for_until_all_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not know one yet is not the last word."""
    expected = {"plays": IDENTITY, "changelog": IDENTITY}

    assert expected == await read(monkeypatch, set(), {"plays"}, KafkaConnectionError(), {"changelog"})


async def test_a_missing_topic_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name."""
    with pytest.raises(LogReadError) as caught:
        await read(monkeypatch, {"plays"})

    assert (
        "Kafka did not give the id of topic changelog within 5 s (it names no such topic); "
        "`playfold topics verify` checks all topics." == str(caught.value)
    )
    assert now_s() == pytest.approx(5)


async def test_an_error_of_kafka_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one, once the time is over."""
    with pytest.raises(LogReadError, match=r"plays within 5 s \(KafkaConnectionError\('gone'\)\)"):
        await read(monkeypatch, KafkaConnectionError("gone"))


async def test_a_missing_right_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the right, and the topic."""
    with pytest.raises(LogReadError, match=r"DESCRIBE.* plays"):
        await read(monkeypatch, TopicAuthorizationFailedError("plays"))

    assert 0 == now_s()


async def test_a_topic_is_gone_seconds_after_the_first_answer_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors before that answer say nothing about topics."""
    answers = Brokers(*[KafkaConnectionError("gone")] * 30, {"plays"})
    monkeypatch.setattr(module, "identify_topics", answers.identify)

    with pytest.raises(UnknownTopicError, match=r"^Topic changelog does not exist;") as caught:
        await read_identities(CONSUMER, ["plays", "changelog"], KAFKA, 1.0)

    assert "changelog" == caught.value.topic
    assert now_s() == pytest.approx(3 + 1, abs=0.3)
