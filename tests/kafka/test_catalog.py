"""The catalog on a real topic: loaded from a file, shown, and obeyed by a worker."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from cli.processes import ProcessError, run_command
from streams.messages.records import CatalogItem
from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.readers import catalog_item
from streams.readers.catalog_item import titles_of
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play_record
from tests.support.topics import lists, send, values, worker
from tests.support.wait import block_until

N_ITEMS, FACTORS = 60, 8


def tell(settings: Settings, items: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Write catalog records; None is a tombstone."""

    async def write() -> None:
        async with Outbox(settings.kafka) as outbox:
            for item, fields in items.items():
                value = None if fields is None else msgspec.json.encode({"item_id": item, **fields})
                partition = partition_of(item, settings.topics.partitions)
                sent = await outbox.send(topic_names(settings).catalog, partition, [(item.encode(), value)])
                await sent.written()

    asyncio.run(write())


def run(settings: Settings, *arguments: str) -> str:
    """Run `playfold catalog` or another command, and return all that it says."""
    log_file = settings.application.data_path / "command.log"
    asyncio.run(run_command(settings, *arguments, log_file=log_file))
    return log_file.read_text()


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings of a small generation in service, with topics."""
    assert names.catalog
    ours = override(settings, factors=FACTORS, list_n=N_ITEMS, list_change_n=N_ITEMS)
    publish(ours, made_up_factors(N_ITEMS, FACTORS, np.random.default_rng(0)))
    return ours


def test_a_worker_lists_what_is_available_when_the_list_is_made(small: Settings) -> None:
    """From its first list on; items that become unavailable or available do so in the next lists, personal and popular.

    Unreadable records are ignored.
    """
    tell(small, {"i3": {"available_until_ms": 1}, "i4": {"available_until_ms": 4_000_000_000_000}, "i5": {"title": 7}})
    numbers = count(1_700_000_000_000, 1000)

    def listed(condition: Callable[[set[str]], bool]) -> bool:
        """Play something, and tell how it is in the lists of both."""
        at_ms = next(numbers)
        send(small, [play_record("ann", "i1", at_ms), play_record("new", "unknown", at_ms)])
        latest = lists(small)
        return {"ann", "new"} <= set(latest) and all(condition(set(latest[user].items)) for user in ("ann", "new"))

    with worker(small) as process:
        block_until(lambda: listed(lambda items: {"i4", "i5", "i9"} <= items), 20)
        assert {"personal", "popular"} == {a_list.kind for a_list in lists(small).values()}
        first = [set(items) for items in all_lists(small)]
        assert not [items for items in first if "i3" in items]

        tell(small, {"i9": {"available_until_ms": 1}})
        block_until(lambda: listed(lambda items: "i9" not in items), 20)
        tell(small, {"i9": {"kind": "song"}, "i3": None})
        block_until(lambda: listed(lambda items: {"i9", "i3"} <= items), 20)
        tell(small, {"i9": {"available_from_ms": 4_000_000_000_000}})
        block_until(lambda: listed(lambda items: "i9" not in items), 20)

        events = {event["event"]: event for event in process.events()}
        assert 2 == events["catalog_read"]["items"]
        assert "i5" == events["catalog_item_unreadable"]["key"][2:4]
        assert process.running


def all_lists(settings: Settings) -> list[list[str]]:
    """Return the items of every list that was published."""
    records = values(settings, topic_names(settings).recommendations)
    return [msgspec.json.decode(value)["items"] for _, value in records]


def test_a_worker_without_the_topic_is_a_sentence(small: Settings) -> None:
    """Without the catalog it lists nothing, since an item could be unavailable."""
    elsewhere = override(small, topic_prefix=f"{small.topics.prefix}x.")

    with pytest.raises(ProcessError, match=r"Topic .*plays is missing: run `playfold topics create`"):
        run(elsewhere, "worker")


def test_a_file_is_loaded_and_an_item_is_shown(small: Settings, tmp_path: Path) -> None:
    """The record in the file replaces the earlier one."""
    tell(small, {"i1": {"title": "Before", "kind": "song"}})
    file = tmp_path / "items.csv"
    file.write_text("id,title,available_from,tags\ni1,One,2020-09-13T12:26:40Z,slow|jazz\ni2,Two,,\n")

    output = run(small, "catalog", "load", str(file), "--item-column", "id", "--json")
    shown = run(small, "catalog", "show", "i1", "--json")

    expected = CatalogItem(item_id="i1", title="One", available_from_ms=1_600_000_000_000, tags=("slow", "jazz"))
    assert {"items": 2, "workers": 0, "workers_waiting": 0} == msgspec.json.decode(output)
    assert expected == msgspec.json.decode(shown, type=CatalogItem)
    lines = [line.split() for line in run(small, "catalog", "show", "i2").splitlines()]
    assert [["item", "i2"], ["title", "Two"]] == lines
    with pytest.raises(ProcessError, match="The catalog has no record of 'i3'"):
        run(small, "catalog", "show", "i3")


def test_a_load_says_which_workers_have_taken_it_in(small: Settings, tmp_path: Path) -> None:
    """From their pulses; without a worker nothing is waited for."""
    file = tmp_path / "items.csv"
    file.write_text(
        "item_id,available_until\n" + "".join(f"i{number},2020-09-13T12:26:40Z\n" for number in range(N_ITEMS))
    )
    lively = override(small, pulse_s=0.2)

    before = run(lively, "catalog", "load", str(file))
    with worker(lively):
        block_until(lambda: values(lively, topic_names(lively).pulse), 20)
        loaded = run(lively, "catalog", "load", str(file))
        again = run(lively, "catalog", "load", str(file), "--json")

    sent = "60 catalog records sent, all acknowledged."
    assert f"{sent} No worker runs; a worker reads the catalog when it starts.\n" in before
    assert f"{sent} Running workers that have taken them in: 1.\n" in loaded
    assert {"items": 60, "workers": 1, "workers_waiting": 0} == msgspec.json.decode(again)


def test_a_row_that_is_wrong_is_named_and_ends_the_loading(small: Settings, tmp_path: Path) -> None:
    """As one sentence and a status."""
    file = tmp_path / "items.csv"
    file.write_text("item_id,available_until\ni1,\ni2,tomorrow\n")

    with pytest.raises(ProcessError, match=r"Row 2 of .*items\.csv: available_until is 'tomorrow', which is no time"):
        run(small, "catalog", "load", str(file))


def test_titles_are_shown_beside_lists(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of items that have one; where the topic holds too much to be read through, lists are shown without."""
    tell(small, {"i7": {"title": "Before"}, "i8": {"kind": "song"}, "i9": {"title": "Nine"}})
    tell(small, {"i7": {"title": "Seven"}, "i9": None})
    with worker(small):
        send(small, [play_record("ann", "i1")])
        block_until(lambda: "ann" in lists(small), 20)

    shown = run(small, "recommend", "ann")
    titles = asyncio.run(titles_of(["i7", "i8", "i9", "i10"], small))
    monkeypatch.setattr(catalog_item, "TITLES_RECORDS_MAX", 4)

    assert ["Seven"] == [line.split("│")[3].strip() for line in shown.splitlines() if "│ i7 " in line]
    assert {"i7": "Seven"} == titles
    assert {} == asyncio.run(titles_of(["i7"], small))


def test_titles_are_no_reason_to_fail(settings: Settings) -> None:
    """Where there is no catalog, lists are shown without."""
    assert {} == asyncio.run(titles_of(["i7"], settings))
