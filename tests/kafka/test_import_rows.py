"""Rows that are set aside, and rows that are user requests."""

import asyncio
import json
from pathlib import Path

import pytest

from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.kafka.replays_of_exports import answer_of, n_plays_of, plays_on, record_of, write_history
from tests.support.topics import rejects
from tests.support.wait import block_until


def test_rows_with_wrong_values_are_set_aside(settings: Settings, names: TopicNames, import_folder: Path) -> None:
    """Into a file beside the command, unless another one is named."""
    path = import_folder / "plays.csv"
    path.write_text("user_id,item_id,played_at\nann,x,1600000001\nann,,1600000002\nann,y,1600000000\n")

    answer = answer_of(settings, import_folder, str(path))

    assert 2 == answer["plays"]
    assert {"rows whose item_id is no id of 1 to 128 printable characters": 1} == answer["set_aside"]
    assert 2 == json.loads((import_folder / "plays.csv.set-aside.jsonl").read_text())["row"]
    assert {"x", "y"} == {play.item_id for play in plays_on(settings, names)}


def test_a_row_with_another_number_of_columns_is_set_aside(
    settings: Settings, names: TopicNames, import_folder: Path
) -> None:
    """The rows behind it are sent, and a replay that is continued at it has it once."""
    path = import_folder / "plays.csv"
    rows = ["ann,v,1600000001", "ann,w, or so,1600000002", "ann", "ann,x,1600000003", "ann,y,1600000004"]
    path.write_text("\n".join(["user_id,item_id,played_at", *rows, ""]))

    first = answer_of(settings, import_folder, str(path), "--limit", "2")
    second = answer_of(settings, import_folder, str(path), "--from", str(first["next_row"]))

    assert 3 == first["plays"] + second["plays"]
    assert ["v", "x", "y"] == [play.item_id for play in plays_on(settings, names)]
    lines = [json.loads(line) for line in (import_folder / "plays.csv.set-aside.jsonl").read_text().splitlines()]
    assert [
        (2, "rows that cannot be read: 4 columns instead of 3", "ann,w, or so,1600000002"),
        (3, "rows that cannot be read: 1 column instead of 3", "ann"),
    ] == [(line["row"], line["reason"], line["content"]) for line in lines]


def aside_of(folder: Path) -> list[tuple[str, int, str]]:
    """Return file, row and reason of the rows set aside, in the order of the file."""
    rows = [json.loads(line) for line in (folder / "aside.jsonl").read_text().splitlines()]
    return [(row["file"], row["row"], row["reason"].partition(" is no ")[0]) for row in rows]


