"""`playfold rejects` on a real Kafka: rejected records are listed, exported and sent again, each once."""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from jobs.doctor.damaged_records import DamagedRecords
from jobs.doctor.probes import probe_rejects
from jobs.rejects.already_sent import SKEW_MS
from jobs.rejects.retry import RetryChoice, RetryResult, retry_rejects
from state.users.record import UserRecord
from streams.kafka.broker import Broker
from streams.messages.records import RejectedPlay
from streams.messages.retried import place_of
from streams.outbox import Item
from streams.partitioning import partition_of
from streams.readers.log_reader import read_topic
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.kafka.test_replay import run
from tests.support.changelog import read_history
from tests.support.foreign import damage
from tests.support.topics import await_folded, rejects, send, worker, write
from tests.support.wait import block_until

AT_MS = 1_700_000_000_000
DANCE = {"event_weights": "play=1,like=2,skip=-1,dance=3"}


def event(user: str, kind: str = "dance", key: str | None = None, **fields: Any) -> Item:
    """Return an event of a type that the settings do not name at first."""
    value = {"user_id": user, "item_id": "i1", "played_at_ms": AT_MS, "type": kind} | fields
    return (user if key is None else key).encode(), json.dumps(value).encode()


EVENTS = [
    event("ann"),
    event("ben", item_id="i2"),
    event("ann", "play"),
    event("carl", key='"carl"'),
    event("dora", private=True),
    (b"eve", b"no play"),
]


def retry(settings: Settings, **choice: Any) -> RetryResult:
    """Send rejects again."""
    return asyncio.run(retry_rejects(settings, RetryChoice(**choice)))


def plays_on(settings: Settings) -> list[tuple[bytes, bytes, tuple[Any, ...]]]:
    """Return keys, values and headers of the records on plays."""

    async def read() -> list[tuple[bytes, bytes, tuple[Any, ...]]]:
        reading = read_topic(settings.kafka, topic_names(settings).plays, 10)
        return [(record.key, record.value, record.headers) async for _, records in reading for record in records]

    return asyncio.run(read())


def n_signals(settings: Settings, user: bytes) -> int:
    """Return the number of signals in a listener's history."""
    value = asyncio.run(read_history(settings)).users.get(user)
    return len(UserRecord.decode(value).history) if value else 0


@pytest.fixture
def rejected(settings: Settings, names: TopicNames) -> Settings:
    """Let a worker that does not know the type `dance` reject events."""
    assert names.plays
    with worker(settings):
        send(settings, EVENTS)
        block_until(lambda: len(rejects(settings)) == 5, 20)
        block_until(lambda: n_signals(settings, b"ann") == 1, 20)
    return settings


def test_rejects_are_counted_by_reason(rejected: Settings) -> None:
    """With their latest places; nothing of a private event is shown."""
    listed = json.loads(run(rejected, "rejects", "list", "--json").stdout)
    shown = run(rejected, "rejects", "list", "--reason", "type:").stdout

    assert 5 == listed["rejects"] == sum(listed["reasons"].values())
    kind = "type: Invalid value '...', which is none of forget, hide, like, pause, play, resume, shown, skip, unhide"
    assert 3 == listed["reasons"][kind]
    assert [None] == [sample["value"] for sample in listed["latest"] if "private" in sample["reason"]]
    assert "dora" not in json.dumps(listed)
    assert shown.startswith("3 rejected records whose reason contains 'type:':\n")


def test_rejects_are_exported_with_their_bytes(rejected: Settings, tmp_path: Path) -> None:
    """One a line, in a file that is whole or not there."""
    path = tmp_path / "rejects.jsonl"

    ended = run(rejected, "rejects", "export", str(path))

    assert f"{path} has 5 rejected records.\n" == ended.stdout
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    values = {base64.b64decode(line["reject"]["value"]) for line in lines if line["reject"]["value"]}
    assert {EVENTS[number][1] for number in (0, 1, 3, 5)} == values
    assert [path] == [one for one in tmp_path.iterdir() if "rejects" in one.name]


def test_nothing_is_sent_before_the_cause_is_mended(rejected: Settings) -> None:
    """Workers would reject it again."""
    n_before = len(plays_on(rejected))

    result = retry(rejected)

    assert 0 == result.sent
    assert 4 == sum(result.still_rejected.values())
    assert 1 == result.without_content
    assert n_before == len(plays_on(rejected))


def test_rejects_are_sent_again_once(rejected: Settings) -> None:
    """With their key, their bytes and their place; a worker learns them, and a second retry sends nothing."""
    mended = override(rejected, **DANCE)
    n_before = len(plays_on(mended))

    rehearsed = retry(mended, is_rehearsal=True)
    first, second = retry(mended), retry(mended)

    assert 2 == rehearsed.sent
    assert 2 == first.sent
    assert 0 == second.sent
    assert 0 == first.already_sent
    assert 2 == second.already_sent
    retried = [record for record in plays_on(mended) if record[2]]
    assert n_before + 2 == len(plays_on(mended))
    assert {EVENTS[0], EVENTS[1]} == {record[:2] for record in retried}
    places = {value.decode() for *_, headers in retried for _, value in headers}
    expected = {place_of(reject).decode() for reject in rejects(mended) if reject.value in {EVENTS[0][1], EVENTS[1][1]}}
    assert expected == places
    with worker(mended):
        block_until(lambda: n_signals(mended, b"ben") == 1, 20)
        block_until(lambda: n_signals(mended, b"ann") == 2, 20)
        await_folded(mended)
    assert 5 == len(rejects(mended))
    readings = asyncio.run(probe_rejects(mended, DamagedRecords()))
    assert 3 == len(readings.rejected)
    assert 2 == readings.n_sent_again


