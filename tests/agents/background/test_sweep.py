"""Users without new plays, folded again in the background, with real states and a path in memory."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

import pytest

from agents.background import walk_progress
from agents.background.group_size import USERS_MIN
from agents.plays.refold_ahead import GroupTiming
from tests.agents.background.sweep_scene import SETTINGS, USERS, Scene, outrank
from tests.support.deliveries import NOW_MS, fold_slices, make_durable, played, refold, slice_of
from tests.support.generations import SECOND_ID
from tests.support.wait import wait_idle, wait_until


async def test_every_user_of_another_generation_is_swept(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """In groups, in the order of their keys; those folded already are left alone, and the partition remembers."""
    caplog.set_level(logging.INFO)
    scene.serving.take(scene.second)
    await scene.path.refold(0, [USERS[1]])
    scene.path.groups.clear()

    await scene.sweeper().sweep()

    assert [[b"u0", b"u2", b"u3"], [b"u4", b"u5", b"u6"]] == scene.path.groups
    assert USERS == scene.under(scene.second)
    assert scene.second.key == scene.state.swept
    fields = vars(next(record for record in caplog.records if record.getMessage() == "partition_swept"))
    assert 0 == fields["partition"]
    assert SECOND_ID == fields["generation"]
    assert 6 == fields["users"]


async def test_a_swept_partition_is_left_alone(scene: Scene) -> None:
    """Also after a restart; a rollback sweeps it again."""
    for generation in (scene.second, scene.second, scene.first):
        scene.serving.take(generation)
        await scene.sweeper(100).sweep()

    assert [USERS, USERS] == scene.path.groups
    assert USERS == scene.under(scene.first)


async def test_whoever_played_without_a_generation_is_found_again(scene: Scene) -> None:
    """The same generation may come back after it could not be opened, so a partition is not swept for ever."""
    scene.serving.take(scene.second)
    await scene.sweeper(100).sweep()
    scene.serving.current = None
    await scene.sweeper(100).sweep()
    await scene.path.refold(0, [USERS[2]])
    scene.path.groups.clear()

    scene.serving.take(scene.second)
    await scene.sweeper(100).sweep()

    assert [[USERS[2]]] == scene.path.groups
    assert USERS == scene.under(scene.second)


async def test_a_sweep_goes_on_where_it_was_killed(scene: Scene) -> None:
    """The records themselves tell which users are left."""
    scene.serving.take(scene.second)

    def die() -> None:
        raise KeyboardInterrupt

    scene.path.after_group = die
    with pytest.raises(KeyboardInterrupt):
        await scene.sweeper().sweep()
    assert 0 == scene.state.swept
    scene.path.after_group = lambda: None

    await scene.sweeper().sweep()

    assert [USERS[:3], USERS[3:6], USERS[6:]] == scene.path.groups


async def test_a_sweep_ends_when_the_generation_changes(scene: Scene) -> None:
    """The next look for work begins the sweep of the newer one; nothing is marked as swept."""
    scene.serving.take(scene.second)

    def swap() -> None:
        scene.serving.take(scene.first)

    scene.path.after_group = swap
    await scene.sweeper().sweep()
    assert [USERS[:3]] == scene.path.groups
    assert 0 == scene.state.swept

    await scene.sweeper().sweep()

    assert [USERS[:3], USERS[:3]] == scene.path.groups
    assert USERS == scene.under(scene.first)
    assert scene.first.key == scene.state.swept


@pytest.mark.parametrize("how", ["revoked", "unsettled", "no generation"])
async def test_only_what_is_surely_ours_is_swept(scene: Scene, how: str) -> None:
    """Without the partition, during a rebalance, or without a generation nothing happens."""
    if how != "no generation":
        scene.serving.take(scene.second)
    scene.store.settled = how != "unsettled"
    if how == "revoked":
        scene.store.partitions.clear()

    await scene.sweeper().sweep()

    assert [] == scene.path.groups
    assert 0 == scene.state.swept


async def test_a_sweep_ends_when_the_partition_goes(scene: Scene) -> None:
    """It does not touch a state that is closed."""
    scene.serving.take(scene.second)
    scene.path.after_group = scene.store.partitions.clear

    await scene.sweeper().sweep()

    assert [USERS[:3]] == scene.path.groups
    assert 0 == scene.state.swept


async def test_a_sweep_rests_while_plays_flow(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """For half of the duration of its work and its turn, so that plays get a share of the machine."""
    scene.serving.take(scene.second)
    scene.path.took = GroupTiming(0.01, 0.04)
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await scene.sweeper().sweep()
    quiet = [seconds for seconds in rests if seconds]
    scene.path.flow.seconds = 0.01
    scene.serving.take(scene.first)
    await scene.sweeper().sweep()

    assert [] == quiet
    assert [0.025] * 3 == [seconds for seconds in rests if seconds]


async def test_a_sweep_under_load_takes_small_groups(scene: Scene) -> None:
    """Smaller by the duration of the last one, down to a limit."""
    more = [f"v{number:03}" for number in range(100)]
    fold_slices([slice_of(0, 7, *(played(user, "i1") for user in more))], scene.store.partitions, scene.first, SETTINGS)
    scene.serving.take(scene.second)
    scene.path.flow.seconds, scene.path.took = 0.01, GroupTiming(0.03, 0.04)

    await scene.sweeper(500).sweep()

    assert [USERS_MIN] * (107 // USERS_MIN) == [len(group) for group in scene.path.groups[:-1]]
    assert 107 == len(scene.under(scene.second))


async def test_another_revision_neither_starts_nor_restarts_a_sweep(scene: Scene) -> None:
    """It is the same generation, though opened anew: a sweep under way goes on, and none begins when it is over."""

    def revise() -> None:
        scene.serving.take(replace(scene.second))
        scene.serving.swapped.set()

    scene.serving.take(scene.second)
    scene.path.after_group = revise
    sweeper = scene.sweeper()
    await sweeper.sweep()
    revise()
    await sweeper.sweep()

    assert [USERS[:3], USERS[3:6], USERS[6:]] == scene.path.groups
    assert scene.second.key == scene.state.swept


async def test_a_group_in_hand_ends_before_a_sweep_looks(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have begun under the generation before, and would put its users there behind the sweep's back."""
    scene.serving.take(scene.second)

    async def late_group() -> None:
        changes = refold({0: USERS[:1]}, scene.store.partitions, scene.first, SETTINGS, NOW_MS)
        make_durable(changes, scene.store.partitions)

    await scene.path.refold(0, USERS)
    monkeypatch.setattr(scene.path, "group_ended", late_group)  # a group under the first generation
    await scene.sweeper().sweep()

    assert USERS == scene.under(scene.second)


