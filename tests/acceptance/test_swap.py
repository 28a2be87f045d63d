"""Swaps, a rollback, a damaged generation and an unfinished one while plays flow: no list mixes two of anything."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.processes import WorkerProcess
from jobs.announcement import announce
from state.generations.generation import Generation
from state.generations.open_store import generation_store
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.acceptance.chaos import Chaos, load
from tests.acceptance.plain_lists import Topics, fault_of, histories_at, read_topics
from tests.support.made_up import made_up_factors, made_up_plays, publish
from tests.support.plays import play_record
from tests.support.wait import wait_until

USERS, ITEMS, FACTORS = 800, 300, 16
PLAYS_MAX, PLAYS_PER_S = 40_000, 500
"""Plays are sent until the last swap of those that are announced meanwhile."""
STRANGERS, STRANGER_EVERY = 20, 70
WAIT_S = 20.0


@pytest.fixture
def crowd(settings: Settings) -> Settings:
    """Give settings under which a sweep takes many groups, and histories are cut."""
    return override(
        settings, factors=FACTORS, list_n=20, history_max=40, sweep_users=40, session_timeout_s=6.0, rank="exact"
    )


class Scene:
    """Two workers under load, and the generations that were published."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; publish the first generation."""
        self.settings, self.rng = settings, np.random.default_rng(5)
        self.chaos = Chaos(settings, random.Random(5))
        self.store = generation_store(settings)
        self.generations: dict[str, Generation] = {}
        self.first = self.published(ITEMS)

    def published(self, n_items: int) -> str:
        """Publish and announce another generation, of the first items alone."""
        generation_id = publish(self.settings, made_up_factors(n_items, FACTORS, self.rng))
        self.generations[generation_id] = self.store.open(generation_id)
        return generation_id

    async def announce(self, generation_id: str) -> None:
        """Announce a generation again."""
        await announce(self.settings, generation_id, 0, 1_800_000_000_000)

    async def told(self, event: str, **fields: object) -> None:
        """Wait until every worker has told of an event as the last of its kind."""

        def latest(worker: WorkerProcess) -> dict[str, Any]:
            return next((each for each in reversed(worker.events()) if each["event"] == event), {})

        wanted = {"event": event, **fields}
        await wait_until(
            lambda: all(wanted.items() <= latest(worker).items() for worker in self.chaos.workers.values()), WAIT_S
        )

    async def all_swept(self, generation_id: str) -> None:
        """Wait until every partition is swept under the generation in service."""

        def swept() -> set[int]:
            return {
                partition for worker in self.chaos.workers.values() for partition in swept_by(worker, generation_id)
            }

        await wait_until(lambda: len(swept()) == self.settings.topics.partitions, WAIT_S)


def swept_by(worker: WorkerProcess, generation_id: str) -> list[int]:
    """Return the partitions that a worker has swept since its last swap, if that was to a generation."""
    events = worker.events()
    swap = max(number for number, event in enumerate(events) if event["event"] == "generation_swapped")
    ends = [event for event in events[swap:] if event["event"] == "partition_swept"]
    return [end["partition"] for end in ends if end["generation"] == generation_id]


@contextmanager
def one_byte_flipped(file: Path) -> Iterator[None]:
    """Damage a file meanwhile."""

    def flip() -> None:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        with file.open("r+b") as opened:
            opened.write(content)

    flip()
    try:
        yield
    finally:
        flip()


def leave_unfinished(folder: Path, generation_id: str) -> Path:
    """Leave half of a generation, as an interrupted publication would."""
    aside = folder / f".{generation_id}.aside"
    aside.mkdir()
    for file in sorted((folder / generation_id).iterdir())[:3]:
        if file.is_file():
            (aside / file.name).write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return aside


def sentences(scene: Scene) -> list[str]:
    """Return why workers refused generations."""
    events = [event for worker in scene.chaos.workers.values() for event in worker.events()]
    return [event["reason"] for event in events if event["event"] == "generation_refused"]


