"""`playfold replay` of exports on a real Kafka: every command of docs/import.md, and a second import."""

import json
import re
import shlex
from pathlib import Path

import pytest

from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.kafka.replays_of_exports import PROJECT, answer_of, n_plays_of, plays_on, record_of, run, write_history
from tests.support.imports import SAMPLES
from tests.support.topics import rejects, values, worker
from tests.support.wait import block_until

PAGE = (PROJECT / "docs" / "import.md").read_text()
COMMANDS = re.findall(r"^\$ playfold (replay .*)\n(.*)$", PAGE, re.MULTILINE)


@pytest.mark.timeout(400)  # ten commands, each of which waits until the worker has processed the one before
def test_every_command_of_the_page_says_what_the_page_says(
    settings: Settings, names: TopicNames, import_folder: Path
) -> None:
    """One after the other; the times differ, and nothing else."""
    assert len(COMMANDS) >= 9
    lively = override(settings, pulse_s=0.2)
    with worker(lively):
        block_until(lambda: values(lively, names.pulse))
        for command, expected in COMMANDS:
            ended = run(settings, import_folder, *shlex.split(command))

            pattern = re.escape(expected).replace(re.escape("..."), r"[\d.,]+")
            assert re.fullmatch(pattern, ended.stdout.rstrip("\n")), (command, ended.stdout, ended.stderr)

    users = {play.user_id for play in plays_on(settings, names)}
    assert {"anna", "ben", "carla", "dora", "emil", "finn", "1", "2", "user_000001", "user_000002"} == users


def test_an_export_becomes_plays_titles_and_rows_set_aside(
    settings: Settings, names: TopicNames, import_folder: Path
) -> None:
    """In the order of their starts, each under its own id; nothing of a private session is written anywhere."""
    answer = answer_of(
        settings, import_folder, str(SAMPLES / "spotify"), "--user", "anna", "--set-aside", "aside.jsonl"
    )

    plays = plays_on(settings, names)
    assert sorted(play.played_at_ms for play in plays) == [play.played_at_ms for play in plays]
    assert 7 == len(plays) == len({play.play_id for play in plays}) == answer["plays"]
    catalog = {key: json.loads(value) for key, value in values(settings, names.catalog)}
    assert "On Tides" == catalog[b"spotify:episode:0000000000000000000004"]["title"]
    assert "episode" == catalog[b"spotify:episode:0000000000000000000004"]["kind"]
    assert {"plays of private sessions": 1, "rows that name no item": 1} == answer["set_aside"]
    written = (import_folder / "aside.jsonl").read_text()
    assert "Nobody Knows" not in written + repr(plays) + repr(catalog)


def test_a_catalog_record_stays_as_it_is(settings: Settings, names: TopicNames, import_folder: Path) -> None:
    """An operator's record says more than an export does."""
    items = import_folder / "items.csv"
    items.write_text("item_id,title,available_until\nyoutube:madeup00001,Curated,2030-01-01T00:00:00Z\n")
    assert 0 == run(settings, import_folder, "catalog", "load", str(items)).returncode

    answer = answer_of(settings, import_folder, str(SAMPLES / "youtube-music"), "--user", "anna")

    catalog = [(key, json.loads(value)) for key, value in values(settings, names.catalog)]
    assert ["Curated"] == [item["title"] for key, item in catalog if key == b"youtube:madeup00001"]
    assert 1 == answer["items"]


def test_without_the_catalog_plays_alone_are_sent(settings: Settings, names: TopicNames, import_folder: Path) -> None:
    """If the caller wants that."""
    answer_of(settings, import_folder, str(SAMPLES / "youtube-music"), "--user", "anna", "--no-catalog")

    assert [] == values(settings, names.catalog)


def test_overlapping_exports_count_once(short_histories: Settings, import_folder: Path) -> None:
    """Far beyond the ids that a record remembers, and beyond its history: the second run sends the new plays."""
    first = answer_of(
        short_histories, import_folder, str(write_history(import_folder, "first.json", 0, 500)), "--user", "anna"
    )
    block_until(lambda: n_plays_of(short_histories) == 500, 20)
    again = answer_of(short_histories, import_folder, str(import_folder / "first.json"), "--user", "anna")
    second = answer_of(
        short_histories, import_folder, str(write_history(import_folder, "second.json", 200, 560)), "--user", "anna"
    )
    block_until(lambda: n_plays_of(short_histories) == 560, 20)

    assert 500 == first["plays"]
    assert 0 == first["known"]
    assert 0 == again["plays"]
    assert 500 == again["known"]
    assert 60 == second["plays"]
    assert 300 == second["known"]
    assert [] == rejects(short_histories)


def test_a_file_that_is_newest_first_leaves_the_history_of_a_sorted_one(
    short_histories: Settings, import_folder: Path
) -> None:
    """Each listener's latest plays are the latest of their history."""
    path = import_folder / "plays.csv"
    rows = [f"anna,i{number},{1_600_000_000 + number}" for number in range(300)]
    path.write_text("\n".join(["user_id,item_id,played_at", *rows[::-1]]))

    ended = run(short_histories, import_folder, "replay", str(path))

    assert 0 == ended.returncode, ended.stderr
    assert f"{path} is not in the order of its times: its plays are sorted first" in ended.stderr
    block_until(lambda: n_plays_of(short_histories) == 300, 20)
    record = record_of(short_histories)
    assert record is not None
    assert [1_600_000_200 + number for number in range(100)] == [entry.last_played_s for entry in record.history]


def test_a_file_of_a_players_events_stops_no_learning(short_histories: Settings, import_folder: Path) -> None:
    """The plays in it count, the other rows are set aside, and nothing is forgotten."""
    path = import_folder / "events.csv"
    kinds = ["play", "pause", "resume", "", "stop", "forget", "hide", "play"]
    rows = [f"anna,i{number},{1_600_000_000 + number},{kind}" for number, kind in enumerate(kinds)]
    path.write_text("\n".join(["user_id,item_id,played_at,type", *rows]))

    answer = answer_of(short_histories, import_folder, str(path))
    block_until(lambda: n_plays_of(short_histories) == 3, 20)

    assert 3 == answer["plays"]
    unknown = "rows of a type that PLAYFOLD_EVENT_WEIGHTS does not name"
    assert {"rows whose type is a user request": 4, unknown: 1} == answer["set_aside"]
    assert [] == rejects(short_histories)
