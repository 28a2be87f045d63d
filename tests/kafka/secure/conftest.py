"""Settings of the listeners of a Kafka with TLS, logins and rights."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings, override
from streams.topics.admin import create_topics, delete_topics
from tests.support.secure_broker import MakeSettings, SecureBroker
from tests.support.settings import settings_with


@pytest.fixture
def plain(secure: SecureBroker, tmp_path: Path) -> Iterator[Settings]:
    """Give settings of the listener without TLS and login, with topics that no other test knows."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    values: dict[str, Any] = {"group": name, "topic_prefix": f"{name}.", "data_dir": str(tmp_path)}
    settings = settings_with(brokers=secure.bootstrap, kafka_timeout_s=10.0, **values)
    create_topics(settings)
    yield settings
    delete_topics(settings)


@pytest.fixture
def settings_of(secure: SecureBroker, plain: Settings) -> MakeSettings:
    """Give a function that returns settings of the same topics at another listener."""

    def at(listener: str, mechanism: str = "", **values: Any) -> Settings:
        return override(plain, **secure.security_of(listener, mechanism) | values)

    return at
