"""A worker as a process, on a real Kafka."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from agents.worker import Worker, WorkerError
from cli.processes import WorkerProcess
from state.users.record import UserRecord
from streams.kafka.broker import Broker
from streams.kafka.ports import free_port
from streams.settings import Settings, override
from streams.topics.admin import create_topics, delete_topics
from streams.topics.topics import TopicNames, topic_names
from tests.support.changelog import read_history
from tests.support.commands import error_of
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play_record
from tests.support.settings import settings_with
from tests.support.topics import grow_topic, lists, rejects, send, worker
from tests.support.wait import block_until


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """Give one worker, ready and with a generation, to the tests that leave it as it is."""
    settings = settings_with(
        brokers=broker.bootstrap,
        data_dir=str(tmp_path_factory.mktemp("worker")),
        group="test-worker",
        topic_prefix="test-worker.",
        factors=8,
        metrics_port=free_port(),
    )
    create_topics(settings)
    publish(settings, made_up_factors(100, 8, np.random.default_rng(0)))
    with worker(settings) as process:
        yield process
    delete_topics(settings)


def test_a_worker_says_that_it_is_ready(running: WorkerProcess) -> None:
    """With the partitions it owns; a generation that was announced before is in service by then."""
    events = {event["event"]: event for event in running.events()}

    assert [0, 1, 2, 3] == events["worker_ready"]["partitions"]
    assert 0 == events["worker_ready"]["recovered"]
    assert list(events).index("generation_swapped") < list(events).index("worker_ready")


def test_a_worker_tells_prometheus(running: WorkerProcess) -> None:
    """Its generation and its ranking; a second worker on its port ends with a sentence."""
    url = f"http://127.0.0.1:{running.settings.telemetry.metrics_port}/metrics"
    with urlopen(url, timeout=5) as answer:
        metrics = answer.read().decode()
    second = override(running.settings, instance="second")

    assert "\nplayfold_partitions 4.0\n" in metrics
    assert "\nplayfold_items 100.0\n" in metrics
    port = second.telemetry.metrics_port
    taken = f"Metrics cannot be served on port {port} (Address already in use): set PLAYFOLD_METRICS_PORT"
    assert f"`playfold worker` ended with status 1 ({taken})" == error_of("worker", second)


def test_a_play_gives_a_list(running: WorkerProcess) -> None:
    """Every user of every partition; the list leaves out known items and names the play that it reflects."""
    users = [f"quick{number}" for number in range(20)]
    send(running.settings, [play_record(user, "i7") for user in users])

    block_until(lambda: set(users) <= set(lists(running.settings)), 5)

    latest = lists(running.settings)
    assert all(("personal", 50) == (latest[user].kind, len(latest[user].items)) for user in users)
    assert not any("i7" in latest[user].items for user in users)
    assert {0, 1, 2, 3} == {latest[user].partition for user in users}


def test_a_reject_arrives_with_its_reason_and_the_stream_goes_on(running: WorkerProcess) -> None:
    """Original bytes, place, reason; the play behind it in the same partition counts."""
    bad = [(b"stubborn", b"\xff\x00 no play"), (b"stubborn", b'{"user_id": "stubborn", "item_id": 7}')]
    send(running.settings, [*bad, play_record("stubborn", "i3")])

    block_until(lambda: "stubborn" in lists(running.settings), 5)

    originals = [(a.key, a.value) for a in rejects(running.settings) if a.key == b"stubborn"]
    reasons = [a.reason for a in rejects(running.settings) if a.key == b"stubborn"]
    offsets = [a.offset for a in rejects(running.settings) if a.key == b"stubborn"]
    assert bad == originals
    assert reasons[0].startswith("JSON is malformed")
    assert "item_id: Expected str, got int" == reasons[1]
    assert [offsets[0], offsets[0] + 1, offsets[0] + 2] == [*offsets, lists(running.settings)["stubborn"].offset]


def test_a_second_worker_of_the_same_instance_is_a_sentence(running: WorkerProcess) -> None:
    """It ends at once with status 1, and the first one stays."""
    sentence = (
        f"Another worker uses {running.settings.application.worker_path}: give this one a PLAYFOLD_INSTANCE of its own"
    )

    assert f"`playfold worker` ended with status 1 ({sentence})" == error_of("worker", running.settings)

    assert running.running


def test_a_stopped_worker_ends_with_status_0_and_loses_nothing(settings: Settings, names: TopicNames) -> None:
    """A stop is SIGTERM: the group in hand is finished; the next start goes on where it was."""
    assert names.plays == topic_names(settings).plays
    plays = [play_record(f"u{number % 50}", f"i{number % 7}") for number in range(2000)]
    with worker(settings) as process:
        send(settings, plays[:1000])
        block_until(lambda: total_plays(settings) > 0, 10)
        process.stop()
        assert 0 == process.child.status
        assert "worker_stopped" == process.events()[-1]["event"]

    send(settings, plays[1000:])
    with worker(settings) as process:
        block_until(lambda: total_plays(settings) == 2000, 10)
        assert [] == [event for event in process.events() if event["level"] == "error"]


def total_plays(settings: Settings) -> int:
    """Return the plays of all users, as the changelog has them."""
    snapshot = asyncio.run(read_history(settings))
    return sum(UserRecord.decode(value).plays for value in snapshot.users.values())


def test_a_missing_topic_is_a_sentence_and_an_exit(settings: Settings) -> None:
    """Never a hang: status 1 within seconds."""
    sentence = f"Topic {topic_names(settings).plays} is missing: run `playfold topics create`"

    assert f"`playfold worker` ended with status 1 ({sentence})" == error_of("worker", settings)


def test_a_wrong_number_of_partitions_is_a_sentence_and_an_exit(settings: Settings, names: TopicNames) -> None:
    """A changelog with another number would split users between workers."""
    grow_topic(settings, names.users_changelog, 6)

    said = error_of("worker", settings)

    sentence = f"Topic {names.users_changelog} has 6 partitions, but PLAYFOLD_PARTITIONS is 4 for all alike"
    assert said.startswith(f"`playfold worker` ended with status 1 ({sentence}")


def test_a_worker_that_is_not_ready_in_time_is_a_sentence_and_an_exit(settings: Settings, names: TopicNames) -> None:
    """It does not stay up without doing anything."""
    hasty = override(settings, ready_s=0.05)

    said = error_of("worker", hasty)

    assert names.plays == topic_names(hasty).plays
    assert said.startswith(
        "`playfold worker` ended with status 1 (Worker a got no partitions within 0.05 s. Check the "
    )


async def test_a_start_that_takes_too_long_is_stopped_once_it_ended(settings: Settings, names: TopicNames) -> None:
    """Faust that is stopped in the middle of its start leaves parts of itself running."""
    assert names
    hasty, seen = Worker(override(settings, ready_s=0.05)), []

    async def start() -> None:
        await asyncio.sleep(0.5)
        seen.append("started")

    async def stop() -> None:
        seen.append("stopped")

    hasty._app.start, hasty._app.stop = start, stop  # noqa: SLF001

    with pytest.raises(WorkerError, match=r"^Worker a got no partitions within 0\.05 s\."):
        await hasty.run()

    assert ["started", "stopped"] == seen


def test_a_damaged_state_is_a_sentence_and_an_exit(settings: Settings, names: TopicNames) -> None:
    """The sentence has the folder to delete; once it is deleted, the changelog gives everything back."""
    assert names.plays == topic_names(settings).plays
    with worker(settings):
        send(settings, [play_record(f"u{number}", "i1") for number in range(40)])
        block_until(lambda: total_plays(settings) == 40, 10)
    folder = next(path.parent for path in settings.application.worker_path.rglob("CURRENT") if path.parent.name == "0")
    (folder / "CURRENT").write_bytes(b"damaged")

    said = error_of("worker", settings)

    assert said.startswith("`playfold worker` ended with status 1 (")
    assert f"The state of partition 0 in {folder} cannot be opened" in said
    assert "if it is damaged, delete it: it is rebuilt from the changelog" in said
    delete_folder(folder)
    with worker(settings) as process:
        (ready,) = [event for event in process.events() if event["event"] == "worker_ready"]
        assert 0 < ready["recovered"] < 40


def delete_folder(folder: Path) -> None:
    """Delete a folder of files."""
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
