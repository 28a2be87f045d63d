"""Figures of an evaluation as Markdown tables, which fit any width of a terminal."""

from typing import TYPE_CHECKING

from model.evaluation.rank_metrics import HISTORY_KINDS

if TYPE_CHECKING:
    from jobs.evaluation.evaluate import Evaluation
    from state.generations.manifest import Estimate


def figures_table(evaluation: "Evaluation") -> str:
    """Return the models, one per row, with all their figures."""
    rows = [
        [row.name, *(format_interval(estimate) for estimate in (row.hit_at_10, row.hit_at_20, row.mrr_at_20))]
        for row in evaluation.rows
    ]
    return _table(["lists by", "hit@10", "hit@20", "MRR@20"], rows)


def histories_table(evaluation: "Evaluation") -> str:
    """Return the models, one per row, with hit@20 by the length of the listener's history."""
    events = {part.name: part.n_events for part in evaluation.rows[0].by_history}
    columns = [f"{name}: {_lengths(name)} items ({events[name]:,} plays)" for name in HISTORY_KINDS if name in events]
    rows = [[row.name, *(format_interval(part.hit_at_20) for part in row.by_history)] for row in evaluation.rows]
    return _table(["hit@20 by", *columns], rows)


def format_interval(estimate: "Estimate") -> str:
    """Return a figure with its interval."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _lengths(name: str) -> str:
    low, high = HISTORY_KINDS[name]
    return f"{low} to {high}" if high < float("inf") else f"{low} or more"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    return "\n".join([lines[0], f"|---|{'--:|' * (len(head) - 1)}", *lines[1:]])
