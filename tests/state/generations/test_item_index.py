"""The index of items: a real Annoy file, built in a real process, compared with exact ranking."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from model.arrays import Floats, Rows
from state.generations import item_index as module
from state.generations.index_builder import build
from state.generations.item_index import (
    INDEXED_MIN,
    LONG_MAX,
    SEARCH,
    SEARCH_AN_ITEM,
    IndexBuildError,
    ItemIndex,
    build_index,
    n_long_of,
    open_index,
    rows_to_index,
)

pytestmark = pytest.mark.processes

N_ITEMS, FACTORS, TREES = 6000, 16, 10
N_LONG = 300
WITHDRAWN = np.array([3, 301, 2500, 5999], np.int32)
"""One of them among the longest, one is the last."""


class Indexed(NamedTuple):
    """Items and the index of them."""

    path: Path
    item_factors: Floats
    rows: Rows
    opened: ItemIndex


def items_of_all_lengths(n_items: int) -> Floats:
    """Return item vectors by descending norm, the first one many times as long as the last one."""
    rng = np.random.default_rng(0)
    lengths = np.sort(rng.gamma(2.0, 0.2, n_items))[::-1]
    directions = rng.standard_normal((n_items, FACTORS))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return (directions * lengths[:, None]).astype(np.float32)


def saved(folder: Path, item_factors: Floats) -> Path:
    """Write item vectors to a file."""
    np.save(folder / "item_factors.npy", item_factors)
    return folder / "item_factors.npy"


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    """Build one index for all tests, which change nothing of it."""
    folder = tmp_path_factory.mktemp("index")
    item_factors, rows = items_of_all_lengths(N_ITEMS), rows_to_index(N_ITEMS, N_LONG, WITHDRAWN)
    build_index(saved(folder, item_factors), rows, folder / "items.ann", TREES)
    return Indexed(
        folder / "items.ann",
        item_factors,
        rows,
        open_index(folder / "items.ann", item_factors.shape, N_LONG, WITHDRAWN, TREES),
    )


def queries(n: int) -> Floats:
    """Return user vectors."""
    return np.random.default_rng(1).standard_normal((n, FACTORS)).astype(np.float32)


def test_the_index_finds_what_exact_ranking_finds(indexed: Indexed) -> None:
    """Of the best ten of its items by their scores next to nothing is missing, for long and short ones alike."""
    recalls = []
    for query in queries(100):
        scores = indexed.item_factors[indexed.rows] @ query
        best = indexed.rows[np.argsort(-scores)[:10]]
        recalls.append(np.isin(best, indexed.opened.find(query, 10)).mean())

    assert np.mean(recalls) >= 0.97


def test_a_query_for_more_items_inspects_more(indexed: Indexed) -> None:
    """Each item is returned once, and never fewer than wanted."""
    few, many = (indexed.opened.find(queries(1)[0], n) for n in (1, 300))

    assert 1 <= len(few) <= SEARCH + SEARCH_AN_ITEM
    assert len(few) < len(many) == len(set(many.tolist()))
    assert np.int32 == many.dtype


def test_a_small_part_of_many_items_holds_the_best(tmp_path: Path) -> None:
    """Looking at one item in ten finds nearly all of the best ten, of items that are liked together or not at all."""
    rng, n_items, n_tastes, factors = np.random.default_rng(4), 30_000, 300, 32
    tastes = rng.standard_normal((n_tastes, factors))
    lengths = np.sort(rng.gamma(2.0, 0.2, n_items))[::-1]
    directions = tastes[rng.integers(n_tastes, size=n_items)] + 0.7 * rng.standard_normal((n_items, factors))
    item_factors = (directions * lengths[:, None] / np.linalg.norm(directions, axis=1, keepdims=True)).astype(
        np.float32
    )
    rows = rows_to_index(n_items, n_long_of(n_items), np.zeros(0, np.int32))
    build(item_factors, rows, tmp_path / "items.ann", TREES)
    index = open_index(tmp_path / "items.ann", item_factors.shape, n_long_of(n_items), np.zeros(0, np.int32), TREES)

    recalls, n_candidates = [], []
    for taste in tastes[:50].astype(np.float32):
        best = rows[np.argsort(-(item_factors[rows] @ taste))[:10]]
        candidates = index.find(taste, 10)
        recalls.append(np.isin(best, candidates).mean())
        n_candidates.append(len(candidates))

    assert np.mean(n_candidates) < 0.11 * n_items
    assert np.mean(recalls) > 0.9


def test_the_longest_and_the_withdrawn_are_not_in_it(indexed: Indexed) -> None:
    """Not even when it is asked for everything that it has."""
    rows = {row for query in queries(50) for row in indexed.opened.find(query, N_ITEMS).tolist()}

    assert rows <= set(indexed.rows.tolist())
    assert len(rows) >= 0.99 * len(indexed.rows)


def test_a_zero_vector_finds_items_too(indexed: Indexed) -> None:
    """All items are equally good for a listener without a history."""
    rows = indexed.opened.find(np.zeros(FACTORS, np.float32), 10)

    assert len(rows) >= 10
    assert np.isin(rows, indexed.rows).all()


def test_the_length_of_a_query_changes_nothing(indexed: Indexed) -> None:
    """It does not change the order of the scores either."""
    query = queries(1)[0]

    assert indexed.opened.find(query, 50).tolist() == indexed.opened.find(4 * query, 50).tolist()


def test_the_same_arguments_give_the_same_bytes(indexed: Indexed, tmp_path: Path) -> None:
    """Two builders of one revision in different processes agree."""
    build(indexed.item_factors, indexed.rows, tmp_path / "items.ann", TREES)

    assert indexed.path.read_bytes() == (tmp_path / "items.ann").read_bytes()


def test_a_builder_leaves_nothing_but_the_index(indexed: Indexed) -> None:
    """Its input and its log are removed."""
    assert {"item_factors.npy", "items.ann"} == {path.name for path in indexed.path.parent.iterdir()}


@pytest.mark.parametrize(
    ("expected", "n_items", "n_long", "withdrawn"),
    [
        ([], 0, 0, []),
        ([], INDEXED_MIN + 4, 5, []),
        (range(5, INDEXED_MIN + 5), INDEXED_MIN + 5, 5, []),
        (range(5, INDEXED_MIN + 5), INDEXED_MIN + 5, 5, [0, 4]),
        ([], INDEXED_MIN + 5, 5, [5]),
        ([5, *range(7, INDEXED_MIN + 6)], INDEXED_MIN + 6, 5, [1, 6]),
    ],
)
def test_rows_to_index_leave_out_the_first_and_the_withdrawn(
    expected: list[int], n_items: int, n_long: int, withdrawn: list[int]
) -> None:
    """Where too few are left there is nothing to index."""
    assert list(expected) == rows_to_index(n_items, n_long, np.array(withdrawn, np.int32)).tolist()


def test_one_item_in_twenty_is_too_long_up_to_a_limit() -> None:
    """In a large catalog they are scored in no time, in a huge one they would not be."""
    assert [0, 5, N_LONG, LONG_MAX] == [n_long_of(n_items) for n_items in (19, 100, N_ITEMS, 10_000_000)]


@pytest.mark.parametrize(
    ("expected", "n_items", "trees"),
    [
        ("it has 5999 items and 10 trees instead of 6001 and 10", N_ITEMS + 1, TREES),
        ("it has 5999 items and 10 trees instead of 500 and 10", 500, TREES),
        ("it has 5999 items and 10 trees instead of 5999 and 11", N_ITEMS, TREES + 1),
    ],
)
def test_an_index_of_other_items_or_trees_is_refused(indexed: Indexed, expected: str, n_items: int, trees: int) -> None:
    """Annoy would answer with rows that are not there."""
    with pytest.raises(ValueError, match=f"^{expected}$"):
        open_index(indexed.path, (n_items, FACTORS), N_LONG, WITHDRAWN, trees)


@pytest.mark.parametrize(
    ("expected", "content"),
    [
        ("Index size is not a multiple of vector size", b"x" * 100),
        ("Size of file is zero", b""),
        ("Unable to open: No such file or directory", None),
    ],
)
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, expected: str, content: bytes | None) -> None:
    """The message quotes Annoy."""
    if content is not None:
        (tmp_path / "items.ann").write_bytes(content)

    with pytest.raises(ValueError, match=f"^{expected}"):
        open_index(tmp_path / "items.ann", (N_ITEMS, FACTORS), N_LONG, WITHDRAWN, TREES)


def said(folder: Path, factors: Path, rows: Rows) -> str:
    """Return the message of an index that cannot be built."""
    with pytest.raises(IndexBuildError) as caught:
        build_index(factors, rows, folder / "items.ann", TREES)
    return str(caught.value)


def test_a_builder_that_fails_gives_its_reason(tmp_path: Path) -> None:
    """The error's own words stand in the sentence, which names the place."""
    missing = tmp_path / "item_factors.npy"

    expected = (
        f"An index of 200 items could not be built in {tmp_path} "
        f"(status 1: FileNotFoundError: [Errno 2] No such file or directory: '{missing}')."
    )
    assert expected == said(tmp_path, missing, np.arange(200, dtype=np.int32))


