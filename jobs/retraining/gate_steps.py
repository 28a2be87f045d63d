"""The steps of a retrain that judge the trained item factors."""

from pathlib import Path

import msgspec
import numpy as np

from jobs.histories.training_set import n_excluded
from jobs.progress import JobProgress
from jobs.retraining.gate import ScoredModel, hold_out_of, is_undecided, judge, rank, with_excluded
from jobs.retraining.gate_ranks import GateRanks
from jobs.retraining.run import Run
from jobs.retraining.train import TrainedFactors
from jobs.retraining.training_steps import load_training_set
from jobs.seed import SEED
from state.generations.manifest import Gate

GATE = "gate.json"


def rank_held_out(run: Run, folder: Path) -> None:
    """Rank the held-out items with the new factors, and with those of the generation in service."""
    training_set, serving = load_training_set(run), run.serving
    hold_out = hold_out_of(training_set)
    candidate = ScoredModel.of_training(training_set, TrainedFactors.load(run.path("train")))
    serving_model = ScoredModel.of_generation(serving.generation) if serving.generation is not None else None
    weight_max = run.settings.signals.item_weight_max
    GateRanks(
        rank(candidate, hold_out, weight_max),
        rank(serving_model, hold_out, weight_max) if serving_model is not None else None,
        serving.generation_id,
    ).save(folder)


def judge_candidate(run: Run, folder: Path) -> None:
    """Judge the new factors, and report a verdict that is undecided; without a gate the verdict is None."""
    ranks, rng = GateRanks.load(run.path("quality")), np.random.default_rng(SEED)
    verdict = None
    if run.settings.retraining.gate_share:
        verdict = judge(*ranks, rng, forced=run.forced)
        verdict = with_excluded(verdict, n_excluded(load_training_set(run), run.settings))
        if is_undecided(verdict):
            warning = f"Warning: the gate cannot reject this candidate. {verdict.reason}"
            run.on_progress(JobProgress(warning, is_note=True))
    (folder / GATE).write_bytes(msgspec.json.encode(verdict))


def verdict_of(run: Run) -> Gate | None:
    """Load the gate's verdict, None without a gate."""
    return msgspec.json.decode((run.path("gate") / GATE).read_bytes(), type=Gate | None)


def is_accepted(run: Run) -> bool:
    """Return whether the verdict or an operator's force lets the generation be announced."""
    verdict = verdict_of(run)
    return verdict is None or verdict.accepted or verdict.forced
