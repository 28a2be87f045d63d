"""What every test may ask for: a real Kafka, and settings of its own on it."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.broker import Broker, free_port
from streams.kafka.jars import jars_path
from streams.settings import Settings
from streams.topics.admin import create_topics, delete_topics
from streams.topics.topics import TopicNames, topic_names

# Read when numpy and numba are first imported, which nothing above does: one thread each, so that tests that run
# processes of their own do not fight over the cores, and implicit has nothing to warn of.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

# The jars are resolved once for all runs.
JARS = jars_path(Settings(data_dir=str(Path(__file__).parent.parent / "var")))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run one Kafka for the whole session; without Java or Maven this fails and says so, it never skips."""
    with Broker(tmp_path_factory.mktemp("broker"), JARS, free_port()) as running:
        yield running


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Iterator[Settings]:
    """Give a test topics, a consumer group and a data folder that no other test knows."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    own = Settings(brokers=broker.bootstrap, data_dir=str(tmp_path), group=name, topic_prefix=f"{name}.")
    yield own
    if broker.running:
        delete_topics(own)


@pytest.fixture
def names(settings: Settings) -> TopicNames:
    """Create the test's topics and return their names."""
    create_topics(settings)
    return topic_names(settings)
