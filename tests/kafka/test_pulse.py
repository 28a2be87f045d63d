"""How good the lists are, as a worker tells it, beside the lists that it published; on a real Kafka."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import msgspec
import numpy as np
import pytest
from kafka import KafkaAdminClient
from prometheus_client.parser import text_string_to_metric_families

from cli.processes import ProcessError, WorkerProcess, run_command
from streams.kafka.ports import free_port
from streams.messages.pulse import Pulse
from streams.messages.records import Recommendations
from streams.readers.log_reader import read_topic
from streams.settings import Settings, environment_of, override
from streams.topics.admin import create_topics
from streams.topics.topics import TopicNames
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play_record
from tests.support.topics import lists, send, values, worker
from tests.support.wait import block_until

N_ITEMS, N_USERS, ROUNDS = 120, 15, 12
Ranks = list[int]


@pytest.fixture
def running(settings: Settings, names: TopicNames) -> Iterator[WorkerProcess]:
    """Give a worker with a generation, which has a pulse five times a second."""
    assert names.pulse.endswith("pulse")
    measured = override(settings, factors=8, metrics_port=free_port(), pulse_s=0.2, instance="west")
    publish(measured, made_up_factors(N_ITEMS, 8, np.random.default_rng(0)))
    with worker(measured) as process:
        yield process


def served(settings: Settings) -> str:
    """Return the metrics of a worker."""
    with closing(HTTPConnection("127.0.0.1", settings.telemetry.metrics_port, timeout=5)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def metrics(settings: Settings) -> dict[tuple[str, str, str], float]:
    """Return a worker's metrics of its lists, summed over the kinds of plays: name, list, depth."""
    samples: dict[tuple[str, str, str], float] = {}
    for family in text_string_to_metric_families(served(settings)):
        for sample in family.samples:
            if "generation" in sample.labels and "list" in sample.labels:
                key = sample.name, sample.labels["list"], sample.labels.get("at", "")
                samples[key] = samples.get(key, 0.0) + sample.value
    return samples


def published(settings: Settings, topic: str) -> dict[str, list[Recommendations]]:
    """Return every list that was published, by listener, in order."""
    by_user: dict[str, list[Recommendations]] = {}
    for key, value in values(settings, topic):
        by_user.setdefault(key.decode(), []).append(msgspec.json.decode(value, type=Recommendations))
    return by_user


def offsets_of(settings: Settings, topic: str) -> dict[str, list[tuple[int, str]]]:
    """Return every play of every listener: its offset, its item."""

    async def read() -> dict[str, list[tuple[int, str]]]:
        by_user: dict[str, list[tuple[int, str]]] = {}
        async for _, records in read_topic(settings.kafka, topic, 10):
            for record in records:
                event = json.loads(record.value)
                by_user.setdefault(event["user_id"], []).append((record.offset, event["item_id"]))
        return by_user

    return asyncio.run(read())


def ranks_by_hand(settings: Settings, names: TopicNames) -> Ranks:
    """Rank every play of a new item in the last list that was published before it."""
    ranks, by_user = Ranks(), published(settings, names.recommendations)
    for user, plays in offsets_of(settings, names.plays).items():
        known = set[str]()
        for offset, item in plays:
            before = [a_list.items for a_list in by_user[user] if a_list.offset < offset]
            if before and item not in known:
                ranks.append(1 + before[-1].index(item) if item in before[-1] else 0)
            known.add(item)
    return ranks


def test_what_a_worker_counts_is_what_its_lists_say(running: WorkerProcess, names: TopicNames) -> None:
    """Hit by hit, by the lists on the topic: in the metrics, and in the pulse."""
    settings, rng = running.settings, np.random.default_rng(1)
    for number in range(ROUNDS):  # one play of everybody a round, so that each has the list of the round before
        items = rng.integers(0, N_ITEMS + 10, N_USERS)
        send(settings, [play_record(f"u{user}", f"i{item}") for user, item in enumerate(items)])
        done = N_USERS * (number + 1)
        block_until(lambda done=done: handled(settings, names) >= done, 10)  # type: ignore[misc]
    expected = ranks_by_hand(settings, names)

    samples, (pulse,) = metrics(settings), pulses(settings, names).values()

    assert len(expected) > N_USERS * (ROUNDS - 4)
    at_10, at_50 = sum(0 < rank <= 10 for rank in expected), sum(rank > 0 for rank in expected)
    assert 0 < at_10 < at_50 < len(expected)
    assert len(expected) == samples["playfold_scored_plays_total", "own", ""]
    assert at_10 == samples["playfold_hits_total", "own", "10"]
    assert at_50 == samples["playfold_hits_total", "own", "50"]
    reciprocal = sum(1 / rank for rank in expected if rank)
    assert reciprocal == pytest.approx(samples["playfold_reciprocal_rank_total", "own", ""])
    assert len(expected) == samples["playfold_scored_plays_total", "popular", ""]
    assert pulse.quality is not None
    assert len(expected) == pulse.quality.every.plays
    assert at_10 / len(expected) == pulse.quality.every.own.hit_at_10.value
    assert set(lists(settings)) == {f"u{user}" for user in range(N_USERS)}


