"""An evaluation on a file and a worker that is fed the same plays: the same lists, so the same hits, play by play."""

import asyncio
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jobs.announcement import announce
from jobs.evaluation.event_sources import events_of_file
from jobs.objective import objective_of
from model.arrays import Starts
from model.evaluation.event_log import Split, split_events
from model.evaluation.prequential import fold_in_ranks, train_on
from model.training import Factors
from state.generations.generation import Catalog, write_generation
from state.generations.naming import new_generation_id
from state.generations.open_store import generation_store
from state.keys import item_key
from streams.files.plays_file import PlaysFile
from streams.messages.records import Recommendations
from streams.outbox import Item
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.generations import manifest_of
from tests.support.topics import send, values, worker
from tests.support.wait import block_until

N_USERS, N_ITEMS, N_PLAYS, N_TRAINED = 25, 120, 600, 400
FIRST_S = 1_700_000_000
TYPES = ("play", "play", "play", "play", "like", "skip")
Row = tuple[str, str, int, str]


def drawn() -> list[Row]:
    """Return users, items, times and types; every item is played early, and tastes turn."""
    rng = np.random.default_rng(3)
    users = rng.integers(0, N_USERS, N_PLAYS)
    tastes = (users + np.arange(N_PLAYS) // 200) % 4
    items = tastes * (N_ITEMS // 4) + rng.integers(0, N_ITEMS // 4, N_PLAYS)
    items[:N_ITEMS] = rng.permutation(N_ITEMS)
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


def publish(settings: Settings, split: Split, factors: Factors) -> None:
    """Publish and announce the generation that the evaluation trained."""
    names = {item_key(f"i{number}"): f"i{number}" for number in range(N_ITEMS)}
    ids = [names[key] for key in split.vocabulary.tolist()]
    now_ms = time.time_ns() // 1_000_000
    manifest = manifest_of(new_generation_id(now_ms), objective_of(settings.objective), len(ids))
    folder = settings.application.data_path / "trained" / manifest.generation_id
    catalog = Catalog(ids, factors.item_factors, factors.gram_diagonal, np.ones(len(ids), np.float32))
    write_generation(folder, manifest, catalog)
    generation_store(settings).publish(folder)
    asyncio.run(announce(settings, manifest.generation_id, 0, now_ms))


def ranks_in_lists(rows: list[Row], split: Split, settings: Settings) -> Starts:
    """Return the rank of every scored play's item in the list that its listener had before it, in time."""
    lists_of: dict[str, list[Recommendations]] = {}
    for key, value in values(settings, topic_names(settings).recommendations):
        lists_of.setdefault(key.decode(), []).append(msgspec.json.decode(value, type=Recommendations))
    n_before, ranks = dict.fromkeys(lists_of, 0), []
    scored = set(split.places[split.scored].tolist())
    for place, (user, item, _, _) in enumerate(rows):
        if place in scored:
            had = lists_of[user][n_before[user] - 1]
            ranks.append(had.items.index(item) + 1)
        n_before[user] = n_before.get(user, 0) + 1
    return np.array(ranks, np.int64)


@pytest.mark.parametrize("half_life_days", [float("inf"), 0.1])
def test_worker_and_evaluation_find_the_same_items(
    settings: Settings, names: TopicNames, tmp_path: Path, half_life_days: float
) -> None:
    """Likes, skips and time weigh alike in both, and every scored play is a hit in both or in neither."""
    shared = override(
        settings,
        factors=8,
        half_life_days=half_life_days,
        list_n=N_ITEMS,
        list_change_n=N_ITEMS,
        list_score_change=0.0,
        slice_plays_max=1,
        group_plays_max=1,
    )
    assert names.plays == topic_names(shared).plays
    rows = drawn()
    split = split_events(events_of_file(file_of(rows, tmp_path), shared.signals), N_TRAINED).with_signals()
    objective = objective_of(shared.objective)
    factors = train_on(split, objective, np.random.default_rng(0))
    expected = fold_in_ranks(split, factors, objective)
    publish(shared, split, factors)

    with worker(shared):
        send(shared, [sent(row) for row in rows])
        block_until(lambda: len(values(shared, names.recommendations)) == N_PLAYS, 60)

    assert len(expected) > 80
    served_ranks = ranks_in_lists(rows, split, shared)
    for n in (10, 20):
        np.testing.assert_array_equal(expected <= n, served_ranks <= n)
    # Two scores may be closer than the tolerance of the solver.
    np.testing.assert_allclose(expected, served_ranks, atol=1)
