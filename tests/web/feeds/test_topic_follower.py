"""The topics that a gateway holds, read from a real Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from aiokafka import TopicPartition

from state.gateway_view.keys import ITEM, LIST, RELATED
from state.gateway_view.open_view import open_view
from state.gateway_view.view import View
from streams.fetch.unreadable_batch import UnreadableBatch
from streams.outbox import Item, Outbox
from streams.readers.log_reader import LogReadError
from streams.settings import Settings
from streams.topics.admin import create_topics, topic_ids
from streams.topics.topics import TopicNames
from tests.support.settings import settings_with
from tests.support.topics import delete, remake
from tests.support.wait import wait_until
from web.feeds.topic_follower import Changed, NotReadableError, Record, TopicFollower
from web.feeds.view_topics import WATCH_S, identity_of


class Seen(NamedTuple):
    """The reported steps."""

    kind: bytes
    lists: list[tuple[str, int]]
    n_records: int


async def write(settings: Settings, topic: str, *items: Item) -> None:
    """Write records to partition 1 of a topic."""
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(topic, 1, items)).written()


def made(user_id: str, offset: int) -> Item:
    """Return the record of a list."""
    return user_id.encode(), b'{"offset":%d,"expires_at_ms":1}' % offset


@asynccontextmanager
async def running_follower(
    settings: Settings, view: View, changed: Changed | None = None
) -> AsyncIterator[tuple[TopicFollower, list[Seen]]]:
    """Follow the topics while the block lasts, from when everything is read that stands there."""
    seen: list[Seen] = []
    changed = changed or (lambda kind, lists, records: seen.append(Seen(kind, list(lists), len(records))))
    follower = TopicFollower(settings, view, changed)
    task = asyncio.create_task(follower.run())
    waiting = asyncio.create_task(follower.caught_up.wait())
    await asyncio.wait({task, waiting}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        task.result()
    assert waiting.done()
    try:
        yield follower, seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder for a view."""
    return tmp_path / "view"


async def test_what_was_read_is_not_read_again(settings: Settings, names: TopicNames, folder: Path) -> None:
    """The view knows its offsets; another start reads later records and nothing else."""
    await write(settings, names.recommendations, made("ann", 3), made("ben", 4))
    view = View(folder)
    async with running_follower(settings, view) as (_, seen):
        assert {("ann", 3), ("ben", 4)} == {listed for batch in seen for listed in batch.lists}
    view.close()
    await write(settings, names.recommendations, made("ann", 5))

    view = View(folder)
    async with running_follower(settings, view) as (_, seen):
        assert [Seen(LIST, [("ann", 5)], 1)] == seen
        held = {user_id: view.list_of(user_id) for user_id in ("ann", "ben")}
    view.close()
    assert {"ann": 5, "ben": 4} == {user_id: batch.position for user_id, batch in held.items() if batch}


async def test_what_comes_is_told_as_it_comes(settings: Settings, names: TopicNames, folder: Path) -> None:
    """Of every topic, with its kind; tombstones, too; nothing is left behind."""
    view = View(folder)
    async with running_follower(settings, view) as (follower, seen):
        assert [] == seen
        await write(settings, names.recommendations, made("ann", 3))
        await write(settings, names.related_items, (b"i1", b"{}"))
        await wait_until(lambda: len(seen) == 2)
        assert {(LIST, (("ann", 3),)), (RELATED, ())} == {(change.kind, tuple(change.lists)) for change in seen}
        await write(settings, names.recommendations, (b"ann", None))
        await wait_until(lambda: len(seen) == 3)
        assert [("ann", -1)] == seen[-1].lists
        assert None is view.list_of("ann")
        assert 0 == follower.left
        assert 0 == follower.behind
    view.close()


async def test_it_is_known_of_which_partitions_everything_is_held(
    settings: Settings, names: TopicNames, folder: Path
) -> None:
    """Of those of the lists; one that has more than was read is none of them."""
    view = View(folder)
    idle = TopicFollower(settings, view, lambda *_: None)
    assert frozenset() == await idle.reached()
    async with running_follower(settings, view) as (follower, seen):
        assert frozenset(range(4)) == await follower.reached()
        consumer, tp = follower._consumer, TopicPartition(names.recommendations, 1)  # noqa: SLF001  to hold a record back
        assert consumer is not None
        consumer.pause(tp)
        await write(settings, names.recommendations, made("ann", 3))
        assert frozenset({0, 2, 3}) == await follower.reached()
        consumer.resume(tp)
        await wait_until(lambda: bool(seen))
        assert frozenset(range(4)) == await follower.reached()
    view.close()


async def test_a_place_behind_the_end_is_no_place(settings: Settings, names: TopicNames, folder: Path) -> None:
    """The log was cut: it is read from its beginning."""
    await write(settings, names.recommendations, made("ann", 3))
    view = View(folder)
    view.store(LIST, names.recommendations, 1, [], 1000)
    async with running_follower(settings, view) as (_, seen):
        assert [("ann", 3)] == seen[0].lists
    view.close()


async def test_a_missing_topic_is_a_sentence(settings: Settings, folder: Path) -> None:
    """Nobody waits for it."""
    view = View(folder)
    with pytest.raises(LogReadError, match=r"does not exist; `playfold topics create` makes it\.$"):
        async with running_follower(settings, view):
            pass
    view.close()


