"""Batches of every codec from other people's producers, and batches that nobody can decode."""

import asyncio
import shutil

import pytest
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from jobs.user_requests.export import export_user
from jobs.user_requests.verify_erasure import find_remnants
from state.gateway_view.view import View
from state.users.record import UserRecord
from streams.fetch.unreadable_places import UnreadablePlaces
from streams.kafka.broker import Broker
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.readers.lag import lag_of
from streams.readers.log_reader import LogReadError, read_topic
from streams.readers.one_record import arrival_of
from streams.settings import Settings, override
from streams.topics.admin import admin_client
from streams.topics.topics import TopicNames
from tests.support.batches import CODECS
from tests.support.changelog import read_history
from tests.support.commands import error_of
from tests.support.foreign import Sending, damage, send_by_java, send_by_kafka_python, send_by_librdkafka
from tests.support.plays import play_record
from tests.support.topics import rejects, send, values, worker
from tests.support.wait import block_until, wait_until
from web.feeds import rejects as rejects_feed
from web.feeds import topic_follower
from web.feeds.rejects import Rejects
from web.feeds.topic_follower import TopicFollower

CODECS_OF = {"librdkafka": CODECS, "java": CODECS, "kafka_python": ("none", "gzip")}


def plays_by_user(settings: Settings) -> dict[str, int]:
    """Return how many plays of each user count, as the changelog has them."""
    users = asyncio.run(read_history(settings)).users
    return {user.decode(): UserRecord.decode(value).plays for user, value in users.items()}


def lag(settings: Settings) -> int:
    """Return the lag of the workers."""

    async def ask() -> int:
        async with lag_of(settings) as reading:
            return await reading.plays()

    return asyncio.run(ask())


async def write(settings: Settings, topic: str, partition: int, *items: Item) -> None:
    """Write one batch."""
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(topic, partition, items)).written()


def test_plays_of_every_codec_count(settings: Settings, names: TopicNames) -> None:
    """Of librdkafka, of Java's producer and of kafka-python, each in batches of its own."""
    users = [f"{sender}-{codec}" for sender, codecs in CODECS_OF.items() for codec in codecs]
    plays = {user: [play_record(user, f"i{number}") for number in range(20)] for user in users}
    with worker(settings) as process:
        for codec in CODECS_OF["librdkafka"]:
            send_by_librdkafka(settings, names.plays, plays[f"librdkafka-{codec}"], codec)
        for codec in CODECS_OF["kafka_python"]:
            send_by_kafka_python(settings, names.plays, plays[f"kafka_python-{codec}"], codec)
        sendings = [Sending(plays[f"java-{codec}"], codec) for codec in CODECS_OF["java"]]
        send_by_java(settings, names.plays, *sendings)
        block_until(lambda: sum(plays_by_user(settings).values()) == 20 * len(users), 20)
        assert process.running

    assert dict.fromkeys(users, 20) == plays_by_user(settings)
    assert [] == rejects(settings)


@pytest.mark.parametrize("codec", CODECS)
def test_what_playfold_writes_is_read_in_every_codec(settings: Settings, names: TopicNames, codec: str) -> None:
    """By its own readers, and by librdkafka."""
    compressing = override(settings, compression=codec)
    items = [(b"ann", b'{"item": "%d"}' % number * 20) for number in range(50)]

    asyncio.run(write(compressing, names.catalog, 1, *items))

    assert items == values(settings, names.catalog)


