"""The ranks of both models on the disk."""

from pathlib import Path

import numpy as np
import pytest

from jobs.retraining.gate import Ranks
from jobs.retraining.gate_ranks import GateRanks


@pytest.mark.parametrize("serving", [None, Ranks(np.array([3, 0]), 8)])
def test_ranks_come_back_from_the_disk(tmp_path: Path, serving: Ranks | None) -> None:
    """Those of both models, or of the candidate alone."""
    GateRanks(Ranks(np.array([1, 2]), 9), serving, "g").save(tmp_path)

    loaded = GateRanks.load(tmp_path)

    assert [1, 2] == loaded.candidate.ranks.tolist()
    assert 9 == loaded.candidate.n_items
    assert "g" == loaded.against
    assert (serving is None) == (loaded.serving is None)
    if serving is not None and loaded.serving is not None:
        assert serving.ranks.tolist() == loaded.serving.ranks.tolist()
        assert 8 == loaded.serving.n_items
