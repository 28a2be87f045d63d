"""Users folded in and ranked under one generation."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.arrays import Floats, Rows, Starts, has_any
from model.equations import Equations, equations_of
from model.item_weights import ItemWeights, Present, item_weights
from model.ragged import RaggedRows, WeightedRows
from model.ranking import padding
from model.solver import solve_rows
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.lists.blending import CANDIDATES, Blender, Newcomers
from state.lists.context import ListContext
from state.lists.exclusion_counts import ExclusionCounts, Reason
from state.lists.popularity import Popular, Popularity, TrainedPopularity
from state.lists.ranker import Ranker
from state.lists.user_exclusions import excluded
from state.users.record_batch import UserRecords
from streams.settings import Settings


class Lists(NamedTuple):
    """The lists of `n` users under one generation."""

    rows: Rows  # (n, list_n), item rows; -1 pads a list that ran out of items
    scores: Floats  # (n, list_n)
    personal: NDArray[np.bool_]  # (n,), False where the list is the popular one
    blended: NDArray[np.bool_]  # (n,), True where a personal list is blended with the popular one
    unlisted: Unlisted  # the items that no list contains
    equations: Equations  # the equations that the users' vectors solve


class ListBuilder:
    """Folds users into a generation and builds their lists."""

    def __init__(self, settings: Settings, ranker: Ranker, popularity: Popularity) -> None:
        """Prepare a builder, once per process.

        Args:
            settings: The length of a list, the rules of exclusion and of blending.
            ranker: Ranks the lists; its catalog says which items are available.
            popularity: The source of the popular list.
        """
        self._settings, self._ranker, self._popularity = settings, ranker, popularity
        self._blender = Blender(settings)
        self._blended_max = settings.popularity.blend_items_max if settings.popularity.blend > 0 else 0

    def build(self, records: UserRecords, context: ListContext) -> Lists:
        """Fold users into the generation, in place, and rank its items for them.

        The vectors are written into `records`. A user without an item that the generation knows gets the popular
        list, whose scores are the decayed sums of plays. A user with few known items gets a blended list
        (`model/blend.py`), whose scores are personal scores plus a popular part.

        Args:
            records: The users.
            context: The generation, at the revision that says which items are withdrawn, and the time at which
                items have to be available.
        """
        generation, settings = context.generation, self._settings
        items = items_of(records, generation, settings)
        ages, weights = present(records, items, generation)
        equations = equations_under(items, weights, generation)
        _fold_in(records, equations, generation)
        unlisted = self._ranker.catalog.unlisted(generation, context.now_ms)
        rows = RaggedRows(equations.terms.starts, equations.terms.rows)
        out = excluded(records, items, rows, ages, generation, settings)
        left_out = out.every
        _count(self._ranker.left_out, len(records), out.n_of, unlisted)
        personal = equations.n_liked > 0
        few = personal & (equations.n_liked <= self._blended_max)
        lists, popular = Lists(*padding(len(records), settings.lists.n), personal, few, unlisted, equations), None
        if has_any(few | ~personal):
            popular = self._popularity.now(context, unlisted)
            _give_popular(lists, popular, out.not_wanted)
            few &= popular.is_played
        self._rank(lists, records.vectors, left_out, popular, generation)
        return lists

    def _rank(
        self, lists: Lists, vectors: Floats, left_out: RaggedRows, popular: Popular | None, generation: Generation
    ) -> None:
        """Rank for users with known items, all of them in one pass over the catalog."""
        users, n = lists.personal.nonzero()[0], lists.rows.shape[1]
        if not len(users):
            return
        places: Starts | slice = slice(None)  # of the users: numpy copies a slice in a fifth of the time
        if len(users) < len(vectors):
            vectors, left_out, places = vectors[users], left_out.part(users), users
        blended = lists.blended[places].nonzero()[0]
        lengths, longest = None, n
        if len(blended):
            lengths, longest = np.full(len(users), n), CANDIDATES * n
            lengths[blended] = longest
        rows, scores = self._ranker.top_n(generation, vectors, left_out, longest, lists.unlisted, lengths)
        lists.rows[places], lists.scores[places] = rows[:, :n], scores[:, :n]
        if popular is not None and len(blended):
            few, personal = users[blended], (rows[blended], scores[blended])
            newcomers = Newcomers(vectors[blended], lists.equations.part(few), left_out.part(blended), personal)
            lists.rows[few], lists.scores[few] = self._blender.lists(newcomers, generation, popular, lists.unlisted)


def exact_builder(settings: Settings) -> ListBuilder:
    """Return a builder that ranks exactly, with every item available and popularity as trained."""
    ranker = Ranker(msgspec.structs.replace(settings.ranking, method="exact"))
    return ListBuilder(settings, ranker, TrainedPopularity())


def _fold_in(records: UserRecords, equations: Equations, generation: Generation) -> None:
    """Solve the users' vectors under a generation, in place; a vector of another one is no start for it."""
    others = records.header["generation_key"] != generation.key
    if has_any(others):
        records.vectors[others] = 0
    solve_rows(equations, generation.fixed_items, records.vectors)


def _give_popular(lists: Lists, popular: Popular, not_wanted: RaggedRows) -> None:
    """Give users without known items the popular list, without the items that they do not want."""
    starts, rows = not_wanted.starts, not_wanted.rows
    for u in (~lists.personal).nonzero()[0]:
        wanted = ~np.isin(popular.rows, rows[starts[u] : starts[u + 1]])
        n = min(lists.rows.shape[1], int(wanted.sum()))
        lists.rows[u], lists.scores[u] = -1, -np.inf
        lists.rows[u, :n], lists.scores[u, :n] = popular.rows[wanted][:n], popular.plays[wanted][:n]


Kind = Literal["popular", "personal", "blended"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_KINDS = np.array(KINDS)


def kinds_of(lists: Lists) -> list[Kind]:
    """Return the kind of every list, as of `streams.messages.records.Recommendations`."""
    kinds: list[Kind] = _KINDS[lists.personal + lists.blended.astype(np.int8)].tolist()
    return kinds


def _count(left_out: ExclusionCounts, n_lists: int, n_of: Mapping[Reason, int], unlisted: Unlisted) -> None:
    """Count the items that are left out of lists, by reason."""
    counts = dict(n_of)
    counts["withdrawn"] = n_lists * len(unlisted.withdrawn_rows)
    counts["unavailable"] = n_lists * len(unlisted.unavailable_rows)
    left_out.add(counts)


def items_of(records: UserRecords, generation: Generation, settings: Settings) -> ItemWeights:
    """Return the items of users' histories, weighed by the half-lives of a generation."""
    half_lives = generation.manifest.objective.half_lives
    return item_weights(records.histories, half_lives, settings.signals.item_weight_max)


def present(records: UserRecords, items: ItemWeights, generation: Generation) -> Present:
    """Return the ages of items in plays, and their present weights under a generation."""
    header = records.header
    return items.present(header["plays"], header["last_played_s"], generation.manifest.objective.half_lives)


def equations_under(items: ItemWeights, weights: Floats, generation: Generation) -> Equations:
    """Return the equations of users' vectors under a generation: their items, each with its present weight."""
    signals = WeightedRows(items.starts, generation.rows_of(items.item_keys), weights)
    return equations_of(signals, generation.manifest.objective)