def test_a_retry_goes_on_where_another_ended(rejected: Settings) -> None:
    """A limit, or a crash after some acknowledgements, leaves the rest to the next retry."""
    mended = override(rejected, **DANCE)

    results = [retry(mended, limit=1) for _ in range(3)]

    assert [(1, 1), (1, 0), (0, 0)] == [(result.sent, result.left) for result in results]
    assert 2 == len([record for record in plays_on(mended) if record[2]])


def test_a_wrong_key_is_mended_if_asked(rejected: Settings) -> None:
    """Connect writes keys in quotation marks; the value says whose event it is."""
    mended = override(rejected, **DANCE)

    result = retry(mended, mends_keys=True)

    assert 3 == result.sent
    assert b"carl" in {record[0] for record in plays_on(mended) if record[2]}


def test_a_listener_who_was_forgotten_later_stays_forgotten(rejected: Settings) -> None:
    """Their rejected events are not sent again."""
    mended = override(rejected, **DANCE)
    send(mended, [(b"ann", b'{"type": "forget", "user_id": "ann"}')])

    result = retry(mended)

    assert 1 == result.sent
    assert 1 == result.forgotten
    assert [b"ben"] == [record[0] for record in plays_on(mended) if record[2]]


def test_a_copy_of_a_request_on_another_partition_changes_nothing(rejected: Settings) -> None:
    """An old copy of it is read last, and the listener stays forgotten."""
    mended = override(rejected, **DANCE)
    home = partition_of("ann", mended.topics.partitions)
    request = b'{"type": "forget", "user_id": "ann"}'
    asyncio.run(_send_dated(mended, home, request, int(time.time() * 1000) - 10 * SKEW_MS))
    for other in set(range(mended.topics.partitions)) - {home}:
        asyncio.run(_send_dated(mended, other, request, int(time.time() * 1000) - 10 * SKEW_MS))

    result = retry(mended)

    assert 1 == result.forgotten
    assert [b"ben"] == [record[0] for record in plays_on(mended) if record[2]]


async def _send_dated(settings: Settings, partition: int, value: bytes, at_ms: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.brokers) as producer:
        await producer.send_and_wait(topic_names(settings).plays, value, b"ann", partition, at_ms)


def test_a_record_without_a_value_is_no_private_play(settings: Settings, names: TopicNames) -> None:
    """Workers would reject it again, for the same reason."""
    deleted = RejectedPlay(
        topic=names.plays, partition=0, offset=3, reason="the value is empty", key=b"ann", value=None
    )
    write(settings, names.plays_rejected, [(b"ann", msgspec.json.encode(deleted))])

    result = retry(settings)

    assert {"the value is empty": 1} == result.still_rejected
    assert 0 == result.without_content


def test_two_rejects_of_one_place_are_two_records(settings: Settings, names: TopicNames) -> None:
    """The offsets of a topic that was made again begin anew."""
    pair = [event(user, "play") for user in ("ann", "ben")]
    stored = [
        RejectedPlay(topic=names.plays, partition=0, offset=0, reason="wrong", key=key, value=value)
        for key, value in pair
    ]
    write(settings, names.plays_rejected, [(b"", msgspec.json.encode(reject)) for reject in stored])

    assert 2 == retry(settings).sent
    assert 2 == retry(settings).already_sent
    assert sorted(pair) == sorted(record[:2] for record in plays_on(settings))


def test_a_batch_among_the_rejects_that_does_not_decode_is_skipped(
    settings: Settings, names: TopicNames, broker: Broker
) -> None:
    """The rejects behind it are listed."""
    for reason in ("damaged", "wrong"):
        reject = RejectedPlay(topic=names.plays, partition=0, offset=0, reason=reason, key=b"ann", value=b"{}")
        write(settings, names.plays_rejected, [(b"ann", msgspec.json.encode(reject))])
    damage(broker.folder, names.plays_rejected, partition_of("ann", settings.topics.partitions), b"damaged")

    assert 1 == json.loads(run(settings, "rejects", "list", "--json").stdout)["rejects"]


def test_a_batch_that_does_not_decode_is_not_sent_as_a_record(settings: Settings, names: TopicNames) -> None:
    """Its bytes are many records, which nobody can tell apart."""
    batch = RejectedPlay(
        topic=names.plays,
        partition=0,
        offset=3,
        last_offset=9,
        reason="a batch cannot be read",
        key=None,
        value=b"\x00",
    )
    write(settings, names.plays_rejected, [(b"", msgspec.json.encode(batch))])

    result = retry(settings)

    assert {"a batch that does not decode; its producer has to send its records again": 1} == result.still_rejected
    assert 0 == result.sent


def test_a_retry_is_described(rejected: Settings) -> None:
    """One fact a line."""
    mended = override(rejected, **DANCE)

    said = run(mended, "rejects", "retry").stdout.splitlines()

    assert "2 records sent again, all acknowledged." == said[0]
    assert "Records that an earlier retry sent: 2." in run(mended, "rejects", "retry").stdout.splitlines()
    assert "1 of private plays, whose content is not stored." in said
    assert "1 would be rejected again: the key is not the user_id." in said


@pytest.mark.usefixtures("names")
def test_no_rejects_is_a_sentence(settings: Settings) -> None:
    """Neither command fails."""
    assert "Kafka has no rejected record.\n" == run(settings, "rejects", "list").stdout
    assert "0 records sent again, all acknowledged.\n" == run(settings, "rejects", "retry").stdout
