"""The catalog in memory, compared with a plain reading of the same records."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.catalog.item_catalog import KINDS_MAX, ItemCatalog
from state.generations.generation import Generation
from streams.messages.records import CatalogItem
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation

N_ITEMS = 40


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """Write one generation for all tests."""
    return make_generation(tmp_path_factory.mktemp("generation"), FIRST_ID, N_ITEMS)


def store(catalog: ItemCatalog, item_id: str, **fields: Any) -> None:
    """Store a record of an item in the catalog."""
    catalog.on_record(item_id.encode(), msgspec.json.encode(CatalogItem(item_id=item_id, **fields)))


def unavailable(catalog: ItemCatalog, generation: Generation, now_ms: int) -> list[str]:
    """Return the ids of the items that are unavailable at a moment."""
    rows = catalog.unlisted(generation, now_ms).unavailable_rows
    assert (np.diff(rows) > 0).all()
    return sorted(generation.item_ids[rows])


def test_an_item_is_available_from_and_until(generation: Generation) -> None:
    """The first moment is included, the last one is not; an unknown item is always available."""
    catalog = ItemCatalog()
    store(catalog, "i1", available_from_ms=100)
    store(catalog, "i2", available_until_ms=200)
    store(catalog, "i3", available_from_ms=50, available_until_ms=150)
    store(catalog, "i4", title="Always")
    store(catalog, "i5", available_from_ms=9, available_until_ms=9)
    store(catalog, "no-such-item", available_until_ms=1)

    rows_by_moment = {
        now_ms: unavailable(catalog, generation, now_ms) for now_ms in (49, 50, 99, 100, 149, 150, 199, 200)
    }

    assert {
        49: ["i1", "i3", "i5"],
        50: ["i1", "i5"],
        99: ["i1", "i5"],
        100: ["i5"],
        149: ["i5"],
        150: ["i3", "i5"],
        199: ["i3", "i5"],
        200: ["i2", "i3", "i5"],
    } == rows_by_moment


def test_the_last_record_of_an_item_counts(generation: Generation) -> None:
    """A tombstone removes the entry."""
    catalog = ItemCatalog()
    unavailable_ids = []
    for until_ms in (1, None, 1):
        store(catalog, "i1", available_until_ms=until_ms)
        unavailable_ids.append(unavailable(catalog, generation, 10))
    catalog.on_record(b"i1", None)
    unavailable_ids.append(unavailable(catalog, generation, 10))

    assert [["i1"], [], ["i1"], []] == unavailable_ids
    assert 0 == len(catalog)


moments = st.none() | st.integers(0, 6)
steps = st.one_of(
    st.tuples(st.just("store"), st.integers(0, 7), moments, moments),
    st.tuples(st.just("remove"), st.integers(0, 7)),
    st.tuples(st.just("ask"), st.integers(0, 6)),
)


@given(taken=st.lists(steps, max_size=30))
def test_it_agrees_with_a_plain_reading(generation: Generation, taken: list[tuple[Any, ...]]) -> None:
    """For any records in any order and any moments, also if the clock goes back."""
    catalog, entries = ItemCatalog(), {}
    for kind, *step in [*taken, ("ask", 3)]:
        if kind == "store":
            number, from_ms, until_ms = step
            store(catalog, f"i{number}", available_from_ms=from_ms, available_until_ms=until_ms)
            entries[f"i{number}"] = from_ms, until_ms
        elif kind == "remove":
            catalog.on_record(f"i{step[0]}".encode(), None)
            entries.pop(f"i{step[0]}", None)
        else:
            (now_ms,) = step
            expected = [
                item_id
                for item_id, (from_ms, until_ms) in entries.items()
                if (from_ms is not None and now_ms < from_ms) or (until_ms is not None and now_ms >= until_ms)
            ]
            assert sorted(expected) == unavailable(catalog, generation, now_ms)


def test_later_records_reach_a_prepared_generation(generation: Generation, tmp_path: Path) -> None:
    """A generation is prepared while another one serves; each has its own rows."""
    catalog, other = ItemCatalog(), make_generation(tmp_path, SECOND_ID, 10, seed=1)
    store(catalog, "i1", available_until_ms=1)
    assert ["i1"] == unavailable(catalog, generation, 10)
    catalog.prepare(other)
    store(catalog, "i1")
    store(catalog, "i2", available_until_ms=1)
    store(catalog, "i30", available_until_ms=1)

    assert ["i2", "i30"] == unavailable(catalog, generation, 10)
    assert ["i2"] == unavailable(catalog, other, 10)
    assert ["i2", "i30"] == unavailable(catalog, generation, 10)


def test_a_swap_drops_the_rows_of_other_generations(generation: Generation, tmp_path: Path) -> None:
    """They would take memory for ever; a revision keeps those of its generation."""
    catalog, other = ItemCatalog(), make_generation(tmp_path, SECOND_ID, 10, seed=1)
    for laid_out in (generation, other):
        catalog.prepare(laid_out)

    catalog.generation_swapped(other)
    catalog.revision_swapped(other)

    assert [other.key] == list(catalog._views)  # noqa: SLF001


def test_nothing_is_computed_twice(generation: Generation) -> None:
    """Between two moments, and while nobody comes or goes, the answer is the same object."""
    catalog = ItemCatalog()
    store(catalog, "i1", available_until_ms=100, kind="song")
    first = catalog.unlisted(generation, 10)
    store(catalog, "i2", kind="song", available_until_ms=100)

    assert first is catalog.unlisted(generation, 99)
    assert first is not catalog.unlisted(generation, 100)


def test_waiting_changes_are_bounded(generation: Generation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without plays evicts the view and computes it again later."""
    monkeypatch.setattr("state.catalog.item_catalog.CHANGES_MAX", 5)
    catalog = ItemCatalog()
    assert [] == unavailable(catalog, generation, 10)
    for number in range(20):
        store(catalog, f"gone-{number}", available_until_ms=1)
        catalog.on_record(f"gone-{number}".encode(), None)
    store(catalog, "i1", available_until_ms=1)

    assert ["i1"] == unavailable(catalog, generation, 10)


