"""Topics that are deleted and made again, or cut at their end, under the followers of long-lived processes."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from streams.fetch.unreadable_places import UnreadablePlaces
from streams.kafka.broker import Broker
from streams.kafka.ports import free_port
from streams.messages.pulse import OutcomeSpan
from streams.messages.records import CatalogItem, RejectedPlay
from streams.outbox import Outbox
from streams.readers.broadcast import Broadcast
from streams.readers.outcome_watch import OutcomeWatch
from streams.readers.pulse_watch import watching
from streams.readers.state_topics import latest_state_topics
from streams.settings import Settings, override
from streams.topics.admin import create_topics, topic_ids
from streams.topics.topics import TopicNames, topic_names
from tests.support.foreign import damage
from tests.support.gateway import client_of, gateway
from tests.support.plays import play_record
from tests.support.pulses import pulse_of
from tests.support.settings import settings_with
from tests.support.shared_broker import JARS
from tests.support.topics import delete, lists, remake, send, worker
from tests.support.wait import block_until, wait_until

TOLD_S = 20.0


async def write(settings: Settings, topic: str, *values: bytes, key: bytes = b"k") -> None:
    """Write one batch to partition 0."""
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(topic, 0, [(key, value) for value in values])).written()


def rejected(offset: int) -> bytes:
    """Return a reject."""
    return msgspec.json.encode(
        RejectedPlay(topic="plays", partition=0, offset=offset, reason="no JSON", key=None, value=b"{")
    )


@pytest.mark.parametrize("n_new", [1, 2, 5], ids=["fewer records", "as many", "more"])
async def test_a_topic_that_was_made_again_is_read_from_its_beginning(
    settings: Settings, names: TopicNames, n_new: int
) -> None:
    """Also if it already has more records than the place in the old one; each is taken in once."""
    seen: list[bytes | None] = []
    remade: list[int] = []

    def take_remade() -> None:
        remade.append(len(seen))

    await write(settings, names.generations, b"old-1", b"old-2")
    following = Broadcast(
        settings.kafka, names.generations, lambda _, value: seen.append(value), 10, on_remade=take_remade
    )
    async with following:
        assert [b"old-1", b"old-2"] == seen
        await asyncio.to_thread(remake, settings, names.generations)
        new = [b"new-%d" % number for number in range(n_new)]
        await write(settings, names.generations, *new)

        await wait_until(lambda: len(seen) == 2 + n_new, TOLD_S)
        await write(settings, names.generations, b"later")
        await wait_until(lambda: seen[-1] == b"later", TOLD_S)

    assert [b"old-1", b"old-2", *new, b"later"] == seen
    assert [2] == remade
    assert {0: n_new + 1} == following.places


async def test_a_topic_that_is_gone_is_reported_and_followed_once_it_is_there(
    settings: Settings, names: TopicNames, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is asked a thousand times a second meanwhile."""
    seen, unreadable = list[bytes | None](), UnreadablePlaces()
    async with Broadcast(settings.kafka, names.pulse, lambda _, value: seen.append(value), 10, unreadable):
        await asyncio.to_thread(delete, settings, names.pulse)
        await wait_until(lambda: len(unreadable) == 1, TOLD_S)
        assert [f"{names.pulse}, partition 0, from offset 0 on: the topic does not exist"] == unreadable.describe()
        n_logged = len(caplog.records)
        await asyncio.sleep(1)
        assert 20 > len(caplog.records) - n_logged

        await asyncio.to_thread(create_topics, settings)
        await write(settings, names.pulse, b"new")
        await wait_until(lambda: seen == [b"new"], TOLD_S)

    assert 0 == len(unreadable)


def value_of(text: str, metric: str) -> float:
    """Return the sum of a metric."""
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(metric))


async def test_a_gateway_forgets_the_places_of_topics_that_were_made_again(
    settings: Settings, names: TopicNames, broker: Broker
) -> None:
    """Neither the alert nor `/readyz` has the places of the old topics, and the rejects of the new one are counted."""
    followed = names.pulse, names.plays_rejected, names.popular_items
    for topic in followed:
        await write(settings, topic, b"damaged")
        damage(broker.folder, topic, 0, b"damaged")
    await write(settings, names.plays_rejected, *map(rejected, range(30)))

    def follow() -> None:
        with gateway(settings) as process, client_of(process) as client:

            def unreadable() -> set[str]:
                places = client.get("/readyz").json().get("unreadable", [])
                return {place.partition(",")[0] for place in places}

            def n_rejects() -> float:
                return value_of(client.get("/metrics").text, "playfold_rejects_total ")

            block_until(lambda: {names.pulse, names.popular_items} <= unreadable(), TOLD_S)
            assert 0 == n_rejects()

            remake(settings, *followed)
            for topic in followed:
                asyncio.run(write(settings, topic, *map(rejected, range(3))))

            block_until(lambda: not unreadable(), TOLD_S)
            block_until(lambda: n_rejects() == 3, TOLD_S)
            asyncio.run(write(settings, names.plays_rejected, rejected(3)))
            block_until(lambda: n_rejects() == 4, TOLD_S)
            assert [] == [event for event in process.events() if event["level"] == "critical"]

    await asyncio.to_thread(follow)


