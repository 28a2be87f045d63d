"""Users folded in and ranked under one generation."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Floats, Rows, Starts
from model.fold_in import Equations, equations_of, n_known, solve_users
from model.objective import Objective, against
from model.repeats import kept_out
from model.weights import decayed
from state.blended import Newcomers, blended_lists, part_of
from state.generation import Generation
from state.left_out import LeftOut, Reason
from state.popular import Popular, PopularNow, popular_as_trained
from state.ranker import Ranker, exact
from state.unlisted import Unlisted
from state.user_records import UserRecords
from state.wishes import cooling
from streams.settings import Settings


class Lists(NamedTuple):
    """The lists of `n` users under one generation."""

    rows: Rows  # (n, list_n), item rows; -1 pads a list that ran out of items
    scores: Floats  # (n, list_n)
    personal: NDArray[np.bool_]  # (n,), False where the list is the popular one
    blended: NDArray[np.bool_]  # (n,), True where a personal list is blended with the popular one
    unlisted: Unlisted | None = None  # what is in none of them
    equations: Equations | None = None  # what the users' vectors were solved from; None: scores cannot be split


def relist(
    records: UserRecords,
    generation: Generation,
    settings: Settings,
    ranker: Ranker | None = None,
    popular_now: PopularNow | None = None,
    now_ms: int = 0,
) -> Lists:
    """Fold users into a generation, in place, and rank its items for them.

    The vectors are written into `records`. A user of whom the generation knows no item gets the popular list; its
    scores are what the items' plays are worth. A user of whom it knows few gets a blended one (`model/blend.py`), whose
    scores are own scores and the popular part of them.

    Args:
        records: The users.
        generation: The generation, at the revision that says which items are withdrawn.
        settings: How long a list is, what is left out of it, and whose is blended.
        ranker: Ranks the lists, what its catalog says is available; exactly, and everything, if left out.
        popular_now: Tells what is popular; what was so in the training if left out.
        now_ms: When the lists are made: what is not available then is in none of them.
    """
    header, list_n = records.header, settings.list_n
    weights = weights_now(records, generation.manifest.objective)
    equations = equations_under(records, weights, generation)
    starts, rows = equations.starts, equations.rows
    records.vectors[header["generation_key"] != generation.key] = 0  # another generation's vector means nothing here
    solve_users(equations, generation.item_factors, generation.gram_diagonal, records.vectors)
    rank = ranker.top_n if ranker is not None else exact
    unlisted = ranker.catalog.unlisted(generation, now_ms) if ranker is not None else Unlisted.of(generation)
    known, (hidden, cooled) = known_rows(records, rows, settings), unwanted_rows(records, generation, settings)
    if ranker is not None:
        _count(ranker.left_out, len(records), {"known": known, "hidden": hidden[1], "cooldown": cooled[1]}, unlisted)
    unwanted = joined(hidden, cooled)
    left_out = joined((starts, known), unwanted)
    best, scores = rank(generation, records.vectors, *left_out, list_n, unlisted)
    n_liked = n_known(starts, np.where(against(weights), -1, rows))
    few = (0 < n_liked) & (n_liked <= settings.blend_items_max) & (settings.popular_blend > 0)
    lists = Lists(best, scores, n_liked > 0, few, unlisted, equations)
    if few.any() or not n_liked.all():
        popular = popular_now(unlisted) if popular_now is not None else popular_as_trained(generation, unlisted)
        _give_popular(lists, popular, unwanted)
        few &= popular.preference.any()
        users = np.flatnonzero(few)
        if len(users):
            vectors = records.vectors[users], *part_of(users, starts, rows, weights)
            found = Newcomers(*vectors, *part_of(users, *left_out))
            best[users], scores[users] = blended_lists(
                found, scores[users, 0], generation, popular, settings, rank, unlisted
            )
    return lists


def _give_popular(lists: Lists, popular: Popular, unwanted: tuple[Starts, Rows]) -> None:
    """Give users of whom nothing is known what is popular, without what they do not want."""
    starts, rows = unwanted
    for u in np.flatnonzero(~lists.personal):
        wanted = ~np.isin(popular.rows, rows[starts[u] : starts[u + 1]])
        n = min(lists.rows.shape[1], int(wanted.sum()))
        lists.rows[u], lists.scores[u] = -1, -np.inf
        lists.rows[u, :n], lists.scores[u, :n] = popular.rows[wanted][:n], popular.plays[wanted][:n]


Kind = Literal["popular", "personal", "blended"]
_KINDS = np.array(["popular", "personal", "blended"])


def kinds_of(lists: Lists) -> list[Kind]:
    """Return the kind of every list, as of `streams.records.Recommendations`."""
    kinds: list[Kind] = _KINDS[lists.personal + lists.blended.astype(np.int8)].tolist()
    return kinds


def _count(left_out: LeftOut, n_lists: int, rows_of: Mapping[Reason, Rows], unlisted: Unlisted) -> None:
    """Count what is left out of lists by reason: here every reason is known."""
    counts = {reason: int((rows >= 0).sum()) for reason, rows in rows_of.items()}
    counts["withdrawn"] = n_lists * len(unlisted.withdrawn_rows)
    counts["unavailable"] = n_lists * len(unlisted.unavailable_rows)
    left_out.add(counts)


def known_rows(records: UserRecords, rows: Rows, settings: Settings) -> Rows:
    """Return those rows of the users' histories that are left out of their lists, -1 for the others."""
    ages = _ages_in_plays(records)
    return np.where(kept_out(ages, settings.known_items, settings.repeat_after_plays), rows, np.int32(-1))


