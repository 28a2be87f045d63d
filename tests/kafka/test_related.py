"""Related items on a real topic, and in `playfold related`."""

import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest

from cli.processes import ProcessError, run_command
from jobs.retraining.related import publish_related, relate
from model.arrays import Floats
from model.diagonal_basis import diagonalise, rotate
from model.objective import Objective
from state.generations.generation import Catalog, write_generation
from state.generations.open_store import generation_store
from streams.messages.records import RelatedItems
from streams.readers.latest_related import latest_related
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.support.generations import manifest_of
from tests.support.topics import values

OLD, NEW = "2026-01-01T00-00-00.000Z", "2026-01-02T00-00-00.000Z"
DIRECTIONS = np.array([[4, 0], [2, 0.1], [0, 1], [0.1, 3], [0, 0]], np.float32)
IDS = ["a", "b", "c", "d", "nobody's"]


def publish(settings: Settings, folder: Path, generation_id: str, n_items: int = len(IDS)) -> None:
    """Publish a generation of items whose nearest ones are known: a and b, c and d."""
    directions: Floats = DIRECTIONS[:n_items]
    objective = Objective(factors=2)
    rotation, diagonal = diagonalise(directions, objective.gram_scale)
    catalog = Catalog(IDS[:n_items], rotate(directions, rotation), diagonal, np.ones(n_items, np.float32))
    write_generation(folder / generation_id, manifest_of(generation_id, objective, n_items), catalog)
    store = generation_store(override(settings, generation_store=str(folder / "store")))
    store.publish(folder / generation_id)
    relate(store.open(generation_id), store.folder(generation_id), 1, 1)


def nearest(settings: Settings, names: TopicNames) -> dict[str, list[str] | None]:
    """Return the last record of the topic, None for a tombstone."""
    records = values(settings, names.related_items)
    return {
        key.decode(): msgspec.json.decode(value, type=RelatedItems).items if value else None for key, value in records
    }


def test_every_item_finds_its_nearest(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """One without a vector has no record; another generation takes its place, and a rollback brings it back."""
    ours = override(settings, generation_store=str(tmp_path / "store"))
    publish(ours, tmp_path, OLD)
    publish(ours, tmp_path, NEW, n_items=3)

    assert 4 == asyncio.run(publish_related(ours, OLD))
    before = nearest(ours, names)
    asyncio.run(publish_related(ours, NEW))
    asyncio.run(publish_related(ours, NEW))
    after = nearest(ours, names)
    asyncio.run(publish_related(ours, OLD))

    pairs = {"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}
    assert pairs == before
    assert {"a": ["b"], "b": ["a"], "c": ["b"], "d": None} == after
    assert pairs == nearest(ours, names)
    related = asyncio.run(latest_related("a", ours))
    assert related is not None
    assert OLD == related.generation
    assert ["b"] == related.items
    assert related.cosines == pytest.approx([0.998752], abs=1e-6)


def test_the_command_shows_them(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """For machines as JSON; for an item without any it is one sentence and a status."""
    assert names.related_items
    ours = override(settings, generation_store=str(tmp_path / "store"))
    publish(ours, tmp_path, OLD)
    asyncio.run(publish_related(ours, OLD))
    log = tmp_path / "related.log"

    line = asyncio.run(run_command(ours, "related", "c", "--json", log_file=log))

    assert "c" == msgspec.json.decode(line)["item_id"]
    assert ["d"] == msgspec.json.decode(line)["items"]
    with pytest.raises(ProcessError, match='No item is related to "nobody\'s": it had no plays'):
        asyncio.run(run_command(ours, "related", "nobody's", log_file=log))
