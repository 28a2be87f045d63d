"""Events that ask for the lists of their users."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.group_context import GroupContext
from agents.plays.changes import Changes
from agents.plays.decode import read_group
from state.generations.generation import Generation
from state.users.partition import PartitionState
from state.users.record import UserRecord
from streams.consumer.slices import Slice
from streams.messages.list_requests import ANSWERS_MAX, outcomes_in, request_of
from streams.messages.records import Recommendations
from tests.support.deliveries import NOW_MS, Delivered, fold_slices, folder_of, make_durable, played, slice_of
from tests.support.generations import make_generation
from tests.support.settings import settings_with

CHANGELESS: dict[str, Any] = {"factors": 8, "list_n": 5, "list_score_change": float("inf"), "list_overlap_min": 0.0}
"""No list of these changes: only its first one is published."""
SETTINGS = settings_with(**CHANGELESS)
HOUR_MS = 3_600_000
Item = tuple[bytes, bytes]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[PartitionState]:
    """Give an empty partition."""
    opened = PartitionState(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """Give a generation of items `i0` to `i39`."""
    return make_generation(tmp_path / "generations")


def asking(first: int, *items: Item, tokens: tuple[bytes | None, ...] = ()) -> Slice:
    """Return a slice of records that ask for lists, with tokens of their offsets unless some are given."""
    names = tokens or tuple(b"t%d" % offset for offset, _ in enumerate(items, first))
    records = [
        Delivered(offset, key, value, headers=() if token is None else (request_of(token),))
        for offset, ((key, value), token) in enumerate(zip(items, names, strict=True), first)
    ]
    return slice_of(0, first, *items)._replace(records=records)


def request(kind: str, user: str, **fields: Any) -> Item:
    """Return a listener's request."""
    return user.encode(), msgspec.json.encode({"type": kind, "user_id": user, **fields})


def folded(part: Slice, state: PartitionState, generation: Generation | None, **settings: Any) -> Changes:
    """Return the changes of a slice, which are durable then."""
    return fold_slices([part], {0: state}, generation, settings_with(**CHANGELESS | settings))[0]


def answers_of(changes: Changes) -> dict[str, list[tuple[bytes, str]]]:
    """Return by user the answers of their list."""
    headers = changes.list_headers or [()] * len(changes.lists)
    return {key.decode(): list(outcomes_in(marks)) for (key, _), marks in zip(changes.lists, headers, strict=True)}


def test_a_play_that_asks_has_its_list_published(state: PartitionState, generation: Generation) -> None:
    """Also if it did not change; the list reflects the play, and says that it is no changed one."""
    folded(asking(0, played("ann", "i3"), tokens=(None,)), state, generation)
    silent = folded(asking(1, played("ann", "i3"), tokens=(None,)), state, generation)
    changes = folded(asking(2, played("ann", "i3")), state, generation)

    assert [] == silent.lists
    assert {"ann": [(b"t2", "learnt")]} == answers_of(changes)
    ((_, value),) = changes.lists
    published = msgspec.json.decode(value or b"", type=Recommendations)
    assert 2 == published.offset
    assert 3 == published.plays
    assert "renewed" == published.reason


def test_other_lists_of_the_group_are_decided_as_ever(state: PartitionState, generation: Generation) -> None:
    """And have no headers."""
    plays = played("ann", "i3"), played("ben", "i4")
    folded(asking(0, *plays, tokens=(None, None)), state, generation)
    changes = folded(asking(2, *plays, played("cem", "i5"), tokens=(b"a", None, None)), state, generation)

    assert {"ann": [(b"a", "learnt")], "cem": []} == answers_of(changes)


def test_a_group_that_nobody_asks_has_no_headers(state: PartitionState, generation: Generation) -> None:
    """So that its lists travel as ever."""
    changes = folded(slice_of(0, 0, played("ann", "i3")), state, generation)

    assert None is changes.list_headers
    assert {} == changes.answers


def test_each_event_gets_its_outcome(state: PartitionState, generation: Generation) -> None:
    """Those of one listener by one list, in their order."""
    folded(slice_of(0, 0, played("ann", "i3", play_id="p")), state, generation, user_signals_per_day_max=3)
    part = asking(
        1,
        played("ann", "i4"),
        played("ann", "i3", play_id="p"),
        played("ann", "i5"),
        played("ann", "i6"),
        request("hide", "ann", item_id="i9"),
    )
    changes = folded(part, state, generation, user_signals_per_day_max=3)

    outcomes = ["learnt", "retried", "learnt", "capped", "wished"]
    assert [(b"t%d" % at, outcome) for at, outcome in enumerate(outcomes, 1)] == answers_of(changes)["ann"]


