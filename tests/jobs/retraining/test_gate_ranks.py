"""What was answered at the gate, on the disk."""

from pathlib import Path

import numpy as np
import pytest

from jobs.retraining.gate import Scored
from jobs.retraining.gate_ranks import Answers


@pytest.mark.parametrize("serving", [None, Scored(np.array([3, 0]), 8)])
def test_answers_come_back_from_the_disk(tmp_path: Path, serving: Scored | None) -> None:
    """Of both sides, or of the candidate alone."""
    Answers(Scored(np.array([1, 2]), 9), serving, "g").save(tmp_path)

    loaded = Answers.load(tmp_path)

    assert ([1, 2], 9, "g") == (loaded.candidate.ranks.tolist(), loaded.candidate.n_items, loaded.against)
    assert (serving is None) == (loaded.serving is None)
    if serving is not None and loaded.serving is not None:
        assert (serving.ranks.tolist(), 8) == (loaded.serving.ranks.tolist(), loaded.serving.n_items)
