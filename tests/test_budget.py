"""The budget of a play: verdicts on rows of made-up figures, and the sentence of every mistake in its file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from state.storage.files import locked_folder
from tests.benchmarks import budget as budget_command
from tests.benchmarks import versus
from tests.benchmarks.budget import Figure, Share, Verdict, doubt_of, faults_of, judge, line_of, main, share_of
from tests.benchmarks.ceilings import Budget, BudgetError, Ceilings, read_budget
from tests.benchmarks.table import BENCHMARKS
from tests.benchmarks.versus import compare

Rounds = list[float]


def judged(ours: Rounds, release: Rounds, ceiling: float, unit: str = "ms") -> Figure:
    """Return the judged figure of some rounds."""
    sides = ([[{"name": "row", "value": value, "unit": unit}] for value in rounds] for rounds in (ours, release))
    (figure,) = judge("group", [row.fields for row in compare(*sides)], {"row": ceiling})
    return figure


@pytest.mark.parametrize(
    ("ours", "ceiling", "verdict"),
    [
        ([5.0, 5.0, 5.0], 0.5, "within"),
        ([5.0, 5.0, 90.0], 0.5, "within"),
        ([5.0, 6.0, 7.0], 0.5, "unclear"),
        ([5.1, 6.0, 7.0], 0.5, "beyond"),
    ],
    ids=["at the ceiling", "one slow round", "only the median beyond", "every round beyond"],
)
def test_a_figure_is_beyond_its_ceiling_if_every_round_is(ours: Rounds, ceiling: float, verdict: Verdict) -> None:
    """One slow round proves nothing, and neither does a median above the ceiling: both may be noise."""
    assert verdict == judged(ours, [10.0, 10.0, 10.0], ceiling).verdict


def test_rounds_are_compared_with_their_neighbours() -> None:
    """A slow moment of the machine meets both trees, so the share of that round stays."""
    assert Share(0.5, best=0.5, worst=0.5) == judged([5.0, 50.0, 5.0], [10.0, 100.0, 10.0], 0.5).share


@pytest.mark.parametrize("unit", ["ms", "bytes", "s/iteration"])
def test_a_share_of_a_time_or_a_size_is_that_of_the_release(unit: str) -> None:
    """Half the time is a share of 0.5."""
    assert Share(0.5, best=0.5, worst=0.5) == judged([5.0] * 3, [10.0] * 3, 0.5, unit).share


def test_a_share_of_a_rate_is_its_inverse() -> None:
    """Twice as many users a second take half the time for each: a ceiling has one meaning."""
    assert Share(0.5, best=0.5, worst=0.5) == judged([20.0] * 3, [10.0] * 3, 0.5, "users/s").share


@pytest.mark.parametrize(("value", "unit"), [(float("nan"), "ms"), (0.0, "users/s")])
def test_a_figure_that_is_no_number_is_beyond(value: float, unit: str) -> None:
    """A broken benchmark does not pass; a rate of 0 takes forever."""
    assert "beyond" == judged([value] * 3, [10.0] * 3, 9.0, unit).verdict


def of_fields(ceilings: Ceilings, *names: str) -> list[Figure]:
    """Return judged figures, of which the release has `old` alone."""
    compared = {"ratio": 2.0, "ratio_low": 2.0, "ratio_high": 2.0}
    rows = [{"name": name, "value": 1.0, "unit": "ms", **(compared if name == "old" else {})} for name in names]
    return list(judge("group", rows, ceilings))


def test_a_ceiling_of_an_unknown_figure_is_a_sentence() -> None:
    """The figures that the benchmark prints are judged all the same."""
    figures = of_fields({"old": 0.6, "odl": 0.6}, "old")

    assert ["within", "not printed"] == [figure.verdict for figure in figures]
    expected = "budget.toml has a ceiling for odl, but the benchmark group prints no such figure: "
    expected += "correct the name, or delete the line."
    assert [expected] == faults_of(figures, "v1")


def test_a_figure_without_a_ceiling_is_a_sentence() -> None:
    """It proposes a ceiling with a tenth of room."""
    expected = "budget.toml has no ceiling for old, which the benchmark group prints: "
    expected += "add one to [ceilings.group], 0.55 for example."

    assert [expected] == faults_of(of_fields({}, "old"), "v1")


def test_a_ceiling_of_a_figure_that_the_release_lacks_is_a_sentence() -> None:
    """There is no share of it."""
    expected = "budget.toml has a ceiling for added, but v1 has no such figure of group to compare with: "
    expected += "delete the line until the next release."

    assert [expected] == faults_of(of_fields({"added": 0.6}, "added"), "v1")


def test_a_new_figure_passes_without_a_ceiling() -> None:
    """It gets one after the next release."""
    figures = of_fields({}, "added")

    assert ["new"] == [figure.verdict for figure in figures]
    assert [] == faults_of(figures, "v1")


def test_figures_beyond_are_named_with_the_way_out() -> None:
    """One sentence has all of them; those within are not in it."""
    figures = [judged([7.0] * 3, [10.0] * 3, 0.5), judged([8.0] * 3, [10.0] * 3, 0.6), judged([1.0] * 3, [10.0] * 3, 1)]

    expected = "Beyond the budget, as shares of v1: row (0.700, at most 0.50), row (0.800, at most 0.60). "
    expected += (
        "Find the dearer part with `python -m tests.benchmarks.parts` (docs/performance.md) and make it cheaper. "
    )
    expected += "Or raise the ceiling in budget.toml, with the reason in docs/decisions.md."

    assert [expected] == faults_of(figures, "v1")


def test_unclear_figures_are_named() -> None:
    """They pass, and the sentence asks for another measurement."""
    figures = [judged([5.0, 6.0, 7.0], [10.0] * 3, 0.5)]

    assert [] == faults_of(figures, "v1")
    assert "Unclear, since some rounds are within: row (0.600, at most 0.50). Measure again on a quiet machine." == (
        doubt_of(figures)
    )


def test_a_line_has_ceiling_share_spread_and_verdict() -> None:
    """A figure that cannot be compared has a line, too."""
    compared, unknown = of_fields({"old": 0.6, "odl": 0.7}, "old")

    assert ["old", "0.60", "0.500", "0.500", "to", "0.500", "within"] == line_of(compared).split()
    assert ["odl", "0.70", "not", "printed"] == line_of(unknown).split()


def test_a_row_without_a_ratio_has_no_share() -> None:
    """`compare` gives none to a row that the release lacks."""
    assert share_of({"name": "added", "value": 1.0}) is None


HEAD = 'release = "v1"\nrounds = 3\n'
FORM = "It has `release`, `rounds` of 3 or more, and for each benchmark a table `[ceilings.NAME]`."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'release "v1"\n',
            "budget.toml is no budget: Expected '=' after a key in a key/value pair (at line 1, column 9). " + FORM,
        ),
        ("rounds = 3\n", "budget.toml is no budget: Object missing required field `release`. " + FORM),
        (HEAD, "budget.toml is no budget: Object missing required field `ceilings`. " + FORM),
        (HEAD + "[ceilings]\n", "budget.toml has no ceiling, so nothing could be beyond it. " + FORM),
        (HEAD + "[ceilings.group]\n", "budget.toml has no ceiling, so nothing could be beyond it. " + FORM),
        (
            HEAD.replace("3", "2") + "[ceilings.group]\na = 1\n",
            "budget.toml is no budget: Expected `int` >= 3 - at `$.rounds`. " + FORM,
        ),
        (
            HEAD + '[ceilings.group]\na = "0.5"\n',
            "budget.toml is no budget: Expected `float`, got `str` - at `$.ceilings[...][...]`. " + FORM,
        ),
        (
            "round = 3\n" + HEAD + "[ceilings.group]\na = 1\n",
            "budget.toml is no budget: Object contains unknown field `round`. " + FORM,
        ),
        (
            HEAD + "[ceilings.grupo]\na = 1\n",
            f"budget.toml has ceilings for grupo, which is no benchmark; there are {', '.join(BENCHMARKS)}.",
        ),
        (
            HEAD + "[ceilings.group]\na = inf\n",
            "The ceiling of a in budget.toml is inf, and must be a finite share above 0.",
        ),
        (
            HEAD + "[ceilings.group]\na = nan\n",
            "The ceiling of a in budget.toml is nan, and must be a finite share above 0.",
        ),
        (
            HEAD + "[ceilings.group]\na = 0\n",
            "The ceiling of a in budget.toml is 0, and must be a finite share above 0.",
        ),
    ],
)
def test_a_damaged_file_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    """Nothing is measured by a budget that nothing could be beyond."""
    file = tmp_path / "budget.toml"
    file.write_text(text)
    with pytest.raises(BudgetError) as caught:
        read_budget(file)
    assert sentence == str(caught.value)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    """It names the file."""
    with pytest.raises(BudgetError) as caught:
        read_budget(tmp_path / "budget.toml")
    assert f"There is no budget {tmp_path}/budget.toml: restore the file from git." == str(caught.value)


def test_a_file_of_bytes_is_a_sentence(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    file = tmp_path / "budget.toml"
    file.write_bytes(b"release = \xff")
    with pytest.raises(BudgetError, match=r"^budget\.toml is no budget: 'utf-8' codec can't decode byte 0xff"):
        read_budget(file)


def test_the_budget_of_the_project_is_whole() -> None:
    """Each of its benchmarks has ceilings."""
    budget = read_budget(budget_command.FILE)

    assert all(budget.ceilings.values())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a budget of one figure."""
    path = tmp_path / "budget.toml"
    path.write_text(HEAD + "[ceilings.group]\nrow = 0.5\n")
    return path


