"""Live quality by the generation that made a list."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agents.observers.live_quality import GENERATIONS_MAX
from agents.observers.quality_window import OLDER
from tests.agents.observers.scored_lists import SETTINGS, Scene, live_quality
from tests.support.deliveries import NOW_MS, make_durable, played, refold
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give the scene."""
    prepared = Scene(tmp_path)
    yield prepared
    prepared.states[0].close()


def test_a_hit_is_that_of_the_generation_that_made_the_list(scene: Scene) -> None:
    """Until a listener is folded again under the next one."""
    listed = scene.take(played("ann", "i1"))["ann"]
    scene.serve(make_generation(scene.folder / "generations", SECOND_ID, seed=1))

    again = scene.take(played("ann", listed[0]))["ann"]
    scene.take(played("ann", again[0]))

    assert [1, 1, 1, 1] == scene.counted(name=FIRST_ID)
    assert [1, 1, 1, 1] == scene.counted(name=SECOND_ID)


def test_a_generation_that_was_not_in_service_has_no_name(scene: Scene) -> None:
    """A worker that was started after the swap knows only its key."""
    listed = scene.take(played("ann", "i1"))["ann"]
    scene.quality = live_quality()
    scene.serve(make_generation(scene.folder / "generations", SECOND_ID, seed=1))

    scene.take(played("ann", listed[0]))

    assert [1, 1, 1, 1] == scene.counted(name=OLDER)


def test_few_generations_are_told_apart(scene: Scene) -> None:
    """The counts of older ones are dropped; one that comes back is among the latest again."""
    ids = [f"2026-02-0{number}T00-00-00.000Z" for number in range(1, 6)]
    for number, generation_id in enumerate(ids):
        generation = make_generation(scene.folder / "generations", generation_id, seed=number)
        scene.serve(generation)
        changes = refold({0: [b"ann"]}, scene.states, generation, SETTINGS, NOW_MS)
        make_durable(changes, scene.states)
        scene.take(played("ann", f"i{number}"))

    assert ids[-GENERATIONS_MAX:] == list(scene.quality.counts)
    assert [1.0] * GENERATIONS_MAX == [scene.counted(name=name)[0] for name in scene.quality.counts]


def test_without_a_generation_nothing_is_scored(scene: Scene) -> None:
    """Nor in a group without any event that could be read."""
    listed = scene.take(played("ann", "i1"))["ann"]
    scene.take((b"ann", b"no play"))

    scene.generation = None
    scene.take(played("ann", listed[0]))

    assert {} == scene.quality.counts


def test_the_window_holds_what_was_counted(scene: Scene) -> None:
    """Play by play."""
    listed = scene.take(played("ann", "i1"))["ann"]
    again = scene.take(played("ann", listed[1]))["ann"]
    scene.take(played("ann", "i39"))

    entries: Sequence[tuple[int, ...]] = scene.quality.window.entries.tolist()

    own_rank = 1 + again.index("i39") if "i39" in again else 0
    assert scene.generation is not None
    assert [(2, 0, False), (own_rank, 0, True)] == [(entry[0], entry[2], entry[3]) for entry in entries]
    assert {scene.generation.key} == {entry[4] for entry in entries}
