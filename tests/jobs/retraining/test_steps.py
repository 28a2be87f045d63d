"""The table of a retrain's steps."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jobs.progress import no_progress
from jobs.retraining.gate_steps import GATE
from jobs.retraining.run import SERVING, Run, open_run
from jobs.retraining.steps import N_TO_VERDICT, STEPS
from state.generations.manifest import Gate
from tests.support.settings import settings_with
from tests.support.stores import judged


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Open a run."""
    with open_run(settings_with(data_dir=str(tmp_path)), no_progress) as opened:
        yield opened


def steps_after(verdict: Gate | None, run: Run) -> list[str]:
    """Return the names of the steps after a verdict."""
    with run.writing("gate") as folder:
        (folder / GATE).write_bytes(msgspec.json.encode(verdict))
    return [step.name for step in STEPS[N_TO_VERDICT:] if step.when(run)]


def test_every_step_has_its_own_folder() -> None:
    """The name of a step is the name of its folder."""
    assert len(STEPS) == len({step.name for step in STEPS})


def test_the_generation_in_service_is_looked_up_first() -> None:
    """All other steps may use it."""
    assert SERVING == STEPS[0].name


def test_the_steps_to_the_verdict_end_with_the_gate(run: Run) -> None:
    """Without time for tuning in the settings there is no tuning."""
    names = [step.name for step in STEPS[:N_TO_VERDICT] if step.when(run)]

    assert ["serving", "snapshot", "interactions", "train", "quality", "gate"] == names


@pytest.mark.parametrize("verdict", [None, judged(accepted=True)])
def test_an_accepted_generation_is_announced(run: Run, verdict: Gate | None) -> None:
    """With all its parts; without a gate every generation is accepted."""
    assert ["generation", "index", "related", "publish", "announce"] == steps_after(verdict, run)


def test_a_rejected_generation_is_published_alone(run: Run) -> None:
    """It can be looked at, but it has no parts and is not announced."""
    assert ["generation", "publish"] == steps_after(judged(accepted=False), run)


def test_force_overrules_the_verdict(run: Run) -> None:
    """The generation is announced with all its parts."""
    forced = msgspec.structs.replace(judged(accepted=False), forced=True)

    assert "announce" in steps_after(forced, run)