def test_a_batch_that_nobody_can_decode_is_set_aside(settings: Settings, names: TopicNames, broker: Broker) -> None:
    """With place, reason and bytes among the rejects; the plays around it count, and the lag becomes 0."""
    partition = partition_of("ann", settings.topics.partitions)
    lost = [play_record("ann", f"lost-{number}") for number in range(3)]
    for batch in ([play_record("ann", "i1")], lost, [play_record("ann", "i2")]):
        asyncio.run(write(settings, names.plays, partition, *batch))
    damage(broker.folder, names.plays, partition, b"lost-1")

    with worker(settings) as process:
        block_until(lambda: plays_by_user(settings).get("ann") == 2, 20)
        block_until(lambda: lag(settings) == 0, 10)
        assert process.running
        events = process.events()

    (rejected,) = rejects(settings)
    assert [partition, 1, 3] == [rejected.partition, rejected.offset, rejected.last_offset]
    assert names.plays == rejected.topic
    assert "a batch cannot be read: the checksum is wrong" == rejected.reason
    assert b"lost-0" in (rejected.value or b"")
    (logged,) = [event for event in events if event["event"] == "batch_unreadable"]
    assert {"topic": names.plays, "partition": partition, "offset": 1} == {
        name: logged[name] for name in ("topic", "partition", "offset")
    }


async def test_a_bounded_read_names_the_place_that_it_cannot_read(
    settings: Settings, names: TopicNames, broker: Broker
) -> None:
    """It returns nothing incomplete, and the sentence has the way out."""
    for value in (b"first", b"second"):
        await write(settings, names.recommendations, 2, (b"ann", value))
    damage(broker.folder, names.recommendations, 2, b"second")

    with pytest.raises(LogReadError) as caught:
        _ = [part async for part in read_topic(settings.kafka, names.recommendations, 10)]

    assert (
        f"{names.recommendations}, partition 2, offsets 1 to 1, cannot be read: the checksum is wrong. "
        "Let another replica lead the partition, or restore the topic from a backup."
    ) == str(caught.value)


def set_compression(settings: Settings, topic: str, codec: str) -> None:
    """Set the compression of a topic, as an operator does."""
    with admin_client(settings.kafka) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={"compression.type": codec})])


def listed(user: str, offset: int) -> Item:
    """Return the record of a list."""
    return user.encode(), b'{"offset":%d,"expires_at_ms":1}' % offset


