"""The Dockerfile, as far as it can be looked at without an engine."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.ops.exported import PROJECT

TEXT = (PROJECT / "Dockerfile").read_text()
STAGES = re.split(r"^FROM ", TEXT, flags=re.MULTILINE)[1:]


def copied() -> set[str]:
    """Return the files that are copied out of the checkout."""
    lines = [line.split()[1:-1] for line in TEXT.splitlines() if line.startswith("COPY ") and "--from" not in line]
    return {source for sources in lines for source in sources}


@pytest.mark.processes
def test_hadolint_has_nothing_to_say() -> None:
    """But for findings that are waived with a reason."""
    hadolint = Path(sys.executable).parent / "hadolint"

    ended = subprocess.run(
        [hadolint, "--no-color", PROJECT / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60
    )

    assert "" == ended.stdout
    assert 0 == ended.returncode


@pytest.mark.processes
def test_every_package_is_in_the_image() -> None:
    """Every other copied file exists."""
    setuptools = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {pattern.removesuffix("*") for pattern in setuptools["packages"]["find"]["include"]}

    assert packages
    assert packages <= copied()
    assert [] == [source for source in copied() if not (PROJECT / source).exists()]


def test_the_builder_gets_what_is_copied_and_nothing_else() -> None:
    """No state, no secret and no data set can come into a layer."""
    lines = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]

    assert "*" == lines[0]
    assert copied() == {line[1:] for line in lines if line.startswith("!")}


def test_versions_are_locked() -> None:
    """The base to the last digit, in both stages alike; everything of Python by hashes."""
    match = re.search(r"^ARG PYTHON=(\S+)$", TEXT, re.MULTILINE)

    assert match is not None
    assert re.fullmatch(r"3\.1[1-3]\.[0-9]+-slim-[a-z]+", match[1])
    assert all(stage.startswith("python:${PYTHON}") for stage in STAGES)
    installs = [line for line in TEXT.splitlines() if "pip install" in line]
    assert ["--require-hashes" in line or "--no-deps" in line for line in installs] == [True, True]


def test_the_image_runs_as_nobody_special_and_without_a_compiler() -> None:
    """Its user has a number, which an orchestrator can check; no compiler and no Java is in the last stage."""
    last = STAGES[-1]

    assert ["10001:10001"] == re.findall(r"^USER (\S+)$", TEXT, re.MULTILINE)
    assert not re.search(r"apt-get|g\+\+|openjdk|maven", last)
    assert re.search(r"^HEALTHCHECK ", last, re.MULTILINE)
    assert '\nENTRYPOINT ["playfold"]\n' in last


def test_kernels_are_compiled_where_they_are_read() -> None:
    """In the folder of the user that reads them: numba uses only folders that it may write to."""
    last = STAGES[-1]
    places = [last.index(word) for word in ("--mode=0750", "NUMBA_CACHE_DIR=/kernels", "USER ", "warm_up; warm_up()")]

    assert sorted(places) == places
    assert re.search(r"install --directory --owner=playfold .*/kernels", last)


def test_annoy_is_not_compiled_for_this_very_processor() -> None:
    """The image may run on an older one; the flag stands before Annoy is installed."""
    build = STAGES[0]

    assert 0 <= build.index("ENV ANNOY_COMPILER_ARGS=") < build.index("pip install")
    assert "-march=native" not in TEXT
