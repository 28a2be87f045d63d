"""Lists that wait for a burst of plays to end."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from agents.background.debounce import Debouncer
from agents.plays.pipeline import CommitPipeline
from state.users.partition import PartitionState
from state.users.record import UserRecord
from state.users.store import UserStore
from streams.settings import Settings, override
from tests.agents.background.sweep_scene import SETTINGS as SCENE_SETTINGS
from tests.agents.background.sweep_scene import Scene
from tests.support.deliveries import NOW_MS, fold_slices, lists_of, played, slice_of

SETTINGS = override(SCENE_SETTINGS, debounce_ms=500)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give seven users whose lists were just published."""
    prepared = Scene(tmp_path)
    prepared.serving.take(prepared.first)
    yield prepared
    prepared.state.close()


def debouncer(scene: Scene, settings: Settings = SETTINGS) -> Debouncer:
    """Return one, as a new process has it."""
    return Debouncer(cast(UserStore, scene.store), cast(CommitPipeline, scene.path), settings)


def burst(scene: Scene, user: str, *items: str) -> list[str]:
    """Let a user play items, one group after the other, within the wait; return whose lists went out."""
    out: list[str] = []
    for number, item in enumerate(items):
        offset = 100 + number
        changes = fold_slices(
            [slice_of(0, offset, played(user, item))], scene.store.partitions, scene.first, SETTINGS, NOW_MS + number
        )
        out += lists_of(changes)
    return out


def record_of(scene: Scene, user: str) -> UserRecord:
    """Return a user's record."""
    (value,) = scene.state.read([user.encode()])
    assert value is not None
    return UserRecord.decode(value)


async def test_a_burst_is_one_list(scene: Scene) -> None:
    """It goes out when the time has passed since the list before it, and not earlier; nobody else is touched."""
    assert [] == burst(scene, "u3", "i5", "i6", "i7")
    assert record_of(scene, "u3").owed
    assert scene.state.has_owed

    scene.path.now_ms = NOW_MS + 499
    await debouncer(scene).publish_due(NOW_MS + 499)
    assert [] == scene.path.groups
    scene.path.now_ms = NOW_MS + 500
    await debouncer(scene).publish_due(NOW_MS + 500)

    assert [[b"u3"]] == scene.path.groups
    assert not record_of(scene, "u3").owed
    assert NOW_MS + 500 == record_of(scene, "u3").listed_at_ms
    assert not scene.state.has_owed


async def test_who_waits_is_found_after_a_crash(scene: Scene, tmp_path: Path) -> None:
    """On the disk as it was, and in a state that was read back from the changelog."""
    burst(scene, "u3", "i5")
    value = scene.state.read([b"u3"])[0]
    scene.state.close()
    scene.state = scene.store.partitions[0] = PartitionState(tmp_path / "state")
    assert [b"u3"] == list(scene.state.owed_since(NOW_MS))

    recovered = PartitionState(tmp_path / "recovered")
    logged = [type("Logged", (), {"offset": 0, "key": b"u3", "value": value})()]
    recovered.apply_changelog(logged)
    assert [b"u3"] == list(recovered.owed_since(NOW_MS))
    assert recovered.has_owed
    recovered.close()


async def test_without_a_generation_nothing_waits(scene: Scene) -> None:
    """There is no list to wait for: the next generation brings everybody one."""
    burst(scene, "u3", "i5")
    scene.serving.current = None
    scene.path.now_ms = NOW_MS + 500

    await debouncer(scene).publish_due(NOW_MS + 500)

    assert [[b"u3"]] == scene.path.groups
    assert not scene.state.has_owed


async def test_nothing_is_published_while_partitions_move(scene: Scene) -> None:
    """They may be another worker's."""
    burst(scene, "u3", "i5")
    scene.store.settled = False

    await debouncer(scene).publish_due(NOW_MS + 1000)

    assert [] == scene.path.groups
