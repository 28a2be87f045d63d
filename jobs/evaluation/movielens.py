"""MovieLens-100K: 100,000 ratings of films, downloaded; each counts as a play.

GroupLens, University of Minnesota, lets everybody use the data for research under conditions: no claim of its
endorsement, acknowledgement in publications (Harper and Konstan 2015), no commercial use, and no redistribution without
permission. So the data are neither committed nor part of an image. Every machine downloads its own copy, from the PyPI
wheel of RecBole, into the data folder.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv

from streams.settings.deployment import ApplicationSettings

REQUIREMENT = "recbole==1.2.1"
WHEEL_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
WHEEL_FOLDER = "recbole/dataset_example/ml-100k"
FILES_SHA256 = {
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
}


class Ml100kError(RuntimeError):
    """MovieLens-100K cannot be downloaded. The message says whether to check pip, the network or the file."""


class Ml100k(NamedTuple):
    """MovieLens-100K as plays."""

    plays: pa.Table
    """Columns `user_id`, `item_id` (string), `played_at_s` and `stars`, 1 to 5 (int64); by time, then in the file's
    order."""
    titles: dict[str, str]
    """Title and year of every film, by item id."""


def ml100k_path(application: ApplicationSettings) -> Path:
    """Return the folder of the data."""
    return application.data_path / "ml-100k"


def fetch(folder: Path) -> Ml100k:
    """Read MovieLens-100K from a folder; download missing or damaged files first.

    Raises:
        Ml100kError: pip cannot fetch the wheel, or a checksum differs.
    """
    if not all(_sha256(folder / name) == checksum for name, checksum in FILES_SHA256.items()):
        folder.mkdir(parents=True, exist_ok=True)
        # Aside, then renamed: two processes that download at the same time write the same bytes.
        with tempfile.TemporaryDirectory(prefix=".aside-", dir=folder) as aside:
            _extract(_download(Path(aside)), Path(aside))
            for name in FILES_SHA256:
                (Path(aside) / name).replace(folder / name)
    return Ml100k(_read_plays(folder / "ml-100k.inter"), _read_titles(folder / "ml-100k.item"))


def _download(folder: Path) -> Path:
    """Download the wheel with pip, which is configured for this environment's index."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), REQUIREMENT]
    pip = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if pip.returncode or not wheels:
        lines = [line for line in pip.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip().rstrip(".")[:300] if lines else f"exit status {pip.returncode}"
        message = (
            f"pip could not download {REQUIREMENT}, which carries MovieLens-100K ({reason}): "
            f"see that `{Path(sys.executable).name} -m pip download {REQUIREMENT}` works, then start again."
        )
        raise Ml100kError(message)
    return wheels[0]


def _extract(wheel: Path, folder: Path) -> None:
    """Extract the files from the wheel and verify their checksums."""
    _check(wheel, WHEEL_SHA256)
    with zipfile.ZipFile(wheel) as archive:
        for name, checksum in FILES_SHA256.items():
            (folder / name).write_bytes(archive.read(f"{WHEEL_FOLDER}/{name}"))
            _check(folder / name, checksum)


def _check(path: Path, expected: str) -> None:
    actual = _sha256(path)
    if actual != expected:
        message = (
            f"{path.name} has the SHA-256 {actual}, but {expected} is expected: "
            f"it was damaged or exchanged on its way; it is not used, start again."
        )
        raise Ml100kError(message)


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _read_plays(path: Path) -> pa.Table:
    columns = ["user_id:token", "item_id:token", "timestamp:float", "rating:float"]
    ratings = _read_columns(path, columns).rename_columns(["user_id", "item_id", "played_at_s", "stars"])
    seconds = ratings["played_at_s"].cast(pa.int64())
    # Arrow's sort is stable, so ratings of one second stay in the file's order.
    stars = ratings["stars"].cast(pa.int64())
    return ratings.set_column(2, "played_at_s", seconds).set_column(3, "stars", stars).sort_by("played_at_s")


def _read_titles(path: Path) -> dict[str, str]:
    films = _read_columns(path, ["item_id:token", "movie_title:token_seq", "release_year:token"]).to_pylist()
    return {
        film["item_id:token"]: f"{film['movie_title:token_seq']} ({film['release_year:token']})".removesuffix(" ()")
        for film in films
    }


def _read_columns(path: Path, columns: list[str]) -> pa.Table:
    """Read columns of a file of tab-separated values as text; a quotation mark is an ordinary character."""
    return pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.string())
        ),
    )
