"""Every process runs with exactly the rights that docs/operations.md lists, and one fewer is a sentence."""

from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition

from streams.connection.admin_clients import plain_options
from streams.connection.rights import MissingRightError, Right
from streams.settings import Settings
from streams.topics.admin import create_topics, verify_topics
from streams.topics.process_rights import PROCESSES, check_rights
from streams.topics.topics import topic_names
from tests.kafka.secure.least_rights import ITEMS, Users, names, names_right, send_plays
from tests.support.forked import run_forked
from tests.support.gateway import client_of, gateway, post, read
from tests.support.imports import SAMPLES as IMPORTS
from tests.support.plays import play
from tests.support.topics import worker, write
from tests.support.wait import block_until


def good(settings: Settings, *arguments: str) -> str:
    """Run a command that succeeds and return its output."""
    ended = run_forked(settings, *arguments)
    assert 0 == ended.returncode, ended.stderr
    return ended.stdout


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


@pytest.mark.parametrize("process", ["worker", "gateway"])
def test_a_process_without_one_of_its_rights_does_not_start(users: Users, bare: Settings, process: str) -> None:
    """The check at its start names each right in turn, and with it those that Kafka does not tell without it."""
    create_topics(bare)
    settings = users.grant(process)
    verify_topics(settings)
    block_until(lambda: not missing(process, settings))
    for right in PROCESSES[process](settings)[::3]:
        users.revoke(process, right)
        block_until(lambda: missing(process, settings))
        named = missing(process, settings)
        assert str(right) in named
        assert {f"{right.resource} {right.name}"} == {text.partition(" on ")[2] for text in named}
        users.secure.grant(settings.kafka.username, [right])
        block_until(lambda: not missing(process, settings))


def missing(process: str, settings: Settings) -> list[str]:
    """Return the rights that the check at the start of a process misses."""
    try:
        check_rights(process, settings)
    except MissingRightError as error:
        return str(error).partition(" the right ")[2].partition(": grant it")[0].split(", ")
    return []


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


@pytest.mark.timeout(300)
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

            response = client.request(method, path, timeout=90)  # the client must not give up before the gateway

            assert 503 == response.status_code, response.text
            detail = AssertionError(response.json()["detail"])
            hidden = Right("DESCRIBE", right.resource, right.name)
            assert names_right(detail, right) or names_right(detail, hidden), str(detail)
            assert settings.kafka.password.reveal() not in response.text
            users.secure.grant(settings.kafka.username, [right])
            block_until(lambda: not missing("gateway", settings))
