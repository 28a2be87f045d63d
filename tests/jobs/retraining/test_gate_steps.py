"""The steps of a retrain that judge the trained item factors."""

from pathlib import Path

import numpy as np
import pytest

from jobs.histories.training_set import training_set_of
from jobs.progress import JobProgress
from jobs.retraining.gate import LISTENERS_MIN, Ranks
from jobs.retraining.gate_ranks import GateRanks
from jobs.retraining.gate_steps import judge_candidate, verdict_of
from jobs.retraining.run import open_run
from tests.support.settings import settings_with
from tests.support.snapshots import snapshot_of


@pytest.mark.parametrize(("n", "n_warnings"), [(0, 1), (LISTENERS_MIN, 0)])
def test_an_undecided_gate_is_a_warning(tmp_path: Path, n: int, n_warnings: int) -> None:
    """The note of the run has the reason, with the number of listeners that are excluded."""
    notes = list[JobProgress]()
    settings = settings_with(data_dir=str(tmp_path / "data"), gate_share=1.0, history_max=2)
    listeners = snapshot_of(tmp_path, {"ann": ["x", "y"], "ben": ["y"]})
    with open_run(settings, notes.append) as run:
        with run.writing("interactions") as folder:
            training_set_of(listeners, settings).save(folder)
        with run.writing("quality") as folder:
            ranks = Ranks(np.ones(n, np.int64), 2)
            GateRanks(ranks, ranks, "the-old-one").save(folder)

        with run.writing("gate") as folder:
            judge_candidate(run, folder)

        verdict = verdict_of(run)
    assert verdict is not None
    assert n_warnings == len(notes)
    expected = [JobProgress(f"Warning: the gate cannot reject this candidate. {verdict.reason}", is_note=True)]
    assert expected[:n_warnings] == notes
    assert n_warnings == verdict.reason.count("full histories of 1 gate listeners")
