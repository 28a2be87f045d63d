"""A listener pauses, resumes, hides an item and exports their data, on a real Kafka."""

import asyncio
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest

from jobs.progress import no_progress
from jobs.retraining.retrain import retrain
from jobs.user_requests.send import InvalidRequestError, send_and_wait
from state.users.record import UserRecord
from streams.messages.events import Hide, Pause
from streams.messages.receipt import Receipt
from streams.outbox import Outbox
from streams.reference.schemas import FOLDER
from streams.settings import Settings, override
from streams.topics.admin import create_topics
from streams.topics.topics import topic_names
from tests.support.forked import run_forked, run_started
from tests.support.plays import play_record, plays_of_neighbours
from tests.support.topics import await_folded, lists, send, values, worker
from tests.support.wait import block_until


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Give settings under which a generation is made in no time, and topics of one partition."""
    made = override(
        settings, factors=8, iterations=2, index_trees=2, related_n=0, list_n=5, cooldown_shows=9, partitions=1
    )
    create_topics(made)
    return made


def record_of(settings: Settings, user: str) -> UserRecord:
    """Return the last record under a user's key."""
    return UserRecord.decode(dict(values(settings, topic_names(settings).users_changelog))[user.encode()])


def exported(settings: Settings, user: str) -> dict[str, Any]:
    """Return the export of a user, which fits its schema."""
    ended = run_forked(settings, "export", user)
    assert 0 == ended.returncode
    assert "" == ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    jsonschema.validate(document, json.loads((FOLDER / "export.json").read_text()))
    return document


def test_a_listener_who_pauses_is_not_learnt_from_until_they_resume(small: Settings) -> None:
    """The receipts say where wish and record stand; in a sentence, or in JSON."""
    with worker(small):
        send(small, [play_record("ann", "i1")])
        paused = run_forked(small, "pause", "ann")
        send(small, [play_record("ann", "i2")])
        resumed = run_forked(small, "resume", "ann", "--json")
        send(small, [play_record("ann", "i3")])
        block_until(lambda: record_of(small, "ann").applied_offset == 4, 20)

    assert paused.stdout.startswith("Learning from ann is paused (partition 0): the request is at offset 1 of")
    receipt = msgspec.json.decode(resumed.stdout, type=Receipt)
    assert "resume" == receipt.wish
    assert "ann" == receipt.user_id
    assert 0 == receipt.partition
    assert 3 == receipt.plays_offset
    assert "recommendations_offset" not in resumed.stdout
    stood = values(small, topic_names(small).users_changelog)
    (at,) = [offset for offset, (key, _) in enumerate(stood) if offset == receipt.changelog_offset and key == b"ann"]
    assert 3 == UserRecord.decode(stood[at][1]).applied_offset
    assert not UserRecord.decode(stood[at][1]).paused
    assert 2 == record_of(small, "ann").plays
    assert 2 == len(record_of(small, "ann").history)


def test_an_item_is_hidden_and_comes_back(small: Settings) -> None:
    """From lists, by name."""
    send(
        small,
        plays_of_neighbours(),
    )
    with worker(small):
        await_folded(small)
        retrain(small, no_progress)
        block_until(lambda: "u0" in lists(small), 20)
        item = lists(small)["u0"].items[0]

        hidden = run_forked(small, "hide", "u0", item)
        block_until(lambda: item not in lists(small)["u0"].items, 10)
        back = run_started(small, "unhide", "u0", item)
        block_until(lambda: item in lists(small)["u0"].items, 10)

    assert hidden.stdout.startswith(f"{item} is hidden from u0 (partition 0): ")
    assert back.stdout.startswith(f"{item} is no longer hidden from u0 (partition 0): ")


def test_a_wish_that_no_worker_could_read_is_not_sent(small: Settings) -> None:
    """It would be waited for in vain."""
    for wish in (Pause(user_id="a" * 129), Hide(user_id="ann", item_id="")):
        with pytest.raises(InvalidRequestError, match=r"^The request was not sent, because workers would reject it: "):
            asyncio.run(send_and_wait(wish, small))

    assert [] == values(small, topic_names(small).plays)


def test_all_that_is_held_of_a_listener_is_given_out(small: Settings, tmp_path: Path) -> None:
    """Record, list, events and rejects, with their places; other listeners are not in it."""
    now_ms = 1_700_000_000_000
    events: list[dict[str, Any]] = [
        {"item_id": "i1", "played_at_ms": now_ms, "play_id": "p"},
        {"type": "skip", "item_id": "i2", "played_at_ms": now_ms},
        {"type": "hide", "item_id": "i3"},
        {"type": "shown", "item_ids": ["i4", "i5"]},
        {"item_id": "i6", "played_at_ms": now_ms, "private": True},
        {"type": "nonsense"},
        {"type": "pause"},
    ]
    others, first = plays_of_neighbours(), len(plays_of_neighbours())
    with worker(small):
        send(small, others)
        await_folded(small)
        retrain(small, no_progress)
        send(small, [(b"ann", msgspec.json.encode({"user_id": "ann", **event})) for event in events])
        block_until(lambda: "ann" in lists(small) and record_of(small, "ann").paused, 20)

        document = exported(small, "ann")

    record = document["record"]
    assert [("i2", -1.0), ("i1", 1.0)] == [(entry["item_id"], entry["value"]) for entry in record["history"]]
    assert ["i3"] == [item["item_id"] for item in record["hidden"]]
    assert ["i4", "i5"] == [item["item_id"] for item in record["shown"]]
    assert 1 == len(record["play_ids"])
    assert record["paused"] is True
    listed = document["recommendations"]["recommendations"]
    assert listed["items"] == [mark["item_id"] for mark in record["listed"]]
    assert listed["generation"] == record["generation"]
    assert [(0, first + number, event) for number, event in enumerate(events)] == [
        (held["partition"], held["offset"], {name: value for name, value in held["event"].items() if name != "user_id"})
        for held in document["plays"]
    ]
    assert [first + 5] == [held["rejected"]["offset"] for held in document["plays_rejected"]]
    assert [True] == [held["recommendations"]["private"] for held in document["private_recommendations"]]
    assert "u1" not in json.dumps(document)

    check_written(small, document, tmp_path / "ann.json")


def check_written(settings: Settings, document: dict[str, Any], file: Path) -> None:
    """Check that the command writes the same document to a file."""
    ended = run_forked(settings, "export", "ann", "--out", str(file))
    assert f"All data about ann is in {file}.\n" == ended.stdout
    assert {**document, "made_at_ms": 0} == {**json.loads(file.read_text()), "made_at_ms": 0}


def test_of_who_is_unknown_the_document_says_that_nothing_is_held(small: Settings) -> None:
    """With status 0; bytes that are no event are given out as they are."""
    document = exported(small, "eve")

    assert (False, None, None, [], [], []) == tuple(document[name] for name in list(document)[3:])

    async def produce() -> None:
        async with Outbox(small.kafka) as outbox:
            await (await outbox.send(topic_names(small).plays, 0, [(b"eve", b"\xff")])).written()

    asyncio.run(produce())
    (held,) = exported(small, "eve")["plays"]
    assert held["event"] is None
    assert "/w==" == held["value"]
