"""An evaluation on a file and a worker that is fed the same plays: the same lists, so the same hits, play by play."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from cli.processes import WorkerProcess
from jobs.announcement import announce
from jobs.evaluation.event_sources import events_of_file
from jobs.objective import objective_of
from model.arrays import Starts
from model.evaluation.event_log import Split, split_events
from model.evaluation.prequential import fold_in_ranks, train_on
from model.objective import Objective
from model.training import Factors
from state.generations.generation import Catalog, write_generation
from state.generations.naming import new_generation_id
from state.generations.open_store import generation_store
from state.keys import is_user, item_key
from streams.files.plays_file import PlaysFile
from streams.messages.records import Recommendations
from streams.outbox import Item
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.generations import manifest_of
from tests.support.ranks import assert_same_ranks, scores_of_fold_in
from tests.support.topics import send, values, worker
from tests.support.wait import block_until

N_USERS, N_ITEMS, N_PLAYS, N_TRAINED = 25, 120, 600, 400
FIRST_S = 1_700_000_000
REPEATED = 0.3
"""Share of the later signals that are of one of the listener's last items."""
TYPES = ("play", "play", "play", "play", "like", "skip")
Row = tuple[str, str, int, str]


def drawn() -> list[Row]:
    """Return users, items, times and types; every item is played early, tastes turn, and many items are repeated."""
    rng = np.random.default_rng(3)
    users = rng.integers(0, N_USERS, N_PLAYS)
    tastes = (users + np.arange(N_PLAYS) // 200) % 4
    items = tastes * (N_ITEMS // 4) + rng.integers(0, N_ITEMS // 4, N_PLAYS)
    items[:N_ITEMS] = rng.permutation(N_ITEMS)
    for event in range(N_ITEMS, N_PLAYS):
        before = items[:event][users[:event] == users[event]]
        if len(before) and rng.random() < REPEATED:
            items[event] = rng.choice(before[-4:])
    kinds = rng.choice(TYPES, N_PLAYS)
    kinds[:N_ITEMS] = "play"
    columns = enumerate(zip(users.tolist(), items.tolist(), kinds.tolist(), strict=True))
    return [(f"u{user}", f"i{item}", FIRST_S + 60 * number, kind) for number, (user, item, kind) in columns]


def file_of(rows: list[Row], folder: Path) -> PlaysFile:
    """Write them as a file of plays."""
    path = folder / "plays.csv"
    lines = ["user_id,item_id,played_at,type", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return PlaysFile(path)


def sent(row: Row) -> Item:
    """Return one as it travels."""
    user, item, at_s, kind = row
    fields = {"user_id": user, "item_id": item, "played_at_ms": 1000 * at_s, "type": kind}
    return user.encode(), msgspec.json.encode(fields)


def publish(settings: Settings, split: Split, factors: Factors, objective: Objective) -> str:
    """Publish and announce a generation with the factors of an evaluation; return its id."""
    names = {item_key(f"i{number}"): f"i{number}" for number in range(N_ITEMS)}
    ids = [names[key] for key in split.vocabulary.tolist()]
    now_ms = time.time_ns() // 1_000_000
    manifest = manifest_of(new_generation_id(now_ms), objective, len(ids))
    folder = settings.application.data_path / "trained" / manifest.generation_id
    catalog = Catalog(ids, factors.item_factors, factors.gram_diagonal, np.ones(len(ids), np.float32))
    write_generation(folder, manifest, catalog)
    generation_store(settings).publish(folder)
    asyncio.run(announce(settings, manifest.generation_id, 0, now_ms))
    return manifest.generation_id


def ranks_in_lists(rows: list[Row], split: Split, settings: Settings) -> Starts:
    """Return the rank of every scored play's item in the list that its listener had before it, in time.

    Of the lists that reflect the same event, the last one counts: a sweep has replaced the others.
    """
    lists_of: dict[str, dict[int, Recommendations]] = {}
    for key, value in values(settings, topic_names(settings).recommendations):
        recommendations = msgspec.json.decode(value, type=Recommendations)
        lists_of.setdefault(key.decode(), {})[recommendations.offset] = recommendations
    by_event = {user: [lists[offset] for offset in sorted(lists)] for user, lists in lists_of.items()}
    n_after, ranks = dict.fromkeys(by_event, 0), []
    scored = set(split.places[split.scored].tolist())
    for place, (user, item, _, _) in reversed([*enumerate(rows)]):
        n_after[user] += 1
        if place in scored:
            ranks.append(by_event[user][-1 - n_after[user]].items.index(item) + 1)
    return np.array(ranks[::-1], np.int64)


def n_learned(settings: Settings) -> int:
    """Return the number of user records in the changelog: one for each event that a worker has learned."""
    return sum(is_user(key) for key, _ in values(settings, topic_names(settings).users_changelog))


def n_swept(process: WorkerProcess, generation_id: str) -> int:
    """Return the number of partitions that were swept under a generation."""
    ends = [event for event in process.events() if event["event"] == "partition_swept"]
    return sum(event["generation"] == generation_id for event in ends)


class Scene(NamedTuple):
    """Plays that an evaluation has trained on and streamed under an objective, and the settings of a worker."""

    settings: Settings
    rows: list[Row]
    split: Split
    factors: Factors
    objective: Objective

    def assert_same_hits(self) -> None:
        """Compare the lists that a worker has published with the evaluation, event by event."""
        evaluated_ranks = fold_in_ranks(self.split, self.factors, self.objective)
        served_ranks = ranks_in_lists(self.rows, self.split, self.settings)
        assert len(evaluated_ranks) > 80
        scores = scores_of_fold_in(self.split, self.factors, self.objective)
        assert_same_ranks(*scores, evaluated_ranks)
        assert_same_ranks(*scores, served_ranks)


@pytest.fixture(params=[(5.0, float("inf")), (5.0, 0.1), (1.0, float("inf")), (30.0, 0.02)], ids=str)
def scene(settings: Settings, names: TopicNames, tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    """Train under half-lives in plays and in days; those of the settings are 5 plays, and no days."""
    shared = override(
        settings,
        factors=8,
        list_n=N_ITEMS,
        list_change_n=N_ITEMS,
        list_score_change=0.0,
        slice_plays_max=1,
        group_plays_max=1,
    )
    assert names.plays == topic_names(shared).plays
    half_life_plays, half_life_days = request.param
    objective = replace(objective_of(shared.objective), half_life_plays=half_life_plays, half_life_days=half_life_days)
    rows = drawn()
    split = split_events(events_of_file(file_of(rows, tmp_path), shared.signals), N_TRAINED).with_signals()
    return Scene(shared, rows, split, train_on(split, objective, np.random.default_rng(0)), objective)


def test_worker_and_evaluation_find_the_same_items(scene: Scene) -> None:
    """Likes, skips, repeats and time weigh alike in both, and every scored play is a hit in both or in neither."""
    publish(scene.settings, scene.split, scene.factors, scene.objective)

    with worker(scene.settings):
        send(scene.settings, [sent(row) for row in scene.rows])
        recommendations = topic_names(scene.settings).recommendations
        block_until(lambda: len(values(scene.settings, recommendations)) == N_PLAYS, 60)

    scene.assert_same_hits()


@pytest.mark.parametrize("half_life_before", [None, 20.0], ids=["no generation", "another half-life"])
def test_what_was_in_service_when_plays_came_does_not_matter(scene: Scene, half_life_before: float | None) -> None:
    """Plays learned under no generation, or under other half-lives, weigh as the evaluation has it after the sweep."""
    settings, rows = scene.settings, scene.rows
    if half_life_before is not None:
        publish(settings, scene.split, scene.factors, replace(scene.objective, half_life_plays=half_life_before))

    with worker(settings) as process:
        send(settings, [sent(row) for row in rows[:N_TRAINED]])
        block_until(lambda: n_learned(settings) == N_TRAINED, 60)
        generation_id = publish(settings, scene.split, scene.factors, scene.objective)
        block_until(lambda: n_swept(process, generation_id) == settings.topics.partitions, 60)
        swept = n_learned(settings)
        send(settings, [sent(row) for row in rows[N_TRAINED:]])
        block_until(lambda: n_learned(settings) == swept + N_PLAYS - N_TRAINED, 60)

    scene.assert_same_hits()
