"""`playfold tune` as an operator runs it: on a file and on the histories; its answers and its errors."""

import math
from pathlib import Path

import msgspec
import pytest

from cli.commands.tune import app
from jobs.tuning.results import BEST, SCORED, TuningError, read_best
from streams.files.errors import PlaysFileError
from streams.settings import Settings
from streams.topics.topics import TopicNames
from tests.cli.plays_of_tastes import COLUMNS, Command, read_by_commands
from tests.kafka.listeners import write_listeners
from tests.support.snapshots import drawn_plays
from tests.support.tastes import N_EVENTS

COMMAND = Command(app)
run, answer_to = COMMAND.run, COMMAND.told


def test_the_answer_for_machines_tells_every_setting(offline: Settings, plays: Path) -> None:
    """The best of them is stored; an infinite half-life is null."""
    answer = answer_to(plays, *COLUMNS)

    best = read_best(offline.application.tuned_path)
    assert best is not None
    assert {"best", "scored"} == set(answer)
    assert msgspec.json.decode(msgspec.json.encode(best)) == answer["best"]
    assert best.trials == len(answer["scored"]) > 30
    hits = [scored["hit_at_20"]["value"] for scored in answer["scored"]]
    assert max(hits) == answer["best"]["hit_at_20"]["value"]
    half_lives = [scored["objective"]["half_life_plays"] for scored in answer["scored"]]
    assert None in half_lives
    assert f"trained on the {N_EVENTS * 7 // 10:,} before them" in best.scored_on


def test_a_budget_a_length_and_trials_are_given_on_the_command_line(offline: Settings, plays: Path) -> None:
    """The first setting is the one of the settings, but for its length; a second run goes on with it.

    A further run begins its local search at the best setting, until there is no better one; then only trials are new.
    """
    first = answer_to(plays, *COLUMNS, "--budget-s", 0, "--factors", 5)
    whole = answer_to(plays, *COLUMNS, "--factors", 5)
    settled = answer_to(plays, *COLUMNS, "--factors", 5)
    answer = answer_to(plays, *COLUMNS, "--factors", 5, "--trials", 2)

    (scored,) = first["scored"]
    setting = scored["objective"]
    assert (5, 2, 5.0, 0.1) == tuple(
        setting[name] for name in ("factors", "iterations", "half_life_plays", "unobserved_weight")
    )
    assert scored == whole["scored"][0]
    assert whole["scored"] == settled["scored"][: len(whole["scored"])]
    assert settled["scored"] == answer["scored"][:-2]
    assert 1 == len(list(offline.application.tuned_path.glob(f"*/{SCORED}")))


