"""Replays an export of another service: reads and sorts it first, then sends its plays and the names of its items."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from rich.markup import escape

from cli.commands.replay_plays import ReplayOptions, send_with, total_of
from cli.commands.replay_result import (
    ODD_LENGTHS,
    TIME_FIGURES,
    Count,
    describe_figures,
    note,
    print_result,
    progress_bar,
)
from jobs.histories.known_plays import KnownPlays, await_workers, known_plays
from streams.files.errors import PlaysFileError
from streams.files.formats.rows import ItemNames, NoPlay
from streams.files.import_sender import Descriptions, ImportRecords, ImportSender, item_hash
from streams.files.import_source import ImportSource, size_of
from streams.files.row_types import RowTypes
from streams.files.set_aside import SetAside
from streams.files.sorted_plays import USERS_MAX, SortedPlays
from streams.files.unpacked import DamagedFileError
from streams.outbox import Outbox
from streams.process.format_text import pluralize, printable
from streams.readers.catalog_item import described_items
from streams.settings import Settings
from streams.topics.admin import verify_topics

ROWS_PER_LOOK = 1000
FIGURES = {
    "other_files": "Other files, ignored: {:,}.",
    "repeated": "Plays that stood in the export more than once: {:,}.",
    "known": "Plays not sent, because they count already or are older than a full history: {:,}.",
    "items": "Items described in the catalog: {:,}.",
    **ODD_LENGTHS,
} | TIME_FIGURES


class ImportRun:
    """One replay of an export."""

    def __init__(self, source: ImportSource, options: ReplayOptions, settings: Settings, *, describes: bool) -> None:
        """Read nothing yet; `describes` says whether the names of items are sent to the catalog."""
        self._source, self._options, self._settings = source, options, settings
        self._describes, self._n_odd_lengths = describes, 0
        self._types = RowTypes(settings.signals.weights)

    def run(self) -> None:
        """Read the export, send it, and print the result.

        Raises:
            PlaysFileError: It cannot be read; nothing is sent then.
            ReplayError: Kafka did not acknowledge.
        """
        verify_topics(self._settings)
        # An export is read whole in every run, so its rows to set aside are the same, and --from counts the same plays.
        with SetAside(self._options.set_aside) as aside, tempfile.TemporaryDirectory() as folder:
            plays = SortedPlays(Path(folder))
            try:
                self._read(plays, aside)
            except PlaysFileError as error:
                way_out = " --partial sends the rows before damage." if isinstance(error, DamagedFileError) else ""
                message = f"{error} Nothing is sent.{way_out}"
                raise PlaysFileError(message) from None
            for sentence in self._source.damage:
                note(sentence)
            if not plays.n_plays:
                message = f"{self._source.path} has no play that can be sent. {aside.describe()}".strip()
                raise PlaysFileError(message)
            self._send(plays, aside)

    def _read(self, plays: SortedPlays, aside: SetAside) -> None:
        with progress_bar(quiet=self._options.as_json) as progress:
            name = escape(printable(self._source.path.name))
            task = progress.add_task(f"reading {name}", total=size_of(self._source.path))
            for place, row in self._source.rows():
                if isinstance(row, NoPlay):
                    aside.add(place.file, place.row, row.reason, row.content)
                elif isinstance(row, ItemNames):
                    plays.name(row)
                elif (fault := self._types.fault_of(row.type)) is not None:
                    aside.add(place.file, place.row, fault, row._asdict())
                else:
                    plays.add(row)
                    self._n_odd_lengths += row.n_odd_lengths
                if self._source.n_rows % ROWS_PER_LOOK == 0:
                    progress.update(task, completed=self._source.done.n)

    def _send(self, plays: SortedPlays, aside: SetAside) -> None:
        options, settings = self._options, self._settings
        records = ImportRecords(self._types, self._known_plays(plays))
        descriptions = Descriptions(asyncio.run(_described(settings)) if self._describes else None)

        async def send() -> bool:
            async with Outbox(settings.kafka) as outbox:
                sender = ImportSender(outbox, settings, records.record, descriptions)
                return await send_with(
                    sender, descriptions.of(plays.pieces(options.from_row)), options, count, self._settings
                )

        with progress_bar(quiet=options.as_json) as progress:
            count = Count(options.from_row, progress, total_of(plays.n_plays, options))
            stopped = asyncio.run(send())
        figures = self._figures(plays, records, descriptions)
        print_result(count, aside, figures, _describe(figures), stopped=stopped, as_json=options.as_json)

    def _known_plays(self, plays: SortedPlays) -> KnownPlays | None:
        """Return the plays that count already, None for too many listeners."""
        if len(plays.user_ids) > USERS_MAX:
            note(
                f"{self._source.path} has more than {USERS_MAX:,} listeners, so their earlier plays are not looked up: "
                "of each listener, a worker recognises the latest plays by their ids."
            )
            return None
        n_waiting = asyncio.run(await_workers(self._settings))
        if n_waiting:
            note(f"{n_waiting:,} plays still wait for a worker. If this export has them too, they count twice.")
        return asyncio.run(known_plays(plays.user_ids, self._settings))

    def _figures(self, plays: SortedPlays, records: ImportRecords, descriptions: Descriptions) -> dict[str, Any]:
        return {
            "formats": list(self._source.formats),
            "files": self._source.n_files,
            "other_files": self._source.n_other_files,
            "rows": self._source.n_rows,
            "repeated": plays.n_doubled,
            "known": records.n_known,
            "items": descriptions.n_sent,
            "odd_lengths": self._n_odd_lengths,
            "ambiguous_times": self._source.options.times.n_ambiguous,
            "missing_times": self._source.options.times.n_missing,
            "damaged_files": len(self._source.damage),
        }


async def _described(settings: Settings) -> set[int]:
    """Return the hashes of the items that the catalog describes."""
    described = set[int]()
    async for key, exists in described_items(settings):
        (described.add if exists else described.discard)(item_hash(key))
    return described


def _describe(figures: dict[str, Any]) -> str:
    """Return the figures of an export in sentences; figures of nothing are left out."""
    files = pluralize(figures["files"], "file")
    first = f"{', '.join(figures['formats'])}: {figures['rows']:,} rows in {files}."
    return f"{first} {describe_figures(figures, FIGURES)}".rstrip()
