"""Settings and users of a Kafka with TLS, logins and rights."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings, override
from streams.topics.admin import delete_topics
from tests.kafka.secure.least_rights import Users
from tests.support.secure_broker import MakeSettings, SecureBroker
from tests.support.settings import settings_with


@pytest.fixture
def settings_of(secure: SecureBroker, tmp_path: Path) -> MakeSettings:
    """Give a function that returns settings of a super user at a listener, without topics."""

    def at(listener: str, mechanism: str = "", **values: Any) -> Settings:
        made = secure.settings_of(listener, mechanism, data_dir=str(tmp_path), kafka_timeout_s=10.0)
        return override(made, **values)

    return at


@pytest.fixture
def bare(secure: SecureBroker, tmp_path: Path) -> Iterator[Settings]:
    """Give settings of a super user without topics, under which a generation is made in no time."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    made = settings_with(
        brokers=secure.bootstrap,
        group=name,
        topic_prefix=f"{name}.",
        data_dir=str(tmp_path),
        kafka_timeout_s=10.0,
        factors=8,
        iterations=2,
        warm_iterations=1,
        index_trees=2,
        related_n=3,
        pulse_s=0.2,
        gateway_port=0,
        popular_publish_s=1.0,
    )
    yield made
    delete_topics(made)


@pytest.fixture
def users(secure: SecureBroker, bare: Settings) -> Users:
    """Give the users of all processes."""
    return Users(secure, bare)
