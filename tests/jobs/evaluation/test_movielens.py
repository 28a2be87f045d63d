"""MovieLens-100K out of a wheel; a small made-up one stands in for it, and for pip."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from jobs.evaluation import movielens as ml100k
from jobs.evaluation.movielens import Ml100kError, fetch

INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t2\t3\t30\n8\t1\t5\t10\n7\t1\t1\t30\n"
ITEM = 'item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n1\tA "b\t1995\tDrama\n2\tC\t\tWar\n'
FILES = {"ml-100k.inter": INTER, "ml-100k.item": ITEM}


def sha256(content: bytes) -> str:
    """Return a checksum as it stands in the file."""
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a wheel, and have its checksums expected."""
    path = tmp_path / "recbole-1.2.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(f"recbole/dataset_example/ml-100k/{name}", content)
    monkeypatch.setattr(ml100k, "WHEEL_SHA256", sha256(path.read_bytes()))
    monkeypatch.setattr(ml100k, "FILES_SHA256", {name: sha256(text.encode()) for name, text in FILES.items()})
    return path


@pytest.fixture
def pip(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Put a pip in place that knows only the wheel; return the commands it was given."""
    given: list[list[str]] = []

    def download(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        given.append(command)
        target = Path(command[command.index("--dest") + 1]) / wheel.name
        target.write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", download)
    return given


def fault_of(folder: Path) -> str:
    """Return the sentence about data that cannot be had."""
    with pytest.raises(Ml100kError) as caught:
        fetch(folder)
    return str(caught.value)


@pytest.mark.usefixtures("pip")
def test_ratings_become_plays_by_time_and_then_by_place(tmp_path: Path) -> None:
    """The two of the same second stay in the file's order; a title without a year stands alone."""
    films = fetch(tmp_path / "ml")

    expected = [
        {"user_id": "8", "item_id": "1", "played_at_s": 10, "stars": 5},
        {"user_id": "7", "item_id": "2", "played_at_s": 30, "stars": 3},
        {"user_id": "7", "item_id": "1", "played_at_s": 30, "stars": 1},
    ]
    assert expected == films.plays.to_pylist()
    assert {"1": 'A "b (1995)', "2": "C"} == films.titles


def test_the_data_are_fetched_once(tmp_path: Path, pip: list[list[str]]) -> None:
    """By this environment's pip, without dependencies; only the two files are kept."""
    fetch(tmp_path / "ml")
    fetch(tmp_path / "ml")

    (command,) = pip
    assert [sys.executable, "-m", "pip", "download"] == command[:4]
    assert {"--no-deps", "recbole==1.2.1"} <= set(command)
    assert set(FILES) == {path.name for path in (tmp_path / "ml").iterdir()}


def test_a_damaged_file_is_fetched_again(tmp_path: Path, pip: list[list[str]]) -> None:
    """The files that are kept are held against their checksums too."""
    whole = fetch(tmp_path / "ml")
    (tmp_path / "ml" / "ml-100k.inter").write_text(INTER[:-2])

    assert whole.plays.equals(fetch(tmp_path / "ml").plays)
    assert len(pip) == 2


@pytest.mark.usefixtures("pip")
def test_another_wheel_is_not_used(tmp_path: Path, wheel: Path) -> None:
    """A checksum that differs is a sentence, and nothing is left in the folder."""
    expected = ml100k.WHEEL_SHA256
    wheel.write_bytes(wheel.read_bytes() + b"\n")

    said = fault_of(tmp_path / "ml")

    actual = sha256(wheel.read_bytes())
    assert (
        f"{wheel.name} has the SHA-256 {actual}, but {expected} is expected: "
        "it was damaged or exchanged on its way; it is not used, start again."
    ) == said
    assert [] == list((tmp_path / "ml").iterdir())


@pytest.mark.usefixtures("wheel")
def test_a_pip_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last line is in the sentence, with the command that must work."""

    def fail(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "WARNING: once more\nERROR: No network.\n\n")

    monkeypatch.setattr(subprocess, "run", fail)

    assert (
        "pip could not download recbole==1.2.1, which carries MovieLens-100K (ERROR: No network): "
        f"see that `{Path(sys.executable).name} -m pip download recbole==1.2.1` works, then start again."
    ) == fault_of(tmp_path / "ml")
