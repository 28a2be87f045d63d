"""Verdicts of the gate."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from jobs.histories.training_set import TrainingSet
from jobs.retraining.gate import (
    LISTENERS_MIN,
    K,
    Ranks,
    ScoredModel,
    hold_out_of,
    is_undecided,
    judge,
    rank,
    with_excluded,
)
from jobs.retraining.train import TrainedFactors, TrainingRecord
from model.training import train
from state.generations.generation import Catalog, open_generation, write_generation
from tests.jobs.retraining.gated_models import N_ITEMS, OBJECTIVE, model_of, tasteful, training_set
from tests.support.generations import FIRST_ID, manifest_of


def trained(interactions: TrainingSet) -> TrainedFactors:
    """Train on it."""
    factors = train(interactions.matrix(OBJECTIVE), interactions.n_items, OBJECTIVE, np.random.default_rng(0))
    record = TrainingRecord(objective=OBJECTIVE, tuned=False, parent=None, started_from=None)
    return TrainedFactors(factors.item_factors, factors.gram_diagonal, record)


@pytest.fixture(scope="module")
def interactions(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """Give all tests the same listeners."""
    return training_set(tmp_path_factory.mktemp("snapshot"), tasteful())


def good_and_shuffled(interactions: TrainingSet) -> tuple[Ranks, Ranks]:
    """Return the ranks of trained factors, and of the same factors given to the wrong items."""
    hold_out, good = hold_out_of(interactions), trained(interactions)
    shuffled = np.random.default_rng(1).permutation(good.item_factors)
    right, wrong = (model_of(interactions, factors) for factors in (good.item_factors, shuffled))
    return rank(right, hold_out), rank(wrong, hold_out)


def test_a_worse_candidate_is_rejected(interactions: TrainingSet) -> None:
    """Factors of the wrong items: the reason has the hit rates."""
    serving, candidate = good_and_shuffled(interactions)

    gate = judge(candidate, serving, "the-old-one", np.random.default_rng(0), forced=False)

    assert gate.difference is not None
    assert gate.serving is not None
    assert gate.candidate is not None
    assert not gate.accepted
    assert not gate.forced
    assert "the-old-one" == gate.against
    assert gate.difference.low < gate.difference.value < gate.difference.high < 0
    assert gate.difference.value == pytest.approx(gate.candidate.hit_at_20.value - gate.serving.hit_at_20.value)
    below, low, high = (abs(gate.difference.value), gate.difference.low, gate.difference.high)
    expected = (
        f"hit@20 is {gate.candidate.hit_at_20.value:.3f}, {below:.3f} below generation the-old-one, "
        f"between {low:+.3f} and {high:+.3f} with 95 % confidence: not published."
    )
    assert expected == gate.reason


def test_force_publishes_and_says_so(interactions: TrainingSet) -> None:
    """The verdict is forced only if it would be a rejection."""
    serving, candidate = good_and_shuffled(interactions)

    forced = judge(candidate, serving, "the-old-one", np.random.default_rng(0), forced=True)
    needless = judge(serving, candidate, "the-old-one", np.random.default_rng(0), forced=True)

    assert not forced.accepted
    assert forced.forced
    assert forced.reason.endswith("with 95 % confidence: published by force.")
    assert needless.accepted
    assert not needless.forced


def test_an_equal_candidate_is_accepted(interactions: TrainingSet, tmp_path: Path) -> None:
    """A night without new plays does not stop the nights; the generation on the disk ranks as the training did."""
    hold_out, good = hold_out_of(interactions), trained(interactions)
    candidate = ScoredModel.of_training(interactions, good)
    from_disk = as_generation(interactions, good, tmp_path)

    ours, theirs = rank(candidate, hold_out), rank(from_disk, hold_out)
    gate = judge(ours, theirs, FIRST_ID, np.random.default_rng(0), forced=False)

    np.testing.assert_array_equal(ours.ranks, theirs.ranks)
    assert gate.accepted
    assert gate.difference is not None
    assert (0.0, 0.0, 0.0) == msgspec.structs.astuple(gate.difference)
    assert gate.candidate is not None
    assert gate.candidate.hit_at_20.value > 2 * K / N_ITEMS  # tastes are learnt, by far better than by chance


def as_generation(interactions: TrainingSet, good: TrainedFactors, folder: Path) -> ScoredModel:
    """Write trained factors to the disk and return the model of the generation."""
    catalog = Catalog(
        interactions.item_ids, good.item_factors, good.gram_diagonal, interactions.popularity(np.inf, 2_000_000_000)[0]
    )
    write_generation(folder / FIRST_ID, manifest_of(FIRST_ID, OBJECTIVE, interactions.n_items), catalog)
    return ScoredModel.of_generation(open_generation(folder / FIRST_ID))


@pytest.mark.parametrize(
    ("n", "against", "reason"),
    [
        (0, "the-old-one", "No listener's latest item was held out, so nothing is judged."),
        (50, None, "No generation is in service to compare it with."),
        (50, "the-old-one", "Generation the-old-one cannot be opened, so there is nothing to compare it with."),
    ],
)
def test_a_candidate_that_cannot_be_compared_is_accepted(n: int, against: str | None, reason: str) -> None:
    """The manifest gives the reason."""
    gate = judge(Ranks(np.ones(n, np.int64), 100), None, against, np.random.default_rng(0), forced=False)

    assert gate.accepted
    assert reason == gate.reason
    assert gate.difference is None
    assert (n > 0) == (gate.candidate is not None)


def test_a_few_listeners_cannot_reject() -> None:
    """Their interval says nothing, however far it lies from zero."""
    n = LISTENERS_MIN - 1
    best, worst = Ranks(np.ones(n, np.int64), 100), Ranks(np.full(n, 99), 100)

    gate = judge(worst, best, "the-old-one", np.random.default_rng(0), forced=False)

    assert gate.accepted
    expected = f"hit@20 is 0.000, 1.000 below generation the-old-one; {n} listeners are too few to judge by."
    assert expected == gate.reason


@pytest.mark.parametrize("n", [0, LISTENERS_MIN - 1])
def test_an_undecided_verdict_names_the_excluded_listeners(n: int) -> None:
    """The reason says how many listeners have full histories, and the way out."""
    ranks = Ranks(np.ones(n, np.int64), 100)
    verdict = judge(ranks, ranks, "the-old-one", np.random.default_rng(0), forced=False)

    excluded = with_excluded(verdict, 1200)

    assert is_undecided(verdict)
    assert verdict == with_excluded(verdict, 0)
    expected = (
        f"{verdict.reason} Nothing is held out of the full histories of 1,200 gate listeners: "
        "raise PLAYFOLD_HISTORY_MAX or PLAYFOLD_GATE_SHARE."
    )
    assert expected == excluded.reason


@pytest.mark.parametrize(("n", "against"), [(LISTENERS_MIN, "the-old-one"), (5, None)])
def test_a_verdict_with_enough_listeners_or_without_a_generation_in_service_is_decided(
    n: int, against: str | None
) -> None:
    """Its reason stays as it is, however many listeners are excluded."""
    ranks = Ranks(np.ones(n, np.int64), 100)
    serving = ranks if against is not None else None
    verdict = judge(ranks, serving, against, np.random.default_rng(0), forced=False)

    assert not is_undecided(verdict)
    assert verdict == with_excluded(verdict, 1200)
