"""Every process runs with exactly the rights that docs/operations.md lists, and one fewer is a sentence."""

import asyncio
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.connection.admin_clients import plain_options
from streams.connection.rights import MissingRightError, Right
from streams.messages.records import RelatedItems
from streams.outbox import Outbox, OutboxError
from streams.readers.log_reader import LogReadError, read_topic
from streams.settings import Settings, override
from streams.topics.admin import TopicsError, create_topics, delete_topics, verify_topics
from streams.topics.process_rights import PROCESSES, check_rights
from streams.topics.topics import topic_names
from tests.support.forked import run_forked
from tests.support.gateway import client_of, gateway, post, read
from tests.support.imports import SAMPLES as IMPORTS
from tests.support.plays import play
from tests.support.secure_broker import SecureBroker, login_settings
from tests.support.settings import settings_with
from tests.support.topics import worker, write
from tests.support.wait import block_until

SCRAM = "SCRAM-SHA-512"
USERS, ITEMS = 12, 8


class Users:
    """One user for each process, with the rights of that process.

    Attributes:
        secure: The Kafka.
    """

    def __init__(self, secure: SecureBroker, settings: Settings) -> None:
        """Make the users on the topics of some settings; they have no rights yet."""
        self.secure, self._settings = secure, settings

    def settings_of(self, process: str) -> Settings:
        """Return the settings with which the user of a process logs in."""
        user = f"{process}-{self._settings.application.group}"
        login = login_settings(SCRAM, user, f"password of {process}")
        return override(self._settings, **self.secure.security_of("SECURE") | login)

    def grant(self, process: str, without: Iterable[Right] = ()) -> Settings:
        """Grant the rights of a process, some excepted, and return the settings of its user."""
        settings, left_out = self.settings_of(process), set(without)
        self.secure.set_password(settings.kafka.username, settings.kafka.password.reveal())
        rights = [right for right in PROCESSES[process](settings) if right not in left_out]
        if rights:
            self.secure.grant(settings.kafka.username, rights)
        return settings

    def revoke(self, process: str, *rights: Right) -> None:
        """Remove rights of the user of a process."""
        self.secure.revoke(self.settings_of(process).kafka.username, rights)


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


def good(settings: Settings, *arguments: str) -> str:
    """Run a command that succeeds and return its output."""
    ended = run_forked(settings, *arguments)
    assert 0 == ended.returncode, ended.stderr
    return ended.stdout