def handled(settings: Settings, names: TopicNames) -> int:
    """Return how many events the last pulse tells of."""
    return max((sum(pulse.events.values()) for pulse in pulses(settings, names).values()), default=0)


def pulses(settings: Settings, names: TopicNames) -> dict[bytes, Pulse]:
    """Return the last pulse of every worker."""
    return {key: msgspec.json.decode(value, type=Pulse) for key, value in values(settings, names.pulse)}


def test_a_pulse_tells_how_the_worker_is(running: WorkerProcess, names: TopicNames) -> None:
    """Its generation, its partitions, its counts and its latencies; `playfold pulse` shows them."""
    settings = running.settings
    send(settings, [play_record(f"u{user}", "i7") for user in range(20)])
    block_until(lambda: handled(settings, names) == 20, 10)
    block_until(lambda: all(len(pulse.partitions_swept) == 4 for pulse in pulses(settings, names).values()), 10)
    beats = [msgspec.json.decode(value, type=Pulse) for _, value in values(settings, names.pulse)]

    timed = [pulse.p50_ms for pulse in beats if pulse.p50_ms is not None]
    assert 0 < timed[0] < 1000
    assert [0, 1, 2, 3] == beats[-1].partitions
    assert [0, 1, 2, 3] == beats[-1].partitions_swept
    assert beats[-1].generation is not None
    assert any(pulse.events_per_s > 0 for pulse in beats)
    line = asyncio.run(run_command(settings, "pulse", "--json", log_file=settings.application.data_path / "pulse.log"))
    assert "west" == msgspec.json.decode(line, type=Pulse).instance


def test_pulses_can_be_followed(running: WorkerProcess) -> None:
    """A line each, until Ctrl-C, which is no error."""
    command = [sys.executable, "-m", "cli.main", "pulse", "--json", "--follow"]
    following = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment_of(running.settings))
    assert following.stdout is not None
    lines = [msgspec.json.decode(following.stdout.readline(), type=Pulse) for _ in range(3)]
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=30)

    assert 0 == following.returncode
    assert ["west"] * 3 == [line.instance for line in lines]
    assert lines[0].at_ms < lines[1].at_ms < lines[2].at_ms


def test_plays_go_on_without_the_topic_of_pulses(running: WorkerProcess, names: TopicNames) -> None:
    """Its pulses fail, and are counted; nothing else is held up; and they come again when it does."""
    with closing(KafkaAdminClient(bootstrap_servers=running.settings.kafka.brokers)) as admin:
        admin.delete_topics([names.pulse])
    block_until(lambda: "playfold_pulses_failed_total 0.0" not in served(running.settings), 20)

    users = {f"late{user}" for user in range(20)}
    sent_at_s = time.time()
    send(running.settings, [play_record(user, "i7") for user in sorted(users)])

    block_until(lambda: users <= set(lists(running.settings)), 5)
    latest = lists(running.settings)
    assert max(latest[user].made_at_ms for user in users) / 1000 - sent_at_s < 5
    assert running.running
    create_topics(running.settings)
    block_until(lambda: bool(pulses(running.settings, names)), 20)


def test_without_a_worker_there_is_a_sentence(settings: Settings, names: TopicNames) -> None:
    """Instead of an empty table."""
    assert names.pulse
    with pytest.raises(ProcessError) as caught:
        asyncio.run(run_command(settings, "pulse", log_file=settings.application.data_path / "pulse.log"))

    assert "No worker reported in the last hour: either none runs, or PLAYFOLD_PULSE_S is 0" in str(caught.value)
