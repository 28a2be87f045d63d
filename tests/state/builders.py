"""Small records, plays and generations that tests build for themselves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.arrays import Doubles, Floats
from model.basis import diagonalise, gram, rotate
from model.objective import Objective, Rule
from state.generation import Catalog, Generation, open_generation, write_generation
from state.learn import PlayColumns
from state.manifest import Manifest
from state.user_record import HistoryEntry, UserRecord
from state.user_records import UserRecords

FIRST_ID = "2026-01-01T00-00-00.000Z"
SECOND_ID = "2026-01-02T00-00-00.000Z"


class Played(NamedTuple):
    """One play of a user, as the kernels take it."""

    offset: int
    item_key: int
    played_at_s: int = 1_700_000_000
    play_id: int = 0


def columns_of(plays: Sequence[Sequence[Played]]) -> PlayColumns:
    """Return the plays of users, a sequence a user, as columns."""
    flat = [play for found in plays for play in found]
    return PlayColumns(
        np.cumsum([0, *map(len, plays)]).astype(np.int64),
        np.array([play.offset for play in flat], np.int64),
        np.array([play.item_key for play in flat], np.uint64),
        np.ones(len(flat), np.float32),
        np.array([play.played_at_s for play in flat], np.uint32),
        np.array([play.play_id for play in flat], np.uint64),
    )


def plain(records: UserRecords) -> list[UserRecord]:
    """Return records as their plain twins, each with the vector that its row of the matrix holds."""
    found, starts, columns = [], records.histories.starts, records.histories[1:]
    for u, header in enumerate(records.header):
        part = slice(starts[u], starts[u + 1])
        entries = zip(*(column[part].tolist() for column in columns), strict=True)
        ids = records.play_ids[records.play_id_starts[u] : records.play_id_starts[u + 1]]
        found.append(
            UserRecord(
                applied_offset=int(header["applied_offset"]),
                plays=int(header["plays"]),
                last_played_s=int(header["last_played_s"]),
                generation_key=int(header["generation_key"]),
                list_fingerprint=int(header["list_fingerprint"]),
                listed_at_s=int(header["listed_at_s"]),
                history=[HistoryEntry(*entry) for entry in entries],
                play_ids=ids.tolist(),
                vector=tuple(records.vectors[u].tolist()),
            )
        )
    return found


def manifest_of(generation_id: str, objective: Objective, n_items: int) -> Manifest:
    """Return the manifest of a generation that nobody was trained for."""
    return Manifest(
        generation_id=generation_id,
        created_at_ms=1_767_225_600_000,
        parent=None,
        trained_through={},
        objective=objective,
        n_users=0,
        n_items=n_items,
        n_plays=0,
    )


def numbered(item_factors: Floats, objective: Objective) -> Catalog:
    """Return items `i0`, `i1`, ... with these factors, each worth 1, in the basis that a generation keeps them in."""
    rotation, diagonal = diagonalise(item_factors, objective.gram_scale)
    n_items = len(item_factors)
    ids = [f"i{number}" for number in range(n_items)]
    return Catalog(ids, rotate(item_factors, rotation), diagonal, np.ones(n_items, np.float32))


def catalog_of(
    n_items: int = 40,
    factors: int = 8,
    seed: int = 0,
    popularity: Mapping[str, float] | None = None,
    rule: Rule = "ials",
) -> Catalog:
    """Return items `i0`, `i1`, ... with made-up factors; an item is worth 1, or what `popularity` tells."""
    drawn = np.random.default_rng(seed).standard_normal((n_items, factors)).astype(np.float32) * np.float32(0.4)
    found = numbered(drawn, Objective(rule))
    worth = [(popularity or {}).get(item_id, 1.0) for item_id in found.item_ids]
    return found._replace(popularity=np.array(worth, np.float32))


def make_generation(
    folder: Path,
    generation_id: str = FIRST_ID,
    n_items: int = 40,
    factors: int = 8,
    seed: int = 0,
    popularity: Mapping[str, float] | None = None,
    rule: Rule = "ials",
) -> Generation:
    """Write a made-up generation into `folder` and open it."""
    objective = Objective(rule, factors=factors)
    catalog = catalog_of(n_items, factors, seed, popularity, rule)
    write_generation(folder / generation_id, manifest_of(generation_id, objective, n_items), catalog)
    return open_generation(folder / generation_id)


def dense_vector(record: UserRecord, generation: Generation) -> Doubles:
    """Solve a user's vector from the definition, in double precision: what every list is tested against."""
    objective = generation.manifest.objective
    rows = {int(key): row for row, key in enumerate(generation.item_keys)}
    known = [entry for entry in record.history if entry.item_key in rows]
    ages = np.array([record.plays - entry.touched_at_play for entry in known])
    weights = np.array([entry.value for entry in known]) * 0.5 ** (ages / objective.half_life_plays)
    y = np.array([generation.item_factors[rows[entry.item_key]] for entry in known], np.float64)
    confidences, targets = objective.confidences(weights), objective.targets(weights)
    left = objective.gram_scale * gram(generation.item_factors) + (y.T * confidences) @ y
    left += float(objective.row_regularization(len(known))) * np.eye(objective.factors)
    return np.asarray(np.linalg.solve(left, y.T @ targets), np.float64)