def send_plays(settings: Settings) -> None:
    """Send plays as a foreign program does: with kafka-python, idempotent by default."""
    topic = topic_names(settings).plays
    with closing(KafkaProducer(**plain_options(settings.kafka))) as producer:
        for user in range(USERS):
            for item in range(ITEMS // 2):
                value = msgspec.json.encode(play(f"user-{user}", f"item-{(user + item) % ITEMS}"))
                producer.send(topic, value, f"user-{user}".encode()).get(timeout=10)


def keys_of(settings: Settings) -> set[bytes]:
    """Return the keys of all lists, as a foreign program reads them."""
    topic = topic_names(settings).recommendations
    with closing(KafkaConsumer(**plain_options(settings.kafka), enable_auto_commit=False)) as consumer:
        partitions = [TopicPartition(topic, number) for number in range(settings.topics.partitions)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends, keys = consumer.end_offsets(partitions), set()
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            keys |= {record.key for records in consumer.poll(200).values() for record in records}
        return keys


@pytest.mark.timeout(300)  # a worker, a gateway and a dozen commands
def test_every_process_runs_with_its_least_rights(users: Users, tmp_path: Path) -> None:
    """One user a process; Kafka denies everything that is not granted."""
    plays, items = tmp_path / "plays.csv", tmp_path / "items.jsonl"
    plays.write_text("user_id,item_id,played_at\n" + "anna,item-1,1700000000\nanna,item-2,1700000100\n")
    items.write_text("".join(f'{{"item_id": "item-{item}", "title": "Song {item}"}}\n' for item in range(ITEMS)))
    granted = {process: users.grant(process) for process in PROCESSES}

    good(granted["topics"], "topics", "create")
    good(granted["catalog"], "catalog", "load", str(items))
    with worker(granted["worker"]) as process:
        send_plays(granted["producer"])
        good(granted["replay"], "replay", str(plays))
        good(granted["import"], "replay", str(IMPORTS / "lastfm-1k"))
        good(granted["rejects"], "rejects", "list")
        good(granted["rejects"], "rejects", "retry")
        block_until(lambda: lag_is_zero(granted["doctor"]), 60)
        good(granted["retrain"], "retrain", "--force")
        block_until(lambda: process.first_event("generation_swapped") is not None, 30)
        block_until(lambda: b"anna" in keys_of(granted["reader"]), 30)
        assert "item-" in good(granted["reader"], "recommend", "anna")
        good(granted["requests"], "hide", "anna", "item-3")
        with gateway(granted["gateway"]) as served, client_of(served) as client:
            (place,) = post(client, play("anna", "item-4"))
            assert read(client, "anna", place)["items"]
            block_until(lambda: client.get("/readyz").status_code == 200, 30)
        checks = checks_of(granted["doctor"])
        assert "anna" in good(granted["requests"], "export", "anna")
        good(granted["requests"], "forget", "anna")
        assert process.running

    assert [] == [check["says"] for check in checks if "does not allow" in str(check) or "refused" in str(check)]


def checks_of(settings: Settings) -> list[dict[str, Any]]:
    """Return the findings of the doctor."""
    return [msgspec.json.decode(line) for line in run_forked(settings, "doctor", "--json").stdout.splitlines()]


def lag_is_zero(settings: Settings) -> bool:
    """Return whether the doctor reports no lag."""
    return any(check["check"] == "lag" and check["verdict"] == "ok" for check in checks_of(settings))


def names_right(error: BaseException, right: Right) -> bool:
    """Return whether a sentence names a right and the way to grant it."""
    text = str(error)
    return f"the right {right}" in text and "--add --allow-principal User:" in text and right.command in text


@pytest.mark.parametrize("process", ["worker", "gateway"])
def test_a_process_without_one_of_its_rights_does_not_start(users: Users, bare: Settings, process: str) -> None:
    """The check at its start names each right in turn."""
    create_topics(bare)
    settings = users.grant(process)
    verify_topics(settings)
    block_until(lambda: not missing(process, settings))
    for right in PROCESSES[process](settings)[::3]:
        users.revoke(process, right)
        block_until(lambda right=right: str(right) in missing(process, settings))  # type: ignore[misc]
        users.secure.grant(settings.kafka.username, [right])
        block_until(lambda: not missing(process, settings))


def missing(process: str, settings: Settings) -> list[str]:
    """Return the rights that the check at the start of a process misses."""
    try:
        check_rights(process, settings)
    except MissingRightError as error:
        return str(error).partition(" the right ")[2].partition(": grant it")[0].split(", ")
    return []


def names(settings: Settings) -> Any:
    """Return the names of the topics."""
    return topic_names(settings)


SAMPLES = [
    ("topics", ("topics", "create"), lambda names: Right("CREATE", "topic", names.plays)),
    ("replay", ("replay", "{plays}"), lambda names: Right("WRITE", "topic", names.plays)),
    ("import", ("replay", str(IMPORTS / "lastfm-1k")), lambda names: Right("READ", "topic", names.users_changelog)),
    ("rejects", ("rejects", "retry"), lambda names: Right("READ", "topic", names.plays_rejected)),
    ("catalog", ("catalog", "load", "{items}"), lambda names: Right("WRITE", "topic", names.catalog)),
    ("reader", ("recommend", "anna"), lambda names: Right("READ", "topic", names.recommendations)),
    ("requests", ("hide", "anna", "item-1"), lambda names: Right("WRITE", "topic", names.plays)),
    ("requests", ("export", "anna"), lambda names: Right("READ", "topic", names.users_changelog)),
    ("retrain", ("retrain",), lambda names: Right("READ", "topic", names.users_changelog)),
    ("worker", ("worker",), lambda names: Right("WRITE", "topic", names.users_changelog)),
    ("gateway", ("gateway",), lambda names: Right("READ", "topic", names.related_items)),
]


@pytest.mark.parametrize(
    ("process", "command", "right_of"), SAMPLES, ids=[f"{process}-{command[0]}" for process, command, _ in SAMPLES]
)
def test_a_command_without_one_of_its_rights_ends_with_a_sentence(
    users: Users, bare: Settings, tmp_path: Path, process: str, command: tuple[str, ...], right_of: Any
) -> None:
    """The status is 1, and there is no traceback."""
    if process != "topics":
        create_topics(bare)
    (tmp_path / "plays.csv").write_text("user_id,item_id,played_at\nanna,item-1,1700000000\n")
    (tmp_path / "items.jsonl").write_text('{"item_id": "item-1", "title": "Song"}\n')
    right = right_of(names(bare))
    settings = users.grant(process, without=[right])
    arguments = [part.format(plays=tmp_path / "plays.csv", items=tmp_path / "items.jsonl") for part in command]

    ended = run_forked(settings, *arguments)

    assert 1 == ended.returncode
    assert "Traceback" not in ended.stderr
    sentence = ended.stderr.strip().splitlines()[-1]
    assert "does not allow the user" in sentence
    # Without any right on a topic, Kafka does not even describe it.
    hidden = Right("DESCRIBE", right.resource, right.name)
    assert names_right(AssertionError(sentence), right) or names_right(AssertionError(sentence), hidden)


async def test_a_reader_without_the_right_to_read_is_a_sentence(users: Users, bare: Settings) -> None:
    """With the right to describe a topic it would wait for records without end."""
    create_topics(bare)
    settings = users.grant("reader", without=PROCESSES["reader"](bare))
    right = PROCESSES["reader"](bare)[0]
    users.secure.grant(settings.kafka.username, [Right("DESCRIBE", "topic", right.name)])
    async with Outbox(bare.kafka) as outbox:
        await (await outbox.send(right.name, 0, [(b"k", b"v")])).written()

    with pytest.raises((LogReadError, MissingRightError)) as caught:
        async for _ in read_topic(settings.kafka, right.name, 10):
            pass

    assert names_right(caught.value, right)


async def test_a_topic_without_any_right_is_not_taken_for_a_missing_one(users: Users, bare: Settings) -> None:
    """Kafka leaves it out of the list of all topics."""
    create_topics(bare)
    settings = users.grant("reader")
    plays = topic_names(bare).plays

    with pytest.raises(LogReadError) as caught:
        async for _ in read_topic(settings.kafka, plays, 10):
            pass

    assert names_right(caught.value, Right("DESCRIBE", "topic", plays))
    with pytest.raises(TopicsError) as refused:
        await asyncio.to_thread(verify_topics, settings)
    assert "the right DESCRIBE on topic" in str(refused.value)


async def test_a_producer_without_any_right_to_write_is_a_sentence(users: Users, bare: Settings) -> None:
    """An idempotent producer gets no id then, and aiokafka would hide the reason."""
    create_topics(bare)
    settings = users.grant("producer", without=PROCESSES["producer"](bare))
    right = PROCESSES["producer"](bare)[0]
    users.secure.grant(settings.kafka.username, [Right("DESCRIBE", "topic", right.name)])

    with pytest.raises(OutboxError) as caught:
        async with asyncio.timeout(10), Outbox(settings.kafka, right.name) as outbox:
            await (await outbox.send(right.name, 0, [(b"k", b"v")])).written()

    assert names_right(caught.value, right)


def plays_of(settings: Settings) -> Right:
    """Return the right to read plays."""
    return Right("READ", "topic", topic_names(settings).plays)


def group_of(settings: Settings) -> Right:
    """Return the right to be a member of the group."""
    return Right("READ", "group", settings.application.group)


def changelog_of(settings: Settings) -> Right:
    """Return the right to write user records."""
    return Right("WRITE", "topic", topic_names(settings).users_changelog)


def test_a_gateway_that_loses_the_right_to_read_a_topic_serves_the_others(users: Users, bare: Settings) -> None:
    """It names the right in `/readyz`, and reads the topic on once the right is granted again."""
    create_topics(bare)
    names, settings = topic_names(bare), users.grant("gateway")
    right = Right("READ", "topic", names.related_items)
    with gateway(settings) as served, client_of(served) as client:
        users.revoke("gateway", right)
        block_until(lambda: "the right READ on topic" in client.get("/readyz").text, 30)

        related = RelatedItems(item_id="i1", generation="g", items=["i2"], cosines=[0.5])
        write(bare, names.related_items, [(b"i1", msgspec.json.encode(related))])
        for number in range(3):
            item = f"item-{number}"
            write(bare, names.catalog, [(item.encode(), msgspec.json.encode({"item_id": item}))])
            block_until(lambda item=item: client.get(f"/v1/items/{item}").status_code == 200, 4)  # type: ignore[misc]
        assert served.running
        assert names.related_items in client.get("/readyz").text

        users.secure.grant(settings.kafka.username, [right])
        block_until(lambda: client.get("/v1/items/i1/related").status_code == 200, 30)
        block_until(lambda: not client.get("/readyz").json().get("unreadable"), 30)


def test_a_gateway_without_a_right_of_a_request_answers_503_with_the_right(users: Users, bare: Settings) -> None:
    """Export reads the changelog, and forget writes plays and reads offsets: each names the right, and no secret."""
    create_topics(bare)
    names, settings = topic_names(bare), users.grant("gateway")
    write(bare, names.users_changelog, [(b"anna", b"not a record")])
    requests = {
        Right("READ", "topic", names.users_changelog): ("GET", "/v1/users/anna/export"),
        Right("READ", "topic", names.plays_rejected): ("GET", "/v1/users/anna/export"),
        Right("WRITE", "topic", names.plays): ("DELETE", "/v1/users/anna"),
    }
    with gateway(settings) as served, client_of(served) as client:
        for right, (method, path) in requests.items():
            users.revoke("gateway", right)
            block_until(lambda right=right: str(right) in missing("gateway", settings))  # type: ignore[misc]

            response = client.request(method, path)

            assert 503 == response.status_code, response.text
            detail = AssertionError(response.json()["detail"])
            hidden = Right("DESCRIBE", right.resource, right.name)
            assert names_right(detail, right) or names_right(detail, hidden), str(detail)
            assert settings.kafka.password.reveal() not in response.text
            users.secure.grant(settings.kafka.username, [right])
            block_until(lambda: not missing("gateway", settings))


@pytest.mark.parametrize("right_of", [changelog_of, plays_of, group_of])
def test_a_worker_that_loses_a_right_stops_with_a_sentence(users: Users, bare: Settings, right_of: Any) -> None:
    """Faust alone would count on and commit the offsets of plays whose records are lost, or wait without end."""
    create_topics(bare)
    settings, right = users.grant("worker"), right_of(bare)
    with worker(settings) as process:
        users.revoke("worker", right)
        send_plays(bare)
        block_until(lambda: not process.running, 40)
        said = process.describe_end()
        assert process.first_event("stop_took_too_long") is None

    # A worker that reads its committed offsets first lacks the right to describe the group.
    described = Right("DESCRIBE", right.resource, right.name)
    assert f"the right {right}" in said or f"the right {described}" in said