async def live_through(scene: Scene) -> str:
    """Swap while plays flow, and return the generation that is announced last."""
    plays, enough = made_up_plays(PLAYS_MAX, USERS, ITEMS, scene.rng), asyncio.Event()
    for number in range(PLAYS_MAX // STRANGER_EVERY):  # of items that no generation knows
        plays[number * STRANGER_EVERY] = play_record(f"stranger{number % STRANGERS}", "unheard-of")
    for worker in scene.chaos.workers.values():
        await asyncio.to_thread(worker.await_ready, 60)
    sending = asyncio.create_task(load(scene.settings, plays, PLAYS_PER_S, enough))
    await asyncio.sleep(2)
    second = await asyncio.to_thread(scene.published, ITEMS)
    await scene.told("generation_swapped", generation=second)
    smaller = await asyncio.to_thread(scene.published, ITEMS // 2)  # in the middle of a sweep
    await scene.told("generation_swapped", generation=smaller)
    await asyncio.sleep(1)
    third = await asyncio.to_thread(scene.published, ITEMS)
    await scene.told("generation_swapped", generation=third)
    await scene.announce(second)  # the rollback, in the middle of a sweep again
    await scene.told("generation_swapped", generation=second)

    aside = leave_unfinished(scene.settings.application.generations_path, third)
    guest = scene.chaos.start("guest")
    await asyncio.to_thread(guest.await_ready, 60)
    await scene.told("generation_swapped", generation=second)

    with one_byte_flipped(scene.settings.application.generations_path / third / "item_factors.npy"):
        await scene.announce(third)
        await scene.told("generation_refused")
    assert aside.is_dir()
    await asyncio.sleep(1)
    await scene.announce(scene.first)
    await scene.told("generation_swapped", generation=scene.first)
    enough.set()
    assert len(await sending) < len(plays), "All plays were sent before the last swap."
    await scene.chaos.until_idle(60)
    await scene.all_swept(scene.first)
    await scene.announce(third)  # which is whole again; a list that no play changed goes out with it
    await scene.told("generation_swapped", generation=third)
    await scene.all_swept(third)
    check_refusals(scene, third, second)
    return third


def check_refusals(scene: Scene, damaged: str, serving: str) -> None:
    """Check that every worker refused a damaged generation, and names the one that stays in service."""
    refused = f"Generation {damaged} is damaged: item_factors.npy does not match its checksum."
    assert 3 == len(sentences(scene))
    for sentence in sentences(scene):
        assert sentence.startswith(f"{refused} Generation {serving} stays in service")


def faults(topics: Topics, scene: Scene) -> list[str]:
    """Return the faults of all lists that were ever published."""
    messages = []
    for user, lists in topics.lists.items():
        wanted = {a_list.offset for a_list in lists}
        histories = dict(histories_at(topics.plays[user], wanted, scene.settings))
        for a_list in lists:
            fault = fault_of(a_list, histories[a_list.offset], scene.generations[a_list.generation], scene.settings)
            if fault is not None:
                messages.append(f"{user} at {a_list.offset} under {a_list.generation}: {fault}")
    return messages


def test_every_list_is_of_the_one_generation_that_it_names(crowd: Settings, names: TopicNames) -> None:
    """Through swaps while plays flow, a list is that of its user's plays up to its offset, densely solved."""
    assert names.plays
    scene = Scene(crowd)
    try:
        scene.chaos.start("a")
        scene.chaos.start("b")
        last = asyncio.run(live_through(scene))
    finally:
        scene.chaos.stop()

    topics = asyncio.run(read_topics(crowd))

    counts = Counter(a_list.generation for lists in topics.lists.values() for a_list in lists)
    kinds = Counter(a_list.kind for lists in topics.lists.values() for a_list in lists)
    assert set(topics.plays) == set(topics.lists)
    assert set(scene.generations) == set(counts)
    assert min(kinds["popular"], *counts.values()) >= STRANGERS
    assert [] == faults(topics, scene)[:5]
    newest = {user: max(lists, key=lambda a_list: a_list.offset).offset for user, lists in topics.lists.items()}
    assert newest == {user: plays[-1][0] for user, plays in topics.plays.items()}
    assert {last} == {lists[-1].generation for lists in topics.lists.values()}