def test_withdrawn_items_are_unlisted_too(generation: Generation) -> None:
    """With every revision its own; an item may be both."""
    catalog = ItemCatalog()
    store(catalog, "i1", available_until_ms=1)
    row = int(np.flatnonzero(generation.item_ids == "i1")[0])
    withdrawn = np.unique(np.array([row, (row + 3) % N_ITEMS], np.int32))
    before = catalog.unlisted(generation, 10)
    revised = generation.with_revision(replace(generation.revision, number=7, withdrawn_rows=withdrawn))

    unlisted = catalog.unlisted(revised, 10)

    assert [row] == before.rows.tolist()
    assert withdrawn.tolist() == unlisted.rows.tolist()
    assert [row] == unlisted.unavailable_rows.tolist()
    assert withdrawn.tolist() == np.flatnonzero(unlisted.mask).tolist()


def test_the_kinds_of_all_rows_are_told(generation: Generation) -> None:
    """By a code each; an item of no kind, or an unknown one, has none."""
    catalog = ItemCatalog()
    for item_id, kind in (("i1", "song"), ("i2", "podcast"), ("i3", "song"), ("i4", None), ("i5", "song")):
        store(catalog, item_id, kind=kind)
    store(catalog, "i5", kind="podcast")

    names, codes = catalog.kinds_of(generation)

    kinds = {str(item_id): names[code] for item_id, code in zip(generation.item_ids, codes, strict=True) if code >= 0}
    assert {"i1": "song", "i2": "podcast", "i3": "song", "i5": "podcast"} == kinds
    assert np.int16 == codes.dtype


def test_kinds_are_bounded(generation: Generation) -> None:
    """Items of a further kind count as such of none; those known before keep theirs."""
    catalog = ItemCatalog()
    for number in range(KINDS_MAX + 5):
        store(catalog, f"x{number}", kind=f"kind-{number}")
    store(catalog, "i1", kind="one more")
    store(catalog, "i2", kind="kind-7")

    names, codes = catalog.kinds_of(generation)

    assert KINDS_MAX == len(names)
    assert [7] == [code for code in codes.tolist() if code >= 0]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"i1", b"", "Input data was truncated"),
        (b"i1", b'{"item_id": "i2"}', "the key is not the item_id"),
        (None, b'{"item_id": "i2"}', "the key is not the item_id"),
        (b"i1", b'{"title": "x"}', "Object missing required field item_id"),
        (b"i1", b'{"item_id": "i1", "available_until_ms": "soon"}', "Expected int | null, got str"),
        (b"i1", b'{"item_id": "i1", "tags": [""]}', "Expected str of length >= 1 - at $.tags[0]"),
        (b"i1", b'{"x": ' + b"[" * 100_000, "the value is nested too deeply"),
        (b"\xff", None, "'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_unreadable_records_are_logged_and_ignored(
    generation: Generation, caplog: pytest.LogCaptureFixture, key: bytes | None, value: bytes | None, reason: str
) -> None:
    """Earlier entries stay, and later records are stored."""
    catalog = ItemCatalog()
    store(catalog, "i1", available_until_ms=1)

    catalog.on_record(key, value)
    store(catalog, "i9", available_until_ms=1)

    assert ["i1", "i9"] == unavailable(catalog, generation, 10)
    assert 1 == catalog.n_unreadable
    [event] = caplog.records
    assert "catalog_item_unreadable" == event.getMessage()
    assert logging.WARNING == event.levelno
    assert vars(event)["reason"].startswith(reason)


def test_a_flood_of_nonsense_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The first, the second, the fourth and so on are told, with how many there were."""
    catalog = ItemCatalog()
    for _ in range(100):
        catalog.on_record(b"i1", b"nonsense")

    assert 100 == catalog.n_unreadable
    assert [1, 2, 4, 8, 16, 32, 64] == [vars(event)["so_far"] for event in caplog.records]


def test_items_without_kind_and_limits_are_not_stored() -> None:
    """A worker does not need titles."""
    catalog = ItemCatalog()

    store(catalog, "i1", title="A song", artist="Somebody", tags=("slow",))

    assert 0 == len(catalog)
