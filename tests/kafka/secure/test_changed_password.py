"""A password that changes while a process runs."""

import asyncio
import uuid
from pathlib import Path

import pytest

from streams.connection.start import ConnectionWatch, UnreachableError
from streams.settings import Password
from streams.topics.admin import create_topics, delete_topics
from tests.kafka.secure.faults import REJECTED, SCRAM
from tests.support.secure_broker import (
    SUPER_TWO,
    MakeSettings,
    SecureBroker,
    login_settings,
)
from tests.support.topics import worker
from tests.support.wait import block_until


async def test_a_password_that_changed_stops_a_watched_process(secure: SecureBroker, settings_of: MakeSettings) -> None:
    """Its clients would read nothing and raise nothing; the sentence names the settings."""
    secure.set_password("changing", "the first password")
    login = login_settings(SCRAM, "changing", "the first password")
    settings = settings_of("REAUTH", SCRAM, **login)
    watching = asyncio.create_task(ConnectionWatch(settings.kafka, watch_s=0.1).run())
    await asyncio.sleep(1)
    assert not watching.done()

    secure.set_password("changing", "the second password")

    sentence = REJECTED.format(at=settings.kafka.brokers, user="changing", mechanism=SCRAM)
    with pytest.raises(UnreachableError) as caught:
        await asyncio.wait_for(watching, 10)
    assert f"{sentence} Kafka accepted this process before. It stops: start it again with valid credentials." == str(
        caught.value
    )


@pytest.mark.timeout(240)  # two starts of a worker, and a stop whose requests Kafka refuses
async def test_a_worker_whose_password_changed_stops_with_the_sentence(
    secure: SecureBroker, settings_of: MakeSettings, tmp_path: Path
) -> None:
    """The next start reads the new password from the file."""
    file, name = tmp_path / "password", f"test-{uuid.uuid4().hex[:8]}"
    file.write_text("the first password")
    secure.set_password(SUPER_TWO, "the first password")
    login = {"kafka_username": SUPER_TWO, "kafka_password": Password(""), "kafka_password_file": str(file)}
    settings = settings_of("REAUTH", "SCRAM-SHA-512", group=name, topic_prefix=f"{name}.", **login)
    create_topics(settings)
    with worker(settings) as process:
        secure.set_password(SUPER_TWO, "the second password")
        await asyncio.to_thread(block_until, lambda: not process.running, 45)
        said, status = process.describe_end(), process.child.status
    file.write_text("the second password")

    assert 1 == status
    assert REJECTED.format(at=settings.kafka.brokers, user=SUPER_TWO, mechanism="SCRAM-SHA-512") in said
    with worker(settings) as process:
        assert process.running
    delete_topics(settings)
