"""The quality of published lists: every play is scored against the list of before, and then learned."""

import numpy as np

from agents.group_context import GroupContext
from agents.observers.quality_window import ENTRY, OLDER, QualityWindow, add_to_counts
from model.arrays import Codes, Doubles, Flags, Keys, Rows
from model.evaluation.live_ranks import DEPTH, GroupSignals, PlaceTable, ScoredPlays, live_ranks, place_table
from model.evaluation.rank_metrics import HISTORY_KINDS, MISS, history_kinds
from model.ragged import RaggedKeys
from model.repeat_rule import known_excluded
from state.catalog.item_catalog import ItemCatalog
from state.generations.generation import Generation
from state.keys import MARK
from state.lists.context import ListContext
from state.lists.popularity import Popularity
from state.lists.user_exclusions import unwanted
from state.users.admission import OUTCOMES
from state.users.event_columns import Action, EventColumns
from state.users.record_batch import UserRecords
from streams.settings import Settings

LISTS = ("own", "popular")
FIGURES = ("plays", "hits_at_10", "hits_at_50", "reciprocal_ranks")
"""Counts per list; reciprocal ranks are 0 beyond the 50th place."""
FRESH_PLAYS = 20
"""An item is fresh while the generation knows fewer plays of it."""
GENERATIONS_MAX = 3
"""Generations with counts, the latest in service."""
POPULAR_EVERY_MS = 10_000
"""Milliseconds that the popular list stays the same: ranking a million items takes 40 ms."""
_PLAY, _SIGNAL = int(Action.PLAY), int(Action.SIGNAL)  # looking up a member of an enumeration takes microseconds
_LEARNT = np.array([outcome in {"learnt", "trimmed"} for outcome in OUTCOMES])
_FIGURES_OF = np.array([[1, MISS < rank <= 10, rank != MISS, 1 / rank if rank else 0] for rank in range(DEPTH + 1)])  # noqa: PLR2004  hit@10
"""The contribution of a rank to `FIGURES`, shape (ranks, figures)."""


class LiveQuality:
    """Scores groups of plays; one thread scores, others may read.

    A play that is delivered again is not scored again, since its record shows that it was learned. A group that is
    folded again after a failure is scored again. A play that is not learned, such as a paused listener's, is not
    scored.

    Attributes:
        counts: By the generation of the lists: counts of shape (lists, histories, fresh, figures), in the order
            of `LISTS`, `HISTORY_KINDS`, no and yes, and `FIGURES`.
        window: The latest scored plays.
        names: Ids of the generations that were in service last, by their keys, the latest last.
    """

    def __init__(self, settings: Settings, popularity: Popularity, catalog: ItemCatalog) -> None:
        """Prepare an observer.

        Args:
            settings: For how long items are left out of lists.
            popularity: The source of the popular list.
            catalog: Says which items are available.
        """
        self.counts: dict[str, Doubles] = {}
        self.window = QualityWindow()
        self.names: dict[int, str] = {}
        self._settings, self._popularity, self._catalog = settings, popularity, catalog
        self._popular_rows: Rows | None = None
        self._popular_table = place_table(np.zeros(0, np.uint64))
        self._popular_at_ms = 0

    def generation_swapped(self, generation: Generation) -> None:
        """Count for another generation from now on.

        Other threads may read meanwhile, so nothing changes in place.
        """
        others = {key: name for key, name in self.names.items() if key != generation.key}
        self.names = dict(list((others | {generation.key: generation.id}).items())[-GENERATIONS_MAX:])
        named = {*self.names.values(), OLDER}
        self.counts = {name: counts for name, counts in self.counts.items() if name in named}
        self._popular_rows = None

    def revision_swapped(self, generation: Generation) -> None:  # noqa: ARG002  the signature of observers
        """Rank the popular items anew: others are withdrawn."""
        self._popular_rows = None

    def learned(self, context: GroupContext, before: UserRecords, events: EventColumns, outcomes: Codes) -> None:
        """Score the plays of a group against the lists of before.

        Args:
            context: The context of the group; without a generation nothing is scored.
            before: The users' records before the group.
            events: The group's events.
            outcomes: The outcome of every event.
        """
        lists = context.lists
        if lists is None or not len(events.offsets):
            return
        generation = lists.generation
        self.popular_rows(lists)
        ranks = _ranks(before, events, outcomes, self._popular_table, self._settings)
        if not len(ranks.places):
            return
        users, entries = ranks.users, np.zeros(len(ranks.places), ENTRY)
        entries["own"], entries["popular"] = ranks.own, ranks.popular
        entries["history"] = history_kinds(ranks.n_items)
        entries["fresh"] = _fresh(events.item_keys[ranks.places], generation)
        entries["generation"] = before.header["generation_key"][users]
        self.window.add(entries)
        for key in set(entries["generation"].tolist()):
            self._count(self.names.get(key, OLDER), entries[entries["generation"] == key])

    def popular_rows(self, context: ListContext) -> Rows:
        """Return the rows of the popular list as of the last seconds, without unlisted items."""
        rows = self._popular_rows
        if rows is None or context.now_ms - self._popular_at_ms >= POPULAR_EVERY_MS:
            rows = self._popularity.now(context, self._catalog.unlisted(*context)).rows
            self._popular_rows, self._popular_at_ms = rows, context.now_ms
            self._popular_table = place_table(context.generation.item_keys[rows])
        return rows

    def _count(self, name: str, entries: np.ndarray[tuple[int], np.dtype[np.void]]) -> None:
        """Add plays to the counts of a generation."""
        if name not in self.counts:
            self.counts = self.counts | {name: np.zeros((len(LISTS), len(HISTORY_KINDS), 2, len(FIGURES)))}
        add_to_counts(self.counts[name], entries, _FIGURES_OF)


def _ranks(
    records: UserRecords, events: EventColumns, outcomes: Codes, popular: PlaceTable, settings: Settings
) -> ScoredPlays:
    """Rank the learned plays of a group whose items are new for their listeners."""
    learnt: Flags = _LEARNT[outcomes]
    plays: Flags = learnt & (events.actions == _PLAY) & (events.weights > 0)
    marks = (events.item_keys & np.uint64(MARK)).astype(np.uint32)
    known = learnt & (events.actions <= _SIGNAL)
    histories, lists = records.histories, settings.lists
    excluded = RaggedKeys(histories.starts, histories.item_keys)
    if lists.known_items == "include" or lists.repeat_after_plays:
        excluded = excluded.select(known_excluded(records.ages_in_plays, lists.known_items, lists.repeat_after_plays))
    hidden, cooled = unwanted(records, settings.users)
    return live_ranks(
        GroupSignals(events.starts, events.item_keys, marks, known, plays),
        histories,
        excluded,
        hidden.join(cooled),
        records.listed,
        popular,
    )


def _fresh(item_keys: Keys, generation: Generation) -> Flags:
    """Tell for which items the generation knows too few plays, or none."""
    rows = generation.rows_of(item_keys)
    fresh: Flags = (rows < 0) | (generation.popularity[rows] < FRESH_PLAYS)
    return fresh
