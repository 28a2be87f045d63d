"""The bucket store: its cache on this machine, and a bucket that does not answer."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest

from state.errors import GenerationError, StoreUnavailableError
from state.generations import bucket as module
from state.generations.bucket_cache import CACHED_MAX, USED
from state.generations.bucket_store import BucketStore
from state.generations.folder_store import FolderStore
from state.generations.generation import open_generation
from state.generations.revision import write_revision
from state.storage.checksums import verify_file_set, write_checksums
from tests.support.generations import FIRST_ID, SECOND_ID
from tests.support.stores import write_night

THIRD_ID = "2026-01-03T00-00-00.000Z"


class Scene:
    """A bucket in memory, and the cache of one machine."""

    def __init__(self, folder: Path) -> None:
        """Prepare."""
        self.folder = folder
        self.url = f"memory://{uuid4().hex}/prefix"
        self.store = BucketStore(self.url, folder / "cached")

    def publish(self, *generation_ids: str) -> None:
        """Publish generations from another machine."""
        for generation_id in generation_ids:
            BucketStore(self.url, self.folder / "other").publish(write_night(self.folder, generation_id))

    def cached(self) -> set[str]:
        """Return the names of the cached generations."""
        return {path.name for path in self.store.path.glob("[!.]*")}

    def close_bucket(self) -> None:
        """Remove all that is in the bucket."""
        fsspec.filesystem("memory").rm(self.url.removeprefix("memory:/"), recursive=True)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Give the scene."""
    return Scene(tmp_path)


def said(act: Callable[[], object]) -> str:
    """Return the message of a generation that cannot be used."""
    with pytest.raises(GenerationError) as caught:
        act()
    return str(caught.value)


