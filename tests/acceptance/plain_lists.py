"""Lists by their definition: the user's plays up to the offset, folded one by one and solved densely."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.arrays import Doubles
from model.decay import decayed
from model.equations import Equations, Terms
from model.history import Histories, Plays, add_plays_plain
from model.item_weights import item_weights_plain
from model.solver import solve_rows_plain
from state.generations.generation import Generation
from state.keys import item_key
from streams.messages.events import Play
from streams.messages.records import Recommendations
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names


class Topics(NamedTuple):
    """The records on the topics of plays and lists, both per user and in the order of offsets."""

    plays: dict[str, list[tuple[int, Play]]]
    lists: dict[str, list[Recommendations]]


async def read_topics(settings: Settings) -> Topics:
    """Read both topics whole; no client may send a play twice."""
    names, topics = topic_names(settings), Topics({}, {})
    async for _, records in read_topic(settings.kafka, names.plays, 30.0):
        for record in records:
            play = msgspec.json.decode(record.value, type=Play)
            topics.plays.setdefault(play.user_id, []).append((record.offset, play))
    async for _, records in read_topic(settings.kafka, names.recommendations, 30.0):
        for record in records:
            recommendations = msgspec.json.decode(record.value, type=Recommendations)
            topics.lists.setdefault(recommendations.user_id, []).append(recommendations)
    return topics


def histories_at(
    plays: list[tuple[int, Play]], offsets: set[int], settings: Settings
) -> Iterator[tuple[int, Histories]]:
    """Yield a user's history as it was behind each of some offsets."""
    history = Histories(
        np.array([0, 0]),
        np.empty(0, np.uint64),
        np.empty(0, np.float32),
        np.empty(0, np.uint32),
        np.empty(0, np.uint32),
    )
    n_plays = np.zeros(1, np.uint32)
    for offset, play in plays:
        new = Plays(
            np.array([0, 1]),
            np.array([item_key(play.item_id)], np.uint64),
            np.ones(1, np.float32),
            np.array([play.played_at_ms // 1000], np.uint32),
        )
        history, n_plays = add_plays_plain(history, n_plays, new, settings.users.history_max)
        if offset in offsets:
            yield offset, history


def scores_of(history: Histories, generation: Generation) -> Doubles | None:
    """Return the scores of all items for a user, -inf for those the user knows; None if the generation knows none."""
    objective = generation.manifest.objective
    items = item_weights_plain(history, objective.half_lives)
    rows = generation.rows_of(items.item_keys)
    if not (rows >= 0).any():
        return None
    # The user's last play is the last entry, so its number is the user's number of plays.
    weights = decayed(items.weights, items.touched_at_play[-1] - items.touched_at_play, objective.half_lives)
    terms = Terms(items.starts, rows, objective.confidences(weights), objective.targets(weights))
    n_liked = np.array([(rows >= 0).sum()])
    equations = Equations(terms, objective.row_regularization(n_liked), n_liked)
    vector = solve_rows_plain(equations, generation.fixed_items)[0]
    scores: Doubles = generation.item_factors.astype(np.float64) @ vector
    scores[rows[rows >= 0]] = -np.inf
    return scores


def fault_of(
    recommendations: Recommendations, history: Histories, generation: Generation, settings: Settings
) -> str | None:
    """Return the fault of a list, None if it has none."""
    row_of = {item_id: row for row, item_id in enumerate(generation.item_ids)}
    if unknown := [item for item in recommendations.items if item not in row_of]:
        return f"{unknown[0]} is no item of the generation"
    rows = np.array([row_of[item] for item in recommendations.items], np.int64)
    scores = scores_of(history, generation)
    if recommendations.kind != ("popular" if scores is None else "personal"):
        return f"it is {recommendations.kind}"
    if scores is not None:
        return _fault_of_ranking(rows, np.array(recommendations.scores), scores, settings.lists.n)
    plays = np.array(recommendations.scores)  # those of the training, and what the worker has learnt since
    if len(rows) < settings.lists.n or (np.diff(plays) > 0).any() or (plays < generation.popularity[rows]).any():
        return "it is not that of the most popular items"
    return None


def _fault_of_ranking(rows: NDArray[np.int64], listed_scores: Doubles, scores: Doubles, list_n: int) -> str | None:
    """Return the fault of a ranking, given the scores of all items."""
    tolerance = 1e-3 * np.abs(scores[np.isfinite(scores)]).max()
    if len(set(rows.tolist())) != min(list_n, np.isfinite(scores).sum()) or len(rows) > list_n:
        return f"it has {len(rows)} items"
    if not np.allclose(listed_scores, scores[rows], rtol=1e-3, atol=tolerance):
        return f"its scores are {listed_scores[:3].tolist()}, not {scores[rows][:3].tolist()}"
    if (np.diff(listed_scores) > 0).any():
        return "it is not by descending score"
    if np.delete(scores, rows).max(initial=-np.inf) > scores[rows].min() + tolerance:
        return "a better item is missing"
    return None
