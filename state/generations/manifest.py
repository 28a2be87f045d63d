"""What a generation says of itself: how it was made, how it was judged, and the checksum of every file."""

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
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How well a generation found what listeners played next."""

    n_events: int
    hit_at_20: Estimate
    mrr_at_20: Estimate


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """How a generation was judged before it could be announced."""

    against: str | None
    """The generation in service that it was compared with."""
    candidate: Quality | None
    serving: Quality | None
    difference: Estimate | None
    """hit@20 of the candidate less that of the one in service, by a paired bootstrap."""
    accepted: bool
    forced: bool = False
    """An operator announced it all the same."""
    reason: str
    """One sentence."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation says of itself."""

    format: int = MANIFEST_FORMAT
    generation_id: str
    created_at_ms: int
    parent: str | None
    """The generation that was in service when this one was trained."""
    started_from: str | None = None
    """The generation whose item factors the training began with; None: it began from chance."""
    trained_through: dict[int, int]
    """Per partition, the offset after the last changelog record that was trained on."""
    objective: Objective
    tuned: bool = False
    """The objective was found by tuning; otherwise it is that of the settings."""
    n_users: int
    n_users_trained: int = 0
    """Listeners whose histories were trained on; the others are folded in."""
    n_items: int
    n_plays: int
    popularity_as_of_s: int = 0
    """As of when plays count what `popularity.npy` says, in seconds since 1970: the latest play of all. 0: of no time,
    as older versions wrote it, which did not halve plays with time."""
    gate: Gate | None = None
    """None: nobody judged it."""
    checksums: dict[str, str] = {}
    """SHA-256 of every other file, parts left out."""

    @property
    def plays_per_listener(self) -> float:
        """Return how many plays a listener has made on average."""
        return self.n_plays / max(self.n_users, 1)

    @property
    def rejected(self) -> bool:
        """Tell whether the gate turned it down, and no operator overruled that."""
        return self.gate is not None and not self.gate.accepted and not self.gate.forced


class _Format(msgspec.Struct):
    """The one field that a manifest of any format has."""

    format: int


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest and its seal."""
    write_sealed(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))


def read_manifest(folder: Path) -> Manifest:
    """Read what a generation says of itself.

    Raises:
        GenerationError: There is no generation, or its manifest is damaged.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError:
        message = f"Generation {folder.name} is not in {folder.parent}; `playfold generations list` shows what is."
        raise GenerationError(message) from None
    path = seal_path(folder / MANIFEST)
    return decode_manifest(folder.name, content, path.read_bytes() if path.is_file() else None)


def decode_manifest(generation_id: str, content: bytes, seal: bytes | None) -> Manifest:
    """Return the manifest that stands in these bytes.

    Args:
        generation_id: What to call the generation in a sentence.
        content: The manifest's bytes.
        seal: Those of its seal; formats before 2 have none.

    Raises:
        GenerationError: It is damaged, its seal is missing, or it is of a format that is not known here.
    """
    what = f"Generation {generation_id}"
    if seal is not None:
        verify_seal(what, MANIFEST, content, seal)
    try:
        found = msgspec.json.decode(content, type=_Format).format
        manifest = _decode(content) if 1 <= found <= MANIFEST_FORMAT else None
    except (ValueError, RecursionError) as error:
        message = f"{what} is damaged: its manifest cannot be read ({error})."
        raise GenerationError(message) from None
    if manifest is None:
        message = f"{what} is of format {found}; this version reads 1 to {MANIFEST_FORMAT}."
        raise GenerationError(message)
    if seal is None and manifest.format >= SEALED_FROM_FORMAT:
        raise missing_file(what, seal_path(Path(MANIFEST)).name)
    return manifest


def _decode(content: bytes) -> Manifest:
    fields = msgspec.json.decode(content, type=dict[str, Any])
    return msgspec.convert(endless(fields), Manifest, str_keys=True)


def endless(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a record with an objective; JSON has no infinity, so what never ends was written as null."""
    objective = fields.get("objective")
    if isinstance(objective, dict):
        for name in ("half_life_plays", "half_life_days"):
            if objective.get(name, 0) is None:
                objective[name] = math.inf
    return fields
