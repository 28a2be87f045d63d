"""Workers and a gateway are killed under a load of plays and reads: lists stay readable, and every play counts once."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest
from httpx import Client, Timeout, TransportError

from cli.processes import GatewayProcess, WorkerProcess, stop_all
from state.users.record import UserRecord
from streams.kafka.ports import free_port
from streams.readers.lag import lag_of
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.acceptance.reference import latest_lists
from tests.support.changelog import read_history
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play
from tests.support.topics import values
from tests.support.wait import block_until

USERS, ITEMS, POSTERS, READERS = 60, 200, 4, 3
RETRY_S = 0.05
PATIENT_S, IMPATIENT_S = 20.0, 0.001
"""Every tenth play is sent by a client that hears no answer, most often, and sends it again."""


@dataclass
class Load:
    """Clients that send plays until each is acknowledged, and clients that read lists.

    Attributes:
        acknowledged: The acknowledged plays, by their ids.
        n_again: Repeated sends, after an answer that was lost.
        n_read: Lists that were read.
        unread: Other answers to a request for a list, with the moment.
    """

    url: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    n_again: int = 0
    n_read: int = 0
    unread: list[tuple[float, str]] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)

    def send(self, number: int) -> None:
        """Send plays of some of the listeners, one after the other."""
        dice = random.Random(number)
        with Client(base_url=self.url, timeout=20, trust_env=False) as client:
            for at in range(10**9):
                if self.ends.is_set():
                    return
                user_id = f"u{number + POSTERS * dice.randrange(USERS // POSTERS)}"
                play_id = f"p{number}-{at}"
                event = play(user_id, f"i{dice.randrange(ITEMS)}", play_id=play_id)
                patience_s = IMPATIENT_S if at % 10 == 0 else PATIENT_S
                while not accepted(client, event, patience_s):
                    patience_s = PATIENT_S
                    self.n_again += 1
                    time.sleep(RETRY_S)
                self.acknowledged[play_id] = user_id

    def read(self, number: int) -> None:
        """Read lists, whosesoever."""
        dice = random.Random(number)
        with Client(base_url=self.url, timeout=20, trust_env=False) as client:
            while not self.ends.is_set():
                try:
                    response = client.get(f"/v1/users/u{dice.randrange(USERS)}/recommendations")
                    problem = "" if response.status_code == 200 else f"{response.status_code} {response.text}"
                except TransportError as error:
                    problem = repr(error)
                if problem:
                    self.unread.append((time.monotonic(), problem))
                    time.sleep(RETRY_S)
                else:
                    self.n_read += 1


def accepted(client: Client, event: dict[str, Any], patience_s: float) -> bool:
    """Send a play, and tell whether it was acknowledged in time."""
    try:
        response = client.post("/v1/plays", json=event, timeout=Timeout(PATIENT_S, read=patience_s))
    except TransportError:
        return False
    assert response.status_code in {200, 429, 503}, response.text
    return response.status_code == 200


@contextmanager
def loaded(url: str) -> Iterator[Load]:
    """Put a load on a gateway while the block lasts; afterwards every play that was sent is acknowledged."""
    load = Load(url)
    threads = [threading.Thread(target=load.send, args=(number,), daemon=True) for number in range(POSTERS)]
    threads += [threading.Thread(target=load.read, args=(number,), daemon=True) for number in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.ends.set()
        for thread in threads:
            thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def crowd(settings: Settings, names: TopicNames) -> Settings:
    """Give settings with a generation, under which a killed worker is soon replaced by the other one."""
    assert names.plays
    crowded = override(
        settings,
        factors=8,
        list_n=10,
        session_timeout_s=5.0,
        popular_publish_s=0.2,
        gateway_port=free_port(),
        gateway_requests_per_s=0,
    )
    publish(crowded, made_up_factors(ITEMS, 8, np.random.default_rng(0)))
    return crowded


async def idle(settings: Settings) -> None:
    """Wait until every play is folded and committed."""
    async with asyncio.timeout(60), lag_of(settings) as lag:
        while await lag.plays():  # noqa: ASYNC110  Kafka is polled
            await asyncio.sleep(0.2)


def given_out(url: str) -> dict[str, Any]:
    """Return everybody's list, as the gateway gives it out."""
    with Client(base_url=url, timeout=20, trust_env=False) as client:
        responses = {f"u{number}": client.get(f"/v1/users/u{number}/recommendations") for number in range(USERS)}
    assert {200} == {answer.status_code for answer in responses.values()}
    return {user_id: answer.json() for user_id, answer in responses.items()}


def await_growth(count: Callable[[], int], by: int, timeout_s: float) -> None:
    """Wait until a count has grown."""
    begin = count()
    block_until(lambda: count() >= begin + by, timeout_s)


def test_lists_outlive_workers_and_gateway_and_every_play_counts_once(crowd: Settings) -> None:
    """A killed worker is not noticed by readers; a killed gateway answers again with the same lists.

    A play that is sent until it is acknowledged, under the same id, counts once.
    """
    workers = [WorkerProcess(override(crowd, instance=name)) for name in ("a", "b")]
    process = GatewayProcess(crowd)
    try:
        for service in (*workers, process):
            service.start()
        for service in (*workers, process):
            service.await_ready(60)
        with loaded(process.url) as load:
            await_growth(lambda: len(load.acknowledged), 300, 60)
            load.unread.clear()  # before the first lists there were none

            kill_worker(workers[0], load)
            kill_gateway_twice(process, load)
        asyncio.run(idle(crowd))
        on_topic = {
            key.decode(): msgspec.to_builtins(recommendations) for key, recommendations in latest_lists(crowd).items()
        }
        block_until(lambda: given_out(process.url) == on_topic, 10)
        stop_all(workers)
        process.kill()
        process.start()
        process.await_ready(60)
        assert on_topic == given_out(process.url)
    finally:
        stop_all([*workers, process])

    check_counts(crowd, load)


def kill_worker(worker: WorkerProcess, load: Load) -> None:
    """Kill a worker: no read fails, and plays are acknowledged."""
    worker.kill()
    await_growth(lambda: load.n_read, 500, 30)
    await_growth(lambda: len(load.acknowledged), 100, 30)
    worker.start()
    worker.await_ready(60)
    assert [] == load.unread


def kill_gateway_twice(process: GatewayProcess, load: Load) -> None:
    """Kill a gateway: once it is back, no read fails; plays in between are sent again."""
    for _ in range(2):
        process.kill()
        time.sleep(0.5)
        process.start()
        process.await_ready(60)
        again_at = time.monotonic()
        await_growth(lambda: load.n_read, 200, 30)
        await_growth(lambda: len(load.acknowledged), 100, 30)
        assert [] == [problem for at, problem in load.unread if at > again_at + 0.5]
    assert load.n_again > 0
    assert load.unread != []


def check_counts(settings: Settings, load: Load) -> None:
    """Check that each acknowledged play counts once, though some are on the topic several times."""
    expected = Counter(load.acknowledged.values())
    records = asyncio.run(read_history(settings)).users
    assert dict(expected) == {key.decode(): UserRecord.decode(value).plays for key, value in records.items()}
    sent = Counter(msgspec.json.decode(value)["play_id"] for _, value in values(settings, topic_names(settings).plays))
    assert load.acknowledged.keys() == sent.keys()
    assert max(sent.values()) > 1