def measuring(monkeypatch: pytest.MonkeyPatch, *ours: float) -> None:
    """Let the command measure made-up rounds."""

    def measured(budget: Budget, names: Sequence[str]) -> Iterator[Figure]:
        yield judged(list(ours), [10.0] * len(ours), budget.ceilings[names[0]]["row"])

    monkeypatch.setattr(budget_command, "measured", measured)


def test_the_command_ends_with_status_1_beyond_a_ceiling(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text as exit code is printed to stderr, and the status is 1."""
    measuring(monkeypatch, 6.0, 6.0, 6.0)
    with pytest.raises(SystemExit) as caught:
        main([], file)
    assert str(caught.value.code).startswith("Beyond the budget, as shares of v1: row (0.600, at most 0.50). ")


def test_the_command_passes_within_the_ceilings(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the table."""
    measuring(monkeypatch, 4.0, 4.0, 4.0)
    main(["group"], file)

    assert ["figure", "row"] == [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_the_command_passes_with_doubts(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints them."""
    measuring(monkeypatch, 4.0, 6.0, 6.0)
    main([], file)

    assert capsys.readouterr().err.startswith("Unclear, since some rounds are within: row (0.600, at most 0.50).")


def test_a_benchmark_without_ceilings_is_a_sentence(file: Path) -> None:
    """Nothing is measured."""
    with pytest.raises(SystemExit) as caught:
        main(["latency"], file)
    assert "budget.toml has no ceilings for latency; it has group." == caught.value.code


def test_a_damaged_file_ends_the_command(tmp_path: Path) -> None:
    """The sentence is its exit code."""
    with pytest.raises(SystemExit) as caught:
        main([], tmp_path / "budget.toml")
    assert str(caught.value.code).startswith("There is no budget ")


def test_a_second_comparison_is_a_sentence(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them would measure each other."""
    monkeypatch.setattr(versus, "ROOT", tmp_path)
    cache = tmp_path / "var" / "versus"
    with locked_folder(cache, "A test has it."), pytest.raises(SystemExit) as caught:
        main([], file)
    assert f"Another comparison runs in {cache}: wait for it, or stop it." == caught.value.code
