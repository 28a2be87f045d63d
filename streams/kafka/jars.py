"""The jars of the embedded broker: Maven resolves them once, and every start checks their checksums."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from streams.settings.deployment import ApplicationSettings

KAFKA_VERSION = "4.3.1"
KAFKA_FOLDER = Path(__file__).parents[1] / "kafka"
CHECKSUMS = KAFKA_FOLDER / "jars.sha256"


class JarsError(RuntimeError):
    """The broker's jars are missing or damaged; the message says whether to install, delete or retry."""


def jars_path(application: ApplicationSettings) -> Path:
    """Return the folder of the jars, shared by all brokers of a data folder."""
    return application.data_path / f"kafka-jars-{KAFKA_VERSION}"


def resolve_jars(folder: Path, declared: Path = KAFKA_FOLDER) -> list[Path]:
    """Return the broker's jars; Maven resolves them into the folder if it does not exist.

    If several processes call it at once, the first resolves and the others wait.

    Args:
        folder: The folder of the jars.
        declared: A folder with the `pom.xml` of the jars and their checksums in `jars.sha256`.

    Raises:
        JarsError: Maven is missing or failed, or a jar does not match its checksum.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_name(f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _resolve_aside(folder, declared)
    fault = _find_fault(folder, declared)
    if fault:
        message = f"{fault} in {folder}: delete the folder and start again, Maven then resolves it anew."
        raise JarsError(message)
    return [folder / name for name in _read_checksums(declared)]


def _read_checksums(declared: Path) -> dict[str, str]:
    """Return the SHA-256 of every jar by its name."""
    lines = (declared / CHECKSUMS.name).read_text().splitlines()
    return {name: checksum for checksum, name in (line.split() for line in lines)}


def _find_fault(folder: Path, declared: Path) -> str | None:
    """Describe the first jar that differs from jars.sha256; return None if all match."""
    checksums = _read_checksums(declared)
    for name in sorted(checksums.keys() | {path.name for path in folder.iterdir()}):
        if name not in checksums:
            return f"{name} is not listed in jars.sha256 but exists"
        if not (folder / name).exists():
            return f"{name} is listed in jars.sha256 but missing"
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != checksums[name]:
            return f"{name} does not match its checksum in jars.sha256"
    return None


def _resolve_aside(folder: Path, declared: Path) -> None:
    """Resolve the jars beside their folder and rename them into place, so that the folder is always complete."""
    aside = folder.with_name(f"{folder.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _run_maven(aside, folder, declared)
        fault = _find_fault(aside, declared)
        if fault:
            message = (
                f"{fault} in the jars that Maven resolved: delete that jar from Maven's local repository and start "
                f"again, and trust no jar that differs twice."
            )
            raise JarsError(message)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _run_maven(aside: Path, folder: Path, declared: Path) -> None:
    """Copy the dependencies of pom.xml into a folder."""
    maven = shutil.which("mvn")
    if maven is None:
        message = (
            f"Maven (mvn) is not on the PATH, and the broker's jars are not in {folder}: "
            f"install Maven, or point PLAYFOLD_BROKERS to a Kafka that runs elsewhere."
        )
        raise JarsError(message)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={aside}"]
    command = [maven, "--quiet", "--batch-mode", "--file", str(declared / "pom.xml"), *goal]
    maven_run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if maven_run.returncode:
        lines = (maven_run.stdout + maven_run.stderr).splitlines()
        reason = next((line for line in lines if "ERROR" in line), f"exit status {maven_run.returncode}")
        message = (
            f"Maven could not resolve the broker's jars ({reason.strip()[:300]}): "
            f"check that it reaches its repository, then start again."
        )
        raise JarsError(message)