def test_a_worker_publishes_its_topics_again_and_forgets_the_items(settings: Settings, names: TopicNames) -> None:
    """`generations` and `catalog` were made again: commands and gateways need the one, and lists the other."""
    gone = CatalogItem(item_id="i1", available_until_ms=1_000_000_000_000)
    quick = override(settings, popular_publish_s=0.2)
    asyncio.run(write(quick, names.catalog, msgspec.json.encode(gone), key=b"i1"))
    with worker(quick) as process:
        send(quick, [play_record(f"u{number}", "i1") for number in range(8)])
        block_until(lambda: asyncio.run(latest_state_topics(quick)) is not None, TOLD_S)
        known = asyncio.run(latest_state_topics(quick))

        remake(quick, names.generations, names.catalog)

        block_until(lambda: asyncio.run(latest_state_topics(quick)) == known, TOLD_S)
        block_until(lambda: any(event["event"] == "topic_remade" for event in process.events()), TOLD_S)
        remade = {event["topic"] for event in process.events() if event["event"] == "topic_remade"}
        block_until(lambda: process.running and remade, TOLD_S)
        assert names.generations in remade
        assert {} == lists(quick)  # there is no generation


async def test_outcomes_are_heard_from_pulses_that_were_made_again(settings: Settings, names: TopicNames) -> None:
    """A long replay goes on waiting for reports, and each counts once."""

    def reported(first: int) -> bytes:
        return msgspec.json.encode(pulse_of("w", outcomes=[OutcomeSpan.of(0, first, [("learnt", 3)])]))

    async with watching(OutcomeWatch(), settings) as watch:
        watch.expect(0, 0, 5)
        await write(settings, names.pulse, reported(0), key=b"w")
        await wait_until(lambda: watch.n_awaited == 3, TOLD_S)

        await asyncio.to_thread(remake, settings, names.pulse)
        await write(settings, names.pulse, reported(3), key=b"w")

        await wait_until(lambda: watch.n_awaited == 0, TOLD_S)
    assert 6 == watch.counts.total()


@pytest.mark.timeout(120)
async def test_a_topic_that_lost_its_end_is_read_again(tmp_path: Path) -> None:
    """As after an unclean election: its id is the same, and its log ends before the place."""
    settings = settings_with(brokers=f"127.0.0.1:{free_port()}", data_dir=str(tmp_path), partitions=1)
    topic, seen = topic_names(settings).generations, list[bytes | None]()
    broker = Broker(tmp_path / "broker", JARS, int(settings.kafka.brokers.rpartition(":")[2]))
    with broker:
        create_topics(settings)
        await write(settings, topic, b"first")
        for number in range(5):
            await write(settings, topic, b"lost-%d" % number)
        async with Broadcast(settings.kafka, topic, lambda _, value: seen.append(value), 10) as following:
            before = await asyncio.to_thread(topic_ids, settings)
            await asyncio.to_thread(broker.stop)
            cut(tmp_path / "broker", topic, b"lost-0")
            await asyncio.to_thread(broker.start)

            await wait_until(lambda: following.places == {0: 1}, 60)
            await write(settings, topic, b"second")
            await wait_until(lambda: seen[-1] == b"second", 60)

            assert before == await asyncio.to_thread(topic_ids, settings)
    assert [b"first", b"second"] == seen[-2:]


def cut(folder: Path, topic: str, needle: bytes) -> None:
    """Cut the log of a stopped broker before the batch with some bytes, as a machine that lost its cache does."""
    logs = folder / "data" / f"{topic}-0"
    path = logs / f"{0:020}.log"
    content = path.read_bytes()
    at, end = 0, content.index(needle)
    while (size := int.from_bytes(content[at + 8 : at + 12], "big") + 12) + at < end:
        at += size
    path.write_bytes(content[:at])
    for index in [*logs.glob("*.index"), *logs.glob("*.timeindex"), *logs.glob("*.snapshot")]:
        index.unlink()
    (folder / "data" / ".kafka_cleanshutdown").unlink(missing_ok=True)
    (folder / "data" / "recovery-point-offset-checkpoint").write_text("0\n0\n")
