"""`playfold tune`: the best hyperparameters for some plays."""

import asyncio
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from cli.column_options import AsJson, ColumnOptions
from cli.option_groups import with_groups
from cli.plays_options import Length, WithMl100k, read_events, settings_with
from cli.progress_bar import watched
from cli.tables.quality import figures_table, format_interval
from jobs.progress import ProgressCallback
from state.storage.files import aside_in
from streams.settings import Settings

if TYPE_CHECKING:
    from jobs.evaluation.evaluate import Evaluation
    from jobs.tuning.results import ScoredSetting, Tuned
    from model.evaluation.event_log import Events

CHOSEN, GIVEN = "chosen setting", "settings as given"
SHOWN = 10
"""Settings in the table; --json prints all."""
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Options about a search: its share of the plays, its limits and its report."""

    first: Annotated[float, typer.Option(min=0.01, max=1, help="Share of the plays to tune on.")] = 1.0
    report: Annotated[
        bool, typer.Option("--report", help="Evaluate the best setting on the rest of the file; needs --first below 1.")
    ] = False
    budget_s: Annotated[float, typer.Option(min=0, help="Time limit in seconds.")] = math.inf
    trials: Annotated[int, typer.Option(min=0, help="Settings that optuna tries after the grid.")] = 0

    def check(self, *, reads_file: bool) -> None:
        """Reject options that need a file, or the rest of it, where there is none."""
        if not reads_file and (self.report or self.first < 1):
            message = "--first and --report need a file of plays."
            raise typer.BadParameter(message)
        if self.report and self.first == 1:
            message = "--report needs plays that --first leaves: give a share below 1, such as --first 0.7."
            raise typer.BadParameter(message)


@app.command()
@with_groups
def tune(
    file: Annotated[
        Path | None,
        typer.Argument(help="Plays: CSV, JSON lines (both also .gz) or Parquet; default: the listeners' histories."),
    ] = None,
    *,
    ml100k: WithMl100k = False,
    columns: ColumnOptions,
    search: SearchOptions,
    factors: Length = None,
    as_json: AsJson = False,
) -> None:
    """Find the hyperparameters with the best lists, and store them for PLAYFOLD_HYPERPARAMETERS=tuned.

    Run it again on the same plays to resume a stopped search.
    """
    settings, reads_file = settings_with(factors), file is not None or ml100k
    search.check(reads_file=reads_file)
    evaluation = None
    with watched(quiet=as_json) as watch:
        if reads_file:
            events = read_events(file, columns.columns(), settings, watch)
            # Every rating of MovieLens is a play, as in published results.
            tuned, evaluation = _tune_on_events(events.plays_alone() if ml100k else events, search, settings, watch)
        else:
            tuned = _tune_on_changelog(settings, search, watch)
    if as_json:
        typer.echo(msgspec.json.encode(_answer_of(tuned, evaluation)))
    else:
        _show(tuned, evaluation, settings)


def _tune_on_events(
    events: "Events", search: SearchOptions, settings: Settings, watch: ProgressCallback
) -> "tuple[Tuned, Evaluation | None]":
    """Tune on the first events; evaluate the best setting on the others if a report is wanted."""
    from jobs.objective import objective_of
    from jobs.tuning.search import tune as find_best

    n_first = int(len(events.users) * search.first)
    tuned = find_best(
        events.part(slice(n_first)),
        objective_of(settings.objective),
        search.budget_s,
        search.trials,
        settings.application.tuned_path,
        watch,
        settings.retraining.threads,
    )
    return tuned, _evaluate(events, n_first, tuned, settings, watch) if search.report else None


def _tune_on_changelog(settings: Settings, search: SearchOptions, watch: ProgressCallback) -> "Tuned":
    """Read all histories and tune on them; their copy on the disk is deleted."""
    from jobs.histories.snapshot import open_snapshot, write_snapshot
    from jobs.histories.training_set import training_set_of
    from jobs.tuning.search import tune_on_histories

    with aside_in(settings.application.tuned_path) as aside:
        asyncio.run(write_snapshot(settings, aside, watch))
        training_set = training_set_of(open_snapshot(aside), settings)
    return tune_on_histories(training_set, settings, search.budget_s, search.trials, watch)


def _evaluate(
    events: "Events", n_first: int, tuned: "Tuned", settings: Settings, watch: ProgressCallback
) -> "Evaluation":
    """Evaluate the best setting and the given settings on the plays that the search did not see."""
    from jobs.evaluation.baselines import settings_models
    from jobs.evaluation.evaluate import evaluate
    from jobs.objective import objective_of
    from model.evaluation.event_log import split_events

    rows = {CHOSEN: tuned.objective, GIVEN: objective_of(settings.objective)}
    split = split_events(events, n_first).with_signals()
    return evaluate(split, settings_models(split, rows, settings.retraining.threads), watch)


def _answer_of(tuned: "Tuned", evaluation: "Evaluation | None") -> dict[str, Any]:
    """Return the answer in JSON."""
    answer: dict[str, Any] = {"best": tuned.best, "scored": tuned.scored}
    if evaluation is not None:
        answer["report"] = evaluation
    return answer


def _show(tuned: "Tuned", evaluation: "Evaluation | None", settings: Settings) -> None:
    """Print the best settings, their use, and the figures on later plays."""
    from jobs.tuning.results import BEST

    console, best = Console(), tuned.best
    console.print(_scored_table(tuned.scored))
    console.print(
        f"Best of {best.trials}: hit@20 {format_interval(best.hit_at_20)}, on {best.scored_on}.\n"
        "A setting whose interval overlaps that of the best one may be as good.\n"
        f"Stored in {settings.application.tuned_path / BEST}: PLAYFOLD_HYPERPARAMETERS=tuned trains with it.",
        highlight=False,
        soft_wrap=True,
    )
    if evaluation is not None:
        console.print(
            f"\nOn {evaluation.n_events:,} later plays, which the search did not see, among {evaluation.n_items:,} "
            f"items; trained on the {evaluation.n_trained:,} plays before them:",
            highlight=False,
            soft_wrap=True,
        )
        typer.echo(f"\n{figures_table(evaluation)}")


def _scored_table(scored: "list[ScoredSetting]") -> Table:
    """Return the best settings, best first."""
    table = Table(title=f"the {min(SHOWN, len(scored))} best of {len(scored)} settings", box=SIMPLE_HEAD)
    for name in ("a0", "lambda", "half-life", "window", "hit@20", "MRR@20"):
        table.add_column(name, justify="right", no_wrap=True)
    for setting in sorted(scored, key=lambda setting: -setting.hit_at_20.value)[:SHOWN]:
        objective = setting.objective
        numbers = (objective.unobserved_weight, objective.regularization, objective.half_life_plays)
        cells = [f"{number:.3g}" for number in numbers] + [f"{objective.window_plays or 'none'}"]
        table.add_row(*cells, format_interval(setting.hit_at_20), f"{setting.mrr_at_20.value:.3f}")
    return table
