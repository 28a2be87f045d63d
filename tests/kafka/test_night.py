"""Nights that are killed, concurrent, or rejected, and the state of topics, store and disk afterwards."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from cli.processes import run_command
from jobs.announcement import announce
from jobs.progress import JobProgress, ProgressCallback, no_progress
from jobs.retraining.reindex import Changes, reindex
from jobs.retraining.retrain import retrain
from jobs.retraining.run import open_run
from state.generations.folder_store import FolderStore
from state.generations.generation import Generation
from state.generations.open_store import generation_store
from streams.messages.generations import Announcement
from streams.settings import Settings, environment_of, override
from streams.topics.topics import TopicNames
from tests.kafka.dying_night import STEPS
from tests.kafka.listeners import write_listeners
from tests.support.snapshots import drawn_plays
from tests.support.topics import values

PROJECT = Path(__file__).parent.parent.parent
KILLED = -9


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give a test listeners, and settings under which a generation is made in no time."""
    assert names.users_changelog
    changed = override(settings, factors=8, iterations=2, warm_iterations=1, index_trees=2, related_n=3)
    write_listeners(changed, drawn_plays(60, 30))
    return changed


def announcements(settings: Settings, names: TopicNames) -> list[str]:
    """Return the generations that were announced, one after the other."""
    records = values(settings, names.generations)
    return [msgspec.json.decode(value, type=Announcement).generation_id for _, value in records]


def left(settings: Settings) -> set[str]:
    """Return the names of all files that runs left."""
    return {path.name for path in settings.application.nights_path.rglob("*") if path.is_file()}