def _ages_in_plays(records: UserRecords) -> NDArray[np.int64]:
    """Return their users' plays since the entries of the histories were touched, shape (h,)."""
    histories = records.histories
    plays_now = np.repeat(records.header["plays"].astype(np.int64), np.diff(histories.starts))
    ages: NDArray[np.int64] = plays_now - histories.touched_at_play
    return ages


def equations_under(records: UserRecords, weights: Floats, generation: Generation) -> Equations:
    """Return what users' vectors under a generation solve: their histories, each entry worth its weight."""
    rows = generation.rows_of(records.histories.item_keys)
    return equations_of(records.histories.starts, rows, weights, generation.manifest.objective)


def weights_now(records: UserRecords, objective: Objective) -> Floats:
    """Return what every entry of the users' histories is worth now, shape (h,)."""
    header, histories = records.header, records.histories
    seconds = np.repeat(header["last_played_s"].astype(np.int64), np.diff(histories.starts)) - histories.last_played_s
    return decayed(histories.values, _ages_in_plays(records), objective.half_life_plays, seconds, objective.half_life_s)


def unwanted_rows(
    records: UserRecords, generation: Generation, settings: Settings
) -> tuple[tuple[Starts, Rows], tuple[Starts, Rows]]:
    """Return the rows of what users have hidden, and of what was shown to them too often, each user after user."""
    shown, cooldown = records.shown, (settings.cooldown_shows, settings.cooldown_plays)
    out = cooling(shown, records.header["plays"], cooldown)
    cooled = np.concatenate(([0], np.cumsum(out)))[shown.starts], generation.rows_of(shown.item_keys[out])
    return (records.hidden.starts, generation.rows_of(records.hidden.values)), cooled


def joined(some: tuple[Starts, NDArray[Any]], others: tuple[Starts, NDArray[Any]]) -> tuple[Starts, NDArray[Any]]:
    """Return compressed rows that hold those of both, for each user.

    >>> starts, rows = joined((np.array([0, 1, 2]), np.array([5, 6])), (np.array([0, 0, 1]), np.array([7])))
    >>> starts.tolist(), rows.tolist()
    ([0, 1, 3], [5, 6, 7])
    """
    if not len(others[1]):
        return some
    owners = [np.repeat(np.arange(len(starts) - 1), np.diff(starts)) for starts, _ in (some, others)]
    order = np.argsort(np.concatenate(owners), kind="stable")
    return some[0] + others[0], np.concatenate((some[1], others[1]))[order]
