"""A warm worker compiles nothing at its first play."""

import sys
from pathlib import Path

import msgspec
from numba.core.dispatcher import Dispatcher

from agents.group_context import GroupContext
from agents.observers.ordered import make_observers
from agents.plays.group_work import make_group_work
from agents.worker import warm_up
from state.catalog.item_catalog import ItemCatalog
from state.lists.popularity import LivePopularity
from state.lists.ranker import Ranker
from state.users.partition import PartitionState
from streams.messages.events import Event, Hide, Pause, Shown, Unhide
from tests.support.deliveries import make_durable, played, slice_of
from tests.support.generations import make_generation
from tests.support.settings import settings_with

OURS = "model.", "state.", "agents."


def kernels() -> dict[str, int]:
    """Return in how many forms each of our kernels is compiled."""
    modules = {name: module for name, module in sys.modules.items() if name.startswith(OURS)}
    every = {f"{name}.{key}": value for name, module in modules.items() for key, value in vars(module).items()}
    return {name: len(value.signatures) for name, value in every.items() if isinstance(value, Dispatcher)}


def wish(event: Event) -> tuple[bytes, bytes]:
    """Return a request as a record."""
    return event.user_id.encode(), msgspec.json.encode(event)


def test_a_warm_worker_compiles_nothing(tmp_path: Path) -> None:
    """Groups of plays and requests, under a generation that is mapped from the disk."""
    warm_up()
    settings, generation = settings_with(cooldown_shows=1), make_generation(tmp_path / "generation")
    popularity, catalog = LivePopularity(settings.popularity), ItemCatalog()
    observers = make_observers(settings, popularity, catalog)
    for observer in observers:
        observer.generation_swapped(generation)
    work = make_group_work(settings, Ranker(settings.ranking, catalog), popularity, observers)
    states, before = {0: PartitionState(tmp_path / "state")}, kernels()
    requests: list[Event] = [
        Hide(user_id="ann", item_id="i30"),
        Unhide(user_id="ann", item_id="i30"),
        Shown(user_id="bob", item_ids=["i31", "i32"]),
        Pause(user_id="joe"),
    ]
    groups = [
        [played("ann", f"i{i}") for i in range(12)] + [played("bob", "i1"), played("bob", "i2", type="skip")],
        [*map(wish, requests), played("ann", "i20")],
        [played("bob", "i3", private=True), played("new", "i4")],
    ]
    first = 0
    for records in groups:
        context = GroupContext(states, generation, 1_800_000_000_000)
        changes = work.fold([slice_of(0, first, *records)], context)
        make_durable(changes, states)
        first += len(records)
        assert changes[0].lists

    assert len(before) > 20
    assert before == kernels()