def test_the_report_is_on_plays_that_were_kept_from_the_choice(plays: Path, offline: Settings) -> None:
    """The chosen setting stands beside the one that is given; the search is that of the first plays alone."""
    answer = answer_to(plays, *COLUMNS, "--first", 0.8, "--report")
    lines = plays.read_text().splitlines(keepends=True)
    plays.write_text("".join(lines[: 1 + N_EVENTS * 8 // 10]))
    alone = answer_to(plays, *COLUMNS)

    report = answer["report"]
    assert alone == {name: answer[name] for name in ("best", "scored")}
    assert 1 == len(list(offline.application.tuned_path.glob(f"*/{SCORED}")))
    rows = ["chosen setting", "settings as given", "static vectors", "popular items"]
    assert rows == [row["name"] for row in report["rows"]]
    assert N_EVENTS * 8 // 10 == report["n_trained"]
    assert 0 < report["n_events"] < N_EVENTS * 2 // 10
    for row in report["rows"]:
        assert {"name", "hit_at_10", "hit_at_20", "mrr_at_20", "over_time", "by_history"} == set(row)
        assert 0 <= row["hit_at_20"]["low"] <= row["hit_at_20"]["value"] <= row["hit_at_20"]["high"] <= 1


def test_the_table_shows_the_best_first(offline: Settings, plays: Path) -> None:
    """Ten of them, with their intervals; then how to use the best, and the report."""
    shown = run(plays, *COLUMNS, "--first", 0.8, "--report").stdout.splitlines()

    best = read_best(offline.application.tuned_path)
    assert best is not None
    assert f"the 10 best of {best.trials} settings" == shown[0].strip()
    rows = [line.split() for line in shown if line.count(" to ") == 1 and line.lstrip()[0].isdigit()]
    hits = [float(row[4]) for row in rows]
    assert 10 == len(rows)
    assert sorted(hits, reverse=True) == hits
    objective = best.objective
    expected = [
        f"{objective.unobserved_weight:.3g}",
        f"{objective.regularization:.3g}",
        f"{objective.half_life_plays:.3g}",
    ]
    assert expected == rows[0][:3]
    hit = f"{best.hit_at_20.value:.3f} ({best.hit_at_20.low:.3f} to {best.hit_at_20.high:.3f})"
    assert f"Best of {best.trials}: hit@20 {hit}, on {best.scored_on}." in shown
    assert f"Stored in {offline.application.tuned_path / BEST}: PLAYFOLD_HYPERPARAMETERS=tuned trains with it." in shown
    table = shown.index("| lists by | hit@10 | hit@20 | MRR@20 |")
    assert "chosen setting" == shown[table + 2].split("|")[1].strip()
    assert 4 == len(shown[table + 2 :])


def test_the_sentences_of_a_search_stand_on_stderr(offline: Settings, plays: Path) -> None:
    """So that stdout holds the answer alone."""
    ended = run(plays, *COLUMNS, "--budget-s", 0)

    sentence = "The budget of 0 s is spent; the best setting so far is used."
    assert sentence in ended.stderr
    assert sentence not in ended.stdout
    assert "the 1 best of 1 settings" in ended.stdout
    assert offline.application.tuned_path.is_dir()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("plays.csv", "--report"),
            "--report needs plays that --first leaves: give a share below 1, such as --first 0.7.",
        ),
        (("--report",), "--first and --report need a file of plays."),
        (("--first", "0.5"), "--first and --report need a file of plays."),
    ],
)
def test_a_report_needs_plays_that_are_left(offline: Settings, arguments: tuple[str, ...], sentence: str) -> None:
    """Status 2, before anything is read."""
    ended = run(*arguments, status=2)

    assert sentence in " ".join(ended.stderr.replace("│", " ").split())
    assert not offline.application.data_path.exists()


def error_of(*arguments: object) -> Exception:
    """Return the error with which the command ends; `cli/main.py` makes it a sentence."""
    error = COMMAND.error(*arguments)
    assert isinstance(error, Exception)
    return error


def test_what_cannot_be_tuned_on_is_a_sentence(offline: Settings, plays: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not there or has other columns, too few plays, a rule that is not searched."""
    missing, unnamed = error_of(plays.with_name("none.csv")), error_of(plays)
    few = error_of(plays, *COLUMNS, "--first", 0.02)
    monkeypatch.setenv("PLAYFOLD_RULE", "hkv")
    rule = error_of(plays, *COLUMNS)

    assert [PlaysFileError, PlaysFileError, TuningError, TuningError] == [
        type(error) for error in (missing, unnamed, few, rule)
    ]
    assert f"{plays} has no column user_id" in str(unnamed)
    assert "There is nothing to tune on: of 20 plays" in str(few)
    assert "set PLAYFOLD_RULE=ials." in str(rule)
    assert read_best(offline.application.tuned_path) is None


def test_without_a_file_the_histories_are_tuned_on(
    settings: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As workers left them in the changelog; no copy of them stays."""
    assert names.users_changelog
    read_by_commands(settings, monkeypatch)
    write_listeners(settings, drawn_plays(60, 30))

    answer = answer_to("--budget-s", 0)

    assert 1 == answer["best"]["trials"]
    assert not math.isnan(answer["best"]["hit_at_20"]["value"])
    file_names = {path.name for path in settings.application.tuned_path.rglob("*") if path.is_file()}
    assert {BEST, SCORED, ".turn"} == file_names
