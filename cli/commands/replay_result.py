"""The progress and the result of a replay, as they are printed."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from streams.files.plays_piece import PlaysPiece
from streams.files.replay import Sent
from streams.files.set_aside import SetAside
from streams.messages.outcomes import LEARNED
from streams.readers.outcome_watch import OutcomeWatch

INTERRUPTED = 130


class Count:
    """The progress of a replay.

    Attributes:
        n_plays: Plays that Kafka has acknowledged.
        next_row: The row to continue from.
        watch: Awaits the outcomes of these plays; None before the replay.
    """

    def __init__(
        self, first_row: int, progress: Progress, total: int | None, settle: Callable[[int], None] = lambda _: None
    ) -> None:
        """Start at `first_row`; `settle` is called with the row to continue from, after every acknowledgement."""
        self.next_row, self._settle = first_row, settle
        self.n_plays = 0
        self._n_rows = 0
        self._began = time.monotonic()
        self._ended: float | None = None
        self.watch: OutcomeWatch | None = None
        self._progress = progress
        self._task = progress.add_task("plays", total=total)

    def add(self, piece: PlaysPiece, sent: list[Sent]) -> None:
        """Count plays that Kafka has acknowledged, and expect a report on each."""
        if self.watch is not None:
            for part in sent:
                self.watch.expect(part.partition, part.written.first, part.written.last)
        self.n_plays += sum(len(part.rows) for part in sent)
        self._n_rows += piece.n_plays
        self.next_row = piece.first_row + piece.n_plays
        self._settle(self.next_row)
        rate = f"{self.n_plays / self.seconds:,.0f} plays/s"
        self._progress.update(self._task, completed=self._n_rows, description=rate)

    @property
    def seconds(self) -> float:
        """Return the seconds from the beginning until the last acknowledgement, or until now."""
        return max((self._ended or time.monotonic()) - self._began, 1e-9)

    def end(self) -> None:
        """Stop the clock: every play is acknowledged."""
        self._ended = time.monotonic()

    @property
    def has_ended(self) -> bool:
        """Return whether every play is acknowledged."""
        return self._ended is not None

    @property
    def outcomes(self) -> Counter[str]:
        """Return the plays by their outcome."""
        return self.watch.counts if self.watch else Counter()

    @property
    def n_unreported(self) -> int:
        """Return the number of plays that no worker has reported on."""
        return self.watch.n_awaited if self.watch else 0


def print_result(
    count: Count, aside: SetAside, figures: dict[str, Any], sentence: str, *, stopped: bool, as_json: bool
) -> None:
    """Print the result of the replay, with further figures and sentences about it."""
    if as_json:
        answer = {"plays": count.n_plays, "next_row": count.next_row, "seconds": count.seconds, "stopped": stopped}
        effects = {"outcomes": dict(count.outcomes), "unreported": count.n_unreported}
        typer.echo(msgspec.json.encode(answer | {"set_aside": dict(aside.counts)} | figures | effects))
    else:
        if stopped:
            first = f"Stopped. Every row before {count.next_row} is acknowledged: go on with --from {count.next_row}."
        else:
            rate = count.n_plays / count.seconds
            first = f"Sent {count.n_plays:,} plays in {count.seconds:.1f} s ({rate:,.0f} plays/s), all acknowledged."
        effect = describe_outcomes(count.outcomes, count.n_unreported) if count.n_plays else ""
        typer.echo(" ".join(part for part in (first, sentence, aside.describe(), effect) if part))
    if stopped:
        raise typer.Exit(INTERRUPTED)


def describe_outcomes(outcomes: Counter[str], n_unreported: int) -> str:
    """Return the outcomes of plays in a sentence.

    >>> describe_outcomes(Counter(learnt=5, capped=2), 0)
    'Of the plays sent, workers have learnt 5; not learnt: 2 capped.'
    """
    if not outcomes:
        return "No worker has reported on them yet: `playfold pulse` shows the workers."
    n_learnt = sum(outcomes[name] for name in LEARNED)
    others = [f"{n:,} {name}" for name, n in outcomes.most_common() if name not in LEARNED]
    parts = [f"Of the plays sent, workers have learnt {n_learnt:,}"]
    parts += [f"not learnt: {', '.join(others)}"] if others else []
    parts += [f"{n_unreported:,} wait"] if n_unreported else []
    return f"{'; '.join(parts)}."


ODD_LENGTHS = {"odd_lengths": "Lengths that are no milliseconds of at most a day, counted as missing: {:,}."}
TIME_FIGURES = {
    "ambiguous_times": "Times in an hour that occurs twice, taken as the first: {:,}.",
    "missing_times": "Times in an hour that does not exist, moved on by the gap: {:,}.",
}


def describe_figures(figures: dict[str, Any], sentences: dict[str, str]) -> str:
    """Return a sentence for each figure; figures of nothing are left out."""
    return " ".join(text.format(figures[name]) for name, text in sentences.items() if figures[name])


def note(sentence: str) -> None:
    """Print a sentence on stderr; stdout has the answer alone."""
    sys.stderr.write(f"{sentence}\n")


def progress_bar(*, quiet: bool) -> Progress:
    """Return a bar on stderr; stdout has the answer alone."""
    return Progress(
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )
