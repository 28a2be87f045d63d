"""`playfold evaluate` as an operator runs it: its answers, its files, and its errors."""

from pathlib import Path

import msgspec
import pytest

from cli.commands.evaluate import app
from jobs.evaluation.baselines import STATIC
from jobs.evaluation.movielens import Ml100k
from model.evaluation.rank_metrics import QualityError
from streams.files.errors import PlaysFileError
from streams.settings import Settings
from tests.cli.plays_of_tastes import COLUMNS, Command
from tests.support.tastes import N_EVENTS

HEAD = "| lists by | hit@10 | hit@20 | MRR@20 |"


COMMAND = Command(app)
run, answer_to = COMMAND.run, COMMAND.told


def test_the_tables_tell_every_model(offline: Settings, plays: Path) -> None:
    """Over all plays and by the length of the history; then the settings. No file is written without --out."""
    shown = run(plays, *COLUMNS).stdout.splitlines()

    first, second = shown.index(HEAD), next(at for at, line in enumerate(shown) if line.startswith("| hit@20 by |"))
    names = [line.split("|")[1].strip() for line in shown[first + 2 : first + 15]]
    assert shown[0].endswith(f"trained on the {N_EVENTS * 7 // 10} plays before them:")
    assert STATIC in names
    assert names[-3:] == ["fold-in", "fold-in, blended", "fold-in, retrained every 5 %"]
    assert names == [line.split("|")[1].strip() for line in shown[second + 2 : second + 15]]
    assert "Fold-in: 8 factors, a0 0.1, lambda 0.05, a half-life of 5 plays, no windows." in shown
    assert not offline.application.data_path.exists()


def test_the_files_hold_what_machines_are_told(offline: Settings, plays: Path, tmp_path: Path) -> None:
    """Plots in both forms, and the answer of `--json`; a second run gives every byte again."""
    assert offline
    first, again = tmp_path / "first", tmp_path / "again"
    answer = answer_to(plays, *COLUMNS, "--out", first, "--trained", 0.8, "--factors", 5)
    answer_to(plays, *COLUMNS, "--out", again, "--trained", 0.8, "--factors", 5)

    names = {"evaluation.json"} | {
        f"{name}.{form}" for name in ("hit-rate-over-time", "by-history-length") for form in ("png", "svg")
    }
    assert names == {path.name for path in first.iterdir()}
    assert {name: (first / name).read_bytes() for name in names} == {
        name: (again / name).read_bytes() for name in names
    }
    assert answer == msgspec.json.decode((first / "evaluation.json").read_bytes())
    assert {"settings", "n_trained", "n_events", "n_items", "rows"} == set(answer)
    assert N_EVENTS * 8 // 10 == answer["n_trained"]
    assert 5 == answer["settings"]["fold_in"]["factors"]
    assert 5 == answer["settings"]["isgd"]["factors"]
    assert answer["settings"]["whole"]["window_plays"] is None


def test_tuned_settings_are_of_the_plays_that_train(offline: Settings, plays: Path) -> None:
    """Streamed plays do not change them, and the hyperparameters of the retraining are left alone."""
    whole = answer_to(plays, *COLUMNS, "--settings", "tuned")
    lines = plays.read_text().splitlines(keepends=True)
    plays.write_text("".join(lines[: 1 + N_EVENTS * 8 // 10]))
    cut = answer_to(plays, *COLUMNS, "--settings", "tuned", "--trained", 0.875)

    assert whole["n_trained"] == cut["n_trained"]
    assert whole["settings"] == cut["settings"]
    assert whole["settings"]["fold_in"] != answer_to(plays, *COLUMNS)["settings"]["fold_in"]
    assert not offline.application.tuned_path.exists()


def test_ml100k_takes_the_place_of_a_file(offline: Settings, plays: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetched into the data folder."""
    fetched: list[Path] = []

    def fetch(folder: Path) -> Ml100k:
        fetched.append(folder)
        raise QualityError(str(plays))

    monkeypatch.setattr("jobs.evaluation.movielens.fetch", fetch)

    assert isinstance(COMMAND.error("--ml100k"), QualityError)
    assert [offline.application.data_path / "ml-100k"] == fetched


@pytest.mark.parametrize("arguments", [(), ("plays.csv", "--ml100k")])
def test_one_of_file_and_ml100k_is_named(arguments: tuple[str, ...]) -> None:
    """Status 2, before anything is read."""
    ended = run(*arguments, status=2)

    sentence = "Give either a file of plays or --ml100k."
    assert sentence in " ".join(ended.stderr.replace("│", " ").split())


def test_what_cannot_be_evaluated_is_a_sentence(offline: Settings, plays: Path) -> None:
    """A file that is not there, or one whose last plays are nobody's second item; `cli/main.py` prints them."""
    assert offline
    single = plays.with_name("single.csv")
    single.write_text("who,what,played_at\n" + "".join(f"u{at},i{at},{1_600_000_000 + at}\n" for at in range(9)))
    missing = COMMAND.error(plays.with_name("none.csv"))
    nobody = COMMAND.error(single, *COLUMNS)

    assert isinstance(missing, PlaysFileError)
    assert isinstance(nobody, QualityError)
    assert "There are no ranks to judge" in str(nobody)
