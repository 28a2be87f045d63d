"""Comparing two revisions: the pairs of rows, the meaning of a ratio, and that both trees run their own code."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.checkouts import Checkout, VersusError, checkout
from tests.benchmarks.versus import bring, compare, main, measure, ratio
from tests.support.wait import block_until

BENCHMARK = """\
import json, os
from pathlib import Path
calls = Path(os.environ["CALLS"])
calls.write_text((calls.read_text() if calls.exists() else "") + "{name} ")
print(json.dumps({{"name": "speed", "value": {speed}, "unit": "plays/s", "against": 1.0, "ratio": 7.0}}))
print(json.dumps({{"name": "{extra}", "value": 4.0, "unit": "ms"}}))
"""


def rows(value: float, unit: str = "ms") -> list[dict[str, object]]:
    """Return the rows of one round."""
    return [{"name": "row", "value": value, "unit": unit, "ratio": 99.0}]


def test_less_is_better_of_durations_and_more_of_everything_else() -> None:
    """A ratio above 1 always says that this tree is better."""
    assert 2.0 == ratio(1.0, 2.0, "s")
    assert 2.0 == ratio(1.0, 2.0, "s/iteration")
    assert 2.0 == ratio(2.0, 1.0, "users/s")


def test_medians_are_compared_and_the_spread_is_that_of_the_rounds() -> None:
    """One slow round moves the spread, not the ratio."""
    (row,) = compare([rows(10.0), rows(10.0), rows(40.0)], [rows(20.0), rows(20.0), rows(20.0)])

    assert {
        "name": "row",
        "value": 10.0,
        "unit": "ms",
        "against": 20.0,
        "ratio": 2.0,
        "ratio_low": 0.5,
        "ratio_high": 2.0,
        "rounds": 3,
    } == row.fields


def test_a_row_that_a_round_lacks_is_a_sentence() -> None:
    """A benchmark prints the same rows in every round, or its median means nothing."""
    with pytest.raises(VersusError) as caught:
        next(compare([rows(1.0), []], [rows(1.0), rows(1.0)]))
    assert "Row row is missing in 1 of 2 rounds." == str(caught.value)


def test_a_row_that_the_other_revision_lacks_is_compared_with_nothing() -> None:
    """It is printed with its value alone."""
    other = [{"name": "another", "value": 1.0, "unit": "ms"}]
    (row,) = compare([rows(3.0)], [other])

    assert {"name": "row", "value": 3.0, "unit": "ms", "rounds": 1} == row.fields


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository of two commits whose benchmark `fast` says 100 and 300 plays/s."""
    root = tmp_path / "repository"
    (root / "tests" / "benchmarks").mkdir(parents=True)
    (root / "requirements-dev.lock").write_text("")
    (root / "pyproject.toml").write_text('[project]\nname = "tried"\nversion = "4.5"\n')
    git(root, "init", "-q")
    for name, speed, extra in (("old", 100, "gone"), ("new", 300, "added")):
        (root / "tests" / "benchmarks" / "fast.py").write_text(BENCHMARK.format(name=name, speed=speed, extra=extra))
        git(root, "add", "-A")
        git(root, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", name)
    return root


def git(root: Path, *arguments: str) -> str:
    """Run git in a repository."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.mark.processes
def test_both_trees_run_their_own_code_in_turn(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our figure is compared with the other revision's median; its worktree is removed afterwards."""
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    ours = Checkout("this tree", repository, Path(sys.executable), {})
    with checkout(repository, "HEAD~1", tmp_path / "cache") as other:
        speed, added = measure(ours, other, ["fast"], 3)

    assert "old new old new old new " == (tmp_path / "calls").read_text()
    assert 100 == speed.fields["against"]
    assert 3.0 == speed.fields["ratio"]
    assert "added" == added.fields["name"]
    assert "ratio" not in added.fields
    assert "fast: only HEAD~1 has gone." in capsys.readouterr().err
    assert 1 == len(git(repository, "worktree", "list").splitlines())


@pytest.mark.processes
def test_a_worktree_that_a_killed_comparison_left_is_replaced(repository: Path, tmp_path: Path) -> None:
    """The next comparison with the same revision begins anew."""
    cache = tmp_path / "cache"
    with checkout(repository, "HEAD~1", cache) as other:
        (other.folder / "left").touch()
        with checkout(repository, "HEAD~1", cache) as again:
            assert not (again.folder / "left").exists()


@pytest.mark.processes
def test_an_environment_is_installed_from_the_other_lock_file(repository: Path, tmp_path: Path) -> None:
    """Another lock file gets an environment of its own; the same lock file uses this interpreter."""
    with checkout(repository, "HEAD", tmp_path / "cache") as same:
        assert Path(sys.executable) == same.python
    (repository / "requirements-dev.lock").write_text("# another\n")
    with checkout(repository, "HEAD", tmp_path / "cache") as other:
        assert other.python.is_relative_to(tmp_path / "cache" / "environments")
        version = "import importlib.metadata as metadata; print(metadata.version('tried'))"
        assert "4.5\n" == other.run(["-c", version], 60)


@pytest.mark.processes
def test_an_unknown_revision_is_a_sentence(repository: Path, tmp_path: Path) -> None:
    """Nothing is checked out."""
    with pytest.raises(VersusError, match=r"^nowhere is no commit of this repository\.$"):
        checkout(repository, "nowhere", tmp_path / "cache").__enter__()


@pytest.mark.processes
def test_a_benchmark_that_the_other_revision_lacks_is_a_sentence(repository: Path, tmp_path: Path) -> None:
    """It is said before anything is measured."""
    ours = Checkout("this tree", repository, Path(sys.executable), {})
    with checkout(repository, "HEAD", tmp_path / "cache") as other, pytest.raises(VersusError) as caught:
        next(measure(ours, other, ["slow"], 3))
    assert "HEAD has no benchmark slow." == str(caught.value)


@pytest.mark.processes
def test_a_benchmark_is_brought_to_a_revision_that_lacks_it(repository: Path, tmp_path: Path) -> None:
    """Both run the same file; a benchmark that the revision has stays its own."""
    written = BENCHMARK.format(name="slow", speed=7, extra="more")
    (repository / "tests" / "benchmarks" / "slow.py").write_text(written)
    ours = Checkout("this tree", repository, Path(sys.executable), {})
    with checkout(repository, "HEAD~1", tmp_path / "cache") as other:
        bring(ours, other, ["slow", "fast"])

        assert written == (other.folder / "tests" / "benchmarks" / "slow.py").read_text()
        assert "100" in (other.folder / "tests" / "benchmarks" / "fast.py").read_text()


@pytest.mark.processes
def test_a_benchmark_that_fails_ends_with_its_output(repository: Path) -> None:
    """The sentence names the tree and the command."""
    ours = Checkout("this tree", repository, Path(sys.executable), {})
    with pytest.raises(VersusError, match=r"^this tree: `-c raise SystemExit\('no'\)` ended with status 1: no"):
        ours.run(["-c", "raise SystemExit('no')"], 60)


@pytest.mark.processes
def test_a_benchmark_that_hangs_is_ended(repository: Path, tmp_path: Path) -> None:
    """Its own processes end with it, and the sentence names the limit."""
    ours, started = Checkout("this tree", repository, Path(sys.executable), {}), tmp_path / "started"
    hang = "import subprocess; p = subprocess.Popen(['sleep', '600']); "
    hang += f"open({str(started)!r}, 'w').write(str(p.pid)); p.wait()"
    with pytest.raises(VersusError, match=r"did not end within 3 s\.$"):
        ours.run(["-c", hang], 3)

    block_until(lambda: not is_running(int(started.read_text())), 10)


def is_running(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["HEAD", "nothing"], "nothing is no benchmark; there are stream, "),
        (["HEAD", "group", "--rounds", "2"], "--rounds is 2, and 3 at least make a median."),
    ],
)
def test_wrong_arguments_are_sentences(arguments: list[str], expected: str) -> None:
    """Nothing is measured."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert str(caught.value.code).startswith(expected)