def test_a_request_does_not_wait_for_a_burst_to_end(state: PartitionState, generation: Generation) -> None:
    """A changed list waits under `debounce_ms`, unless an event asks for it; no list is pending then."""
    patient = {"list_overlap_min": 1.0, "list_change_n": 5, "debounce_ms": HOUR_MS}
    folded(slice_of(0, 0, played("ann", "i3")), state, generation, **patient)
    waiting = folded(slice_of(0, 1, played("ann", "i4")), state, generation, **patient)
    answered = folded(asking(2, played("ann", "i5")), state, generation, **patient)

    assert [] == waiting.lists
    assert {"ann": [(b"t2", "learnt")]} == answers_of(answered)
    (record,) = (UserRecord.decode(value) for value in state.read([b"ann"]) if value)
    assert not record.owed


def test_a_forgotten_listener_is_answered_by_the_tombstone(state: PartitionState, generation: Generation) -> None:
    """Events before the request are forgotten."""
    folded(slice_of(0, 0, played("ann", "i3")), state, generation)
    changes = folded(asking(1, played("ann", "i4"), request("forget", "ann")), state, generation)

    assert [(b"ann", None)] == changes.lists
    assert {"ann": [(b"t1", "forgotten"), (b"t2", "wished")]} == answers_of(changes)


def test_an_event_that_was_applied_before_is_answered_again(state: PartitionState, generation: Generation) -> None:
    """The crash that caused its second delivery may have lost the list."""
    part = asking(0, played("ann", "i3"))
    folded(part, state, generation)
    again = folded(part, state, generation)

    assert {"ann": [(b"t0", "redelivered")]} == answers_of(again)


def test_a_private_play_is_answered_by_nothing(state: PartitionState, generation: Generation) -> None:
    """Its token would be a trace of it on the topic of lists, also if the listener has other events."""
    part = asking(0, played("ann", "i3"), played("ann", "i4", private=True), played("eve", "i5", private=True))
    changes = folded(part, state, generation)

    assert {"ann": [(b"t0", "learnt")]} == answers_of(changes)


def test_a_rejected_event_is_answered_by_nothing(state: PartitionState, generation: Generation) -> None:
    """Nor is one that concerns no record."""
    part = asking(0, (b"ann", b"{}"), request("shown", "ann", item_ids=["i1"]))
    changes = folded(part, state, generation)

    assert [] == changes.lists
    assert 1 == len(changes.rejects)


def test_without_a_generation_there_is_no_list_to_answer(state: PartitionState) -> None:
    """The play is learnt."""
    changes = folded(asking(0, played("ann", "i3")), state, None)

    assert [] == changes.lists
    assert b"ann" in dict(changes.changelog)


def test_a_list_answers_a_bounded_number_of_events(state: PartitionState, generation: Generation) -> None:
    """The latest ones."""
    changes = folded(asking(0, *[played("ann", "i3")] * (ANSWERS_MAX + 2)), state, generation)

    answered = [token for token, _ in answers_of(changes)["ann"]]
    assert ANSWERS_MAX == len(answered)
    assert b"t2" == answered[0]
    assert b"t%d" % (ANSWERS_MAX + 1) == answered[-1]


def test_partitions_are_answered_apart(tmp_path: Path, generation: Generation) -> None:
    """A token belongs to the user of its own partition, also if both have the same key."""
    states = {number: PartitionState(tmp_path / f"state-{number}") for number in (0, 1)}
    first = asking(0, played("ann", "i3"), tokens=(b"zero",))
    second = asking(0, played("ben", "i5"), played("ann", "i4"), tokens=(None, b"one"))._replace(partition=1)
    context = GroupContext(states, generation, NOW_MS)
    changes = folder_of(SETTINGS).fold(read_group([first, second], SETTINGS), context)
    make_durable(changes, states)

    assert {"ann": [(b"zero", "learnt")]} == answers_of(changes[0])
    assert {"ben": [], "ann": [(b"one", "learnt")]} == answers_of(changes[1])
    for state in states.values():
        state.close()
