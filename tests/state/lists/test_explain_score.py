"""One score and its whole split, out of a listener's record."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from state.generations.generation import Generation
from state.generations.revision import Revision
from state.keys import item_key
from state.lists.explain_score import Explanation, ExplanationError, explanation
from state.users.record import HistoryEntry, ShownItem, UserRecord
from state.users.record_batch import pack
from tests.support.generations import (
    FIRST_ID,
    SECOND_ID,
    build_lists,
    dense_scores,
    dense_vector,
    listener,
    make_generation,
    unpacked,
)
from tests.support.ranks import assert_same_ranks
from tests.support.settings import settings_with

SETTINGS = settings_with(popular_blend=0, cooldown_shows=3, cooldown_plays=10)


def folded(record: UserRecord, generation: Generation) -> bytes:
    """Return a record as a worker leaves it."""
    records = unpacked(record)
    build_lists(records, generation, settings_with(list_n=5))
    records.header["generation_key"] = generation.key
    return pack(records)[0]


def explained(record: UserRecord, generation: Generation, item_id: str) -> Explanation:
    """Explain an item to `ann`, while the generation is in service."""
    return explanation("ann", item_id, folded(record, generation), generation, generation.id, SETTINGS)


def reason_against(record: UserRecord, generation: Generation, item_id: str) -> str:
    """Return why there is no explanation."""
    with pytest.raises(ExplanationError) as caught:
        explained(record, generation, item_id)
    return str(caught.value)


def test_a_score_is_the_sum_of_the_shares_of_every_play(tmp_path: Path) -> None:
    """Largest first, with the present weight of each play; the rank counts items that may be recommended."""
    generation = make_generation(tmp_path)
    played = listener(3, 14, 15, 9, 26)

    explanation = explained(played, generation, "i5")

    scores = generation.item_factors.astype(np.float64) @ dense_vector(played, generation)
    listed = scores[generation.item_ids.tolist().index("i5")]
    assert listed == pytest.approx(explanation.sum, rel=1e-6)
    assert listed == pytest.approx(explanation.score, abs=1e-5 * np.abs(scores).max())
    assert explanation.sum == pytest.approx(sum(share.share for share in explanation.shares), rel=1e-12)
    assert 100 == pytest.approx(sum(share.percent or 0 for share in explanation.shares))
    assert "ann" == explanation.user_id
    assert "i5" == explanation.item_id
    assert FIRST_ID == explanation.generation
    assert FIRST_ID == explanation.serving
    assert 0 == explanation.n_unknown
    assert {"i3": 0.574, "i14": 0.66, "i15": 0.758, "i9": 0.871, "i26": 1.0} == {
        share.item_id: round(share.weight, 3) for share in explanation.shares
    }
    assert {100} == {share.last_played_s for share in explanation.shares}
    sizes = [abs(share.share) for share in explanation.shares]
    assert sorted(sizes, reverse=True) == sizes
    row = np.array([generation.item_ids.tolist().index("i5")], np.int32)
    assert_same_ranks(dense_scores(played, generation), row, np.array([explanation.rank]))


def test_a_repeated_item_has_one_share(tmp_path: Path) -> None:
    """Its weight is the sum over its plays, its time that of the latest."""
    generation = make_generation(tmp_path)
    played = listener(3, 14, 3)
    played.history[2].last_played_s = 300
    played.last_played_s = 300

    explanation = explained(played, generation, "i5")

    assert {"i3": 1.758, "i14": 0.871} == {share.item_id: round(share.weight, 3) for share in explanation.shares}
    assert {"i3": 300, "i14": 100} == {share.item_id: share.last_played_s for share in explanation.shares}
    assert explanation.sum == pytest.approx(sum(share.share for share in explanation.shares), rel=1e-12)


def test_the_first_of_a_list_has_the_first_rank(tmp_path: Path) -> None:
    """And the score that the list tells."""
    generation = make_generation(tmp_path)
    played = listener(3, 14, 15)
    lists = build_lists(unpacked(played), generation, settings_with(list_n=3, popular_blend=0))

    ranks = [explained(played, generation, str(generation.item_ids[row])) for row in lists.rows[0]]

    assert [1, 2, 3] == [of_item.rank for of_item in ranks]
    np.testing.assert_allclose(lists.scores[0], [of_item.score for of_item in ranks], rtol=1e-5)


def test_what_no_list_may_hold_has_no_rank(tmp_path: Path) -> None:
    """It has a score and a split all the same; a withdrawn item is in nobody's way."""
    generation = make_generation(tmp_path)
    played = listener(3, 14)
    first, second = (
        str(generation.item_ids[row])
        for row in build_lists(unpacked(played), generation, settings_with(list_n=2, popular_blend=0)).rows[0]
    )
    row = generation.item_ids.tolist().index(first)
    withdrawn = generation.with_revision(
        replace(Revision.none(), withdrawn=(first,), withdrawn_rows=np.array([row], np.int32))
    )

    known, gone = explained(played, generation, "i3"), explained(played, withdrawn, first)

    assert known.rank is None
    assert "they know it" == known.reason_without_rank
    assert gone.rank is None
    assert "it is withdrawn" == gone.reason_without_rank
    assert explained(played, generation, first).score == pytest.approx(gone.score)
    assert 1 == explained(played, withdrawn, second).rank


