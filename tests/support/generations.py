"""Small records, plays and generations that tests build for themselves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles, Flags, Floats, Rows, Starts
from model.diagonal_basis import diagonalise, gram, rotate
from model.equations import equations_of
from model.objective import Objective, Rule
from model.ragged import WeightedRows, ragged_rows
from state.catalog.unlisted import Unlisted
from state.generations.generation import Catalog, Generation, open_generation, write_generation
from state.generations.manifest import Manifest
from state.keys import item_key
from state.lists.build import ListBuilder, Lists
from state.lists.context import ListContext
from state.lists.popularity import Popularity, TrainedPopularity
from state.lists.ranker import Ranker
from state.users.event_columns import Action, EventColumns
from state.users.record import HEADER, OWED, PAUSED, DaySignals, HistoryEntry, ShownItem, UserRecord
from state.users.record_batch import UserRecords, unpack
from streams.settings import Settings
from tests.support.ranks import ItemScores, scores_of_vectors

FIRST_ID = "2026-01-01T00-00-00.000Z"
SECOND_ID = "2026-01-02T00-00-00.000Z"


class Played(NamedTuple):
    """One play of a user, as the kernels take it."""

    offset: int
    item_key: int
    played_at_s: int = 1_700_000_000
    play_id: int = 0
    weight: float = 1.0
    action: int = Action.PLAY


def columns_of(plays: Sequence[Sequence[Played]]) -> EventColumns:
    """Return the events of users, a sequence a user, as columns."""
    flat = [play for user_plays in plays for play in user_plays]
    return EventColumns(
        np.cumsum([0, *map(len, plays)]).astype(np.int64),
        np.array([play.offset for play in flat], np.int64),
        np.array([play.item_key for play in flat], np.uint64),
        np.array([play.weight for play in flat], np.float32),
        np.array([play.played_at_s for play in flat], np.uint32),
        np.array([play.play_id for play in flat], np.uint64),
        np.array([play.action for play in flat], np.uint8),
    )


def unexplained(rows: Rows, scores: Floats, personal: Flags, generation: Generation) -> Lists:
    """Return lists, none of them blended, that nobody's plays are behind."""
    n = len(rows)
    nothing = WeightedRows(np.zeros(n + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    equations = equations_of(nothing, generation.manifest.objective)
    return Lists(rows, scores, personal, np.zeros(n, np.bool_), Unlisted.of(generation), equations)


def build_lists(
    records: UserRecords,
    generation: Generation,
    settings: Settings,
    ranker: Ranker | None = None,
    popularity: Popularity | None = None,
    now_ms: int = 0,
) -> Lists:
    """Build lists; without a ranker and popularity: exactly, of all items, with the popularity of the training."""
    builder = ListBuilder(settings, ranker or Ranker(settings.ranking), popularity or TrainedPopularity())
    return builder.build(records, ListContext(generation, now_ms))


def plain(records: UserRecords) -> list[UserRecord]:
    """Return records as their plain twins, each with the vector that its row of the matrix holds."""
    return [plain_one(records, u) for u in range(len(records))]


def plain_one(records: UserRecords, u: int) -> UserRecord:
    """Return one of them."""
    header = records.header[u]

    def part(starts: Starts, *columns: NDArray[Any]) -> list[tuple[Any, ...]]:
        """Return the part of user `u` in some columns."""
        mine = slice(starts[u], starts[u + 1])
        return list(zip(*(column[mine].tolist() for column in columns), strict=True))

    names = (field for field in HEADER.names or () if field in UserRecord.__dataclass_fields__)
    return UserRecord(
        **{name: header[name].item() for name in names},
        paused=bool(header["flags"] & PAUSED),
        owed=bool(header["flags"] & OWED),
        history=[HistoryEntry(*entry) for entry in part(*records.histories)],
        play_ids=[value for (value,) in part(records.play_ids.starts, *records.play_ids.columns)],
        hidden=[value for (value,) in part(records.hidden.starts, *records.hidden.columns)],
        shown=[ShownItem(*item) for item in part(records.shown.starts, *records.shown.columns)],
        listed=[value for (value,) in part(records.listed.starts, *records.listed.columns)],
        days=[DaySignals(day >> 16, day & 0xFFFF) for (day,) in part(records.days.starts, *records.days.columns)],
        vector=tuple(records.vectors[u].tolist()),
    )


def listener(*items: int) -> UserRecord:
    """Return a user with one play each of items `i0`, `i1`, ..., in this order."""
    history = [HistoryEntry(item_key(f"i{item}"), 1.0, number, 100) for number, item in enumerate(items, 1)]
    return UserRecord(plays=len(items), history=history)


def unpacked(*users: UserRecord, factors: int = 8) -> UserRecords:
    """Return users as arrays."""
    return unpack([user.encode() for user in users], factors)


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
    """Return items `i0`, `i1`, ... with made-up factors; an item has 1 play, or its number in `popularity`."""
    drawn = np.random.default_rng(seed).standard_normal((n_items, factors)).astype(np.float32) * np.float32(0.4)
    catalog = numbered(drawn, Objective(rule))
    worth = [(popularity or {}).get(item_id, 1.0) for item_id in catalog.item_ids]
    return catalog._replace(popularity=np.array(worth, np.float32))


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
    """Solve a user's vector from the definition, in double precision: every list is tested against it."""
    objective = generation.manifest.objective
    rows = {int(key): row for row, key in enumerate(generation.item_keys)}
    items: dict[tuple[int, bool], float] = {}
    for entry in record.history:
        age, age_s = record.plays - entry.touched_at_play, record.last_played_s - entry.last_played_s
        worth = entry.value * 0.5 ** (age / objective.half_life_plays + age_s / objective.half_life_s)
        if entry.item_key in rows:
            items[rows[entry.item_key], entry.value < 0] = items.get((rows[entry.item_key], entry.value < 0), 0) + worth
    weights = np.array([*items.values()])
    y = np.array([generation.item_factors[row] for row, _ in items], np.float64)
    confidences, targets = objective.confidences(weights), objective.targets(weights)
    left = objective.gram_scale * gram(generation.item_factors) + (y.T * confidences) @ y
    n_row = sum(not against for _, against in items)
    left += float(objective.row_regularization(n_row)) * np.eye(objective.factors)
    return np.asarray(np.linalg.solve(left, y.T @ targets), np.float64)


def dense_scores(record: UserRecord, generation: Generation) -> ItemScores:
    """Return a user's scores of all items from the dense vector; known items may not be listed."""
    known = generation.rows_of(np.array([entry.item_key for entry in record.history], np.uint64))
    return scores_of_vectors(dense_vector(record, generation)[None], generation.item_factors, ragged_rows([known]))
