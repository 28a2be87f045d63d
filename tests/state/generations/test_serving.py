"""The generation in service, and announcements that are refused."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from state.errors import StoreUnavailableError
from state.generations.folder_store import FolderStore
from state.generations.generation import Generation
from state.generations.revision import write_revision
from state.generations.serving import Serving
from state.generations.store import GenerationStore
from streams.messages.generations import Announcement
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation
from tests.support.wait import wait_until


@pytest.fixture
def store(tmp_path: Path) -> GenerationStore:
    """Give a store with two generations."""
    for seed, generation_id in enumerate((FIRST_ID, SECOND_ID)):
        make_generation(tmp_path, generation_id, seed=seed)
    return FolderStore(tmp_path)


def announcement(generation_id: str) -> bytes:
    """Return an announcement as it travels."""
    return msgspec.json.encode(Announcement(generation_id=generation_id, revision=0, announced_at_ms=0))


async def swap_to(serving: Serving, *generation_ids: str) -> str | None:
    """Announce generations, swap once, and return the one in service."""
    for generation_id in generation_ids:
        serving.on_record(b"serving", announcement(generation_id))
    await serving.swap()
    return serving.current.id if serving.current else None


def reasons(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    """Return the reasons of an event in the log."""
    return [vars(record)["reason"] for record in caplog.records if record.getMessage() == event]


async def test_the_generation_announced_last_is_served(store: GenerationStore) -> None:
    """Earlier announcements are skipped without opening; without any announcement none is in service."""
    serving = Serving(store)
    assert await swap_to(serving) is None
    assert not serving.swapped.is_set()

    assert SECOND_ID == await swap_to(serving, "no-such", SECOND_ID)
    assert serving.swapped.is_set()


async def test_a_generation_is_prepared_before_it_serves(store: GenerationStore) -> None:
    """Beside the event loop, and while the one before it still serves."""
    prepared: list[tuple[str, str | None, bool]] = []

    def prepare(generation: Generation) -> None:
        serving_id = serving.current.id if serving.current else None
        assert {"norms", "codes"} <= set(vars(generation.fixed_items))
        assert {"marks", "popular_order", "json_ids", "_key_index"} <= set(vars(generation))
        prepared.append((generation.id, serving_id, threading.current_thread() is threading.main_thread()))

    serving = Serving(store, prepare)
    await swap_to(serving, FIRST_ID)
    await swap_to(serving, SECOND_ID)

    assert [(FIRST_ID, None, False), (SECOND_ID, FIRST_ID, False)] == prepared


async def test_an_older_generation_is_announced_to_roll_back(store: GenerationStore) -> None:
    """Rollback is the same road to an older generation."""
    serving = Serving(store)

    served = [await swap_to(serving, generation_id) for generation_id in (FIRST_ID, SECOND_ID, FIRST_ID)]

    assert [FIRST_ID, SECOND_ID, FIRST_ID] == served


async def test_the_generation_in_service_is_not_opened_again(store: GenerationStore) -> None:
    """A second announcement keeps the same object and starts no sweep."""
    serving = Serving(store)
    await swap_to(serving, FIRST_ID)
    present = serving.current
    serving.swapped.clear()

    await swap_to(serving, FIRST_ID)

    assert present is serving.current
    assert not serving.swapped.is_set()


async def test_a_damaged_generation_leaves_the_present_one_in_service(
    store: GenerationStore, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which one is damaged and which one stays; mended, it can be announced again."""
    serving = Serving(store)
    await swap_to(serving, FIRST_ID)
    path = store.folder(SECOND_ID) / "item_factors.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\x7f")

    assert FIRST_ID == await swap_to(serving, SECOND_ID)

    expected = (
        f"Generation {SECOND_ID} is damaged: item_factors.npy does not match its checksum. "
        f"Generation {FIRST_ID} stays in service."
    )
    assert [expected] == reasons(caplog, "generation_refused")
    path.write_bytes(whole)
    assert SECOND_ID == await swap_to(serving, SECOND_ID)


async def test_a_damaged_first_generation_leaves_none(store: GenerationStore, caplog: pytest.LogCaptureFixture) -> None:
    """The worker goes on and counts, without lists."""
    (store.folder(FIRST_ID) / "popularity.npy").unlink()

    assert await swap_to(Serving(store), FIRST_ID) is None

    expected = f"Generation {FIRST_ID} is incomplete: popularity.npy is missing. No generation is in service."
    assert [expected] == reasons(caplog, "generation_refused")


