"""Revisions on a real topic and in a real store: built, built concurrently, and taken in by a worker."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from cli.processes import WorkerProcess, run_command
from jobs.announcement import announced
from jobs.retraining import reindex as reindexing
from jobs.retraining.reindex import TRIES, Changes, ReindexError, reindex
from state.errors import GenerationError
from state.generations.open_store import generation_store
from state.generations.revision import Items, write_revision
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play_record
from tests.support.topics import lists, send, values, worker
from tests.support.wait import block_until

N_ITEMS, FACTORS = 1200, 8


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings under which an index is built in no time, and topics."""
    assert names.generations
    return override(settings, factors=FACTORS, index_trees=2, list_n=10)


def serve(settings: Settings, seed: int = 0) -> str:
    """Publish and announce a generation, without an index."""
    return publish(settings, made_up_factors(N_ITEMS, FACTORS, np.random.default_rng(seed)))


def serving(settings: Settings) -> tuple[str, int] | None:
    """Return the generation and the revision that are announced."""
    announcement = asyncio.run(announced(settings))
    return (announcement.generation_id, announcement.revision) if announcement else None


def publish_revision(settings: Settings, generation_id: str, number: int, withdrawn: Sequence[str]) -> None:
    """Publish a revision as another machine would, and announce nothing."""
    store = generation_store(settings)
    into = settings.application.data_path / "elsewhere"
    into.mkdir(exist_ok=True)
    present = store.open(generation_id)
    place = write_revision(
        present, store.folder(generation_id), number, withdrawn, settings.generations.index_trees, into=into
    )
    store.publish_revision(place, generation_id, number)


def meanwhile(monkeypatch: pytest.MonkeyPatch, settings: Settings, *, publishes: bool, times: int) -> list[int]:
    """Let somebody else be quicker, so many times: while an index is built a revision or a generation comes first."""
    numbers: list[int] = []

    def write(items: Items, folder: Path, number: int, *arguments: Any, **options: Any) -> Path:
        numbers.append(number)
        if len(numbers) <= times:
            if publishes:
                publish_revision(settings, items.id, number, [f"i{40 + number}"])
            else:
                serve(settings, seed=len(numbers))
        return write_revision(items, folder, number, *arguments, **options)

    monkeypatch.setattr(reindexing, "write_revision", write)
    return numbers


def test_a_change_is_what_was_withdrawn_and_what_is_more_and_less() -> None:
    """Sorted, each once; an item that is withdrawn and restored at once is restored."""
    assert ["a", "b"] == Changes().of(["b", "a", "b"])
    assert ["a", "b", "c"] == Changes(withdraw=["c", "a", "c"]).of(("a", "b"))
    assert ["b"] == Changes(restore=["a"]).of(["a", "b"])
    assert ["b"] == Changes(withdraw=["new"], restore=["new"]).of(["b"])


def test_what_is_not_withdrawn_cannot_be_restored() -> None:
    """The sentence names the item; a restored one that was withdrawn does not help it."""
    with pytest.raises(ReindexError) as caught:
        Changes(restore=["a", "it's"]).of(["a"])

    assert 'Item "it\'s" is not withdrawn, so it cannot be restored.' == str(caught.value)


def test_a_revision_is_published_and_announced(small: Settings) -> None:
    """Its index leaves out withdrawn items, every byte of it is whole, and no temporary file is left."""
    generation_id, store = serve(small), generation_store(small)

    made = reindex(small, Changes(withdraw=["i7", "i3"]))

    assert generation_id == made.generation
    assert 1 == made.revision
    assert ["i3", "i7"] == made.withdrawn
    assert [] == made.unknown
    assert (generation_id, 1) == serving(small)
    assert [1] == store.revisions(generation_id)
    store.verify(generation_id)
    generation = store.open(generation_id, 1)
    assert ["i3", "i7"] == sorted(generation.item_ids[generation.revision.withdrawn_rows])
    assert generation.revision.index is not None
    assert [".turn"] == [
        path.name for path in (small.application.data_path / "revisions" / small.application.group).iterdir()
    ]


def test_the_next_revision_carries_on_what_is_withdrawn(small: Settings) -> None:
    """An unknown item too, which is reported every time; a restored one is listed again."""
    generation_id = serve(small)
    changes = [Changes(["i3", "of-another"]), Changes(), Changes(["i9"], ["i3"]), Changes(restore=["of-another", "i9"])]

    made = [reindex(small, change) for change in changes]

    assert [1, 2, 3, 4] == [reindexed.revision for reindexed in made]
    expected = [["i3", "of-another"], ["i3", "of-another"], ["i9", "of-another"], []]
    assert expected == [reindexed.withdrawn for reindexed in made]
    assert [["of-another"]] * 3 + [[]] == [reindexed.unknown for reindexed in made]
    assert (generation_id, 4) == serving(small)


def test_an_impossible_change_announces_nothing(small: Settings) -> None:
    """Nor is anything published for it."""
    generation_id = serve(small)

    with pytest.raises(ReindexError, match=r"^Item 'i3' is not withdrawn, so it cannot be restored\.$"):
        reindex(small, Changes(withdraw=["i4"], restore=["i3"]))

    assert (generation_id, 0) == serving(small)
    assert [] == generation_store(small).revisions(generation_id)