def test_a_listeners_wishes_leave_items_without_a_rank(tmp_path: Path) -> None:
    """Hidden items and items that cool down; others move up."""
    generation = make_generation(tmp_path)
    played = listener(3, 14)
    best = build_lists(unpacked(played), generation, settings_with(list_n=3, popular_blend=0)).rows[0]
    first, second, third = (str(generation.item_ids[row]) for row in best)
    wishes = replace(played, hidden=[item_key(first)], shown=[ShownItem(item_key(second), 3, 2)])

    hidden, tired, left = (explained(wishes, generation, item_id) for item_id in (first, second, third))

    assert hidden.rank is None
    assert "they have hidden it" == hidden.reason_without_rank
    assert tired.rank is None
    assert "it was shown to them too often" == tired.reason_without_rank
    assert 1 == left.rank


def test_a_skip_has_a_weight_below_0_and_no_share(tmp_path: Path) -> None:
    """It is part of the split all the same: the shares of similar items shrink."""
    generation = make_generation(tmp_path)
    played = listener(3, 14)
    skipped = replace(played, history=[*played.history, HistoryEntry(item_key("i5"), -1.0, 2, 100)])

    before, after = explained(played, generation, "i5"), explained(skipped, generation, "i5")

    assert {"i3": 0.87, "i14": 1.0, "i5": -1.0} == {share.item_id: round(share.weight, 2) for share in after.shares}
    assert 0 == {share.item_id: share.share for share in after.shares}["i5"]
    assert abs(after.score) < abs(before.score)
    assert after.sum == pytest.approx(sum(share.share for share in after.shares))


def test_items_that_the_generation_does_not_know_have_no_share(tmp_path: Path) -> None:
    """They are counted; and one of them cannot be explained."""
    generation = make_generation(tmp_path, SECOND_ID)
    played = listener(3, 77, 14)

    explanation = explained(played, generation, "i5")

    assert 1 == explanation.n_unknown
    assert {"i3", "i14"} == {share.item_id for share in explanation.shares}
    assert reason_against(played, generation, "i77") == (
        f"Item 'i77' is not in generation {SECOND_ID}, though 'ann' has played it: it has no score until a generation "
        "is trained with it."
    )
    assert reason_against(played, generation, "i78") == (
        f"Item 'i78' is not in generation {SECOND_ID}: either it had no plays when the generation was trained, "
        "or no such item exists."
    )


def test_a_popular_list_has_no_explanation(tmp_path: Path) -> None:
    """A listener without plays that the generation knows has no score of their own."""
    played = UserRecord(plays=1, history=[HistoryEntry(12345, 1.0, 1, 100)])

    said = reason_against(played, make_generation(tmp_path), "i5")

    assert f"Nothing that 'ann' played is in generation {FIRST_ID}: their list is the popular one." == said