async def test_a_swap_there_and_back_loses_nobody(scene: Scene) -> None:
    """Users that played under the other generation are swept again, during a sweep and after it."""
    scene.serving.take(scene.first)

    def there_and_back() -> None:
        scene.serving.take(scene.second)
        scene.path.after_group = lambda: None
        changes = refold({0: USERS[:1]}, scene.store.partitions, scene.second, SETTINGS, NOW_MS)
        scene.state.folds_under(scene.second.key)
        make_durable(changes, scene.store.partitions)
        scene.serving.take(scene.first)

    await scene.sweeper().sweep()
    assert scene.first.key == scene.state.swept
    there_and_back()
    assert 0 == scene.state.swept
    await scene.sweeper().sweep()
    assert USERS == scene.under(scene.first)

    scene.serving.take(scene.second)
    await scene.path.refold(0, USERS)
    scene.serving.take(scene.first)
    scene.path.after_group = there_and_back
    await scene.sweeper().sweep()
    assert 0 == scene.state.swept
    await scene.sweeper().sweep()
    assert USERS == scene.under(scene.first)
    assert scene.first.key == scene.state.swept


async def test_a_sweep_tells_how_far_it_is(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of about how many users, now and then; of exactly how many, once it came past all of them."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(walk_progress, "PROGRESS_S", 0.0)
    sweeper = scene.sweeper()
    for generation in (scene.second, scene.first):
        scene.serving.take(generation)
        await sweeper.sweep()

    logged = [vars(record) for record in caplog.records if record.getMessage() == "sweep_progress"]
    assert [(3, 3), (6, 6), (7, 7)] == [(each["users"], each["seen"]) for each in logged[:3]]
    assert 7 <= logged[0]["of_about"] <= 10
    assert 7 == logged[-1]["of_about"]
    monkeypatch.setattr(walk_progress, "PROGRESS_S", 60.0)
    caplog.clear()
    scene.serving.take(scene.second)
    await sweeper.sweep()
    assert ["partition_swept"] == [record.getMessage() for record in caplog.records]


async def test_the_sweeper_works_as_soon_as_there_is_a_swap(scene: Scene) -> None:
    """It looks for work by itself and is woken by a swap."""
    running = asyncio.create_task(scene.sweeper(100).run())
    await wait_idle()
    outrank(scene, USERS[6])

    scene.serving.take(scene.second)
    scene.serving.swapped.set()
    await wait_until(lambda: scene.state.swept == scene.second.key)

    assert USERS == scene.under(scene.second)
    assert not scene.state.has_outranked
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_silent_listeners_are_left_to_the_renewal_of_their_lists(scene: Scene) -> None:
    """With the setting, a sweep leaves them out; before it expires, their list is one of the new generation."""
    scene.serving.take(scene.second)
    sweeper = scene.sweeper(sweep_days=1)

    await sweeper.sweep()
    assert [] == scene.path.groups
    assert scene.second.key == scene.state.swept
    scene.path.now_ms = NOW_MS + 1000 * SETTINGS.lists.expires_s
    await sweeper.renew(0, scene.path.now_ms)

    assert USERS == scene.path.published
    assert USERS == scene.under(scene.second)


async def test_a_play_during_a_sweep_is_in_no_later_group(scene: Scene) -> None:
    """It was folded under the generation in service, by a group of plays."""
    scene.serving.take(scene.second)

    def play() -> None:
        scene.path.after_group = lambda: None
        changes = fold_slices([slice_of(0, 7, played("u6", "i2"))], scene.store.partitions, scene.second, SETTINGS)
        assert [b"u6"] == [key for key, _ in changes[0].lists]

    scene.path.after_group = play
    await scene.sweeper().sweep()

    assert [USERS[:3], USERS[3:6]] == scene.path.groups
    assert scene.second.key == scene.state.swept
