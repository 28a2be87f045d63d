"""A listing of the generation store, for people and for machines."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

from state.generations.manifest import Manifest

if TYPE_CHECKING:
    from state.generations.store import GenerationStore

ID_WIDTH = 24
"""Characters of a generation's name, as nights give it."""


class Entry(NamedTuple):
    """One generation of a listing."""

    generation_id: str
    status: str
    """`serving`, `kept`, `rejected` or `damaged`."""
    manifest: Manifest | None
    """None if it is damaged."""
    reason: str | None = None
    """The reason of the rejection, or the damage."""

    @property
    def fields(self) -> dict[str, Any]:
        """Return the entry as JSON fields."""
        known = msgspec.to_builtins(self.manifest) if self.manifest else {"generation_id": self.generation_id}
        return {"status": self.status, "reason": self.reason, **known}


def entries_of(store: "GenerationStore", serving_id: str | None) -> list[Entry]:
    """Return the generations of a store, oldest first."""
    survey = store.survey()
    entries = [_entry(manifest, serving_id) for manifest in survey.manifests]
    entries += [Entry(generation_id, "damaged", None, reason) for generation_id, reason in survey.problems.items()]
    return sorted(entries, key=lambda entry: entry.generation_id)


def _entry(manifest: Manifest, serving_id: str | None) -> Entry:
    reason = manifest.gate.reason if manifest.gate and manifest.rejected else None
    status = "rejected" if manifest.rejected else "kept"
    if manifest.generation_id == serving_id:
        status = "serving"
    return Entry(manifest.generation_id, status, manifest, reason)


def table_of(entries: Iterable[Entry]) -> Table:
    """Return a table of generations."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    table.add_column(
        "generation", min_width=ID_WIDTH, overflow="fold"
    )  # whole, because it is an argument of other commands
    table.add_column("status")
    table.add_column("rule")
    for name in ("listeners", "items", "plays", "hit@20"):
        table.add_column(name, justify="right")
    for generation_id, status, manifest, reason in entries:
        if manifest is None:
            table.add_row(generation_id, f"{status}: {reason}", *[""] * 5)
            continue
        objective, numbers = manifest.objective, (manifest.n_users, manifest.n_items, manifest.n_plays)
        shown = map("{:,}".format, numbers)
        rule = f"{objective.rule} {objective.factors}"
        table.add_row(generation_id, status, rule, *shown, _hits(manifest))
    return table


def _hits(manifest: Manifest) -> str:
    """Return hit@20 in the gate, with its 95 % interval."""
    if manifest.gate is None or manifest.gate.candidate is None:
        return ""
    hits = manifest.gate.candidate.hit_at_20
    return f"{hits.value:.3f} ({hits.low:.3f} to {hits.high:.3f})"
