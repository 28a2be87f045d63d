"""Compiles the kernels of commit groups by folding two made-up ones, in the very forms that a worker folds them in."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from agents.group_context import GroupContext
from agents.observers.ordered import make_observers
from agents.plays.group_work import make_group_work
from model.objective import Objective
from state.catalog.item_catalog import ItemCatalog
from state.generations.generation import Generation
from state.generations.manifest import Manifest
from state.keys import item_key
from state.lists.popularity import LivePopularity
from state.lists.ranker import Ranker
from state.users.changelog import Place
from state.users.partition import PartitionState
from streams.consumer.slices import Slice
from streams.messages.events import Event, Hide, Pause, Play, Shown
from streams.settings import Settings, override

_N_ITEMS = 64


@dataclass
class _Record:
    """A record of `plays`."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def warm_up() -> None:
    """Load every kernel of a commit group from numba's cache, or compile it."""
    settings, now_ms = override(Settings(), cooldown_shows=1), time.time_ns() // 1_000_000
    generation, popularity, catalog = _generation(), LivePopularity(settings.popularity), ItemCatalog()
    observers = make_observers(settings, popularity, catalog)
    for observer in observers:
        observer.generation_swapped(generation)
    work = make_group_work(settings, Ranker(settings.ranking, catalog), popularity, observers)
    plays: list[Event] = [Play(user_id="ann", item_id=f"i{i}", played_at_ms=now_ms) for i in range(_N_ITEMS // 2)]
    others: list[Event] = [
        Play(user_id="bob", item_id="i1", played_at_ms=now_ms, type="skip"),
        Play(user_id="eve", item_id="i2", played_at_ms=now_ms, private=True),
        Hide(user_id="ann", item_id="i40"),
        Shown(user_id="ann", item_ids=["i41"]),
        Pause(user_id="joe"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        state, first = PartitionState(Path(folder) / "state"), 0
        for events in ([*plays[1:], *others], plays[:1]):  # a play of a new item is scored in the list of before
            context = GroupContext({0: state}, generation, now_ms)
            changes = work.fold([_slice_of(events, first, now_ms)], context)[0]
            first += len(events)
            state.commit(changes.changelog, Place(first, changes.applied_offset_max))
        state.close()


def _slice_of(events: list[Event], first: int, now_ms: int) -> Slice:
    records = [
        _Record(offset, now_ms, 0, event.user_id.encode(), msgspec.json.encode(event))
        for offset, event in enumerate(events, first)
    ]
    return Slice("plays", 0, records, None)


def _generation() -> Generation:
    """Return a generation of random items, in memory alone."""
    rng, objective = np.random.default_rng(0), Objective()
    factors = rng.standard_normal((_N_ITEMS, objective.factors)).astype(np.float32)
    factors = factors[np.argsort(-np.linalg.norm(factors, axis=1))]
    item_ids = [f"i{number}" for number in range(_N_ITEMS)]
    keys = np.array([item_key(item_id) for item_id in item_ids], np.uint64)
    manifest = Manifest(
        generation_id="warm-up",
        created_at_ms=0,
        parent=None,
        trained_through={},
        objective=objective,
        n_users=1,
        n_items=_N_ITEMS,
        n_plays=_N_ITEMS,
    )
    return Generation(
        manifest=manifest,
        item_ids=np.array(item_ids, object),
        item_ids_text=np.frombuffer(msgspec.json.encode(item_ids), np.uint8),
        item_keys=keys,
        key_order=np.argsort(keys).astype(np.int32),
        item_factors=factors,
        gram_diagonal=(factors**2).sum(axis=0),
        popularity=np.ones(_N_ITEMS, np.float32),
    )
