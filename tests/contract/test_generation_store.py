"""The behaviour of every generation store: a folder, and a bucket of an S3 server that runs here."""

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from state.errors import GenerationError
from state.generations.manifest import read_manifest
from state.generations.related_items import open_related
from tests.contract.stored_generations import BASE, PART, listed, said
from tests.support.generations import FIRST_ID, SECOND_ID
from tests.support.stores import RELATED, FolderCase, StoreCase, judged, write_night

PROJECT = Path(__file__).parent.parent.parent

# Publishes a folder and kills itself at the n-th file, or at the name that makes all of it valid.
PUBLISHER = """
import os, signal, sys
from pathlib import Path
from state.generations.bucket import Bucket
from state.generations.open_store import generation_store
from streams.settings import read_settings

def dying(work, names=[]):
    def work_or_die(*arguments):
        names.append(None)
        if len(names) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*arguments)
    return work_or_die

os.link, Path.rename, Bucket.create = dying(os.link), dying(Path.rename), dying(Bucket.create)
generation_store(read_settings()).publish(Path(sys.argv[1]))
"""


def test_a_published_generation_is_listed_verified_and_opened(case: StoreCase, tmp_path: Path) -> None:
    """By every process, oldest first; an empty store lists nothing."""
    assert [] == listed(case)
    for generation_id in (SECOND_ID, FIRST_ID):
        case.store.publish(write_night(tmp_path, generation_id))

    assert [FIRST_ID, SECOND_ID] == listed(case)
    assert {} == case.store.problems()
    assert SECOND_ID == case.store.verify(SECOND_ID).generation_id
    assert SECOND_ID == case.store.open(SECOND_ID).id
    related = open_related(case.store.folder(SECOND_ID))
    assert related is not None
    np.testing.assert_array_equal(RELATED.rows, related.rows)
    assert {f"{FIRST_ID}/{name}" for name in (*BASE, *PART)} < case.names()


def test_a_name_is_published_once(case: StoreCase, tmp_path: Path) -> None:
    """The second publisher fails, with the same generation or another one, and the first generation stays complete."""
    case.store.publish(write_night(tmp_path, FIRST_ID))
    before = {name: case.read(name) for name in case.names()}

    for seed in (0, 1):
        folder = write_night(tmp_path / "again", FIRST_ID, seed=seed)
        sentence = said(partial(case.store.publish, folder))
        assert sentence.startswith(f"Generation {FIRST_ID} exists in ")
        assert sentence.endswith("; publish under another name.")

    assert before == {name: case.read(name) for name in case.names()}


@pytest.mark.processes
@pytest.mark.parametrize("n", [1, 5, len(BASE) + len(PART)])
def test_a_publisher_that_is_killed_publishes_nothing(case: StoreCase, tmp_path: Path, n: int) -> None:
    """At its first file, in the middle, or right before the last step; the next attempt succeeds."""
    folder = write_night(tmp_path, FIRST_ID)
    last = 1 if n == len(BASE) + len(PART) and isinstance(case, FolderCase) else 0
    ended = run_publisher(case, folder, n + last)
    assert -signal.SIGKILL == ended.returncode, ended.stderr

    assert [] == listed(case)
    assert {} == case.store.problems()
    assert f"Generation {FIRST_ID} is not in " in said(lambda: case.store.open(FIRST_ID))
    assert f"Generation {FIRST_ID} is not in " in said(lambda: case.store.verify(FIRST_ID))

    case.store.publish(folder)
    assert [FIRST_ID] == listed(case)
    assert FIRST_ID == case.store.verify(FIRST_ID).generation_id


def run_publisher(case: StoreCase, folder: Path, n: int) -> subprocess.CompletedProcess[str]:
    """Let a process publish until it kills itself."""
    settings = case.settings
    environment = {
        "PLAYFOLD_DATA_DIR": settings.application.data_dir,
        "PLAYFOLD_GENERATION_STORE": settings.generations.store,
    }
    command = [sys.executable, "-c", PUBLISHER, str(folder), str(n)]
    return subprocess.run(
        command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("generation_id", ["..", ".", "", "../elsewhere", "/etc", "no-such", ".aside", "a/b"])
def test_a_missing_generation_is_refused(case: StoreCase, tmp_path: Path, generation_id: str) -> None:
    """For any name in an announcement; no other file is touched."""
    case.store.publish(write_night(tmp_path, FIRST_ID))
    before, store = case.names(), case.store

    for act in (store.open, store.verify, store.folder, store.delete):
        sentence = said(partial(act, generation_id))
        assert sentence.startswith(f"Generation {generation_id} is not in ")
        assert sentence.endswith("; `playfold generations list` prints all ids.")
    assert before == case.names()


def test_a_deleted_generation_is_gone(case: StoreCase, tmp_path: Path) -> None:
    """The others stay, and a process that has it open can continue to read it."""
    for generation_id in (FIRST_ID, SECOND_ID):
        case.store.publish(write_night(tmp_path, generation_id))
    held = case.store.open(FIRST_ID)

    case.store.delete(FIRST_ID)

    assert [SECOND_ID] == listed(case)
    assert not [name for name in case.names() if name.startswith(FIRST_ID)]
    assert held.item_factors.any()
    assert f"Generation {FIRST_ID} is not in " in said(lambda: case.store.delete(FIRST_ID))


def test_the_newest_are_kept_and_rejected_ones_are_counted_apart(case: StoreCase, tmp_path: Path) -> None:
    """The one in service is never removed, however old; a second time there is nothing to remove."""
    yes, no = judged(accepted=True), judged(accepted=False)
    verdicts = [yes, None, yes, no, yes, no, no]
    names = [f"2026-02-0{day}" for day in range(1, len(verdicts) + 1)]
    for generation_id, gate in zip(names, verdicts, strict=True):
        case.store.publish(write_night(tmp_path, generation_id, gate))

    assert [names[1], names[3]] == case.store.prune(2, names[0])

    assert [names[0], names[2], *names[4:]] == listed(case)
    assert [] == case.store.prune(2, names[0])
    assert [names[0]] == case.store.prune(2, None)


def test_damaged_generations_are_pruned_by_their_age(case: StoreCase, tmp_path: Path) -> None:
    """One that is newer than the kept ones stays, to be looked at."""
    names = [f"2026-02-0{day}" for day in range(1, 6)]
    for generation_id in names:
        case.store.publish(write_night(tmp_path, generation_id))
    for generation_id in (names[0], names[3]):
        case.remove(f"{generation_id}/popularity.npy")

    assert names[:2] == case.store.prune(2, None)
    assert {names[3]} == set(case.store.problems())
    assert [names[2], names[4]] == listed(case)


def test_of_two_publishers_at_once_one_succeeds(case: StoreCase, tmp_path: Path) -> None:
    """The published generation is complete, and that of one of them."""
    folders = [write_night(tmp_path, FIRST_ID, seed=seed) for seed in (0, 1)]
    refused: list[str] = []

    def publish(folder: Path) -> None:
        try:
            case.store.publish(folder)
        except GenerationError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=publish, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == len(refused)
    assert refused[0].startswith(f"Generation {FIRST_ID} exists in ")
    assert case.store.verify(FIRST_ID) in [read_manifest(folder) for folder in folders]
