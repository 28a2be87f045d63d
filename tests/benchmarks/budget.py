"""The budget of a play: `python -m tests.benchmarks.budget [NAME ...]` fails if a figure is beyond its ceiling.

budget.toml has the ceilings, as shares of the figures of the last release. Both trees run each benchmark in turn, as
`tests.benchmarks.versus` does. Names choose some of the benchmarks.

A figure is beyond its ceiling only if it is so in every round: other load makes single rounds slow, never all of them
faster. If only the median is beyond, the verdict is `unclear`: the figure passes, and the command asks for another
measurement. The room for noise is in the ceilings.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from state.errors import StateError
from tests.benchmarks.ceilings import Budget, BudgetError, Ceilings, read_budget
from tests.benchmarks.checkouts import VersusError, say
from tests.benchmarks.versus import both_trees, measure, require_benchmarks

FILE = Path(__file__).with_name("budget.toml")
HEAD = f"{'figure':<24}{'ceiling':>9}{'share':>9}  {'best to worst round':<22}verdict"

Verdict = Literal["within", "unclear", "beyond", "new", "no ceiling", "not in the release", "not printed"]
PASSED = {"within", "unclear", "new"}


class Share(NamedTuple):
    """A figure as a share of the release's: less is better, also for a rate."""

    median: float
    best: float
    worst: float


class Figure(NamedTuple):
    """A judged figure."""

    benchmark: str
    name: str
    ceiling: float | None
    share: Share | None
    """None if the release lacks the figure."""
    verdict: Verdict


def share_of(fields: Mapping[str, Any]) -> Share | None:
    """Return a compared row's share: the inverse of its `ratio`, which says how many times better this tree is.

    >>> share_of({"ratio": 2.0, "ratio_low": 1.0, "ratio_high": 4.0})
    Share(median=0.5, best=0.25, worst=1.0)
    """
    if "ratio" not in fields:
        return None
    shares = (1 / fields[name] if fields[name] else float("inf") for name in ("ratio", "ratio_high", "ratio_low"))
    return Share(*shares)


def verdict_of(share: Share | None, ceiling: float | None) -> Verdict:
    """Judge a figure that the benchmark printed; a share that is no number is beyond every ceiling.

    >>> verdict_of(Share(0.6, best=0.5, worst=0.7), 0.55)
    'unclear'
    """
    if share is None:
        return "new" if ceiling is None else "not in the release"
    if ceiling is None:
        return "no ceiling"
    if share.median <= ceiling:
        return "within"
    return "unclear" if share.best <= ceiling else "beyond"


def judge(benchmark: str, rows: Iterable[Mapping[str, Any]], ceilings: Ceilings) -> Iterator[Figure]:
    """Yield the figures of a benchmark, and behind them the ceilings of figures that it does not print.

    Args:
        benchmark: Its name.
        rows: The fields of its rows, as of `tests.benchmarks.versus.compare`.
        ceilings: Its ceilings.
    """
    printed = set()
    for fields in rows:
        name, share = fields["name"], share_of(fields)
        printed.add(name)
        yield Figure(benchmark, name, ceilings.get(name), share, verdict_of(share, ceilings.get(name)))
    for name, ceiling in ceilings.items():
        if name not in printed:
            yield Figure(benchmark, name, ceiling, None, "not printed")


def line_of(figure: Figure) -> str:
    """Return a figure's line of the table."""
    ceiling, share = figure.ceiling, figure.share
    least = "" if ceiling is None else f"{ceiling:.2f}"
    median, spread = ("", "") if share is None else (f"{share.median:.3f}", f"{share.best:.3f} to {share.worst:.3f}")
    return f"{figure.name:<24}{least:>9}{median:>9}  {spread:<22}{figure.verdict}"


def faults_of(figures: Sequence[Figure], release: str) -> list[str]:
    """Return a sentence for each fault of the budget's file, and one for all figures beyond their ceilings."""
    sentences = [_fault(figure, release) for figure in figures if figure.verdict not in PASSED | {"beyond"}]
    beyond = [_named(figure) for figure in figures if figure.verdict == "beyond"]
    if beyond:
        sentences.append(
            f"Beyond the budget, as shares of {release}: {', '.join(beyond)}. "
            f"Find the dearer part with `python -m tests.benchmarks.parts` (docs/performance.md) and make it cheaper. "
            f"Or raise the ceiling in {FILE.name}, with the reason in docs/decisions.md."
        )
    return sentences


def doubt_of(figures: Sequence[Figure]) -> str | None:
    """Return a sentence on the unclear figures, None without any."""
    unclear = [_named(figure) for figure in figures if figure.verdict == "unclear"]
    if not unclear:
        return None
    return f"Unclear, since some rounds are within: {', '.join(unclear)}. Measure again on a quiet machine."


def _named(figure: Figure) -> str:
    median = figure.share.median if figure.share else float("nan")
    return f"{figure.name} ({median:.3f}, at most {figure.ceiling:.2f})"


def _fault(figure: Figure, release: str) -> str:
    """Return the sentence on a figure that the file does not fit to."""
    name, benchmark = figure.name, figure.benchmark
    if figure.verdict == "not printed":
        return (
            f"{FILE.name} has a ceiling for {name}, but the benchmark {benchmark} prints no such figure: "
            f"correct the name, or delete the line."
        )
    if figure.verdict == "not in the release":
        return (
            f"{FILE.name} has a ceiling for {name}, but {release} has no such figure of {benchmark} to compare with: "
            f"delete the line until the next release."
        )
    share = figure.share.median if figure.share else float("nan")
    return (
        f"{FILE.name} has no ceiling for {name}, which the benchmark {benchmark} prints: "
        f"add one to [ceilings.{benchmark}], {1.1 * share:.2f} for example."
    )


def chosen(names: Sequence[str], budget: Budget) -> list[str]:
    """Return the benchmarks to run: those that are named, or all of the budget.

    Raises:
        BudgetError: One of them is not in the budget.
    """
    for name in names:
        if name not in budget.ceilings:
            message = f"{FILE.name} has no ceilings for {name}; it has {', '.join(budget.ceilings)}."
            raise BudgetError(message)
    return list(names or budget.ceilings)


def measured(budget: Budget, names: Sequence[str]) -> Iterator[Figure]:
    """Run the benchmarks of this tree and of the release, and judge the figures of each at its end.

    Raises:
        VersusError: A benchmark failed, or the release does not have it.
    """
    with both_trees(budget.release) as (ours, release):
        require_benchmarks(release, names)
        for name in names:
            rows = (row.fields for row in measure(ours, release, [name], budget.rounds))
            yield from judge(name, rows, budget.ceilings[name])


def main(arguments: Sequence[str], file: Path = FILE) -> None:
    """Measure and print the table; end with status 1 and sentences if a figure is beyond its ceiling."""
    try:
        budget = read_budget(file)
        names, figures = chosen(arguments, budget), list[Figure]()
        sys.stdout.write(HEAD + "\n")
        for figure in measured(budget, names):
            figures.append(figure)
            sys.stdout.write(line_of(figure) + "\n")
            sys.stdout.flush()
    except (VersusError, StateError, OSError, ValueError) as error:
        sys.exit(str(error))
    if doubt := doubt_of(figures):
        say(doubt)
    if faults := faults_of(figures, budget.release):
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main(sys.argv[1:])