def test_a_row_that_is_not_there_is_a_reason(tmp_path: Path) -> None:
    """Nothing is indexed in its place."""
    factors = saved(tmp_path, items_of_all_lengths(200))

    expected = (
        f"An index of 201 items could not be built in {tmp_path} "
        "(status 1: IndexError: index 200 is out of bounds for axis 0 with size 200)."
    )
    assert expected == said(tmp_path, factors, np.arange(201, dtype=np.int32))


@contextmanager
def no_file_larger_than(n_bytes: int) -> Iterator[None]:
    """Limit the file size in child processes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_an_error_and_no_crash(indexed: Indexed, tmp_path: Path) -> None:
    """Annoy writes beyond the end of a file that cannot grow, and the kernel kills only the builder."""
    with no_file_larger_than(100_000):
        sentence = said(tmp_path, indexed.path.with_name("item_factors.npy"), indexed.rows)

    assert sentence.startswith(f"An index of {len(indexed.rows)} items could not be built in {tmp_path} (status 135: ")


def test_a_builder_that_takes_too_long_is_killed(
    indexed: Indexed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message gives the time limit, and no process goes on building."""
    monkeypatch.setattr(module, "BUILD_S", 0.05)

    expected = f"An index of {len(indexed.rows)} items was not built within 0.05 s; try fewer trees."
    assert expected == said(tmp_path, indexed.path.with_name("item_factors.npy"), indexed.rows)
    assert not (tmp_path / "items.ann").exists()
