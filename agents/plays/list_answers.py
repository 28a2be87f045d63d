"""Events that ask for the lists of their users, and the headers by which those lists answer."""

from collections import deque
from collections.abc import Mapping
from itertools import accumulate

import numpy as np

from agents.plays.changes import Changes
from agents.plays.decode import Group
from model.arrays import Codes, Flags
from state.users.admission import OUTCOMES
from streams.messages.list_requests import ANSWERS_MAX, Header, outcome_of
from streams.messages.outcomes import FORGOTTEN


def requested_lists(group: Group) -> Flags:
    """Return a flag for every user whose list an event of the group asks for, shape (n,)."""
    flags, first = np.zeros(len(group.forget_offsets), np.bool_), 0
    for partition, keys in group.users.items():
        if partition in group.requests:
            users = {request.user for request in group.requests[partition]}
            flags[first : first + len(keys)] = [key in users for key in keys]
        first += len(keys)
    return flags


def with_answers(changes: Mapping[int, Changes], group: Group, outcomes: Codes) -> dict[int, Changes]:
    """Add the answers to the lists of a group: of each event that asks for one, its token and its outcome.

    Args:
        changes: The changes of the group.
        group: The group.
        outcomes: The outcome of each event of the columns, an index into `OUTCOMES`.
    """
    starts = list(accumulate(map(len, group.users.values()), initial=0))
    answered = dict(changes)
    for partition, first, end in zip(group.users, starts, starts[1:], strict=False):
        if partition in group.requests:
            part = slice(group.events.starts[first], group.events.starts[end])
            codes = dict(zip(group.events.offsets[part].tolist(), outcomes[part].tolist(), strict=True))
            answered[partition] = changes[partition]._replace(answers=_answers(group, partition, codes))
    return answered


def _answers(group: Group, partition: int, codes: Mapping[int, int]) -> dict[bytes, deque[Header]]:
    """Return by user the headers of their list, at most `ANSWERS_MAX`, in the order of the events."""
    answers: dict[bytes, deque[Header]] = {}
    for request in group.requests[partition]:
        code = codes.get(request.offset)
        outcome = OUTCOMES[code] if code is not None else _unlearned(group, partition, request.offset)
        answers.setdefault(request.user, deque(maxlen=ANSWERS_MAX)).append(outcome_of(request.token, outcome))
    return answers


def _unlearned(group: Group, partition: int, offset: int) -> str:
    """Return the outcome of an event that is not in the columns."""
    by_outcome = group.places[partition].by_outcome
    return next((name for name, offsets in by_outcome.items() if offset in offsets), FORGOTTEN)
