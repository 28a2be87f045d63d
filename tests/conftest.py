"""A real Kafka, and settings of a test's own on it."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from streams.kafka.broker import Broker
from streams.kafka.ports import answers
from streams.settings import Settings
from streams.topics.admin import create_topics, delete_topics
from streams.topics.topics import TopicNames, topic_names
from tests.support.secure_broker import SecureBroker, shared_secure_broker
from tests.support.settings import settings_with
from tests.support.shared_broker import JARS, shared_broker

# On a busy machine an example takes as long as it takes; the time-out of a test bounds them all.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run one Kafka for the whole run; without Java or Maven this fails and says so, it never skips."""
    with shared_broker(folder_of_run(tmp_path_factory), JARS) as running:
        yield running


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """Run one Kafka with TLS, logins and rights for the whole run, with a listener for each protocol."""
    with shared_secure_broker(folder_of_run(tmp_path_factory), JARS) as running:
        yield running


def folder_of_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Iterator[Settings]:
    """Give a test topics, a consumer group and a data folder that no other test knows."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    made = settings_with(brokers=broker.bootstrap, data_dir=str(tmp_path), group=name, topic_prefix=f"{name}.")
    yield made
    if answers(int(broker.bootstrap.rpartition(":")[2])):
        delete_topics(made)


@pytest.fixture
def names(settings: Settings) -> TopicNames:
    """Create the test's topics and return their names."""
    create_topics(settings)
    return topic_names(settings)