async def follow(settings: Settings, view: View) -> TopicFollower:
    """Follow the topics of a gateway to their present ends, and return the follower."""
    follower = TopicFollower(settings, view, lambda *_: None)
    task = asyncio.create_task(follower.run())
    try:
        await asyncio.wait_for(follower.caught_up.wait(), 20)
        await wait_until(lambda: follower.behind == 0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return follower


async def test_a_gateway_reads_around_a_batch_and_reads_it_again_at_its_next_start(
    settings: Settings, names: TopicNames, broker: Broker
) -> None:
    """Lists before and behind it are held, and so are those of other partitions; the place is named."""
    await write(settings, names.recommendations, 1, listed("ann", 1))
    await write(settings, names.recommendations, 1, listed("broken", 2))
    await write(settings, names.recommendations, 1, listed("ben", 3))
    await write(settings, names.recommendations, 3, listed("eve", 1))
    damage(broker.folder, names.recommendations, 1, b"broken")
    view = View(settings.application.data_path / "view")

    follower = await follow(settings, view)

    assert ["ann", "ben", "eve"] == view.listeners("", 10)
    assert [f"{names.recommendations}, partition 1, offsets 1 to 1: the checksum is wrong"] == (
        follower.unreadable.describe()
    )
    assert not follower.unreadable.is_whole(names.recommendations, 1)
    assert 1 == view.next_offset(names.recommendations, 1)
    mend = bytes([b"b"[0] ^ 0xFF]) + b"roken"
    damage(broker.folder, names.recommendations, 1, mend)
    follower = await follow(settings, view)
    assert ["ann", "ben", "broken", "eve"] == view.listeners("", 10)
    assert [] == follower.unreadable.describe()
    view.close()


async def test_a_gateway_reads_related_items_of_every_codec(settings: Settings, names: TopicNames) -> None:
    """An operator may set `compression.type` of a topic, and the broker recompresses the batches of every producer."""
    for codec in ("zstd", "lz4", "snappy"):
        await asyncio.to_thread(set_compression, settings, names.related_items, codec)
        await write(settings, names.related_items, 0, (codec.encode(), b"{}"))
    view = View(settings.application.data_path / "view")

    follower = await follow(settings, view)

    assert [b"{}"] * 3 == [view.related_to(codec) for codec in ("zstd", "lz4", "snappy")]
    assert [] == follower.unreadable.describe()
    view.close()


def test_a_worker_does_not_recover_around_a_damaged_batch(
    settings: Settings, names: TopicNames, broker: Broker
) -> None:
    """Records of users would be missing, so it ends with the place and the way out."""
    partition = partition_of("ann", settings.topics.partitions)
    with worker(settings):
        send(settings, [play_record("ann", "damaged")])
        block_until(lambda: plays_by_user(settings) == {"ann": 1}, 20)
        block_until(lambda: lag(settings) == 0, 10)
    shutil.rmtree(settings.application.worker_path)
    damage(broker.folder, names.users_changelog, partition, b"damaged")

    said = error_of("worker", settings)

    assert f"Partition {partition} cannot take in its changelog: {names.users_changelog}, partition {partition}" in said
    assert "cannot be read: the checksum is wrong. Let another replica lead the partition, or restore the topic" in said


async def test_the_arrival_behind_a_damaged_batch_is_that_of_the_next_record(
    settings: Settings, names: TopicNames, broker: Broker
) -> None:
    """A worker logs it for lost plays at its start, and must not end at every start for it."""
    for value in (b"damaged", b"next"):
        await write(settings, names.plays, 2, (b"ann", value))
    readable = await arrival_of(settings, names.plays, 2, 1)
    damage(broker.folder, names.plays, 2, b"damaged")

    assert readable is not None
    assert readable == await arrival_of(settings, names.plays, 2, 0)
    damage(broker.folder, names.plays, 2, b"next")
    assert None is await arrival_of(settings, names.plays, 2, 0)


async def test_a_gap_of_a_topic_with_a_short_retention_ends_with_it(
    settings: Settings, names: TopicNames, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rejects are no part of the view, but a gap in them raises the same alert."""
    monkeypatch.setattr(topic_follower, "MARK_S", 0.2)
    monkeypatch.setattr(rejects_feed, "RETRY_S", 0.2)
    for value in (b"damaged", b"{}"):
        await write(settings, names.plays_rejected, 2, (b"ann", value))
    damage(broker.folder, names.plays_rejected, 2, b"damaged")
    view, unreadable = View(settings.application.data_path / "view"), UnreadablePlaces()
    follower = TopicFollower(settings, view, lambda *_: None, unreadable)
    tasks = [asyncio.create_task(part.run()) for part in (follower, Rejects(settings, unreadable))]
    await wait_until(lambda: len(unreadable) == 1, 20)
    assert unreadable.describe()[0].startswith(f"{names.plays_rejected}, partition 2, offsets 0 to 0: ")

    await asyncio.to_thread(delete_before, settings, names.plays_rejected, 2, 1)

    await wait_until(lambda: len(unreadable) == 0, 10)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    view.close()


def delete_before(settings: Settings, topic: str, partition: int, offset: int) -> None:
    """Delete the records of a partition below an offset, as retention does."""
    with admin_client(settings.kafka) as admin:
        admin.delete_records({TopicPartition(topic, partition): offset})


async def test_reads_of_a_listener_pass_a_damaged_batch_of_plays(
    settings: Settings, names: TopicNames, broker: Broker
) -> None:
    """The export has the other plays; the search for remnants says that it could not search the batch."""
    partition = partition_of("ann", settings.topics.partitions)
    for item in ("i1", "damaged", "i3"):
        await write(settings, names.plays, partition, play_record("ann", item))
    damage(broker.folder, names.plays, partition, b"damaged")

    exported = await export_user("ann", settings, 0)
    remnants = {remnant.place: remnant for remnant in await find_remnants("ann", settings)}

    assert [0, 2] == [play.offset for play in exported.plays]
    assert 2 == remnants[names.plays].older
    assert f"{names.plays}, partition {partition}, offsets 1 to 1, cannot be read: the checksum is wrong." in (
        remnants[names.plays].unread or ""
    )