def test_a_night_killed_in_every_step_ends_well(small: Settings, names: TopicNames) -> None:
    """In its middle and at its end: the result is one complete generation, and no history."""
    environment = environment_of(small) | {"PYTHONPATH": str(PROJECT)}
    driver = [sys.executable, "-m", "tests.kafka.dying_night", *STEPS]
    nights = subprocess.run(driver, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    died = [line.split() for line in nights.stdout.splitlines()]
    assert [[step, where, str(KILLED)] for step in STEPS for where in ("middle", "end")] == died

    report = retrain(small, no_progress)

    assert report.resumed
    assert "announced" == report.status
    store = generation_store(small)
    assert [report.generation] == [manifest.generation_id for manifest in store.manifests()]
    assert {report.generation} == set(announcements(small, names))
    assert report.generation == store.verify(report.generation).generation_id
    assert {report.generation} == {path.name for path in store.path.glob("[!.]*")}
    assert {"run.json", "report.json", "lock"} == left(small)


def test_the_next_night_begins_with_the_generation_in_service(small: Settings, names: TopicNames) -> None:
    """It is compared with it, too; both are announced, in their order, and nothing is resumed."""
    first, second = retrain(small, no_progress), retrain(small, no_progress)

    assert first.started_from is None
    assert first.generation == second.started_from
    assert first.gate is not None
    assert second.gate is not None
    assert first.gate.against is None
    assert first.generation == second.gate.against
    assert second.gate.serving is not None
    assert [first.generation, second.generation] == announcements(small, names)
    manifests = generation_store(small).manifests()
    assert [None, first.generation] == [manifest.parent for manifest in manifests]
    assert [2, 1] == [manifest.objective.iterations for manifest in manifests]
    assert [60, 60] == [manifest.n_users_trained for manifest in manifests]
    assert [False, False] == [first.resumed, second.resumed]


def test_the_generation_in_service_is_opened_once(
    small: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps of a run share it."""
    assert names.generations
    in_service, opened, open_generation = retrain(small, no_progress).generation, list[str](), FolderStore.open

    def watched_open(store: FolderStore, generation_id: str, revision: int | None = None) -> Generation:
        opened.append(generation_id)
        return open_generation(store, generation_id, revision)

    monkeypatch.setattr(FolderStore, "open", watched_open)
    retrain(small, no_progress)

    assert 1 == opened.count(in_service)


def test_a_rollback_during_a_run_does_not_mix_two_generations(small: Settings, names: TopicNames) -> None:
    """The new generation is compared with the one that it started from, although another one serves meanwhile."""
    first, second = (retrain(small, no_progress).generation for _ in range(2))

    report = retrain(small, at_step("ranking the held-out items", lambda: serve_again(small, first)))

    assert [first, second, first, report.generation] == announcements(small, names)
    assert second == report.started_from
    assert report.gate is not None
    assert second == report.gate.against
    assert second == generation_store(small).verify(report.generation).parent


def at_step(title: str, act: Callable[[], object]) -> ProgressCallback:
    """Return a callback that acts right before a step of a run does its work."""

    def on_progress(progress: JobProgress) -> None:
        if progress.name == title and progress.total is None:
            act()

    return on_progress


def serve_again(settings: Settings, generation_id: str) -> None:
    """Announce an older generation, as a rollback does."""
    asyncio.run(announce(settings, generation_id, 0, time.time_ns() // 1_000_000))


@pytest.mark.parametrize("rolled_back", [False, True])
def test_an_item_withdrawn_during_a_run_stays_withdrawn(
    small: Settings, names: TopicNames, *, rolled_back: bool
) -> None:
    """The new generation does not list it, whichever generation it was withdrawn from."""
    assert names.generations
    first, _ = (retrain(small, no_progress).generation for _ in range(2))

    def withdraw() -> None:
        if rolled_back:
            serve_again(small, first)
        reindex(small, Changes(withdraw=["i1"]))

    report = retrain(small, at_step("building the index", withdraw))

    assert ("i1",) == generation_store(small).open(report.generation).revision.withdrawn


def test_other_factors_begin_from_chance(small: Settings, names: TopicNames) -> None:
    """And so does everything when the settings say so."""
    assert names.generations
    first = retrain(small, no_progress)
    longer = retrain(override(small, factors=10), no_progress)
    cold = retrain(override(small, factors=10, warm_iterations=0), no_progress)

    assert [None, None, None] == [report.started_from for report in (first, longer, cold)]
    assert {2} == {manifest.objective.iterations for manifest in generation_store(small).manifests()}


def test_a_second_retrain_meanwhile_is_an_error(small: Settings, tmp_path: Path) -> None:
    """Status 1, and the first one is not disturbed."""
    with open_run(small, no_progress) as run:
        command = [sys.executable, "-m", "cli.main", "retrain"]
        second = subprocess.run(command, env=environment_of(small), capture_output=True, text=True, check=False)

    expected = (
        f"Another run makes generation {run.generation_id} in {small.application.nights_path}: wait for it, or stop it."
    )
    assert 1 == second.returncode
    assert "" == second.stdout
    assert expected == second.stderr.splitlines()[-1]
    assert tmp_path.exists()


def test_a_retrain_says_that_it_resumes(small: Settings, tmp_path: Path) -> None:
    """On stderr, above its bars; the answer says so too."""
    with pytest.raises(InterruptedError), open_run(small, no_progress) as run:
        raise InterruptedError
    log = tmp_path / "retrain.log"

    report = report_of(small, log)

    assert report["resumed"] is True
    assert run.generation_id == report["generation"]
    assert f"Resuming the run of generation {run.generation_id}; done: nothing." in log.read_text()


def report_of(settings: Settings, log: Path, *options: str) -> dict[str, Any]:
    """Run `playfold retrain --json` and return its report."""
    line = asyncio.run(run_command(settings, "retrain", "--json", *options, log_file=log))
    return msgspec.json.decode(line, type=dict[str, Any])


def clustered(n_clusters: int = 40, n_users: int = 200) -> dict[str, list[str]]:
    """Return listeners that play five of the six items of one cluster, each in another order."""
    rng = np.random.default_rng(0)
    played = {}
    for user in range(n_users):
        items = rng.permutation(6)[:5].tolist()
        played[f"u{user:03}"] = [f"{user % n_clusters}-{item}" for item in items]
    return played


def test_a_worse_generation_is_rejected(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """It is in the store to be looked at, without parts, and nobody is told to serve it; forced, it is announced."""
    good = override(settings, factors=32, iterations=5)
    poor = override(settings, factors=2, iterations=1)
    write_listeners(settings, clustered())
    in_service = retrain(good, no_progress).generation

    report = retrain(poor, no_progress)

    store = generation_store(settings)
    assert report.gate is not None
    assert report.gate.difference is not None
    assert "rejected" == report.status
    assert not report.gate.accepted
    assert report.gate.difference.high < 0
    assert [in_service] == announcements(settings, names)
    assert [False, True] == [manifest.rejected for manifest in store.manifests()]
    assert [] == [path for path in store.folder(report.generation).iterdir() if path.is_dir()]
    assert {"run.json", "report.json", "lock"} == left(settings)

    forced = report_of(poor, tmp_path / "forced.log", "--force")
    assert "announced" == forced["status"]
    assert forced["gate"]["accepted"] is False
    assert forced["gate"]["forced"] is True
    assert [in_service, forced["generation"]] == announcements(settings, names)
    assert [False, True, False] == [manifest.rejected for manifest in store.manifests()]


def test_without_a_gate_nothing_is_judged(small: Settings, names: TopicNames) -> None:
    """And nothing is held out of the training."""
    report = retrain(override(small, gate_share=0.0), no_progress)

    assert "announced" == report.status
    assert report.gate is None
    assert [report.generation] == announcements(small, names)


def test_a_generation_in_service_that_is_damaged_does_not_stop_the_night(small: Settings, names: TopicNames) -> None:
    """It is said, the next one begins from chance and is compared with nothing."""
    damaged = retrain(small, no_progress).generation
    (generation_store(small).folder(damaged) / "popularity.npy").write_bytes(b"")
    reported: list[JobProgress] = []

    report = retrain(small, reported.append)

    assert report.started_from is None
    assert report.gate is not None
    assert damaged == report.gate.against
    assert report.gate.serving is None
    assert [damaged, report.generation] == announcements(small, names)
    sentence = f"Generation {damaged} is damaged: popularity.npy does not match its checksum."
    assert any(step.is_note and step.name.startswith(sentence) for step in reported)


def test_old_generations_are_pruned(small: Settings, names: TopicNames) -> None:
    """As many are kept as the settings say, and a note reports each removal."""
    with_two = override(small, generations_max=2)
    reported: list[JobProgress] = []

    ids = [retrain(with_two, reported.append).generation for _ in range(3)]

    assert ids[1:] == [manifest.generation_id for manifest in generation_store(small).manifests()]
    assert f"Generation {ids[0]} is removed: newer ones are kept." in {step.name for step in reported if step.is_note}
    assert ids == announcements(small, names)