async def test_lists_made_again_are_read_from_their_beginning(
    settings: Settings, names: TopicNames, folder: Path
) -> None:
    """Under a running gateway: the lists of the old topic are gone, and an earlier position is no stale one."""
    await write(settings, names.recommendations, made("ann", 3), made("ben", 4))
    view = open_view(folder, identity_of(topic_ids(settings), settings), time.time())
    async with running_follower(settings, view) as (follower, _):
        before = view.identity
        await asyncio.sleep(2 * WATCH_S)
        assert before == view.identity
        assert ["ann", "ben"] == view.listeners("", 10)
        follower.unreadable.skip(UnreadableBatch(names.recommendations, 1, 0, 0, None, "no codec", b"", 0))

        await asyncio.to_thread(remake, settings, names.recommendations)
        await write(settings, names.recommendations, made("ben", 1))
        await wait_until(lambda: view.listeners("", 10) == ["ben"], 20)
        await wait_until(follower.caught_up.is_set)
        held = view.list_of("ben")

        assert held is not None
        assert 1 == held.position
        assert [] == follower.unreadable.describe()
        assert 1 == view.next_offset(names.recommendations, 1)
        await write(settings, names.recommendations, made("eve", 2))
        await wait_until(lambda: view.listeners("", 10) == ["ben", "eve"])
        assert identity_of(topic_ids(settings), settings) == view.identity != before
    view.close()


async def test_a_topic_that_is_gone_does_not_stop_the_others(
    settings: Settings, names: TopicNames, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its lists are served on, its place is named, and Kafka is not asked for it over and over."""
    await write(settings, names.recommendations, made("ann", 3))
    view = View(folder)
    async with running_follower(settings, view) as (follower, seen):
        await asyncio.to_thread(delete, settings, names.recommendations)
        await wait_until(lambda: len(follower.unreadable) == 4)
        assert f"{names.recommendations}, partition 1, from offset 1 on: the topic does not exist" in (
            follower.unreadable.describe()
        )
        caplog.clear()
        await write(settings, names.related_items, (b"i1", b"{}"))
        await wait_until(lambda: seen[-1].kind == RELATED)
        await asyncio.sleep(1)
        assert ["ann"] == view.listeners("", 10)
        assert len([record for record in caplog.records if record.name.startswith("aiokafka")]) < 100

        await asyncio.to_thread(create_topics, settings)
        await wait_until(lambda: view.listeners("", 10) == [], 20)
        await wait_until(follower.caught_up.is_set)
        assert [] == follower.unreadable.describe()
    view.close()


async def test_a_catalog_made_again_leaves_no_item(settings: Settings, names: TopicNames, folder: Path) -> None:
    """Parts with items in memory get a tombstone of each; lists are held on."""
    await write(settings, names.recommendations, made("ann", 3))
    await write(settings, names.catalog, (b"i1", b"{}"), (b"i2", b"{}"))
    view, catalog = open_view(folder, identity_of(topic_ids(settings), settings), time.time()), dict[bytes, bytes]()

    def changed(kind: bytes, _lists: object, records: Sequence[Record]) -> None:
        for key, value in records if kind == ITEM else ():
            if value is None:
                del catalog[key or b""]
            else:
                catalog[key or b""] = value

    async with running_follower(settings, view, changed):
        assert {b"i1", b"i2"} == catalog.keys()

        await asyncio.to_thread(remake, settings, names.catalog)
        await write(settings, names.catalog, (b"i2", b"{}"))

        await wait_until(lambda: catalog.keys() == {b"i2"}, 20)
        assert [None, b"{}"] == view.items(["i1", "i2"])
        assert ["ann"] == view.listeners("", 10)
    view.close()


class Silent(TopicFollower):
    """A follower for which Kafka has no more records of some partitions."""

    def stand(self, places: dict[int, int], blocked: tuple[int, ...] = ()) -> None:
        """Have read partitions of five records so far."""
        tps = {number: TopicPartition("lists", number) for number in places}
        self._ends = dict.fromkeys(tps.values(), 5)
        self._places = {tps[number]: place for number, place in places.items()}
        for number in blocked:
            self.unreadable.block(tps[number], places[number], "no codec")

    def wait(self, seconds: float) -> None:
        """Let time pass without a record."""
        now = time.monotonic()
        self._log_progress(now - seconds, now - seconds, now)


@pytest.fixture
def silent(folder: Path) -> Iterator[Silent]:
    """Give a follower that waits ten seconds for a record."""
    view = View(folder)
    yield Silent(settings_with(ready_s=10), view, lambda *_: None)
    view.close()


def test_a_partition_that_stays_silent_does_not_hold_up_the_start(silent: Silent) -> None:
    """It is unreadable then, with its offset, and the gateway answers from the others."""
    silent.stand({0: 5, 1: 3})
    silent.wait(9)
    assert not silent.caught_up.is_set()

    silent.wait(11)
    silent.wait(0)

    assert silent.caught_up.is_set()
    assert ["lists, partition 1, from offset 3 on: no record came for 10 s"] == silent.unreadable.describe()


@pytest.mark.parametrize("blocked", [(), (0, 1)])
def test_a_start_without_any_partition_is_an_error(silent: Silent, blocked: tuple[int, ...]) -> None:
    """Nothing could be answered."""
    silent.stand({0: 1, 1: 3}, blocked)
    silent.wait(9)
    assert not silent.caught_up.is_set()

    with pytest.raises(NotReadableError, match=r"^6 records of the topics were not read, and none came for 10 s\.$"):
        silent.wait(11)