def test_private_plays_of_a_file_are_not_sent(settings: Settings, names: TopicNames, import_folder: Path) -> None:
    """A dump of the topic of plays has them; nothing of them is written anywhere."""
    path = import_folder / "dump.jsonl"
    rows = [
        {"user_id": "ann", "item_id": f"i{at}", "played_at_ms": 1_600_000_000_000 + at, "private": at == 1}
        for at in range(3)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = str(path), "--time-column", "played_at_ms", "--set-aside", "aside.jsonl"

    answer = answer_of(settings, import_folder, *arguments)
    learnt = answer_of(settings, import_folder, *arguments, "--learn-private")

    assert {"plays of private sessions": 1} == answer["set_aside"]
    assert 2 == answer["plays"]
    assert 3 == learnt["plays"]
    assert ["i0", "i2", "i0", "i1", "i2"] == [play.item_id for play in plays_on(settings, names)]
    assert [None] == [json.loads(line)["content"] for line in (import_folder / "aside.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("in_order", [True, False], ids=["in order", "sorted first"])
def test_a_resumed_replay_sets_each_row_aside_once(settings: Settings, import_folder: Path, in_order: bool) -> None:  # noqa: FBT001
    """With its place in the file, not with its place among the plays that are sent."""
    path = import_folder / "plays.csv"
    times = range(1_600_000_000, 1_600_000_006)
    kinds = ["", "dance", "", "", "forget", ""]
    rows = [
        f"ann,{'' if at == 3 else at},{time},{kind}" for at, (time, kind) in enumerate(zip(times, kinds, strict=True))
    ]
    path.write_text("\n".join(["user_id,item_id,played_at,type", *(rows if in_order else rows[::-1])]))

    first = answer_of(settings, import_folder, str(path), "--set-aside", "aside.jsonl", "--limit", "2")
    second = answer_of(
        settings, import_folder, str(path), "--set-aside", "aside.jsonl", "--from", str(first["next_row"])
    )

    assert 3 == first["plays"] + second["plays"]
    reasons = {2: "rows of a type that PLAYFOLD_EVENT_WEIGHTS does not name", 4: "rows whose item_id"}
    reasons[5] = "rows whose type is a user request"
    expected = {row if in_order else 7 - row: reason for row, reason in reasons.items()}
    assert [(str(path), row, expected[row]) for row in sorted(expected)] == aside_of(import_folder)


@pytest.mark.usefixtures("names")
def test_a_resumed_import_has_all_rows_set_aside(settings: Settings, import_folder: Path) -> None:
    """Those of a type that is not sent too, with their place in their file."""
    path = write_history(import_folder, "history.json", 0, 6)
    rows = json.loads(path.read_text())
    rows[3] |= {"skipped": True, "ms_played": 10}
    path.write_text(json.dumps(rows))
    plays_alone = override(settings, event_weights="play=1")

    first = answer_of(
        plays_alone, import_folder, str(path), "--user", "anna", "--set-aside", "aside.jsonl", "--limit", "4"
    )
    whole = aside_of(import_folder)
    second = answer_of(
        plays_alone, import_folder, str(path), "--user", "anna", "--set-aside", "aside.jsonl", "--from", "5"
    )

    assert (
        [(str(path), 4, "rows of a type that PLAYFOLD_EVENT_WEIGHTS does not name")] == whole == aside_of(import_folder)
    )
    assert 4 == first["plays"]
    assert 1 == second["plays"]


def test_user_requests_of_a_file_are_sent_if_asked(short_histories: Settings, import_folder: Path) -> None:
    """They are carried out in their order."""
    path = import_folder / "events.csv"
    rows = ["anna,i1,1600000000,", "anna,i1,1600000001,hide", "anna,i2,1600000002,pause", "anna,i3,1600000003,"]
    path.write_text("\n".join(["user_id,item_id,played_at,type", *rows]))

    answer = answer_of(short_histories, import_folder, str(path), "--with-requests")
    block_until(lambda: (record := record_of(short_histories)) is not None and record.paused, 20)

    record = record_of(short_histories)
    assert record is not None
    assert 1 == record.plays
    assert 1 == len(record.hidden)
    assert 4 == answer["plays"]


def test_a_players_event_on_the_topic_is_rejected(short_histories: Settings) -> None:
    """It neither stops learning nor deletes a history."""
    asyncio.run(_send_events(short_histories))
    block_until(lambda: n_plays_of(short_histories) == 2 and len(rejects(short_histories)) == 3, 20)

    reasons = {reject.reason.partition(",")[0] for reject in rejects(short_histories)}
    assert {f"type: '{kind}' is a user request" for kind in ("pause", "forget", "hide")} == reasons


async def _send_events(settings: Settings) -> None:
    play = {"user_id": "anna", "item_id": "i1", "played_at_ms": 1_600_000_000_000}
    events = [play, *(play | {"type": kind} for kind in ("pause", "forget", "hide")), play | {"item_id": "i2"}]
    async with Outbox(settings.kafka) as outbox:
        partition = partition_of("anna", settings.topics.partitions)
        items = [(b"anna", json.dumps(event).encode()) for event in events]
        await (await outbox.send(topic_names(settings).plays, partition, items)).written()
