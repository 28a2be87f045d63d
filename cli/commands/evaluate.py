"""`playfold evaluate`: the quality of several models' lists on a file of plays."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cli.column_options import AsJson, ColumnOptions
from cli.option_groups import with_groups
from cli.plays_options import Length, WithMl100k, read_events, settings_with
from cli.progress_bar import watched
from cli.tables.quality import figures_table, histories_table
from jobs.progress import ProgressCallback
from streams.settings import Settings

if TYPE_CHECKING:
    from jobs.evaluation.baselines import BaselineSettings
    from jobs.evaluation.evaluate import Evaluation
    from model.evaluation.event_log import Events
    from model.objective import Objective

FIGURES = "evaluation.json"
app = typer.Typer(add_completion=False)


class Source(StrEnum):
    """The source of the fold-in's hyperparameters."""

    SETTINGS = "settings"
    TUNED = "tuned"


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """Options about the training plays, the hyperparameters and the written figures."""

    trained: Annotated[float, typer.Option(min=0.01, max=0.99, help="Share of the plays to train on.")] = 0.7
    source: Annotated[
        Source,
        typer.Option(
            "--settings", help="Hyperparameters of the fold-in: from the settings, or tuned on the training plays."
        ),
    ] = Source.SETTINGS
    factors: Length = None
    out: Annotated[
        Path | None, typer.Option(help="Folder for plots (PNG, SVG) and evaluation.json; default: none are written.")
    ] = None


@app.command()
@with_groups
def evaluate(
    file: Annotated[
        Path | None, typer.Argument(help="Plays: CSV, JSON lines (both also .gz) or Parquet; or give --ml100k.")
    ] = None,
    *,
    ml100k: WithMl100k = False,
    columns: ColumnOptions,
    options: EvaluationOptions,
    as_json: AsJson = False,
) -> None:
    """Train on the first plays, stream the rest, and measure the lists of each model before each play.

    Settings are chosen on the training plays alone. The same plays give exactly the same figures.
    """
    if (file is None) != ml100k:
        message = "Give either a file of plays or --ml100k."
        raise typer.BadParameter(message)
    settings = settings_with(options.factors)
    with watched(quiet=as_json) as watch:
        events = read_events(file, columns.columns(), settings, watch)
        evaluation, baselines = _measure(events, options, settings, watch)
    answer = msgspec.json.encode(_answer_of(evaluation, baselines))
    written = _write(evaluation, answer, options.out) if options.out else []
    if as_json:
        typer.echo(answer)
    else:
        _show(evaluation, baselines, written)


def _measure(
    events: "Events", options: EvaluationOptions, settings: Settings, watch: ProgressCallback
) -> "tuple[Evaluation, BaselineSettings]":
    """Choose settings on the first events, and measure the lists of all models on the others."""
    from jobs.evaluation.baselines import baseline_models
    from jobs.evaluation.evaluate import evaluate as evaluate_models
    from model.evaluation.event_log import split_events

    n_trained = int(len(events.users) * options.trained)
    baselines = _choose_settings(events.part(slice(n_trained)), options.source, settings, watch)
    split = split_events(events, n_trained)
    models = baseline_models(split, baselines, settings.retraining.threads, watch)
    return evaluate_models(split, models, watch), baselines


def _choose_settings(
    trained: "Events", source: Source, settings: Settings, watch: ProgressCallback
) -> "BaselineSettings":
    """Choose all settings on the training plays; the row with signals uses the same."""
    from jobs.evaluation.baselines import select_settings
    from jobs.objective import objective_of
    from jobs.tuning.search import tune

    objective = objective_of(settings.objective)
    if source is Source.TUNED:
        # Not the folder of `playfold tune`: its results may have seen the plays that stream here.
        store = settings.application.data_path / "evaluation" / "tuned"
        objective = tune(
            trained.plays_alone(), objective, float("inf"), 0, store, watch, settings.retraining.threads
        ).objective
    return select_settings(trained.plays_alone(), objective, settings.retraining.threads, watch)


def _answer_of(evaluation: "Evaluation", baselines: "BaselineSettings") -> dict[str, Any]:
    """Return the answer in JSON; an infinite half-life or window is null."""
    return {"settings": baselines, **msgspec.structs.asdict(evaluation)}


def _write(evaluation: "Evaluation", answer: bytes, folder: Path) -> list[Path]:
    """Write plots and figures."""
    from jobs.evaluation.plots import draw

    written = draw(evaluation, folder)
    (folder / FIGURES).write_bytes(msgspec.json.format(answer) + b"\n")
    return [*written, folder / FIGURES]


def _show(evaluation: "Evaluation", baselines: "BaselineSettings", written: list[Path]) -> None:
    """Print the figures with their data and settings."""
    head = (
        f"On {evaluation.n_events:,} plays of items that were new to their listeners, among {evaluation.n_items:,} "
        f"items; trained on the {evaluation.n_trained:,} plays before them:"
    )
    tables = figures_table(evaluation), histories_table(evaluation), _describe_settings(baselines)
    typer.echo("\n\n".join((head, *tables)))
    for path in written:
        typer.echo(f"Written: {path}")


def _describe_settings(baselines: "BaselineSettings") -> str:
    """Return the settings in sentences."""
    fold_in, isgd, whole, windowed = baselines.fold_in, baselines.isgd, baselines.whole, baselines.windowed
    return (
        f"Fold-in: {_describe_objective(fold_in)}.\n"
        f"Blended with the popular list: strength {baselines.blend.strength:g}, "
        f"up to {baselines.blend.items_max} known items.\n"
        f"ISGD: {isgd.factors} factors, learn rate {isgd.learn_rate:g}, regularization {isgd.regularization:g}. "
        f"Item neighbours: a half-life of {whole.half_life_plays:g} plays; with a window of {windowed.window_plays:g} "
        f"plays, {windowed.half_life_plays:g}. These and the strength were chosen on the training plays."
    )


def _describe_objective(fold_in: "Objective") -> str:
    """Return the objective of the fold-in in words."""
    weight = f"a0 {fold_in.unobserved_weight:g}" if fold_in.rule == "ials" else f"alpha {fold_in.alpha:g}"
    window = f"windows of {fold_in.window_plays} plays" if fold_in.window_plays else "no windows"
    return (
        f"{fold_in.factors} factors, {weight}, lambda {fold_in.regularization:g}, "
        f"a half-life of {fold_in.half_life_plays:g} plays, {window}"
    )
