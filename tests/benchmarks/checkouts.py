"""Revisions of this repository, each checked out with an environment of its own lock file."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

LOCK = "requirements-dev.lock"
INSTALL_S = 1800.0


class VersusError(RuntimeError):
    """The revisions cannot be compared; the message names the revision, the benchmark and the cause."""


class Checkout(NamedTuple):
    """A tree of sources, and the interpreter that runs it."""

    name: str
    folder: Path
    python: Path
    variables: dict[str, str]
    """Environment variables that it needs beside the inherited ones."""

    def run(self, arguments: Sequence[str], limit_s: float) -> str:
        """Run the interpreter inside the tree and return its standard output.

        Raises:
            VersusError: It ended with another status than 0, or took too long.
        """
        command = [str(self.python), *arguments]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, errors = process.communicate(timeout=limit_s)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)  # its broker and workers end with it
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                message = f"{self.name}: `{' '.join(arguments)}` did not end within {limit_s:g} s."
                raise VersusError(message) from None
        if process.returncode:
            message = f"{self.name}: `{' '.join(arguments)}` ended with status {process.returncode}: {errors[-2000:]}"
            raise VersusError(message)
        return output

    def _environment(self) -> dict[str, str]:
        """Return the environment without settings of playfold; imports come from this tree."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PLAYFOLD_")}
        return inherited | {"PYTHONPATH": str(self.folder), "PYTHONNOUSERSITE": "1"} | self.variables


def revision_of(root: Path, name: str) -> str:
    """Return the commit that a revision's name stands for.

    Raises:
        VersusError: The repository knows no such commit.
    """
    command = ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if ended.returncode:
        message = f"{name} is no commit of this repository."
        raise VersusError(message)
    return ended.stdout.strip()


@contextmanager
def checkout(root: Path, name: str, cache: Path) -> Iterator[Checkout]:
    """Check a revision out into a worktree and remove it at the end; its environment and kernels stay in the cache.

    Args:
        root: The repository.
        name: The revision.
        cache: Folder of environments, one a lock file.

    Raises:
        VersusError: There is no such revision, or its environment cannot be installed.
    """
    commit = revision_of(root, name)
    folder = cache / "trees" / commit[:12]
    _remove_worktree(root, folder)
    _git(root, "worktree", "add", "--detach", "--force", str(folder), commit)
    try:
        _share_jars(root, folder)
        kernels = {"NUMBA_CACHE_DIR": str(cache / "kernels" / commit[:12])}
        yield Checkout(name, folder, environment(root, folder, cache), kernels)
    finally:
        _remove_worktree(root, folder)


def environment(root: Path, folder: Path, cache: Path) -> Path:
    """Return the interpreter of an environment with the packages of a tree's lock file; install it once.

    A tree with the same lock file as this one shares its environment.

    Raises:
        VersusError: The packages cannot be installed.
    """
    lock = (folder / LOCK).read_bytes()
    if lock == (root / LOCK).read_bytes():
        return Path(sys.executable)
    place = cache / "environments" / hashlib.sha256(lock).hexdigest()[:16]
    python, done = place / "bin" / "python", place / ".installed"
    if not done.exists():
        say(f"Installing the environment of {folder.name}, once.")
        shutil.rmtree(place, ignore_errors=True)
        _command([sys.executable, "-m", "venv", str(place)], folder)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _command([*install, "--require-hashes", "-r", LOCK], folder)
        done.touch()
    _write_metadata(folder, place)
    return python


def _write_metadata(folder: Path, place: Path) -> None:
    """Give an environment the metadata of a tree's project, from which the code reads its version."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    (packages,) = (place / "lib").glob("python*/site-packages")
    metadata = packages / f"{project['name']}-{project['version']}.dist-info" / "METADATA"
    metadata.parent.mkdir(exist_ok=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")


def _share_jars(root: Path, folder: Path) -> None:
    """Link the jars of Kafka that this tree has resolved, so that the other one finds them if it wants the same."""
    (folder / "var").mkdir(exist_ok=True)
    for jars in (root / "var").glob("kafka-jars-*"):
        (folder / "var" / jars.name).symlink_to(jars)


def _remove_worktree(root: Path, folder: Path) -> None:
    """Remove a worktree, also one that a killed comparison left."""
    shutil.rmtree(folder, ignore_errors=True)
    _git(root, "worktree", "prune")


def _git(root: Path, *arguments: str) -> None:
    _command(["git", *arguments], root)


def _command(command: Sequence[str], folder: Path) -> None:
    """Run a command.

    Raises:
        VersusError: It failed.
    """
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if ended.returncode:
        message = f"`{' '.join(command)}` ended with status {ended.returncode}: {ended.stderr[-2000:]}"
        raise VersusError(message)


def say(sentence: str) -> None:
    """Print a sentence about the progress."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
