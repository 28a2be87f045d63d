"""Every client of playfold connects by every protocol and mechanism, on a real Kafka."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from streams.connection.admin_clients import new_admin, plain_options
from streams.outbox import Item, Outbox
from streams.readers.broadcast import Broadcast
from streams.readers.lag import lag_of
from streams.readers.log_reader import read_topic, reader
from streams.settings import Password, Settings, environment_of, override
from streams.topics.admin import create_topics, delete_topics, topic_ids, verify_topics
from streams.topics.topics import topic_names
from tests.support.certificates import KEY_PASSWORD
from tests.support.secure_broker import MECHANISMS, REAUTH_MS, SUPER, MakeSettings, SecureBroker, token_of
from tests.support.settings import settings_with
from tests.support.wait import wait_until

PROJECT = Path(__file__).parents[3]
COMBINATIONS = [
    ("TLS", ""),
    ("MUTUAL", ""),
    *(("LOGIN", mechanism) for mechanism in MECHANISMS),
    *(("SECURE", mechanism) for mechanism in MECHANISMS),
]
"""A listener of every protocol, each with its mechanisms."""


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
def settings_at(secure: SecureBroker, plain: Settings) -> MakeSettings:
    """Give a function that returns settings of the same topics at another listener."""

    def at(listener: str, mechanism: str = "", **values: Any) -> Settings:
        return override(plain, **secure.security_of(listener, mechanism) | values)

    return at


@pytest.fixture(params=COMBINATIONS, ids=lambda pair: "-".join(filter(None, pair)))
def settings(request: pytest.FixtureRequest, settings_at: MakeSettings) -> Settings:
    """Give the settings of each combination."""
    return settings_at(*request.param)


async def written(settings: Settings, n: int) -> None:
    """Write records to partition 1 of `plays`."""
    items: list[Item] = [(b"k", b"%d" % number) for number in range(n)]
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(topic_names(settings).plays, 1, items)).written()


async def values_of(settings: Settings) -> list[bytes]:
    """Return the values on `plays`."""
    reading = read_topic(settings.kafka, topic_names(settings).plays, 10)
    return [record.value async for _, records in reading for record in records]


async def test_an_outbox_writes_and_a_reader_reads(settings: Settings) -> None:
    """Both are clients of aiokafka."""
    await written(settings, 3)

    assert [b"0", b"1", b"2"] == await values_of(settings)


async def test_the_lag_is_read(settings: Settings) -> None:
    """It needs a consumer and an admin client of aiokafka."""
    await written(settings, 3)

    async with lag_of(settings) as lag:
        assert 3 == await lag.plays()


def test_an_admin_client_compares_topics(settings: Settings) -> None:
    """It is a client of kafka-python."""
    verify_topics(settings)

    assert topic_names(settings).plays in topic_ids(settings)


async def test_a_producer_of_kafka_python_writes(settings: Settings) -> None:
    """The same options serve every client of kafka-python."""
    with closing(KafkaProducer(**plain_options(settings.kafka))) as producer:
        producer.send(topic_names(settings).plays, b"play").get(timeout=10)

    assert [b"play"] == await values_of(settings)


def taken(settings: Settings) -> list[int]:
    """Return the offsets of three plays that a process with Faust takes and acknowledges."""
    command = [sys.executable, "-m", "tests.kafka.slice_reader", "3", "3"]
    ended = subprocess.run(
        command, cwd=PROJECT, env=environment_of(settings), stdout=subprocess.PIPE, timeout=60, check=True
    )
    groups = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith(b"[[")]
    return [offset for group in groups for _, offsets in group for offset in offsets]


async def test_faust_takes_plays_and_commits(settings: Settings) -> None:
    """Its consumer and its producer log in as every other client does."""
    await written(settings, 3)

    assert [0, 1, 2] == taken(settings)
    async with lag_of(settings) as lag:
        assert 0 == await lag.plays()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_user_and_a_password_have_any_characters(
    settings_at: MakeSettings, secure: SecureBroker, mechanism: str
) -> None:
    """SCRAM separates its fields by commas and equals signs; both libraries send the same name."""
    user, password = "anna = b, c", " p=ä,ss\"word' "
    secure.set_password(user, password)
    settings = settings_at("SECURE", mechanism, kafka_username=user, kafka_password=Password(password))

    async with reader(settings.kafka, 10) as consumer:
        assert set() == await consumer.topics()
    assert {} == await asyncio.to_thread(visible_topics, settings)


def visible_topics(settings: Settings) -> dict[str, str]:
    """Return the topics that a user may describe, by kafka-python."""
    with closing(new_admin(settings.kafka)) as admin:
        return {topic["name"]: "" for topic in admin.describe_topics()}


async def followed(settings: Settings, n: int) -> list[bytes]:
    """Write a record every quarter of a second while a follower reads; return the values that it got."""
    seen: list[bytes] = []
    topic = topic_names(settings).generations
    following = Broadcast(settings.kafka, topic, lambda _, value: seen.append(value or b""), 10)
    async with following, Outbox(settings.kafka) as outbox:
        for number in range(n):
            await (await outbox.send(topic, 0, [(b"k", b"%d" % number)])).written()
            await asyncio.sleep(0.25)
        await wait_until(lambda: len(seen) >= n)
    return seen


async def test_clients_outlive_their_session(settings_at: MakeSettings) -> None:
    """A broker ends sessions after `connections.max.reauth.ms`, and clients of aiokafka connect again."""
    n = 3 * REAUTH_MS // 250

    assert [b"%d" % number for number in range(n)] == await followed(settings_at("REAUTH", "SCRAM-SHA-256"), n)


async def test_a_token_is_renewed_while_clients_run(settings_at: MakeSettings, tmp_path: Path) -> None:
    """A new token in the file is used before the old one expires, without a restart."""
    file = tmp_path / "token"
    file.write_text(token_of(SUPER, 3.0))
    settings = settings_at("REAUTH", "OAUTHBEARER", kafka_token_file=str(file))

    async def renew() -> None:
        while True:
            await asyncio.sleep(1)
            file.write_text(token_of(SUPER, 3.0))

    renewing = asyncio.create_task(renew())
    try:
        assert [b"%d" % number for number in range(24)] == await followed(settings, 24)
    finally:
        renewing.cancel()


async def test_a_token_that_cannot_be_read_for_a_while_ends_no_client(
    settings_at: MakeSettings, tmp_path: Path
) -> None:
    """Its file is empty while it is written, longer than a session lasts; then the clients go on."""
    file, seen = tmp_path / "token", list[bytes]()
    file.write_text(token_of(SUPER))
    settings = settings_at("REAUTH", "OAUTHBEARER", kafka_token_file=str(file))
    topic = topic_names(settings).generations
    async with Broadcast(settings.kafka, topic, lambda _, value: seen.append(value or b""), 10):
        file.write_text("")
        await asyncio.sleep(2 * REAUTH_MS / 1000)
        file.write_text(token_of(SUPER))
        async with Outbox(settings.kafka) as outbox:
            await (await outbox.send(topic, 0, [(b"k", b"late")])).written()

        await wait_until(lambda: seen == [b"late"], 20)


async def test_a_password_is_read_from_a_file(settings_at: MakeSettings, secure: SecureBroker, tmp_path: Path) -> None:
    """Only its first line counts, with every character of it."""
    settings = settings_at("SECURE", "SCRAM-SHA-256")
    file = tmp_path / "password"
    file.write_text(settings.kafka.password.reveal() + "\nanother line\n")

    from_file = settings_at("SECURE", "SCRAM-SHA-256", kafka_password=Password(""), kafka_password_file=str(file))
    await written(from_file, 1)

    assert [b"0"] == await values_of(settings)
    assert secure.address("SECURE") == from_file.kafka.brokers


async def test_an_encrypted_key_is_opened_by_its_password(
    settings_at: MakeSettings, secure: SecureBroker, tmp_path: Path
) -> None:
    """The password comes from the setting or from a file."""
    file = tmp_path / "password"
    file.write_text(KEY_PASSWORD)
    encrypted = str(secure.client.encrypted_key)

    await written(settings_at("MUTUAL", kafka_key_file=encrypted, kafka_key_password=Password(KEY_PASSWORD)), 1)
    await written(settings_at("MUTUAL", kafka_key_file=encrypted, kafka_key_password_file=str(file)), 1)

    assert [b"0", b"0"] == await values_of(settings_at("MUTUAL"))
