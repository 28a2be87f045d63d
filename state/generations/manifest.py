"""The manifest of a generation: its origin, its quality, and the checksum of every file."""

import math
from pathlib import Path
from typing import Any

import msgspec

from model.objective import Objective
from state.errors import GenerationError
from state.storage.checksums import missing_file, seal_path, verify_seal, write_sealed

MANIFEST = "manifest.json"
MANIFEST_FORMAT = 2
SEALED_FROM_FORMAT = 2


class Estimate(msgspec.Struct, frozen=True):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of a generation on held-out plays."""

    n_events: int
    hit_at_20: Estimate
    mrr_at_20: Estimate


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's verdict on a generation."""

    against: str | None
    """The generation in service, with which it was compared."""
    candidate: Quality | None
    serving: Quality | None
    difference: Estimate | None
    """hit@20 of the candidate minus that of the generation in service, by a paired bootstrap."""
    accepted: bool
    forced: bool = False
    """An operator announced it although it was rejected."""
    reason: str
    """The verdict in a sentence, and the way out if listeners were excluded."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a generation."""

    format: int = MANIFEST_FORMAT
    generation_id: str
    created_at_ms: int
    parent: str | None
    """The generation that was in service when this one was trained."""
    started_from: str | None = None
    """The generation whose item factors were the initial ones; None: they were random."""
    trained_through: dict[int, int]
    """By partition, the offset after the last changelog record in the training."""
    objective: Objective
    tuned: bool = False
    """True: the objective is the result of a tuning; False: it is that of the settings."""
    n_users: int
    n_users_trained: int = 0
    """Listeners in the training; all others are only folded in."""
    n_items: int
    n_plays: int
    popularity_as_of_s: int = 0
    """The moment to which `popularity.npy` is decayed, in seconds since 1970: that of the latest play.
    0: an older version wrote it without decay."""
    gate: Gate | None = None
    """None: the gate was off."""
    checksums: dict[str, str] = {}
    """SHA-256 of all other files except parts."""

    @property
    def plays_per_listener(self) -> float:
        """Return the mean number of plays of a listener."""
        return self.n_plays / max(self.n_users, 1)

    @property
    def rejected(self) -> bool:
        """Return whether the gate rejected it and no operator forced it."""
        return self.gate is not None and not self.gate.accepted and not self.gate.forced


class _Format(msgspec.Struct):
    """The field that manifests of all formats have."""

    format: int


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest and its seal."""
    write_sealed(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))


def read_manifest(folder: Path) -> Manifest:
    """Read and verify a manifest.

    Raises:
        GenerationError: The folder has no manifest, or it is damaged.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError:
        message = f"Generation {folder.name} is not in {folder.parent}; `playfold generations list` prints all ids."
        raise GenerationError(message) from None
    path = seal_path(folder / MANIFEST)
    return decode_manifest(folder.name, content, path.read_bytes() if path.is_file() else None)


def decode_manifest(generation_id: str, content: bytes, seal: bytes | None) -> Manifest:
    """Verify and decode a manifest.

    Args:
        generation_id: Names the generation in an error message.
        content: The manifest's bytes.
        seal: The seal's bytes, None if it is missing; format 1 has none.

    Raises:
        GenerationError: It is damaged, its seal is missing, or its format is unknown.
    """
    title = f"Generation {generation_id}"
    if seal is not None:
        verify_seal(title, MANIFEST, content, seal)
    try:
        written_format = msgspec.json.decode(content, type=_Format).format
        manifest = _decode(content) if 1 <= written_format <= MANIFEST_FORMAT else None
    except (ValueError, RecursionError) as error:
        message = f"{title} is damaged: its manifest cannot be read ({error})."
        raise GenerationError(message) from None
    if manifest is None:
        message = f"{title} is of format {written_format}; this version reads 1 to {MANIFEST_FORMAT}."
        raise GenerationError(message)
    if seal is None and manifest.format >= SEALED_FROM_FORMAT:
        raise missing_file(title, seal_path(Path(MANIFEST)).name)
    return manifest


def _decode(content: bytes) -> Manifest:
    fields = msgspec.json.decode(content, type=dict[str, Any])
    return msgspec.convert(with_infinities(fields), Manifest, str_keys=True)


def with_infinities(fields: dict[str, Any]) -> dict[str, Any]:
    """Replace null by infinity in the half-lives of a record's objective: JSON has no infinity."""
    objective = fields.get("objective")
    if isinstance(objective, dict):
        for name in ("half_life_plays", "half_life_days"):
            if objective.get(name, 0) is None:
                objective[name] = math.inf
    return fields
