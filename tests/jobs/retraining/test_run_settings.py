"""Settings that decide whether a run is resumed."""

import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobs.progress import no_progress
from jobs.retraining import run as runs
from jobs.retraining.run import open_run
from streams.settings import Secret, Settings, flat_values, override
from streams.settings.deciding import DECIDING
from tests.jobs.retraining.retraining_runs import Heard, folders, interrupted
from tests.support.settings import settings_with

TOKEN = "correct-horse-battery-staple"  # noqa: S105  a made-up one
OTHER_VALUES: dict[str, Any] = {
    "brokers": "kafka:9092",
    "partitions": 5,
    "topic_prefix": "other.",
    "event_weights": "play=1",
    "completion": "ignore",
    "skip_below": 0.5,
    "user_signals_per_day_max": 5,
    "user_days_max": 5,
    "item_weight_max": 5.0,
    "history_max": 5,
    "rule": "hkv",
    "factors": 5,
    "regularization": 5.0,
    "unobserved_weight": 5.0,
    "alpha": 7.0,
    "iterations": 5,
    "window_plays": 6,
    "half_life_plays": 6.0,
    "half_life_days": 5.0,
    "growth": "log",
    "hyperparameters": "tuned",
    "tune_s": 5.0,
    "warm_iterations": 6,
    "active_plays_min": 5,
    "active_days": 5.0,
    "gate_share": 0.5,
    "popular_half_life_days": 5.0,
    "generation_store": "elsewhere",
    "index_trees": 5,
    "related_n": 5,
}
"""Another value than the default of every deciding setting, the group left out."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give a test a data folder of its own."""
    return settings_with(data_dir=str(tmp_path), generations_max=2)


def test_other_settings_begin_a_new_run(settings: Settings) -> None:
    """With the line that names the first that differs; those without effect on a generation do not count."""
    generation_id = interrupted(settings).generation_id
    heard = Heard()

    with open_run(override(settings, threads=1, kafka_timeout_s=1.0), heard) as run:
        assert run.resumed
    with open_run(override(settings, alpha=7.0), heard) as run:
        assert not run.resumed
        assert [] == run.done()

    discarded = f"The unfinished run of generation {generation_id} is discarded: "
    assert f"{discarded}it began with alpha=1.0, which is now 7.0." == heard.notes[-1]
    assert [run.generation_id] == folders(settings)


def test_a_forced_run_does_not_resume_another(settings: Settings) -> None:
    """Nor one whose fresh start is asked for, nor one that nobody can read."""
    heard = Heard()
    for forced, fresh in [(True, False), (False, True)]:
        generation_id = interrupted(settings).generation_id
        run = interrupted(settings, on_progress=heard, forced=forced, fresh=fresh)
        assert not run.resumed
        assert generation_id not in folders(settings)
    (settings.application.nights_path / run.generation_id / runs.RECORD).write_text("{")
    with open_run(settings, heard) as run:
        assert not run.resumed

    reasons = [note.partition(" is discarded: ")[2] for note in heard.notes]
    forced_now = "it began with force=False, which is now True."
    assert [forced_now, "a fresh one is asked for.", "its run.json cannot be read."] == reasons


@pytest.mark.parametrize("name", sorted(DECIDING - {"group"}))
def test_another_value_of_a_deciding_setting_discards_the_run(settings: Settings, name: str) -> None:
    """The note quotes both values. A group has a folder of its own, so its runs are never compared."""
    interrupted(settings)
    heard = Heard()
    was, now = flat_values(settings)[name], OTHER_VALUES[name]

    with open_run(override(settings, **{name: now}), heard) as run:
        assert not run.resumed

    assert heard.notes[-1].endswith(f"is discarded: it began with {name}={was}, which is now {now}.")


@pytest.mark.parametrize(
    "others", [{"gateway_port": 1}, {"gateway_token": Secret(TOKEN)}, {"metrics_host": "::1"}, {"gateway_hosts": "*"}]
)
def test_a_setting_that_decides_nothing_keeps_the_run(settings: Settings, others: dict[str, Any]) -> None:
    """An operator may change the gateway and then finish the unfinished run."""
    interrupted(settings)

    with open_run(override(settings, **others), no_progress) as run:
        assert run.resumed


def test_the_record_names_the_deciding_settings_only(settings: Settings) -> None:
    """The token of the gateway is not among them, and only the owner may read the file."""
    run = interrupted(override(settings, gateway_token=Secret(TOKEN)))
    file = settings.application.nights_path / run.generation_id / runs.RECORD

    decided_by = msgspec.json.decode(file.read_bytes())["decided_by"]
    assert DECIDING | {"force"} == set(decided_by)
    assert TOKEN not in file.read_text()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("finished", [False, True])
def test_a_token_that_an_earlier_version_recorded_is_removed(settings: Settings, *, finished: bool) -> None:
    """Names that decide nothing are removed from unfinished and finished runs; an unfinished one is resumed."""
    run = interrupted(settings)
    folder = settings.application.nights_path / run.generation_id
    file = folder / runs.RECORD
    record = msgspec.json.decode(file.read_bytes())
    record["decided_by"] |= {"gateway_token": TOKEN, "gateway_port": "8080"}
    file.write_bytes(msgspec.json.encode(record))
    file.chmod(0o644)
    if finished:
        (folder / runs.REPORT).write_text("{}")

    with open_run(settings, no_progress) as after:
        assert after.resumed is not finished

    assert TOKEN not in file.read_text()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_a_record_without_a_deciding_setting_is_not_resumed(settings: Settings) -> None:
    """An earlier version did not know the setting."""
    run = interrupted(settings)
    file = settings.application.nights_path / run.generation_id / runs.RECORD
    record = msgspec.json.decode(file.read_bytes())
    del record["decided_by"]["growth"]
    file.write_bytes(msgspec.json.encode(record))
    heard = Heard()

    with open_run(settings, heard) as after:
        assert not after.resumed

    assert heard.notes[-1].endswith("is discarded: its run.json does not name growth, which is now rule.")
