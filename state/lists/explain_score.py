"""The split of one score: the share of every item in a listener's history."""

import msgspec
import numpy as np

from model.arrays import Doubles, Floats, Rows, Starts
from model.explain import split
from model.item_weights import ItemWeights
from model.objective import against
from model.repeat_rule import known_excluded
from state.generations.generation import Generation
from state.keys import item_key
from state.lists.build import equations_under, items_of, present
from state.lists.user_exclusions import only_skipped, rows_under, unwanted
from state.users.record_batch import UserRecords, unpack
from streams.settings import Settings


class ExplanationError(LookupError):
    """The item has no score to explain. The message names the missing part, and the time or step that adds it."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The share of one item's plays in a score."""

    item_id: str
    last_played_s: int
    """Event time of the last play of the item, in seconds since 1970."""
    weight: float
    """The present weight of the item's plays."""
    share: float
    """Their part of the score; below 0 they lower it."""
    percent: float | None
    """The share in percent of the sum; None if that is 0."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A score and its split, the largest share first."""

    user_id: str
    item_id: str
    generation: str
    """Id of the generation that the listener's vector belongs to."""
    serving: str | None
    """Id of the generation announced last; None before the first one."""
    score: float
    """The score by the listener's vector, as in their list, unless that is blended."""
    sum: float
    """The sum of all shares; it differs from the score by the residual of the solver."""
    rank: int | None
    """The item's rank among the items that the list may contain; None for an excluded item."""
    reason_without_rank: str | None
    """Why the item has no rank."""
    n_unknown: int
    """Played items that the generation does not know, and that have no share."""
    shares: list[Share]


def explanation(
    user_id: str, item_id: str, value: bytes, generation: Generation, serving: str | None, settings: Settings
) -> Explanation:
    """Explain the score of an item for a listener.

    Args:
        user_id: The listener.
        item_id: The item.
        value: The listener's record.
        generation: The generation of the record's vector.
        serving: Id of the generation announced last.
        settings: The rules by which lists exclude items.

    Raises:
        ExplanationError: The generation does not know the item, or none of the listener's items.
    """
    records = unpack([value], generation.manifest.objective.factors)
    row = _row_of(user_id, item_id, records, generation)
    items = items_of(records, generation, settings)
    ages, weights = present(records, items, generation)
    equations = equations_under(items, weights, generation)
    known = equations.terms.rows >= 0
    if not (known & ~against(items.weights)).any():
        message = f"Nothing that {user_id!r} played is in generation {generation.id}: their list is the popular one."
        raise ExplanationError(message)
    shares = split(equations, generation.fixed_items, 0, np.array([row], np.int32))[0]
    score, rank, reason = _standing(records, equations.terms.rows, ages, row, generation, settings)
    return Explanation(
        user_id=user_id,
        item_id=item_id,
        generation=generation.id,
        serving=serving,
        score=score,
        sum=float(shares.sum()),
        rank=rank,
        reason_without_rank=reason,
        n_unknown=len(np.unique(items.item_keys[~known])),
        shares=_shares(items, weights, equations.terms.rows, shares, generation),
    )


def _row_of(user_id: str, item_id: str, records: UserRecords, generation: Generation) -> int:
    """Return the item's row."""
    key = np.array([item_key(item_id)], np.uint64)
    row = int(generation.rows_of(key)[0])
    if row >= 0:
        return row
    if key[0] in records.histories.item_keys:
        message = (
            f"Item {item_id!r} is not in generation {generation.id}, though {user_id!r} has played it: it has no score "
            "until a generation is trained with it."
        )
    else:
        message = (
            f"Item {item_id!r} is not in generation {generation.id}: either it had no plays when the "
            "generation was trained, or no such item exists."
        )
    raise ExplanationError(message)


def _standing(
    records: UserRecords, known: Rows, ages: Starts, row: int, generation: Generation, settings: Settings
) -> tuple[float, int | None, str | None]:
    """Return an item's score, and its rank among the items that a list may contain or the reason for no rank."""
    scores = generation.item_factors.astype(np.float64) @ records.vectors[0]
    score, open_ = float(scores[row]), np.ones(len(scores), np.bool_)
    hidden, cooled = (rows_under(generation, keys) for keys in unwanted(records, settings.users))
    known_out = known_excluded(ages, settings.lists.known_items, settings.lists.repeat_after_plays)
    left_out = {
        "they know it": known[known_out],
        "it is withdrawn": generation.revision.withdrawn_rows,
        "they have hidden it": hidden.rows,
        "it was shown to them too often": cooled.rows,
        "they have only skipped it": rows_under(generation, only_skipped(records)).rows,
    }
    for reason, rows in left_out.items():
        if row in rows:
            return score, None, reason
        open_[rows[rows >= 0]] = False
    return score, 1 + int((scores[open_] > score).sum()), None


def _shares(items: ItemWeights, weights: Floats, rows: Rows, shares: Doubles, generation: Generation) -> list[Share]:
    """Return the shares of all items that the generation knows, the largest first."""
    order = [int(i) for i in np.argsort(-np.abs(shares), kind="stable") if rows[i] >= 0]
    total = float(shares.sum())
    return [
        Share(
            item_id=str(generation.item_ids[rows[i]]),
            last_played_s=int(items.last_played_s[i]),
            weight=float(weights[i]),
            share=float(shares[i]),
            percent=100 * float(shares[i]) / total if total else None,
        )
        for i in order
    ]
