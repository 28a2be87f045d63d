"""Sorts the plays of an export by time, in bounded memory, and counts a play that is in it twice once."""

import heapq
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from streams.files.errors import PlaysFileError
from streams.files.formats.ids import play_id_of
from streams.files.formats.rows import ImportedPlay, ItemNames
from streams.files.plays_piece import PlaysPiece

RUN_PLAYS = 250_000
"""Plays that are sorted in memory; more of them are sorted in runs, which are merged from the disk."""
RUNS_MAX = 500
USERS_MAX = 1000
"""Listeners whose earlier plays can be looked up."""
PIECE_PLAYS = 10_000
RUN_BATCH_PLAYS = 500
"""Plays of a run that are in memory at once while the runs are merged."""
NAMES_MAX = 1_000_000
"""Most items whose names stand apart from their plays."""
TIED_MAX = 100_000
"""Most plays of one millisecond whose order can be reversed."""
_COMPRESSION = "lz4"
_SCHEMA = pa.schema(
    [
        ("played_at_ms", pa.int64()),
        ("number", pa.int64()),
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("ms_played", pa.int64()),
        ("duration_ms", pa.int64()),
        ("type", pa.string()),
        ("title", pa.string()),
        ("artist", pa.string()),
        ("kind", pa.string()),
        ("play_id", pa.string()),
    ]
)
_Text = str | None
_Entry = tuple[int, int, str, str, int | None, int | None, _Text, _Text, _Text, _Text, _Text]


class SortedPlays:
    """Plays in the order of their times.

    Plays of one millisecond keep their order in the file, or have the opposite one if the file is newest first.

    Attributes:
        n_plays: Plays that were added.
        n_doubled: Plays that were left out because the same listener played the same item at the same time.
        user_ids: The listeners; after `USERS_MAX` of them, no more.
    """

    def __init__(self, folder: Path, run_plays: int = RUN_PLAYS, *, derives_ids: bool = True) -> None:
        """Sort nothing yet.

        Args:
            folder: An empty folder for the runs.
            run_plays: Plays of a run.
            derives_ids: Whether listener, item and time make the id of a play. Then each counts once.
        """
        self._folder, self._run_plays, self._derives_ids = folder, run_plays, derives_ids
        self.user_ids: set[str] = set()
        self._entries: list[_Entry] = []
        self._runs: list[Path] = []
        self._names: dict[str, ItemNames] = {}
        self._latest_ms, self._n_later, self._n_earlier = -1, 0, 0
        self.n_plays = self.n_doubled = 0

    def add(self, play: ImportedPlay, play_id: str | None = None) -> None:
        """Add a play of a listener, with its own id if it has one.

        Raises:
            PlaysFileError: There are too many plays.
        """
        at_ms = play.played_at_ms
        if self.n_plays:
            self._n_later += at_ms > self._latest_ms
            self._n_earlier += at_ms < self._latest_ms
        self._latest_ms = at_ms
        described = play.title, play.artist, play.kind
        lengths = play.ms_played, play.duration_ms, play.type
        user_id = play.user_id or ""
        if len(self.user_ids) <= USERS_MAX:
            self.user_ids.add(user_id)
        self._entries.append((at_ms, self.n_plays, user_id, play.item_id, *lengths, *described, play_id))
        self.n_plays += 1
        if len(self._entries) >= self._run_plays:
            self._write_run()

    def name(self, item: ItemNames) -> None:
        """Use names for the plays of an item that have none."""
        if len(self._names) < NAMES_MAX:
            self._names[item.item_id] = item

    @property
    def is_newest_first(self) -> bool:
        """Return whether most plays were earlier than the one before them."""
        return self._n_earlier > self._n_later

    def pieces(self, first_play: int = 1) -> Iterator[tuple[PlaysPiece, list[ItemNames]]]:
        """Yield the plays from `first_play` on, counted from 1, and the names of their items."""
        entries = itertools.islice(self._distinct(), first_play - 1, None)
        first_row = first_play
        while piece := list(itertools.islice(entries, PIECE_PLAYS)):
            columns: list[Any] = [list(column) for column in zip(*piece, strict=True)]
            at_ms, _, users, items, ms_played, durations, types, titles, artists, kinds, ids = columns
            if self._derives_ids:
                ids = [play_id_of(*play) for play in zip(users, items, at_ms, strict=True)]
            named = (ItemNames(*names) for names in zip(items, titles, artists, kinds, strict=True))
            names = [item if item.title else self._names.get(item.item_id, item) for item in named]
            yield PlaysPiece(first_row, users, items, at_ms, ms_played, durations, ids, types), names
            first_row += len(piece)

    def _distinct(self) -> Iterator[_Entry]:
        self.n_doubled = 0
        for _, same_time in itertools.groupby(self._merged(), key=lambda entry: entry[0]):
            seen = set[tuple[str, str]]()
            for entry in self._in_order(same_time):
                play = entry[2], entry[3]
                if self._derives_ids and play in seen:
                    self.n_doubled += 1
                else:
                    seen.add(play)
                    yield entry

    def _in_order(self, same_time: Iterator[_Entry]) -> Iterator[_Entry]:
        if not self.is_newest_first:
            return same_time
        tied = list(itertools.islice(same_time, TIED_MAX))
        return itertools.chain(reversed(tied), same_time)

    def _merged(self) -> Iterator[_Entry]:
        last = sorted(self._entries, key=_order)
        return heapq.merge(*(_read_run(run) for run in self._runs), last, key=_order)

    def _write_run(self) -> None:
        if len(self._runs) >= RUNS_MAX:
            message = f"There are more than {RUNS_MAX * self._run_plays:,} plays: split the export."
            raise PlaysFileError(message)
        self._entries.sort(key=_order)
        run = self._folder / f"{len(self._runs)}.arrow"
        options = pa.ipc.IpcWriteOptions(compression=_COMPRESSION)
        with pa.OSFile(str(run), "wb") as file, pa.ipc.new_file(file, _SCHEMA, options=options) as writer:
            for start in range(0, len(self._entries), RUN_BATCH_PLAYS):
                columns: list[Any] = [*zip(*self._entries[start : start + RUN_BATCH_PLAYS], strict=True)]
                arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
                writer.write_batch(pa.record_batch(arrays, schema=_SCHEMA))
        self._runs.append(run)
        self._entries = []


def _order(entry: _Entry) -> tuple[int, int]:
    return entry[0], entry[1]


def _read_run(run: Path) -> Iterator[_Entry]:
    with pa.OSFile(str(run), "rb") as file, pa.ipc.open_file(file) as reader:
        for number in range(reader.num_record_batches):
            columns = reader.get_batch(number).columns
            yield from zip(*(column.to_pylist() for column in columns), strict=True)
