"""The metrics of a disk's space."""

from pathlib import Path

import pytest

from state.storage import disk_metrics
from state.storage.disk_metrics import DiskMetrics


def test_both_samples_are_told(tmp_path: Path) -> None:
    """By the names that alerts and dashboards know."""
    samples = {family.name: family.samples[0].value for family in DiskMetrics(tmp_path).collect()}

    assert {"playfold_disk_free_bytes", "playfold_disk_size_bytes"} == set(samples)
    assert 0 < samples["playfold_disk_free_bytes"] <= samples["playfold_disk_size_bytes"]


def test_a_disk_that_does_not_answer_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other samples of the process are told all the same."""

    def broken(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk_metrics, "disk_space_of", broken)

    assert [] == list(DiskMetrics(tmp_path).collect())
