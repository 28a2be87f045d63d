"""The behaviour of every generation store: a folder, and a bucket of an S3 server that runs here."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from state.errors import GenerationError
from state.generations.generation import FILES
from state.generations.manifest import read_manifest
from state.generations.related_items import open_related
from state.storage.checksums import write_checksums
from tests.support.generations import FIRST_ID, SECOND_ID
from tests.support.settings import settings_with
from tests.support.stores import RELATED, BucketCase, FolderCase, StoreCase, judged, write_night

PROJECT = Path(__file__).parent.parent.parent
THIRD_ID = "2026-01-03T00-00-00.000Z"
BASE = [*FILES, "manifest.json", "manifest.sha256"]
PART = ["related/rows.npy", "related/cosines.npy", "related/checksums.json", "related/checksums.sha256"]

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


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Run an S3 server and return its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def prepared(request: pytest.FixtureRequest, folder: Path) -> Iterator[StoreCase]:
    """Give a store of the kind that the fixture asks for, empty."""
    settings = settings_with(data_dir=str(folder))
    if request.param == "folder":
        yield FolderCase(settings)
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3"))
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "made-up")
        case = BucketCase(settings, folder.name)
        yield case
        case.client.close()


@pytest.fixture(params=["folder", "bucket"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreCase]:
    """Give both, one after the other, empty."""
    with prepared(request, tmp_path_factory.mktemp("store")) as case:
        yield case


@pytest.fixture(scope="module", params=["folder", "bucket"])
def damaged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreCase]:
    """Give both with two generations in them, which a test damages and leaves whole."""
    folder = tmp_path_factory.mktemp("damaged")
    with prepared(request, folder) as case:
        for generation_id in (FIRST_ID, SECOND_ID):
            case.store.publish(write_night(folder, generation_id))
        yield case
        assert [FIRST_ID, SECOND_ID] == [case.store.verify(name).generation_id for name in (FIRST_ID, SECOND_ID)]


def said(act: Callable[[], object]) -> str:
    """Return the message of a generation that cannot be used."""
    with pytest.raises(GenerationError) as caught:
        act()
    return str(caught.value)


def listed(case: StoreCase) -> list[str]:
    """Return the names of the listed generations."""
    return [manifest.generation_id for manifest in case.store.manifests()]


def damage(case: StoreCase, name: str) -> None:
    """Flip the last bit of a file in the store."""
    content = bytearray(case.read(name))
    content[-1] ^= 1
    case.write(name, bytes(content))


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


def test_a_damaged_generation_is_not_published(case: StoreCase, tmp_path: Path) -> None:
    """None of its files gets into the store."""
    folder = write_night(tmp_path, FIRST_ID)
    (folder / "related" / "rows.npy").write_bytes(b"else")

    expected = f"Part related of generation {FIRST_ID} is damaged: rows.npy does not match its checksum."
    assert expected == said(lambda: case.store.publish(folder))
    assert set() == case.names()


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


@pytest.mark.parametrize("name", BASE + PART)
def test_one_flipped_bit_in_any_file_is_found_and_named(damaged: StoreCase, name: str) -> None:
    """Of the base and of every part; the others of the store are none the worse."""
    part, _, file = name.rpartition("/")
    what = f"Part {part} of generation {FIRST_ID}" if part else f"Generation {FIRST_ID}"

    with mended(damaged, f"{FIRST_ID}/{name}"):
        damage(damaged, f"{FIRST_ID}/{name}")
        sentence = said(lambda: damaged.store.verify(FIRST_ID))

    assert f"{what} is damaged: {file} does not match its checksum." == sentence


@pytest.mark.parametrize("name", BASE)
def test_a_truncated_file_is_never_served(damaged: StoreCase, name: str) -> None:
    """As a full disk leaves it: verified or opened, the sentence names it."""
    with mended(damaged, f"{FIRST_ID}/{name}") as content:
        damaged.write(f"{FIRST_ID}/{name}", content[:-1])
        sentences = {said(lambda: damaged.store.open(FIRST_ID)), said(lambda: damaged.store.verify(FIRST_ID))}

    assert {f"Generation {FIRST_ID} is damaged: {name} does not match its checksum."} == sentences


@pytest.mark.parametrize("name", [name for name in BASE if name != "manifest.json"])
def test_a_missing_file_is_a_problem(damaged: StoreCase, name: str) -> None:
    """It is not listed with the others, and the sentence names the file."""
    with mended(damaged, f"{FIRST_ID}/{name}"):
        damaged.remove(f"{FIRST_ID}/{name}")
        store = damaged.store
        assert [SECOND_ID] == listed(damaged)
        sentences = {
            *store.problems().values(),
            said(lambda: store.open(FIRST_ID)),
            said(lambda: store.verify(FIRST_ID)),
        }

    assert {f"Generation {FIRST_ID} is incomplete: {name} is missing."} == sentences


@contextmanager
def mended(case: StoreCase, name: str) -> Iterator[bytes]:
    """Give the content of a file, and write it again afterwards."""
    content = case.read(name)
    yield content
    case.write(name, content)


def test_a_generation_under_another_name_is_damaged(case: StoreCase, tmp_path: Path) -> None:
    """A copy by hand under another name is not served."""
    case.store.publish(write_night(tmp_path, FIRST_ID))
    case.store.publish(write_night(tmp_path, SECOND_ID))
    for name in BASE:
        case.write(f"{FIRST_ID}/{name}", case.read(f"{SECOND_ID}/{name}"))

    expected = f"Generation {FIRST_ID} is damaged: its manifest is that of generation {SECOND_ID}."
    assert {FIRST_ID: expected} == case.store.problems()
    assert expected == said(lambda: case.store.open(FIRST_ID))
    assert expected == said(lambda: case.store.open(FIRST_ID, 0))
    assert expected == said(lambda: case.store.verify(FIRST_ID))


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


def write_part(folder: Path, content: bytes) -> Path:
    """Write a part that stands for a revision as long as no test opens it."""
    folder.mkdir(parents=True)
    (folder / "index.ann").write_bytes(content)
    write_checksums(folder, ["index.ann"])
    return folder


def test_a_revision_is_added_whole(case: StoreCase, tmp_path: Path) -> None:
    """It is verified with its generation; the same one may be published twice, another one not under its number."""
    case.store.publish(write_night(tmp_path, FIRST_ID))
    first, second = (write_part(tmp_path / str(n), b"%d" % n) for n in (1, 2))

    assert [] == case.store.revisions(FIRST_ID)
    case.store.publish_revision(first, FIRST_ID, 1)
    case.store.publish_revision(first, FIRST_ID, 1)
    assert [1] == case.store.revisions(FIRST_ID)

    assert b"1" == case.read(f"{FIRST_ID}/revision-1/index.ann")
    assert (
        f"Revision 1 of generation {FIRST_ID} is published, and is another one; publish this one under the next number."
    ) == said(lambda: case.store.publish_revision(second, FIRST_ID, 1))
    assert f"Generation {SECOND_ID} is not in " in said(lambda: case.store.publish_revision(second, SECOND_ID, 1))
    case.store.verify(FIRST_ID)
    damage(case, f"{FIRST_ID}/revision-1/index.ann")
    assert f"Revision 1 of generation {FIRST_ID} is damaged: index.ann does not match its checksum." == said(
        lambda: case.store.verify(FIRST_ID)
    )


def test_a_damaged_revision_is_not_published(case: StoreCase, tmp_path: Path) -> None:
    """Nothing of it comes into the store."""
    case.store.publish(write_night(tmp_path, FIRST_ID))
    before = case.names()
    folder = write_part(tmp_path / "1", b"1")
    (folder / "index.ann").write_bytes(b"2")

    expected = f"Revision 1 of generation {FIRST_ID} is damaged: index.ann does not match its checksum."
    assert expected == said(lambda: case.store.publish_revision(folder, FIRST_ID, 1))
    assert before == case.names()


def test_the_oldest_revisions_are_dropped(case: StoreCase, tmp_path: Path) -> None:
    """The newest three stay: one may be in service, another is being announced."""
    case.store.publish(write_night(tmp_path, FIRST_ID))

    for n in range(5):
        case.store.publish_revision(write_part(tmp_path / str(n), b"%d" % n), FIRST_ID, n)

    revisions = {name.split("/")[1] for name in case.names() if "revision" in name}
    assert {"revision-2", "revision-3", "revision-4"} == revisions
    case.store.verify(FIRST_ID)
