"""Lists ranked exactly or from a real index, and what becomes of an index that finds too little."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.arrays import Floats, Rows
from model.ragged import RaggedRows
from model.ranking import top_n_plain
from state.catalog.item_catalog import ItemCatalog
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation, open_generation
from state.generations.item_index import ItemIndex, build_index, n_long_of, open_index, rows_to_index
from state.generations.revision import Revision, write_revision
from state.lists.index_recall import ENOUGH, recall_of
from state.lists.ranker import AUTO_ITEMS_MIN, AUTO_ITEMS_PER_USER, Ranker, Ranking, from_index, probed, ranking_for
from streams.settings import Settings
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation
from tests.support.ranks import ItemScores, assert_same_lists, assert_same_scores, scores_of_vectors
from tests.support.settings import settings_with

pytestmark = pytest.mark.processes

N_ITEMS, FACTORS, TREES, N = 5000, 8, 5, 20
WITHDRAWN = [f"i{number}" for number in range(0, N_ITEMS, 5)]
FOUND_LITTLE = "index_recall_low"


class Batch(NamedTuple):
    """Users to rank for."""

    queries: Floats
    known: RaggedRows


def listeners(n: int, n_known: int = 30) -> Batch:
    """Return users and the items they know, such that the generation does not know (-1) among them."""
    rng = np.random.default_rng(2)
    queries = rng.standard_normal((n, FACTORS)).astype(np.float32)
    known = rng.integers(-1, N_ITEMS, n * n_known).astype(np.int32)
    return Batch(queries, RaggedRows(np.arange(n + 1) * n_known, known))


def fans(generation: Generation, n: int, n_known: int) -> Batch:
    """Return users who know just the items that they would like best."""
    queries = listeners(n).queries
    known = np.argsort(-queries @ generation.item_factors.T, axis=1)[:, :n_known]
    return Batch(queries, RaggedRows(np.arange(n + 1) * n_known, known.astype(np.int32).ravel()))


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """Write one generation with an index for all tests, every fifth item withdrawn."""
    folder = tmp_path_factory.mktemp("generation")
    written = make_generation(folder, n_items=N_ITEMS, factors=FACTORS)
    write_revision(written, folder / FIRST_ID, 1, WITHDRAWN, TREES)
    return open_generation(folder / FIRST_ID)


@pytest.fixture(scope="module")
def misled(generation: Generation, tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """Give the same items with an index, as revision 2, in which every row has another item's vector."""
    folder, withdrawn = tmp_path_factory.mktemp("misled"), generation.revision.withdrawn_rows
    np.save(folder / "wrong.npy", generation.item_factors[::-1])
    n_long = n_long_of(N_ITEMS)
    build_index(folder / "wrong.npy", rows_to_index(N_ITEMS, n_long, withdrawn), folder / "items.ann", TREES)
    index = open_index(folder / "items.ann", (N_ITEMS, FACTORS), n_long, withdrawn, TREES)
    return generation.with_revision(Revision(2, withdrawn, index))


def index_of(generation: Generation) -> ItemIndex:
    """Return a generation's index, which is there."""
    assert generation.revision.index is not None
    return generation.revision.index


def exact_scores(generation: Generation, batch: Batch, unlisted: Unlisted | None = None) -> ItemScores:
    """Score all items; withdrawn and known ones, and unlisted ones, may not be listed."""
    scores = scores_of_vectors(batch.queries, generation.item_factors, batch.known, relative_error=0)
    return scores.without_items(unlisted.rows if unlisted else generation.revision.withdrawn_rows)


def exact_lists(generation: Generation, batch: Batch, unlisted: Unlisted | None = None) -> Rows:
    """Rank by sorting all scores."""
    withdrawn_rows = unlisted.rows if unlisted else generation.revision.withdrawn_rows
    return top_n_plain(batch.queries, generation.item_factors, batch.known, N, withdrawn_rows=withdrawn_rows)[0]


def settings_of(rank: Any = "annoy", probe_share: float = 0.0) -> Settings:
    """Return settings."""
    return settings_with(rank=rank, probe_share=probe_share)


