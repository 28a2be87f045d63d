"""A listener's user record, as the changelog has it, in a form that people can read."""

from collections.abc import Iterable

from aiokafka.structs import ConsumerRecord

from jobs.objective import objective_of
from model.decay import decayed
from model.objective import Objective
from state.generations.open_store import generation_store
from state.keys import ITEM_NAME_PREFIX, MARK, generation_key, is_item_name, item_key
from state.users.record import UserRecord
from state.users.record_bytes import applied_offset_of, is_forgotten
from streams.messages.export_document import (
    ExportedDay,
    ExportedEntry,
    ExportedItem,
    ExportedMark,
    ExportedRecord,
    ExportedShown,
)
from streams.positions import epoch_of, offset_of
from streams.settings import Settings

ALIKE = (
    "plays", "last_played_s", "listed_at_s", "listed_at_ms", "list_score", "paused", "owed", "day",
    "day_signals",
)  # fmt: skip
"""Fields that the document has as the record has them."""


class StoredRecord:
    """The record of one listener in a partition of the changelog, and the names of items there."""

    def __init__(self, key: bytes, partition: int) -> None:
        """Select the records under a key."""
        self._key, self._partition = key, partition
        self._value: bytes | None = None
        self._offset = -1
        self._older_offsets: list[int] = []
        self._item_ids: dict[int, str] = {}

    def take(self, record: ConsumerRecord) -> None:
        """Read the next record of the partition."""
        if is_item_name(record.key):
            if record.value is not None:
                self._item_ids[int.from_bytes(record.key.removeprefix(ITEM_NAME_PREFIX), "big")] = record.value.decode()
        elif record.key == self._key:
            self._take_record(record.value, record.offset)

    def _take_record(self, value: bytes | None, offset: int) -> None:
        """Keep the record with the highest applied offset, of equals the later one; after a tombstone, none."""
        held = self._value
        if value is not None and held is not None and applied_offset_of(value) < applied_offset_of(held):
            self._older_offsets.append(offset)
            return
        if held is not None:
            self._older_offsets.append(self._offset)
        self._value, self._offset = value, offset

    def export(self, settings: Settings, listed_ids: Iterable[str]) -> ExportedRecord | None:
        """Return the record with names for its keys, None if there is none.

        Args:
            settings: The store of generations, and the objective if the generation of the record is gone.
            listed_ids: Items of the listener's list, which name its marks.
        """
        if self._value is None:
            return None
        record = UserRecord.decode(self._value)
        generation, objective = _generation_of(record, settings)
        by_mark = {key & MARK: item_id for key, item_id in self._item_ids.items()}
        by_mark |= {item_key(item_id) & MARK: item_id for item_id in listed_ids}
        return ExportedRecord(
            **{name: getattr(record, name) for name in ALIKE},
            applied_offset=offset_of(record.applied_offset),
            epoch=epoch_of(record.applied_offset),
            partition=self._partition,
            offset=self._offset,
            older_offsets=self._older_offsets,
            forgotten=is_forgotten(self._value),
            generation_key=_hex(record.generation_key) if record.generation_key else None,
            generation=generation,
            days=[ExportedDay(day=day.day, signals=day.signals) for day in record.days],
            history=self._history(record, objective),
            play_ids=[_hex(key) for key in record.play_ids],
            hidden=[ExportedItem(item_key=_hex(key), item_id=self._item_ids.get(key)) for key in record.hidden],
            shown=[
                ExportedShown(
                    item_key=_hex(item.item_key),
                    item_id=self._item_ids.get(item.item_key),
                    shows=item.shows,
                    at_play=item.at_play,
                )
                for item in record.shown
            ],
            listed=[ExportedMark(mark=f"{mark:08x}", item_id=by_mark.get(mark)) for mark in record.listed],
            vector=list(record.vector),
        )

    def _history(self, record: UserRecord, objective: Objective) -> list[ExportedEntry]:
        """Return the signals of the history, the latest first."""
        now = decayed(
            [entry.value for entry in record.history],
            [record.plays - entry.touched_at_play for entry in record.history],
            objective.half_lives,
            [record.last_played_s - entry.last_played_s for entry in record.history],
        )
        return [
            ExportedEntry(
                item_key=_hex(entry.item_key),
                item_id=self._item_ids.get(entry.item_key),
                value=entry.value,
                value_now=value_now,
                touched_at_play=entry.touched_at_play,
                last_played_s=entry.last_played_s,
            )
            for entry, value_now in zip(reversed(record.history), reversed(now.tolist()), strict=True)
        ]


def _hex(key: int) -> str:
    return f"{key:016x}"


def _generation_of(record: UserRecord, settings: Settings) -> tuple[str | None, Objective]:
    """Return the id and the objective of the record's generation; without it, the objective of the settings."""
    for manifest in generation_store(settings).manifests() if record.generation_key else ():
        if generation_key(manifest.generation_id) == record.generation_key:
            return manifest.generation_id, manifest.objective
    return None, objective_of(settings.objective)
