"""The recall of the index, and a ranker that stops using it."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from state.generations.generation import Generation
from state.generations.item_index import build_index, n_long_of, open_index, rows_to_index
from state.generations.revision import Revision
from state.lists.index_recall import ENOUGH
from state.lists.ranker import Ranker
from tests.state.lists.ranked_batches import (
    FACTORS,
    N_ITEMS,
    TREES,
    N,
    exact_scores,
    fans,
    listeners,
    settings_of,
)
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation
from tests.support.ranks import assert_same_lists

pytestmark = pytest.mark.processes
FOUND_LITTLE = "index_recall_low"


@pytest.fixture(scope="module")
def misled(generation: Generation, tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """Give the same items with an index, as revision 2, in which every row has another item's vector."""
    folder, withdrawn = tmp_path_factory.mktemp("misled"), generation.revision.withdrawn_rows
    np.save(folder / "wrong.npy", generation.item_factors[::-1])
    n_long = n_long_of(N_ITEMS)
    build_index(folder / "wrong.npy", rows_to_index(N_ITEMS, n_long, withdrawn), folder / "items.ann", TREES)
    index = open_index(folder / "items.ann", (N_ITEMS, FACTORS), n_long, withdrawn, TREES)
    return generation.with_revision(Revision(2, withdrawn, index))


def recall_lows(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the fields of the events that tell of an index that is not trusted any more."""
    return [vars(record) for record in caplog.records if record.getMessage() == FOUND_LITTLE]


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
    """From enough probes on lists are exact; the log reports it once, with the recall."""
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
