"""Users whose record in the changelog was outranked are written again, and lists are renewed."""

import pytest

from state.users.record import UserRecord
from tests.agents.background.sweep_scene import SETTINGS, USERS, Scene, outrank
from tests.support.deliveries import NOW_MS


async def test_outranked_users_are_written_again(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """All of them, in groups, under the generation in service, and then nobody any more."""
    outrank(scene, *USERS[:5])
    scene.serving.take(scene.first)

    await scene.sweeper(3).restore_outranked(0)
    await scene.sweeper(3).restore_outranked(0)

    assert [USERS[:3], USERS[3:5]] == scene.path.groups
    assert not scene.state.has_outranked
    logged = [vars(record)["users"] for record in caplog.records if record.getMessage() == "outranked_users_restored"]
    assert [3, 2] == logged


async def test_outranked_users_are_restored_without_a_generation(scene: Scene) -> None:
    """The winner's plays count, list or none."""
    outrank(scene, USERS[0])

    await scene.sweeper().restore_outranked(0)

    assert [USERS[:1]] == scene.path.groups
    (value,) = scene.state.read(USERS[:1])
    assert value is not None
    assert 0 == UserRecord.decode(value).applied_offset
    assert 1 == UserRecord.decode(value).plays


async def test_a_list_is_renewed_before_it_expires(scene: Scene) -> None:
    """At nine tenths of its time, without any play, and once."""
    scene.serving.take(scene.first)
    expires_ms = 1000 * SETTINGS.lists.expires_s
    for ago_ms, groups in ((0.8 * expires_ms, 0), (0.95 * expires_ms, 3), (0.96 * expires_ms, 3)):
        scene.path.now_ms = NOW_MS + int(ago_ms)
        await scene.sweeper().renew(0, scene.path.now_ms)

        assert groups == len(scene.path.groups)
    assert USERS == sorted(user for group in scene.path.groups for user in group)
    records = [UserRecord.decode(value) for _, value in scene.state.users(b"", 10)]
    assert {NOW_MS + int(0.95 * expires_ms)} == {record.listed_at_ms for record in records}
