"""Commands that print one record, behind a batch that does not decode."""

import asyncio
import json

import msgspec
import pytest

from streams.kafka.broker import Broker
from streams.messages.records import CatalogItem, PopularItems, RelatedItems
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import TopicNames
from tests.kafka.test_replay import list_of, run
from tests.support.foreign import damage

WAY_OUT = "Let another replica lead the partition, or restore the topic from a backup: these bytes are damaged."


def write(settings: Settings, topic: str, partition: int, *items: Item) -> None:
    """Write each record in a batch of its own."""

    async def send() -> None:
        async with Outbox(settings.kafka) as outbox:
            for item in items:
                await (await outbox.send(topic, partition, [item])).written()

    asyncio.run(send())


def popular_of(*items: str) -> bytes:
    """Return a popular list."""
    made = PopularItems(
        kind="all", generation="g", revision=0, as_of_ms=0, made_at_ms=1, items=list(items), plays=[1.0] * len(items)
    )
    return msgspec.json.encode(made)


def note_of(topic: str, partition: int, missing: str) -> str:
    """Return the note of a command about a batch of one record at offset 1."""
    place = f"{topic}, partition {partition}, offset 1 (the checksum is wrong)"
    return f"1 record cannot be read and is left out: {place}. {missing} may be among them. {WAY_OUT}\n"


def test_a_list_before_a_damaged_batch_is_printed(settings: Settings, names: TopicNames, broker: Broker) -> None:
    """The place is named, and that a later list may be in it; a list behind it is printed as well."""
    partition = partition_of("ann", settings.topics.partitions)
    topic, lists = names.recommendations, [list_of("ann", partition, at, [f"item-{at}"]) for at in (5, 6, 7)]
    write(settings, topic, partition, *[(b"ann", value) for value in lists[:2]])
    damage(broker.folder, topic, partition, b"item-6")

    before = run(settings, "recommend", "ann", "--json")
    write(settings, topic, partition, (b"ann", lists[2]))
    behind = run(settings, "recommend", "ann", "--json")

    assert ["item-5"] == json.loads(before.stdout)["items"], before.stderr
    assert note_of(topic, partition, "A later list of 'ann'") == before.stderr
    assert ["item-7"] == json.loads(behind.stdout)["items"], behind.stderr
    assert before.stderr == behind.stderr


def test_a_list_in_a_damaged_batch_is_the_popular_one_or_none(
    settings: Settings, names: TopicNames, broker: Broker
) -> None:
    """The command says that the list of the listener may be there."""
    partition = partition_of("ann", settings.topics.partitions)
    topic = names.recommendations
    write(settings, topic, partition, (b"ben", list_of("ben", partition, 4, ["x"])))
    write(settings, topic, partition, (b"ann", list_of("ann", partition, 5, ["item-5"])))
    damage(broker.folder, topic, partition, b"item-5")

    without = run(settings, "recommend", "ann")
    write(settings, names.popular_items, 2, (b"all", popular_of("p1")))
    with_popular = run(settings, "recommend", "ann", "--json")

    note = note_of(topic, partition, "A later list of 'ann'")
    assert 1 == without.returncode
    assert f"{note}There is no list for 'ann' and no popular list: no worker has served a generation yet.\n" == (
        without.stderr
    )
    assert ["p1"] == json.loads(with_popular.stdout)["items"], with_popular.stderr
    assert note == with_popular.stderr


def test_a_popular_list_before_a_damaged_batch_is_printed(
    settings: Settings, names: TopicNames, broker: Broker
) -> None:
    """It may not be the latest."""
    write(settings, names.popular_items, 0, (b"all", popular_of("p1")), (b"all", popular_of("p2")))
    damage(broker.folder, names.popular_items, 0, b"p2")

    ended = run(settings, "popular", "--json")

    assert ["p1"] == json.loads(ended.stdout)["items"], ended.stderr
    assert note_of(names.popular_items, 0, "A later popular list") == ended.stderr


@pytest.mark.parametrize("command", ["related", "catalog show"])
def test_a_record_of_an_item_before_a_damaged_batch_is_printed(
    settings: Settings, names: TopicNames, broker: Broker, command: str
) -> None:
    """Of related items, and of the catalog."""
    if command == "related":
        topic = names.related_items
        made = [RelatedItems(item_id="a", generation=name, items=["b"], cosines=[0.5]) for name in "gh"]
        values = [msgspec.json.encode(one) for one in made]
    else:
        topic = names.catalog
        values = [msgspec.json.encode(CatalogItem(item_id="a", title=title)) for title in ("first", "damaged")]
    write(settings, topic, 0, *[(b"a", value) for value in values])
    damage(broker.folder, topic, 0, values[1][-20:])

    ended = run(settings, *command.split(), "a", "--json")

    assert values[0] == ended.stdout.strip().encode(), ended.stderr
    assert note_of(topic, 0, "A later record of 'a'") == ended.stderr