def spoil(path: Path) -> None:
    """Flip the last bit of a cached file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_generation_is_fetched_once(scene: Scene) -> None:
    """A worker that starts again opens it without the bucket."""
    scene.publish(FIRST_ID)
    scene.store.open(FIRST_ID, 0)
    scene.close_bucket()

    assert FIRST_ID == scene.store.open(FIRST_ID, 0).id
    assert f"Generation {FIRST_ID} is not in {scene.url}; " in said(lambda: scene.store.open(FIRST_ID))


@pytest.mark.parametrize("name", ["manifest.json", "item_factors.npy"])
@pytest.mark.parametrize("revision", [0, None])
def test_a_damaged_copy_is_fetched_again(scene: Scene, name: str, revision: int | None) -> None:
    """The damaged copy is removed."""
    scene.publish(FIRST_ID)
    scene.store.open(FIRST_ID)
    spoil(scene.store.path / FIRST_ID / name)

    assert FIRST_ID == scene.store.open(FIRST_ID, revision).id

    assert {FIRST_ID} == scene.cached()
    assert not list(scene.store.path.rglob("*.damaged"))


def test_a_damaged_copy_without_an_original_is_an_error(scene: Scene) -> None:
    """The damaged copy is not served."""
    scene.publish(FIRST_ID)
    scene.store.open(FIRST_ID)
    spoil(scene.store.path / FIRST_ID / "popularity.npy")
    scene.close_bucket()

    assert f"Generation {FIRST_ID} is not in {scene.url}; " in said(lambda: scene.store.open(FIRST_ID, 0))


def test_a_damaged_original_is_not_cached(scene: Scene) -> None:
    """The message names the file, and the cache stays empty."""
    scene.publish(FIRST_ID)
    fsspec.filesystem("memory").pipe_file(f"{scene.url}/{FIRST_ID}/item_keys.npy", b"else")

    expected = f"Generation {FIRST_ID} is damaged: item_keys.npy does not match its checksum."
    assert expected == said(lambda: scene.store.open(FIRST_ID))
    assert set() == scene.cached()


def test_the_cache_keeps_the_two_generations_used_last(scene: Scene) -> None:
    """A third one evicts the other, which stays readable while it is mapped."""
    assert 2 == CACHED_MAX
    scene.publish(FIRST_ID, SECOND_ID, THIRD_ID)
    opened = [scene.store.open(generation_id, 0) for generation_id in (FIRST_ID, SECOND_ID)]
    let_time_pass(scene)
    scene.store.open(FIRST_ID, 0)

    scene.store.open(THIRD_ID, 0)

    assert {FIRST_ID, THIRD_ID} == scene.cached()
    assert opened[1].item_factors.any()


def let_time_pass(scene: Scene) -> None:
    """Make the cached generations a minute older."""
    for used in scene.store.path.glob(f"*/{USED}"):
        os.utime(used, (time.time() - 60, time.time() - 60))


def test_a_deleted_generation_is_evicted(scene: Scene) -> None:
    """A pruned generation does not stay on every machine."""
    scene.publish(FIRST_ID, SECOND_ID)
    scene.store.open(FIRST_ID, 0)
    scene.store.delete(FIRST_ID)

    scene.store.open(SECOND_ID, 0)

    assert {SECOND_ID} == scene.cached()


def test_generations_published_on_this_machine_are_never_evicted(scene: Scene) -> None:
    """After a move from a folder to a bucket, the folder loses nothing."""
    FolderStore(scene.store.path).publish(write_night(scene.folder, FIRST_ID))
    scene.publish(SECOND_ID, THIRD_ID)

    for generation_id in (SECOND_ID, THIRD_ID):
        scene.store.open(generation_id)

    assert {FIRST_ID, SECOND_ID, THIRD_ID} == scene.cached()
    assert [SECOND_ID, THIRD_ID] == [manifest.generation_id for manifest in scene.store.manifests()]


def test_parts_are_fetched_when_they_are_needed(scene: Scene) -> None:
    """A worker fetches no related items; `folder` does, and replaces a damaged part."""
    scene.publish(FIRST_ID)
    scene.store.open(FIRST_ID)
    assert not (scene.store.path / FIRST_ID / "related").exists()

    for _ in range(2):
        path = scene.store.folder(FIRST_ID) / "related" / "rows.npy"
        verify_file_set(path.parent, "It")
        spoil(path)


def test_a_revision_is_fetched_when_it_is_announced(scene: Scene) -> None:
    """The newest one comes with the generation; an older or a later one is added when it is opened."""
    folder = write_night(scene.folder, FIRST_ID)
    generation = open_generation(folder)
    write_revision(generation, folder, 0, ["i1"], 2)
    BucketStore(scene.url, scene.folder / "other").publish(folder)
    for number in (1, 2):
        part = write_revision(generation, folder, number, ["i1", f"i{number + 1}"], 2, into=scene.folder)
        scene.store.publish_revision(part, FIRST_ID, number)

    newest = scene.store.open(FIRST_ID)
    assert ["revision-2"] == [path.name for path in (scene.store.path / FIRST_ID).glob("revision-*")]
    first, second = (scene.store.open(FIRST_ID, number).revision for number in (0, 1))

    assert 2 == newest.revision.number
    assert ("i1", "i3") == newest.revision.withdrawn
    assert 0 == first.number
    assert ("i1",) == first.withdrawn
    assert 1 == second.number
    assert ("i1", "i2") == second.withdrawn
    assert [0, 1, 2] == scene.store.revisions(FIRST_ID)
    assert f"Generation {FIRST_ID} has no revision 3; it has 0, 1, 2." == said(lambda: scene.store.open(FIRST_ID, 3))


def test_a_killed_builder_does_not_block_its_revision(scene: Scene) -> None:
    """Its files are replaced, because a revision without its record is not published."""
    scene.publish(FIRST_ID)
    part = scene.folder / "revision"
    part.mkdir()
    (part / "index.ann").write_bytes(b"whole")
    write_checksums(part, ["index.ann"])
    files = fsspec.filesystem("memory")
    files.pipe_file(f"{scene.url}/{FIRST_ID}/revision-1/index.ann", b"another builder's")

    scene.store.publish_revision(part, FIRST_ID, 1)

    assert b"whole" == files.cat_file(f"{scene.url}/{FIRST_ID}/revision-1/index.ann")
    assert FIRST_ID == scene.store.verify(FIRST_ID).generation_id


def test_old_unfinished_generations_are_pruned(scene: Scene) -> None:
    """A newer one is kept, because its publisher may still be running."""
    scene.publish(SECOND_ID)
    files = fsspec.filesystem("memory")
    for generation_id in (FIRST_ID, THIRD_ID):
        files.pipe_file(f"{scene.url}/{generation_id}/item_ids.json", b"[]")

    assert [FIRST_ID] == scene.store.prune(2, None)
    assert [f"{THIRD_ID}/item_ids.json"] == [name for name in scene.store._bucket.names() if SECOND_ID not in name]  # noqa: SLF001


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Give a socket in the place of an S3 server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "made-up")
        yield server


def test_a_bucket_that_does_not_answer_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: socket.socket
) -> None:
    """The error comes after the allowed number of attempts."""
    options: Any = module.OPTIONS["s3"]["config_kwargs"]
    monkeypatch.setitem(options, "read_timeout", 0.1)
    store = BucketStore("s3://bucket/prefix", tmp_path)

    with pytest.raises(StoreUnavailableError, match=r"^The generation store s3://bucket/prefix cannot be used: .*\.$"):
        store.open(FIRST_ID, 0)
    assert n_waiting(silent) == module.ATTEMPTS**2  # by s3fs, each by botocore


def n_waiting(server: socket.socket) -> int:
    """Return how many connections wait for a server, and accept them."""
    server.settimeout(0)
    n = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            n += 1
    return n


@pytest.mark.processes
def test_a_bucket_that_cannot_be_reached_is_an_error(tmp_path: Path, silent: socket.socket) -> None:
    """Cached generations are still served."""
    silent.close()
    folder = write_night(tmp_path, FIRST_ID)
    FolderStore(tmp_path / "cached").publish(folder)
    store = BucketStore("s3://bucket/prefix", tmp_path / "cached")

    with pytest.raises(
        StoreUnavailableError, match=r"^The generation store s3://bucket/prefix cannot be used: Could not"
    ):
        store.publish(folder)
    assert FIRST_ID == store.open(FIRST_ID, 0).id


def test_an_unknown_protocol_is_an_error(tmp_path: Path) -> None:
    """No file system is installed for it."""
    expected = "The generation store no-such://a cannot be used: Protocol not known: no-such."
    assert expected == said(lambda: BucketStore("no-such://a", tmp_path))


def test_a_cached_generation_is_a_complete_generation(scene: Scene) -> None:
    """It can be opened as a folder, and published again."""
    scene.publish(FIRST_ID)
    folder = scene.store.folder(FIRST_ID)

    assert FIRST_ID == open_generation(folder).id
    FolderStore(scene.folder / "again").publish(folder)
    assert not list((scene.folder / "again").rglob(USED))
