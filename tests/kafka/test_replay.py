"""`playfold replay` and `playfold recommend` on a real Kafka."""

import asyncio
import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from streams.files.plays_piece import PlaysPiece
from streams.files.replay import ReplayError, Sender
from streams.kafka.broker import Broker
from streams.kafka.ports import free_port
from streams.messages.events import Play, read_event
from streams.messages.records import Recommendations
from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.readers.decode_record import UnreadableRecord
from streams.readers.latest_list import latest_list
from streams.readers.log_reader import read_topic
from streams.settings import Settings, environment_of
from streams.topics.admin import create_topics
from streams.topics.topics import TopicNames
from tests.support.settings import settings_with

PROJECT = Path(__file__).parent.parent.parent
JARS = PROJECT / "var" / "kafka-jars-4.3.1"


def command_line(*arguments: str) -> list[str]:
    """Return the command line of a playfold command."""
    return [sys.executable, "-W", "ignore", "-m", "cli.main", *arguments]


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playfold command under these settings."""
    environment = environment_of(settings)
    return subprocess.run(
        command_line(*arguments), env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )


def start(settings: Settings, command: list[str]) -> subprocess.Popen[bytes]:
    """Start a command and read its later output."""
    return subprocess.Popen(command, env=environment_of(settings), cwd=PROJECT, stdout=subprocess.PIPE)


def write_plays(folder: Path, n: int) -> Path:
    """Write plays of 50 users."""
    path = folder / "plays.csv"
    rows = "".join(f"user-{row % 50},item-{row},{1_600_000_000 + row}\n" for row in range(n))
    path.write_text(f"user_id,item_id,played_at\n{rows}")
    return path


async def plays_on_topic(settings: Settings, names: TopicNames) -> list[Play]:
    """Return the plays as a worker would read them, each on the partition of its user, by its time."""
    plays = []
    async for partition, records in read_topic(settings.kafka, names.plays, 10):
        for record in records:
            play = read_event(record.key, record.value, 4096)
            assert isinstance(play, Play)
            assert partition_of(play.user_id, settings.topics.partitions) == partition
            plays.append(play)
    return sorted(plays, key=lambda play: play.played_at_ms)


async def test_a_file_arrives_whole_and_in_order(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """Every row is a play on the topic, once; a second run goes on from a row."""
    path = str(write_plays(tmp_path, 30_000))

    first = run(settings, "replay", path, "--json", "--limit", "25000")
    second = run(settings, "replay", path, "--json", "--from", "25001")

    answers = [json.loads(ended.stdout) for ended in (first, second)]
    assert [(25_000, 25_001), (5_000, 30_001)] == [(answer["plays"], answer["next_row"]) for answer in answers]
    plays = await plays_on_topic(settings, names)
    assert [f"item-{row}" for row in range(30_000)] == [play.item_id for play in plays]


async def test_ctrl_c_names_the_row_to_go_on_from(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """The plays before the interrupt and those from the named row on are all plays, each once."""
    path = str(write_plays(tmp_path, 600))
    command = command_line("replay", path, "--rate", "50", "--json")
    with start(settings, command) as running:
        async with asyncio.timeout(60):
            while not await plays_on_topic(settings, names):
                pass
        running.send_signal(signal.SIGINT)
        printed = running.communicate(timeout=60)[0]
    interrupted = json.loads(printed)
    assert running.returncode == 130
    assert interrupted["stopped"]
    assert 1 < interrupted["next_row"] < 600

    ended = run(settings, "replay", path, "--from", str(interrupted["next_row"]))

    assert ended.returncode == 0, ended.stderr
    assert [f"item-{row}" for row in range(600)] == [play.item_id for play in await plays_on_topic(settings, names)]


async def test_a_bad_row_costs_that_row(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """It is set aside with its reason, also in a file that is not sorted; an odd hint costs the hint alone."""
    path, aside = tmp_path / "plays.csv", tmp_path / "aside.jsonl"
    rows = ["ann,y,1600000001,abc", "ann,x,yesterday,1", ",x,1600000000,1", "ann,x,1600000000,12.5"]
    path.write_text("\n".join(["user_id,item_id,played_at,ms_played", *rows, ""]))

    ended = run(settings, "replay", str(path), "--set-aside", str(aside), "--json")

    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert 2 == answer["plays"]
    assert 2 == answer["odd_lengths"]
    assert 2 == sum(answer["set_aside"].values())
    assert [2, 3] == [json.loads(line)["row"] for line in aside.read_text().splitlines()]
    plays = await plays_on_topic(settings, names)
    assert [("x", None), ("y", None)] == [(play.item_id, play.ms_played) for play in plays]


@pytest.mark.usefixtures("names")
def test_a_file_without_a_play_is_an_error(settings: Settings, tmp_path: Path) -> None:
    """The wrong column may be named: the reasons are printed, and the status is 1."""
    path = write_plays(tmp_path, 3)

    ended = run(
        settings, "replay", str(path), "--time-column", "item_id", "--set-aside", str(tmp_path / "aside"), "--wait", "0"
    )

    assert ended.returncode == 1
    assert "Set aside: rows whose played_at is no time" in ended.stdout
    assert f"{path} has no play that can be sent.\n" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("ending", [".csv.gz", ".jsonl.gz"])
async def test_a_damaged_file_names_the_row_that_was_reached(
    settings: Settings, names: TopicNames, tmp_path: Path, ending: str
) -> None:
    """The whole rows before the damage are sent; the whole file goes on from there, and every play counts once."""
    rows = [("ann", f"item-{row}", 1_600_000_000 + row) for row in range(30_000)]
    lines = ["user_id,item_id,played_at"] + [",".join(map(str, row)) for row in rows]
    if ending == ".jsonl.gz":
        lines = [json.dumps({"user_id": user, "item_id": item, "played_at": at}) for user, item, at in rows]
    whole, path = gzip.compress("\n".join([*lines, ""]).encode()), tmp_path / f"plays{ending}"
    path.write_bytes(whole[: len(whole) // 2])

    ended = run(settings, "replay", str(path))

    assert ended.returncode == 1
    n_sent = len(await plays_on_topic(settings, names))
    assert 5_000 < n_sent < 30_000
    assert f" {n_sent:,} of its rows were read before." in ended.stderr
    reached = f"Every row before {n_sent + 1} is sent: go on with --from {n_sent + 1} afterwards.\n"
    assert reached in ended.stderr

    path.write_bytes(whole)
    assert run(settings, "replay", str(path), "--from", str(n_sent + 1)).returncode == 0
    assert [item for _, item, _ in rows] == [play.item_id for play in await plays_on_topic(settings, names)]


@pytest.mark.usefixtures("names")
def test_a_file_that_is_damaged_at_once_sends_nothing(settings: Settings, tmp_path: Path) -> None:
    """Nothing is to be resumed."""
    path = tmp_path / "plays.csv.gz"
    path.write_bytes(gzip.compress(b"user_id,item_id,played_at\nann,x,1600000000\n")[:-10])

    ended = run(settings, "replay", str(path))

    assert ended.returncode == 1
    assert "Nothing is sent.\n" in ended.stderr or "Every row before 2 is sent" in ended.stderr
    assert "--from 1 " not in ended.stderr


async def test_a_kafka_that_is_gone_names_the_row_to_go_on_from(tmp_path: Path) -> None:
    """When no acknowledgement comes in time, the replay ends with a sentence."""
    settings = settings_with(brokers=f"127.0.0.1:{free_port()}", data_dir=str(tmp_path), kafka_timeout_s=2.0)
    piece = PlaysPiece(41, ["ann"], ["x"], [1_600_000_000_000], [None], [None], [None], [None])
    broker = Broker(tmp_path / "broker", JARS, int(settings.kafka.brokers.rpartition(":")[2]))
    with broker:
        create_topics(settings)
        async with Outbox(settings.kafka) as outbox:
            sender = Sender(outbox, settings)
            await sender.send(piece)
            broker.stop()

            with pytest.raises(ReplayError) as caught:
                await sender.send(piece)

    began = f"Kafka at {settings.kafka.brokers} did not acknowledge records of plays within 2 s ("
    assert str(caught.value).startswith(began)
    assert str(caught.value).endswith("; it may have them all the same. Go on with --from 41 when it answers.")


def list_of(user_id: str, partition: int, offset: int, items: list[str]) -> bytes:
    """Return a list as the worker writes it."""
    made = Recommendations(
        user_id=user_id,
        kind="personal",
        generation="2023-11-14T22-13-20.123Z",
        revision=0,
        partition=partition,
        offset=offset,
        made_at_ms=time.time_ns() // 1_000_000,
        expires_at_ms=4_000_000_000_000,
        items=items,
        scores=[1.0 / rank for rank in range(1, len(items) + 1)],
    )
    return msgspec.json.encode(made)


async def test_the_list_that_reflects_most_plays_is_shown(settings: Settings, names: TopicNames) -> None:
    """A staler list that a late worker wrote afterwards, and those of other listeners, do not count."""
    partition = partition_of("ann", settings.topics.partitions)
    lists: list[tuple[bytes, bytes | None]] = [
        (b"ann", list_of("ann", partition, 5, ["old"])),
        (b"ann", list_of("ann", partition, 9, ["x", "y"])),
        (b"bob", list_of("bob", partition, 12, ["other"])),
        (b"ann", list_of("ann", partition, 7, ["late"])),
    ]
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(names.recommendations, partition, lists)).written()

    as_json, as_table = run(settings, "recommend", "ann", "--json"), run(settings, "recommend", "ann")

    assert ["x", "y"] == json.loads(as_json.stdout)["items"]
    assert "ann: their own list\n" in as_table.stdout
    assert f"reflects offset 9 of partition {partition}\n" in as_table.stdout
    assert [["1", "x", "1"], ["2", "y", "0.5"]] == [
        [cell.strip() for cell in line.strip("│").split("│")] for line in as_table.stdout.splitlines() if "│" in line
    ]


@pytest.mark.usefixtures("names")
def test_no_list_is_a_sentence(settings: Settings) -> None:
    """And exit status 1."""
    ended = run(settings, "recommend", "ann")

    expected = "There is no list for 'ann' and no popular list: no worker has served a generation yet.\n"
    assert 1 == ended.returncode
    assert "" == ended.stdout
    assert expected == ended.stderr


async def test_a_deleted_list_is_none_and_rubbish_a_sentence(settings: Settings, names: TopicNames) -> None:
    """A tombstone removes the list; a record that is no list is an error."""
    partition = partition_of("ann", settings.topics.partitions)
    async with Outbox(settings.kafka) as outbox:
        deleted: list[tuple[bytes, bytes | None]] = [(b"ann", list_of("ann", partition, 5, ["old"])), (b"ann", None)]
        await (await outbox.send(names.recommendations, partition, deleted)).written()
        assert await latest_list("ann", settings) is None

        await (await outbox.send(names.recommendations, partition, [(b"ann", b"[]")])).written()
        with pytest.raises(UnreadableRecord) as caught:
            await latest_list("ann", settings)

    expected = "A list on the recommendations topic cannot be decoded: Expected object, got array."
    assert expected == str(caught.value)