def recall_lows(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the fields of the events that tell of an index that is not trusted any more."""
    return [vars(record) for record in caplog.records if record.getMessage() == FOUND_LITTLE]


@pytest.mark.parametrize(
    ("expected", "n_items", "n_users"),
    [
        ("annoy", AUTO_ITEMS_MIN, 1),
        ("exact", AUTO_ITEMS_MIN - 1, 1),
        ("annoy", 10 * AUTO_ITEMS_PER_USER, 10),
        ("exact", 10 * AUTO_ITEMS_PER_USER - 1, 10),
    ],
)
def test_auto_takes_the_index_where_it_is_faster(expected: Ranking, n_items: int, n_users: int) -> None:
    """In a large catalog, and the larger the batch, the larger the catalog has to be; a fixed mode is followed."""
    assert expected == ranking_for("auto", n_items, n_users)
    assert "exact" == ranking_for("exact", n_items, n_users)
    assert "annoy" == ranking_for("annoy", n_items, n_users)


@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=30), share=st.floats(0, 1))
def test_the_share_is_looked_at_however_batches_are_cut(sizes: list[int], share: float) -> None:
    """The same lists, too, as in one large batch; so no batch size is looked at less than another."""
    offsets = np.cumsum([0, *sizes])

    looked_at = [probed(int(before), n, share) for before, n in zip(offsets, sizes, strict=False)]

    assert sizes == [len(part) for part in looked_at]
    assert probed(0, sum(sizes), share).tolist() == np.concatenate(looked_at).tolist()
    assert int(sum(sizes) * share) == int(sum(part.sum() for part in looked_at))


@pytest.mark.parametrize(("expected", "share"), [(0, 0.0), (1, 0.01), (100, 1.0)])
def test_single_lists_are_looked_at_in_their_turn(expected: int, share: float) -> None:
    """A hundred batches of one listener each are a hundred lists."""
    assert expected == sum(int(probed(n_before, 1, share).sum()) for n_before in range(100))


@pytest.mark.parametrize("n_known", [0, 30, 300])
def test_lists_from_the_index_are_about_the_exact_ones(generation: Generation, n_known: int) -> None:
    """Also for those who know whatever they would like best: as much more is asked of the index."""
    batch = fans(generation, 40, n_known)

    rows, _ = from_index(generation, index_of(generation), *batch, N)

    assert (rows >= 0).all()
    assert recall_of(rows, exact_lists(generation, batch)).mean() >= 0.95


def test_lists_from_the_index_have_exact_scores(generation: Generation) -> None:
    """In their order, ties by row, and without an item that is known or withdrawn."""
    batch = listeners(40, 100)

    rows, scores = from_index(generation, index_of(generation), *batch, N)

    scored = scores_of_vectors(batch.queries, generation.item_factors, batch.known, relative_error=0)
    assert_same_scores(scored, rows, scores)
    for u in range(len(batch.queries)):
        assert N == len(set(rows[u].tolist()))
        assert not np.isin(rows[u], batch.known.rows[batch.known.starts[u] : batch.known.starts[u + 1]]).any()
    assert not np.isin(rows, generation.revision.withdrawn_rows).any()
    assert (np.diff(scores, axis=1) <= 0).all()


def test_the_longest_items_are_not_missed(generation: Generation) -> None:
    """Though no index holds them: a listener who points at one of them gets it first."""
    row = next(row for row in range(n_long_of(N_ITEMS)) if row not in generation.revision.withdrawn_rows)
    batch = Batch(generation.item_factors[row : row + 1], RaggedRows(np.array([0, 0]), np.zeros(0, np.int32)))

    assert row == from_index(generation, index_of(generation), *batch, N)[0][0, 0]


def test_a_listener_without_a_vector_gets_what_exact_ranking_gives(generation: Generation) -> None:
    """All scores tie at zero, and ties go by row; others in the batch do not change it."""
    batch = listeners(3)
    batch.queries[1] = 0

    rows, scores = from_index(generation, index_of(generation), *batch, N)

    assert_same_lists(exact_scores(generation, batch).part(np.array([1])), rows[1:2])
    assert [0.0] * N == scores[1].tolist()


@pytest.mark.parametrize(("expected", "mode"), [("exact", "exact"), ("exact", "auto"), ("annoy", "annoy")])
def test_lists_are_counted_by_how_they_were_ranked(generation: Generation, expected: Ranking, mode: str) -> None:
    """A small catalog is ranked exactly unless the settings want the index."""
    ranker, batch = Ranker(settings_of(mode).ranking), listeners(7)

    for _ in range(2):
        rows, _ = ranker.top_n(generation, *batch, N)

    assert {"exact": 0, "annoy": 0} | {expected: 14} == ranker.n_lists
    if expected == "exact":
        assert_same_lists(exact_scores(generation, batch), rows)


def test_without_an_index_lists_are_ranked_exactly(generation: Generation) -> None:
    """Whatever the settings want; withdrawn items stay out of them."""
    ranker, batch = Ranker(settings_of("annoy", 1.0).ranking), listeners(7)
    bare = generation.with_revision(replace(generation.revision, index=None))

    rows, _ = ranker.top_n(bare, *batch, N)

    assert_same_lists(exact_scores(generation, batch), rows)
    assert {"exact": 7, "annoy": 0} == ranker.n_lists
    assert 0 == ranker.n_probes


def test_recall_is_known_after_the_first_probe(generation: Generation) -> None:
    """Before it there is none, and every so many lists there is a probe; known items are not missed there either."""
    ranker, batch = Ranker(settings_of(probe_share=0.25).ranking), fans(generation, 3, 30)
    ranker.top_n(generation, *batch, N)
    recall_before = ranker.recall
    assert recall_before is None
    assert 0 == ranker.n_probes

    for _ in range(9):
        ranker.top_n(generation, *batch, N)

    assert 7 == ranker.n_probes
    assert ranker.recall is not None
    assert 0.95 <= ranker.recall <= 1


def test_exact_ranking_is_not_probed(generation: Generation) -> None:
    """It would be compared with itself."""
    ranker = Ranker(settings_of("exact", 1.0).ranking)

    ranker.top_n(generation, *listeners(3), N)

    assert 0 == ranker.n_probes
    assert ranker.recall is None


def test_an_index_that_finds_enough_stays_in_use(generation: Generation, caplog: pytest.LogCaptureFixture) -> None:
    """However often it is looked at."""
    ranker = Ranker(settings_of(probe_share=1.0).ranking)

    for _ in range(3):
        ranker.top_n(generation, *listeners(ENOUGH), N)

    assert {"exact": 0, "annoy": 3 * ENOUGH} == ranker.n_lists
    assert 3 * ENOUGH == ranker.n_probes
    assert 0 == ranker.n_fallbacks
    assert [] == recall_lows(caplog)


def test_an_index_that_finds_too_little_is_not_used_again(misled: Generation, caplog: pytest.LogCaptureFixture) -> None:
    """From enough probes on lists are exact; the log tells it once, with what was found."""
    ranker, batch = Ranker(settings_of(probe_share=1.0).ranking), listeners(ENOUGH // 2)
    ranker.top_n(misled, *batch, N)
    assert [] == recall_lows(caplog)

    rows = [ranker.top_n(misled, *batch, N)[0] for _ in range(3)]

    assert {"exact": ENOUGH, "annoy": ENOUGH} == ranker.n_lists
    assert_same_lists(exact_scores(misled, batch), rows[-1])
    assert 1 == ranker.n_fallbacks
    assert ENOUGH == ranker.n_probes
    [event] = recall_lows(caplog)
    assert logging.WARNING == event["levelno"]
    assert (FIRST_ID, 2, 0.9, ENOUGH) == tuple(event[name] for name in ("generation", "revision", "floor", "probes"))
    assert "Lists are ranked exactly until another revision or generation is served." == event["reason"]
    assert ranker.recall is not None
    assert round(ranker.recall, 4) == event["recall"] < 0.9


def test_another_revision_or_generation_is_trusted_again(
    generation: Generation, misled: Generation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its recall is its own; one that finds too little is found out again."""
    ranker, batch = Ranker(settings_of(probe_share=1.0).ranking), listeners(ENOUGH)
    other = replace(make_generation(tmp_path, SECOND_ID, N_ITEMS, FACTORS), revision=misled.revision)
    recalls = []
    for served in (misled, other, generation):
        ranker.generation_swapped(served)
        ranker.top_n(served, *batch, N)
        recalls.append(ranker.recall or 0)

    assert {"exact": 0, "annoy": 3 * ENOUGH} == ranker.n_lists
    assert [(FIRST_ID, 2), (SECOND_ID, 2)] == [
        (event["generation"], event["revision"]) for event in recall_lows(caplog)
    ]
    assert 2 == ranker.n_fallbacks
    assert max(recalls[:2]) < 0.9 < recalls[2]


def unavailable_of(generation: Generation, rows: NDArray[Any]) -> Unlisted:
    """Return what is in nobody's list if these rows are unavailable."""
    return Unlisted.of(generation, np.unique(rows).astype(np.int32))


@pytest.mark.parametrize("mode", ["exact", "annoy"])
def test_what_is_unavailable_is_in_no_list(generation: Generation, mode: str) -> None:
    """Nor what is withdrawn; exactly, and from the index, which does not know of it."""
    ranker, batch = Ranker(settings_of(mode, 1.0).ranking), listeners(40)
    best = np.concatenate([exact_lists(generation, batch)[:, ::2].ravel(), np.arange(0, N_ITEMS, 7)])
    unlisted = unavailable_of(generation, best)

    rows, scores = ranker.top_n(generation, *batch, N, unlisted)

    assert (rows >= 0).all()
    assert not np.isin(rows, unlisted.unavailable_rows).any()
    assert not np.isin(rows, generation.revision.withdrawn_rows).any()
    assert (np.diff(scores, axis=1) <= 0).all()
    if mode == "exact":
        assert_same_lists(exact_scores(generation, batch, unlisted), rows)
    assert recall_of(rows, exact_lists(generation, batch, unlisted)).mean() >= 0.95
    assert 40 == ranker.n_lists["exact" if mode == "exact" else "annoy"]


def test_whoever_likes_what_is_unavailable_is_ranked_exactly(generation: Generation) -> None:
    """An index would look at nothing else where a listener points to; others in the batch keep theirs."""
    batch = fans(generation, 8, 0)
    nearest = np.argsort(-batch.queries[3] @ generation.item_factors.T)[:2400]
    unlisted = unavailable_of(generation, nearest)
    index = Cut(index_of(generation), 400)

    rows, _ = from_index(generation, cast(ItemIndex, index), *batch, N, unlisted)

    assert_same_lists(exact_scores(generation, batch, unlisted).part(np.array([3])), rows[3:4])
    assert not np.isin(rows, unlisted.rows).any()
    assert (rows >= 0).all()


class Cut:
    """An index that looks at less, as one of millions of items does beside their number."""

    def __init__(self, index: ItemIndex, n: int) -> None:
        """Find so many of what `index` finds, the nearest."""
        self.n_long = index.n_long
        self._index, self._n = index, n

    def find(self, query: Floats, n: int, listed_share: float) -> Rows:
        """Return the first of them."""
        return self._index.find(query, n, listed_share)[: self._n]


def test_the_more_is_unavailable_the_more_is_looked_at(generation: Generation) -> None:
    """So that as many remain that may be in a list."""
    index = index_of(generation)
    counts = [len(index.find(generation.item_factors[0], 10, share)) for share in (1.0, 0.9, 0.75)]

    assert sorted(counts) == counts
    assert counts[2] > 1.2 * counts[0]


def test_where_most_is_unavailable_lists_are_ranked_exactly(generation: Generation) -> None:
    """Whatever the settings want; it comes back with what is available."""
    ranker, batch = Ranker(settings_of("annoy").ranking), listeners(7)
    unlisted = unavailable_of(generation, np.arange(N_ITEMS * 6 // 10))

    rows, _ = ranker.top_n(generation, *batch, N, unlisted)
    ranker.top_n(generation, *batch, N)

    assert_same_lists(exact_scores(generation, batch, unlisted), rows)
    assert {"exact": 7, "annoy": 7} == ranker.n_lists


def test_a_catalog_that_is_still_empty_is_the_one_that_is_asked(generation: Generation) -> None:
    """It is filled only after a worker is put together."""
    catalog = ItemCatalog()
    ranker = Ranker(settings_of().ranking, catalog)
    catalog.on_record(b"i1", b'{"item_id": "i1", "available_until_ms": 1}')

    assert 1 == len(ranker.catalog.unlisted(generation, 10).unavailable_rows)
