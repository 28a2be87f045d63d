"""From the changelog to announced item factors, and a worker that takes them into service."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from cli.processes import run_command
from state.generations.open_store import generation_store
from state.keys import item_key, item_name_key
from state.users.record import UserRecord
from streams.outbox import Item, Outbox
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.changelog import read_history
from tests.support.made_up import made_up_plays
from tests.support.plays import play_record
from tests.support.topics import lists, send, worker
from tests.support.wait import block_until


def retrain(settings: Settings, folder: Path) -> dict[str, Any]:
    """Run `playfold retrain --json` and return its events."""
    line = asyncio.run(run_command(settings, "retrain", "--json", log_file=folder / "retrain.log"))
    return msgspec.json.decode(line, type=dict[str, Any])


def test_a_retrain_gives_every_listener_a_list_of_the_new_generation(
    settings: Settings, names: TopicNames, tmp_path: Path
) -> None:
    """The first generation from counts alone, the second by a swap; with a half-life that never ends, too."""
    assert names.plays == topic_names(settings).plays
    small = override(settings, factors=8, half_life_plays=float("inf"), sweep_users=20)
    plays = made_up_plays(2000, 100, 60, np.random.default_rng(0))
    users = {key.decode() for key, _ in plays}
    with worker(small) as process:
        send(small, plays)
        block_until(lambda: len(asyncio.run(read_history(small)).users) == len(users), 10)
        assert {} == lists(small)

        for n in (1, 2):
            report = retrain(small, tmp_path)
            assert len(users) == report["users"]
            block_until(lambda name=report["generation"]: named(small) == {name}, 10)  # type: ignore[misc]
            assert users == set(lists(small))
            assert n == len([event for event in process.events() if event["event"] == "generation_swapped"])

        send(small, [play_record("u1", "a new item")])
        block_until(lambda: "u1" in lists(small), 5)

    manifests = generation_store(small).manifests()
    assert [None, manifests[0].generation_id] == [manifest.parent for manifest in manifests]
    assert float("inf") == manifests[1].objective.half_life_plays
    assert 2000 == manifests[1].n_plays
    assert {0, 1, 2, 3} == set(manifests[1].trained_through)


def named(settings: Settings) -> set[str]:
    """Return the generations that the listeners' latest lists name."""
    return {recommendations.generation for recommendations in lists(settings).values()}


def test_nothing_to_train_on_is_a_sentence(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """Before the first play there is no generation to make."""
    assert names.plays == topic_names(settings).plays
    command = run_command(settings, "retrain", log_file=tmp_path / "retrain.log")

    try:
        asyncio.run(command)
        said = "nothing"
    except RuntimeError as error:
        said = str(error)

    expected = (
        f"`playfold retrain` ended with status 1 (The changelog of group {settings.application.group} holds no plays: "
        "send some, and wait until a worker has folded them; `playfold doctor` shows the lag): "
        f"read {tmp_path / 'retrain.log'}."
    )
    assert expected == said


async def test_history_keeps_the_highest_applied_offset(settings: Settings, names: TopicNames) -> None:
    """Independently of later records; deletions delete, names are told apart, every partition has its end."""

    def record(applied: int, plays: int = 0) -> bytes:
        return UserRecord(applied_offset=applied, plays=plays).encode()

    first: list[Item] = [
        (item_name_key(item_key("ï")), "ï".encode()),
        (b"ann", record(9)),
        (b"ben", record(4)),
        (b"ann", record(2)),
        (b"ben", record(4, plays=1)),
        (b"cem", record(8)),
        (b"cem", None),
    ]
    async with Outbox(settings.kafka) as outbox:
        await (await outbox.send(names.users_changelog, 0, first)).written()
        await (await outbox.send(names.users_changelog, 3, [(b"dua", record(1))])).written()

    snapshot = await read_history(settings)

    assert {b"ann": record(9), b"ben": record(4, plays=1), b"dua": record(1)} == snapshot.users
    assert {item_key("ï"): "ï"} == snapshot.item_ids
    assert {0: 7, 3: 1} == snapshot.read_through