def test_without_a_generation_in_service_there_is_nothing_to_index(small: Settings) -> None:
    """The sentence names the first step."""
    with pytest.raises(ReindexError) as caught:
        reindex(small)

    assert "No generation is in service, so there is none to index; run `playfold retrain` first." == str(caught.value)


def test_a_damaged_generation_gets_no_revision(small: Settings) -> None:
    """The error names it, and the announcement stays."""
    generation_id = serve(small)
    (generation_store(small).folder(generation_id) / "item_factors.npy").write_bytes(b"")

    with pytest.raises(GenerationError, match=f"Generation {generation_id} is damaged: item_factors.npy"):
        reindex(small)

    assert (generation_id, 0) == serving(small)


def test_a_revision_that_nobody_announced_is_gone_on_from(small: Settings) -> None:
    """Its builder died; its withdrawn items are withdrawn in the next one."""
    generation_id = serve(small)
    publish_revision(small, generation_id, 1, ["i5"])

    made = reindex(small, Changes(withdraw=["i6"]))

    assert 2 == made.revision
    assert ["i5", "i6"] == made.withdrawn
    assert (generation_id, 2) == serving(small)


def test_whoever_is_second_with_a_number_begins_anew(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the items that the first one withdrew; neither change is lost."""
    generation_id = serve(small)
    numbers = meanwhile(monkeypatch, small, publishes=True, times=2)

    made = reindex(small, Changes(withdraw=["i6"]))

    assert [1, 2, 3] == numbers
    assert 3 == made.revision
    assert ["i42", "i6"] == made.withdrawn
    assert (generation_id, 3) == serving(small)


def test_a_generation_that_comes_meanwhile_is_the_one_to_index(
    small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revision of the one before is not announced: it would take that back into service."""
    before = serve(small)
    meanwhile(monkeypatch, small, publishes=False, times=1)

    made = reindex(small, Changes(withdraw=["i6"]))

    assert before != made.generation
    assert 1 == made.revision
    assert ["i6"] == made.withdrawn
    assert (made.generation, 1) == serving(small)


def test_it_does_not_begin_anew_for_ever(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody else is always quicker it ends with a sentence, and announces nothing."""
    generation_id = serve(small)
    numbers = meanwhile(monkeypatch, small, publishes=True, times=TRIES)

    with pytest.raises(ReindexError) as caught:
        reindex(small)

    expected = f"Other processes announced a revision or a generation {TRIES} times meanwhile; try again."
    assert expected == str(caught.value)
    assert TRIES == len(numbers)
    assert (generation_id, 0) == serving(small)


def test_two_at_once_take_turns(small: Settings, tmp_path: Path) -> None:
    """Two processes on one machine: two revisions, and the later one has the withdrawn items of both."""
    generation_id = serve(small)

    async def both() -> list[str]:
        commands = (("generations", "reindex", "--json", "--withdraw", item) for item in ("i1", "i2"))
        logs = (tmp_path / "one.log", tmp_path / "two.log")
        return await asyncio.gather(
            *(run_command(small, *command, log_file=log) for command, log in zip(commands, logs, strict=True))
        )

    reports = [msgspec.json.decode(line) for line in asyncio.run(both())]

    first, second = sorted(reports, key=lambda made: int(made["revision"]))
    assert 1 == first["revision"]
    assert 2 == second["revision"]
    assert ["i1", "i2"] == second["withdrawn"]
    assert 1 == len(first["withdrawn"])
    assert (generation_id, 2) == serving(small)


def all_listed(settings: Settings, users: list[str], revision: int) -> bool:
    """Tell whether everybody's latest list is of a revision."""
    recommendations = lists(settings)
    return all(user in recommendations and recommendations[user].revision == revision for user in users)


def names_after_swap(process: WorkerProcess) -> list[str]:
    """Return the names of the events that a worker told since it took the revision."""
    names = [event["event"] for event in process.events()]
    return names[names.index("revision_swapped") + 1 :]


def test_a_worker_takes_a_revision_without_folding_anybody_again(small: Settings) -> None:
    """No list is published for it; the next list of every listener, from the new index, leaves out withdrawn items."""
    ours = override(small, rank="annoy")
    users = [f"u{number}" for number in range(20)]
    generation_id = serve(ours)
    reindex(ours)
    with worker(ours) as process:
        send(ours, [play_record(user, f"i{number}") for number, user in enumerate(users)])
        block_until(lambda: all_listed(ours, users, 1), 20)
        n_before = len(values(ours, topic_names(ours).recommendations))
        before = lists(ours)
        listed = before["u0"].items[:5]

        reindex(ours, Changes(withdraw=listed))

        swapped = {"event": "revision_swapped", "generation": generation_id, "revision": 2, "withdrawn": 5}
        block_until(lambda: any(swapped.items() <= event.items() for event in process.events()), 10)
        send(ours, [play_record(user, before[user].items[1], 1_700_000_001_000) for user in users])
        block_until(lambda: all_listed(ours, users, 2), 20)
        assert n_before + len(users) == len(values(ours, topic_names(ours).recommendations))
        assert "partition_swept" not in names_after_swap(process)
    after = lists(ours)
    assert [] == [user for user, recommendations in after.items() if {*listed} & {*recommendations.items}]
    assert {(generation_id, 10)} == {
        (recommendations.generation, len(recommendations.items)) for recommendations in after.values()
    }
