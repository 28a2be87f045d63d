"""Sweeps where users were forgotten, with real states and a path in memory."""

import logging

import msgspec
import pytest

from agents.background import sweep
from tests.agents.background.sweep_scene import SETTINGS, Scene
from tests.support.deliveries import NOW_MS, fold_slices, slice_of


async def test_who_was_forgotten_is_not_swept(scene: Scene) -> None:
    """There is nothing to fold, and a sweep publishes no list for them."""
    forget_user(scene, "u3", NOW_MS)
    scene.serving.take(scene.second)

    await scene.sweeper().sweep()

    assert b"u3" not in {key for group in scene.path.groups for key in group}
    assert scene.second.key == scene.state.swept


async def test_old_markers_are_dropped(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """A day after the wish, not before; the partition that went away meanwhile is left to its owner."""
    caplog.set_level(logging.INFO)
    forget_user(scene, "u3", NOW_MS)
    forget_user(scene, "u4", NOW_MS + 10_000)

    await scene.sweeper().drop_forgotten(0, NOW_MS / 1000 + sweep.MARKER_S - 1)
    assert [] == scene.path.dropped
    await scene.sweeper().drop_forgotten(0, NOW_MS / 1000 + sweep.MARKER_S + 1)
    await scene.sweeper().drop_forgotten(7, NOW_MS / 1000 + sweep.MARKER_S + 1)

    assert [[b"u3"]] == scene.path.dropped
    assert 1 == sum(record.getMessage() == "forgotten_users_dropped" for record in caplog.records)


def forget_user(scene: Scene, user: str, now_ms: int) -> None:
    """Carry out a user's wish to be forgotten."""
    wish = user.encode(), msgspec.json.encode({"type": "forget", "user_id": user})
    offset = scene.state.place.applied_offset_max + 1
    fold_slices([slice_of(0, offset, wish)], scene.store.partitions, scene.first, SETTINGS, now_ms)