@pytest.mark.parametrize(
    "value", [None, b"", b"{}", b"\xff", b'{"generation_id":"\xff"}', b'{"generation_id":""}', b'{"x":' * 100_000]
)
async def test_an_unreadable_announcement_is_logged_and_ignored(
    store: GenerationStore, caplog: pytest.LogCaptureFixture, value: bytes | None
) -> None:
    """The worker keeps the generation in service."""
    serving = Serving(store)
    await swap_to(serving, FIRST_ID)

    serving.on_record(b"serving", value)
    await serving.swap()

    assert 1 == len(reasons(caplog, "announcement_unreadable"))
    assert serving.current is not None
    assert FIRST_ID == serving.current.id


async def test_following_swaps_to_every_announcement(store: GenerationStore, caplog: pytest.LogCaptureFixture) -> None:
    """A refused one in between does not end it."""
    caplog.set_level(logging.INFO)
    serving = Serving(store)
    following = asyncio.create_task(serving.follow())

    for generation_id in (FIRST_ID, SECOND_ID):
        serving.on_record(None, announcement(generation_id))
        await asyncio.wait_for(serving.swapped.wait(), 5)
        serving.swapped.clear()
        assert serving.current is not None
        assert generation_id == serving.current.id
        serving.on_record(None, announcement("no-such"))
        while serving._changed.is_set():  # noqa: ASYNC110, SLF001  nothing else tells that it was taken up
            await asyncio.sleep(0)

    following.cancel()
    assert ["generation_swapped"] * 2 == [r.getMessage() for r in caplog.records if r.levelno == logging.INFO]


class Told:
    """An observer that records its calls."""

    def __init__(self, serving: Serving) -> None:
        """Observe."""
        self.swaps: list[tuple[str, str, str | None]] = []
        self._serving = serving

    def generation_swapped(self, generation: Generation) -> None:
        """Write down another generation, the thread and the generation in service."""
        self._add("generation", generation)

    def revision_swapped(self, generation: Generation) -> None:
        """Write down another revision."""
        self._add("revision", generation)

    def _add(self, kind: str, generation: Generation) -> None:
        assert self._serving.current is generation
        self.swaps.append((kind, generation.id, threading.current_thread().name.split("_")[0]))


async def test_observers_are_told_of_a_swap_in_their_thread(store: GenerationStore) -> None:
    """Of another generation, and of another revision of the one in service."""
    make = store.open(FIRST_ID)
    write_revision(make, store.folder(FIRST_ID), 1, ["i1"], 1)
    with ThreadPoolExecutor(1, thread_name_prefix="fold") as thread:
        serving = Serving(store, thread=thread)
        observer = Told(serving)
        serving.observers = [observer]
        for generation_id, revision in ((FIRST_ID, 0), (FIRST_ID, 1), (SECOND_ID, 0)):
            record = Announcement(generation_id=generation_id, revision=revision, announced_at_ms=0)
            serving.on_record(b"serving", msgspec.json.encode(record))
            await serving.swap()

    swaps = [("generation", FIRST_ID, "fold"), ("revision", FIRST_ID, "fold"), ("generation", SECOND_ID, "fold")]
    assert swaps == observer.swaps


async def test_a_swap_waits_for_the_group_in_hand(store: GenerationStore) -> None:
    """A group reads the generation once and must not see half a swap."""
    lock = asyncio.Lock()
    serving = Serving(store, lock=lock)
    serving.on_record(b"serving", announcement(FIRST_ID))
    async with lock:
        swapping = asyncio.create_task(serving.swap())
        await wait_until(lambda: lock._waiters)  # noqa: SLF001  the swap asks for it
        before = serving.current
    await swapping

    assert before is None
    assert serving.current is not None


class Away(FolderStore):
    """A store that does not answer the first time."""

    n_opened = 0

    def open(self, generation_id: str, revision: int | None = None) -> Generation:
        """Answer from the second time on."""
        self.n_opened += 1
        if self.n_opened == 1:
            message = "The bucket does not answer."
            raise StoreUnavailableError(message)
        return super().open(generation_id, revision)


@pytest.mark.parametrize("at_start", [False, True])
async def test_opening_is_retried_after_the_store_did_not_answer(
    store: GenerationStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, at_start: bool
) -> None:
    """No second announcement is needed, neither in a running process nor at its start."""
    monkeypatch.setattr("state.generations.serving.RETRY_S", 0.01)
    serving = Serving(Away(store.path))
    serving.on_record(b"serving", announcement(FIRST_ID))
    if at_start:
        await serving.swap()
    following = asyncio.create_task(serving.follow())

    await asyncio.wait_for(serving.swapped.wait(), 10)

    following.cancel()
    assert 1 == len(reasons(caplog, "generation_refused"))
