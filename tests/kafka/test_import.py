"""`playfold replay` of exports on a real Kafka: every command of docs/import.md, and a second import."""

import asyncio
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from state.users.record import UserRecord
from streams.messages.events import Play, read_event
from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.changelog import read_history
from tests.support.forked import run_forked
from tests.support.imports import SAMPLES
from tests.support.topics import rejects, values, worker
from tests.support.wait import block_until

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "import.md").read_text()
COMMANDS = re.findall(r"^\$ playfold (replay .*)\n(.*)$", PAGE, re.MULTILINE)
SPOTIFY = SAMPLES / "spotify" / "Streaming_History_Audio_2023_0.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a test a working folder with the samples where the page has them."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "examples").symlink_to(PROJECT / "examples")
    return work


def run(settings: Settings, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playfold command in a folder."""
    return run_forked(settings, *arguments, folder=folder, timeout_s=60)


def answer_of(settings: Settings, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a replay, and return its answer."""
    ended = run(settings, folder, "replay", "--json", *arguments)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def plays_on(settings: Settings, names: TopicNames) -> list[Play]:
    """Return the plays on the topic, as workers read them."""
    events = [read_event(key, value, 4096, {"play", "skip"}) for key, value in values(settings, names.plays)]
    return [event for event in events if isinstance(event, Play)]


@pytest.mark.timeout(400)  # ten commands, each of which waits until the worker has processed the one before
def test_every_command_of_the_page_says_what_the_page_says(settings: Settings, names: TopicNames, folder: Path) -> None:
    """One after the other; the times differ, and nothing else."""
    assert len(COMMANDS) >= 9
    lively = override(settings, pulse_s=0.2)
    with worker(lively):
        block_until(lambda: values(lively, names.pulse))
        for command, expected in COMMANDS:
            ended = run(settings, folder, *shlex.split(command))

            pattern = re.escape(expected).replace(re.escape("..."), r"[\d.,]+")
            assert re.fullmatch(pattern, ended.stdout.rstrip("\n")), (command, ended.stdout, ended.stderr)

    users = {play.user_id for play in plays_on(settings, names)}
    assert {"anna", "ben", "carla", "dora", "emil", "finn", "1", "2", "user_000001", "user_000002"} == users


def test_an_export_becomes_plays_titles_and_rows_set_aside(settings: Settings, names: TopicNames, folder: Path) -> None:
    """In the order of their starts, each under its own id; nothing of a private session is written anywhere."""
    answer = answer_of(settings, folder, str(SAMPLES / "spotify"), "--user", "anna", "--set-aside", "aside.jsonl")

    plays = plays_on(settings, names)
    assert sorted(play.played_at_ms for play in plays) == [play.played_at_ms for play in plays]
    assert 7 == len(plays) == len({play.play_id for play in plays}) == answer["plays"]
    catalog = {key: json.loads(value) for key, value in values(settings, names.catalog)}
    assert "On Tides" == catalog[b"spotify:episode:0000000000000000000004"]["title"]
    assert "episode" == catalog[b"spotify:episode:0000000000000000000004"]["kind"]
    assert {"plays of private sessions": 1, "rows that name no item": 1} == answer["set_aside"]
    written = (folder / "aside.jsonl").read_text()
    assert "Nobody Knows" not in written + repr(plays) + repr(catalog)


def test_a_catalog_record_stays_as_it_is(settings: Settings, names: TopicNames, folder: Path) -> None:
    """An operator's record says more than an export does."""
    items = folder / "items.csv"
    items.write_text("item_id,title,available_until\nyoutube:madeup00001,Curated,2030-01-01T00:00:00Z\n")
    assert 0 == run(settings, folder, "catalog", "load", str(items)).returncode

    answer = answer_of(settings, folder, str(SAMPLES / "youtube-music"), "--user", "anna")

    catalog = [(key, json.loads(value)) for key, value in values(settings, names.catalog)]
    assert ["Curated"] == [item["title"] for key, item in catalog if key == b"youtube:madeup00001"]
    assert 1 == answer["items"]


def test_without_the_catalog_plays_alone_are_sent(settings: Settings, names: TopicNames, folder: Path) -> None:
    """If the caller wants that."""
    answer_of(settings, folder, str(SAMPLES / "youtube-music"), "--user", "anna", "--no-catalog")

    assert [] == values(settings, names.catalog)


def write_history(folder: Path, name: str, first: int, last: int) -> Path:
    """Write an export of numbered plays, newest first; every third is of the same item."""
    rows = [
        {
            "ts": f"2023-01-01T{number // 60:02}:{number % 60:02}:00Z",
            "ms_played": 45_000,
            "spotify_track_uri": f"spotify:track:{0 if number % 3 == 0 else number}",
        }
        for number in range(first, last)
    ]
    path = folder / name
    path.write_text(json.dumps(rows[::-1]))
    return path


def record_of(settings: Settings, user: bytes = b"anna") -> UserRecord | None:
    """Return a listener's record, as the changelog has it."""
    value = asyncio.run(read_history(settings)).users.get(user)
    return UserRecord.decode(value) if value else None


def n_plays_of(settings: Settings) -> int:
    """Return the number of plays that count for anna."""
    record = record_of(settings)
    return record.plays if record else 0


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Iterator[Settings]:
    """Run a worker whose histories are full after 100 signals."""
    assert names.plays
    changed = override(settings, history_max=100)
    with worker(changed):
        yield changed


def test_overlapping_exports_count_once(small: Settings, folder: Path) -> None:
    """Far beyond the ids that a record remembers, and beyond its history: the second run sends the new plays."""
    first = answer_of(small, folder, str(write_history(folder, "first.json", 0, 500)), "--user", "anna")
    block_until(lambda: n_plays_of(small) == 500, 20)
    again = answer_of(small, folder, str(folder / "first.json"), "--user", "anna")
    second = answer_of(small, folder, str(write_history(folder, "second.json", 200, 560)), "--user", "anna")
    block_until(lambda: n_plays_of(small) == 560, 20)

    assert 500 == first["plays"]
    assert 0 == first["known"]
    assert 0 == again["plays"]
    assert 500 == again["known"]
    assert 60 == second["plays"]
    assert 300 == second["known"]
    assert [] == rejects(small)


def test_a_file_that_is_newest_first_leaves_the_history_of_a_sorted_one(small: Settings, folder: Path) -> None:
    """Each listener's latest plays are the latest of their history."""
    path = folder / "plays.csv"
    rows = [f"anna,i{number},{1_600_000_000 + number}" for number in range(300)]
    path.write_text("\n".join(["user_id,item_id,played_at", *rows[::-1]]))

    ended = run(small, folder, "replay", str(path))

    assert 0 == ended.returncode, ended.stderr
    assert f"{path} is not in the order of its times: its plays are sorted first" in ended.stderr
    block_until(lambda: n_plays_of(small) == 300, 20)
    record = record_of(small)
    assert record is not None
    assert [1_600_000_200 + number for number in range(100)] == [entry.last_played_s for entry in record.history]


def test_a_file_of_a_players_events_stops_no_learning(small: Settings, folder: Path) -> None:
    """The plays in it count, the other rows are set aside, and nothing is forgotten."""
    path = folder / "events.csv"
    kinds = ["play", "pause", "resume", "", "stop", "forget", "hide", "play"]
    rows = [f"anna,i{number},{1_600_000_000 + number},{kind}" for number, kind in enumerate(kinds)]
    path.write_text("\n".join(["user_id,item_id,played_at,type", *rows]))

    answer = answer_of(small, folder, str(path))
    block_until(lambda: n_plays_of(small) == 3, 20)

    assert 3 == answer["plays"]
    unknown = "rows of a type that PLAYFOLD_EVENT_WEIGHTS does not name"
    assert {"rows whose type is a user request": 4, unknown: 1} == answer["set_aside"]
    assert [] == rejects(small)


def test_rows_with_wrong_values_are_set_aside(settings: Settings, names: TopicNames, folder: Path) -> None:
    """Into a file beside the command, unless another one is named."""
    path = folder / "plays.csv"
    path.write_text("user_id,item_id,played_at\nann,x,1600000001\nann,,1600000002\nann,y,1600000000\n")

    answer = answer_of(settings, folder, str(path))

    assert 2 == answer["plays"]
    assert {"rows whose item_id is no id of 1 to 128 printable characters": 1} == answer["set_aside"]
    assert 2 == json.loads((folder / "plays.csv.set-aside.jsonl").read_text())["row"]
    assert {"x", "y"} == {play.item_id for play in plays_on(settings, names)}


def aside_of(folder: Path) -> list[tuple[str, int, str]]:
    """Return file, row and reason of the rows set aside, in the order of the file."""
    rows = [json.loads(line) for line in (folder / "aside.jsonl").read_text().splitlines()]
    return [(row["file"], row["row"], row["reason"].partition(" is no ")[0]) for row in rows]


def test_private_plays_of_a_file_are_not_sent(settings: Settings, names: TopicNames, folder: Path) -> None:
    """A dump of the topic of plays has them; nothing of them is written anywhere."""
    path = folder / "dump.jsonl"
    rows = [
        {"user_id": "ann", "item_id": f"i{at}", "played_at_ms": 1_600_000_000_000 + at, "private": at == 1}
        for at in range(3)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = str(path), "--time-column", "played_at_ms", "--set-aside", "aside.jsonl"

    answer = answer_of(settings, folder, *arguments)
    learnt = answer_of(settings, folder, *arguments, "--learn-private")

    assert {"plays of private sessions": 1} == answer["set_aside"]
    assert 2 == answer["plays"]
    assert 3 == learnt["plays"]
    assert ["i0", "i2", "i0", "i1", "i2"] == [play.item_id for play in plays_on(settings, names)]
    assert [None] == [json.loads(line)["content"] for line in (folder / "aside.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("in_order", [True, False], ids=["in order", "sorted first"])
def test_a_resumed_replay_sets_each_row_aside_once(settings: Settings, folder: Path, in_order: bool) -> None:  # noqa: FBT001
    """With its place in the file, not with its place among the plays that are sent."""
    path = folder / "plays.csv"
    times = range(1_600_000_000, 1_600_000_006)
    kinds = ["", "dance", "", "", "forget", ""]
    rows = [
        f"ann,{'' if at == 3 else at},{time},{kind}" for at, (time, kind) in enumerate(zip(times, kinds, strict=True))
    ]
    path.write_text("\n".join(["user_id,item_id,played_at,type", *(rows if in_order else rows[::-1])]))

    first = answer_of(settings, folder, str(path), "--set-aside", "aside.jsonl", "--limit", "2")
    second = answer_of(settings, folder, str(path), "--set-aside", "aside.jsonl", "--from", str(first["next_row"]))

    assert 3 == first["plays"] + second["plays"]
    reasons = {2: "rows of a type that PLAYFOLD_EVENT_WEIGHTS does not name", 4: "rows whose item_id"}
    reasons[5] = "rows whose type is a user request"
    expected = {row if in_order else 7 - row: reason for row, reason in reasons.items()}
    assert [(str(path), row, expected[row]) for row in sorted(expected)] == aside_of(folder)


@pytest.mark.usefixtures("names")
def test_a_resumed_import_has_all_rows_set_aside(settings: Settings, folder: Path) -> None:
    """Those of a type that is not sent too, with their place in their file."""
    path = write_history(folder, "history.json", 0, 6)
    rows = json.loads(path.read_text())
    rows[3] |= {"skipped": True, "ms_played": 10}
    path.write_text(json.dumps(rows))
    plays_alone = override(settings, event_weights="play=1")

    first = answer_of(plays_alone, folder, str(path), "--user", "anna", "--set-aside", "aside.jsonl", "--limit", "4")
    whole = aside_of(folder)
    second = answer_of(plays_alone, folder, str(path), "--user", "anna", "--set-aside", "aside.jsonl", "--from", "5")

    assert [(str(path), 4, "rows of a type that PLAYFOLD_EVENT_WEIGHTS does not name")] == whole == aside_of(folder)
    assert 4 == first["plays"]
    assert 1 == second["plays"]


def test_user_requests_of_a_file_are_sent_if_asked(small: Settings, folder: Path) -> None:
    """They are carried out in their order."""
    path = folder / "events.csv"
    rows = ["anna,i1,1600000000,", "anna,i1,1600000001,hide", "anna,i2,1600000002,pause", "anna,i3,1600000003,"]
    path.write_text("\n".join(["user_id,item_id,played_at,type", *rows]))

    answer = answer_of(small, folder, str(path), "--with-requests")
    block_until(lambda: (record := record_of(small)) is not None and record.paused, 20)

    record = record_of(small)
    assert record is not None
    assert 1 == record.plays
    assert 1 == len(record.hidden)
    assert 4 == answer["plays"]


def test_a_players_event_on_the_topic_is_rejected(small: Settings, folder: Path) -> None:
    """It neither stops learning nor deletes a history."""
    asyncio.run(_send_events(small))
    block_until(lambda: n_plays_of(small) == 2 and len(rejects(small)) == 3, 20)

    reasons = {reject.reason.partition(",")[0] for reject in rejects(small)}
    assert {f"type: '{kind}' is a user request" for kind in ("pause", "forget", "hide")} == reasons
    assert folder.exists()


async def _send_events(settings: Settings) -> None:
    play = {"user_id": "anna", "item_id": "i1", "played_at_ms": 1_600_000_000_000}
    events = [play, *(play | {"type": kind} for kind in ("pause", "forget", "hide")), play | {"item_id": "i2"}]
    async with Outbox(settings.kafka) as outbox:
        partition = partition_of("anna", settings.topics.partitions)
        items = [(b"anna", json.dumps(event).encode()) for event in events]
        await (await outbox.send(topic_names(settings).plays, partition, items)).written()


@pytest.mark.usefixtures("names")
def test_a_damaged_export_sends_nothing_or_what_stands_before(settings: Settings, folder: Path) -> None:
    """As the caller chooses; the sentence says how far reading came."""
    path = folder / "history.json"
    path.write_bytes(SPOTIFY.read_bytes()[:-100])

    nothing = run(settings, folder, "replay", str(path), "--user", "anna")
    partial = answer_of(settings, folder, str(path), "--user", "anna", "--partial")

    assert 1 == nothing.returncode
    assert f"{path} cannot be read further: its JSON is damaged, parse error: premature EOF." in nothing.stderr
    assert nothing.stderr.endswith(
        "7 of its rows were read before. Nothing is sent. --partial sends the rows before damage.\n"
    )
    assert 6 == partial["plays"]
    assert 1 == partial["damaged_files"]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["examples/imports/spotify"], "names no listener: name the listener with --user."),
        (["examples/imports/lastfm-csv/without-header.csv", "--user", "a"], "name its zone with --timezone"),
        (["examples/imports/youtube-music-page", "--user", "a"], "fetch the export again with the format JSON"),
        (["examples/python"], "has no file of plays in one of these formats"),
        (["nowhere"], "nowhere does not exist."),
        (["/dev/null"], "/dev/null is a device or a pipe, but a file is needed"),
        (["examples/imports/movielens/u.data", "--format", "spotify"], "has no play that can be sent."),
    ],
)
def test_an_error_is_a_sentence(settings: Settings, folder: Path, arguments: list[str], sentence: str) -> None:
    """On stderr, with exit status 1."""
    ended = run(settings, folder, "replay", *arguments)

    assert 1 == ended.returncode
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "" == ended.stdout


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["plays.csv", "--user", "ann"], "--user"),
        (["plays.csv", "--partial"], "--partial"),
        (["plays.csv", "--no-catalog"], "--no-catalog"),
        (["examples/imports/movielens/u.data", "--with-requests"], "--with-requests"),
        (["examples/imports/movielens/u.data", "--type-column", "kind"], "the options of columns"),
        (["examples/imports/spotify", "--user", "ann", "--item-column", "song"], "the options of columns"),
    ],
)
def test_an_option_of_the_other_kind_of_file_is_refused(
    settings: Settings, folder: Path, arguments: list[str], option: str
) -> None:
    """It would change nothing, and its user would not notice."""
    (folder / "plays.csv").write_text("user_id,item_id,played_at\nann,x,1600000000\n")

    ended = run(settings, folder, "replay", *arguments)

    assert 2 == ended.returncode
    assert option in " ".join(ended.stderr.replace("│", " ").split())


def test_an_unknown_zone_is_a_sentence(settings: Settings, folder: Path) -> None:
    """It names the option."""
    ended = run(settings, folder, "replay", "examples/imports/movielens/u.data", "--timezone", "Mars/Olympus")

    assert 2 == ended.returncode
    assert "'Mars/Olympus' is no time zone" in ended.stderr
