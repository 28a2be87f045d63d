"""Which lists go out, and which wait."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from model.arrays import Floats, Rows
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.lists.build import Lists
from state.lists.context import ListContext
from state.lists.publish_policy import (
    REASONS,
    Publishing,
    PublishPolicy,
    holding,
    make_markers,
    record_published,
)
from state.users.record import UserRecord
from state.users.record_batch import UserRecords, unpack
from streams.settings import Settings
from tests.support.generations import make_generation, plain, unexplained
from tests.support.settings import settings_with

NOW_MS = 1_800_000_000_000
NOBODY = np.zeros(1, np.bool_)
SETTINGS = settings_with(list_n=4, list_change_n=3, list_score_change=0.1, list_heartbeat_s=100, list_expires_s=1000)


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """Give a generation of forty items."""
    return make_generation(tmp_path_factory.mktemp("generations"))


def lists_of(rows: Sequence[Sequence[int]], generation: Generation, score: float = 1.0) -> Lists:
    """Return lists of items, each scored alike."""
    table: Rows = np.full((len(rows), 4), -1, np.int32)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    scores: Floats = np.where(table >= 0, score, -np.inf).astype(np.float32)
    return unexplained(table, scores, np.ones(len(rows), np.bool_), generation)


def listed(generation: Generation, *rows: int, ago_ms: int = 50_000) -> UserRecord:
    """Return a user with a list of some time ago."""
    return UserRecord(
        plays=3,
        last_played_s=500,
        listed_at_s=500,
        listed_at_ms=NOW_MS - ago_ms,
        list_score=1.0,
        generation_key=generation.key,
        listed=[int(generation.marks[row]) for row in rows],
        vector=(0.0,) * 8,
    )


def records_of(*users: UserRecord) -> UserRecords:
    """Return users as arrays."""
    return unpack([user.encode() for user in users], 8)


def decided(
    user: UserRecord,
    lists: Lists,
    generation: Generation,
    settings: Settings = SETTINGS,
    *,
    republish: bool = False,
    requested: bool = False,
) -> str:
    """Return why a user's list goes out, or that it waits, or that it does not."""
    records = records_of(user)
    decision = PublishPolicy(settings.lists).decide(
        records, lists, ListContext(generation, NOW_MS), np.array([republish]), records.blank, np.array([requested])
    )
    if decision.owed[0]:
        return "owed"
    return REASONS[decision.reasons[0]] if decision.due[0] else "-"


def test_a_list_that_is_the_same_is_not_published(generation: Generation) -> None:
    """Nor one whose first items changed places, nor one that changed behind them."""
    user = listed(generation, 1, 2, 3, 4)

    assert "-" == decided(user, lists_of([[1, 2, 3, 4]], generation), generation)
    assert "-" == decided(user, lists_of([[3, 1, 2, 4]], generation), generation)
    assert "-" == decided(user, lists_of([[1, 2, 3, 9]], generation), generation)


def test_a_list_that_an_event_asks_for_is_published(generation: Generation) -> None:
    """Under the reason that it has; without one as renewed. It does not wait for a burst to end."""
    user = listed(generation, 1, 2, 3, 4)
    same, other = (lists_of([rows], generation) for rows in ([1, 2, 3, 4], [1, 2, 9, 3]))
    patient = settings_with(list_n=4, list_change_n=3, debounce_ms=10**9)

    assert "renewed" == decided(user, same, generation, requested=True)
    assert "changed" == decided(user, other, generation, requested=True)
    assert "owed" == decided(user, other, generation, patient)
    assert "changed" == decided(user, other, generation, patient, requested=True)
    assert "repeated" == decided(user, same, generation, requested=True, republish=True)


def test_a_newcomer_among_the_first_items_is_a_change(generation: Generation) -> None:
    """As many as the settings allow are none."""
    user = listed(generation, 1, 2, 3, 4)

    assert "changed" == decided(user, lists_of([[1, 2, 9, 3]], generation), generation)
    patient = settings_with(list_n=4, list_change_n=3, list_overlap_min=0.6)
    assert "-" == decided(user, lists_of([[1, 2, 9, 3]], generation), generation, patient)


def test_a_list_that_holds_what_nobody_gets_any_more_is_a_change(generation: Generation) -> None:
    """However far down, and only then."""
    users = [listed(generation, 1, 2, 3, 4), listed(generation), listed(generation, 1, 2, 3, 5)]
    decisions = {}
    for rows in ((4, 30), (3, 5), (9,), ()):
        unlisted = Unlisted.of(generation, np.array(rows, np.int32))
        decisions[rows] = holding(records_of(*users).listed, unlisted, generation).tolist()
    assert {(4, 30): [True, False, False], (3, 5): [True, False, True], (9,): [False] * 3, (): [False] * 3} == decisions

    same = lists_of([[1, 2, 3, 9]], generation)
    gone = Unlisted.of(generation, np.array([4], np.int32))
    assert "-" == decided(users[0], same, generation)
    assert "changed" == decided(users[0], same._replace(unlisted=gone), generation)


def test_a_hidden_item_is_a_change_however_far_down_it_stands(generation: Generation) -> None:
    """Of its own user's list alone: a listener does not want to see a hidden item once more."""
    user, lists = listed(generation, 1, 2, 3, 4), lists_of([[1, 2, 3, 9]], generation)

    assert "changed" == decided(replace(user, hidden=[int(generation.item_keys[4])]), lists, generation)
    assert "-" == decided(replace(user, hidden=[int(generation.item_keys[5])]), lists, generation)


def test_another_mean_score_is_a_change(generation: Generation) -> None:
    """In either direction, beyond the share that the settings allow."""
    user = listed(generation, 1, 2, 3, 4)

    decisions = [
        decided(user, lists_of([[1, 2, 3, 4]], generation, score), generation) for score in (0.85, 0.95, 1.05, 1.15)
    ]

    assert ["changed", "-", "-", "changed"] == decisions


def test_a_first_list_another_generation_and_a_repeat_go_out_at_once(generation: Generation) -> None:
    """The strongest reason is told; none of them waits for a burst to end."""
    settings = settings_with(list_n=4, list_change_n=3, debounce_ms=60_000)
    user, same = listed(generation, 1, 2, 3, 4), lists_of([[1, 2, 3, 4]], generation)

    assert "repeated" == decided(user, same, generation, settings, republish=True)
    assert "generation" == decided(replace(user, generation_key=7), same, generation, settings, republish=True)
    assert "first" == decided(UserRecord(plays=1), same, generation, settings)


def test_an_old_list_is_renewed(generation: Generation) -> None:
    """By the listener's own event time, or shortly before it expires by the clock."""
    same = lists_of([[1, 2, 3, 4]], generation)

    assert "renewed" == decided(replace(listed(generation, 1, 2, 3, 4), last_played_s=600), same, generation)
    assert "-" == decided(listed(generation, 1, 2, 3, 4, ago_ms=899_999), same, generation)
    assert "renewed" == decided(listed(generation, 1, 2, 3, 4, ago_ms=900_000), same, generation)


def test_a_changed_list_waits_until_the_burst_is_over(generation: Generation) -> None:
    """Counted from the list before it; the wait is written into the record, and ends with the list."""
    settings = settings_with(list_n=4, list_change_n=3, debounce_ms=500)
    lists = lists_of([[1, 2, 9, 3]], generation)
    early, late = listed(generation, 1, 2, 3, 4, ago_ms=499), listed(generation, 1, 2, 3, 4, ago_ms=500)

    assert "owed" == decided(early, lists, generation, settings)
    assert "changed" == decided(late, lists, generation, settings)
    records = records_of(early)
    policy, context = PublishPolicy(settings.lists), ListContext(generation, NOW_MS)
    decision = policy.decide(records, lists, context, NOBODY, NOBODY, NOBODY)
    record_published(records, lists, context, decision)
    (waiting,) = plain(records)
    assert waiting.owed
    assert early.listed == waiting.listed
    assert early.listed_at_ms == waiting.listed_at_ms
    context = ListContext(generation, NOW_MS + 1)
    decision = policy.decide(records, lists, context, NOBODY, NOBODY, NOBODY)
    record_published(records, lists, context, decision)
    (done,) = plain(records)
    assert not done.owed
    assert NOW_MS + 1 == done.listed_at_ms
    assert generation.key == done.generation_key
    assert [int(generation.marks[row]) for row in (1, 2, 9, 3)] == done.listed


def test_who_is_nobody_has_no_list(generation: Generation) -> None:
    """Nothing is published, and the record's note of a list is removed; its marker has the time."""
    nobody = replace(listed(generation, 1, 2), plays=0, listed_at_s=0, owed=True)
    records = records_of(nobody)

    assert "-" == decided(nobody, lists_of([[1, 2, 3, 4]], generation), generation)
    make_markers(records, records.blank, NOW_MS)

    expected = UserRecord(last_played_s=500, listed_at_s=NOW_MS // 1000, vector=(0.0,) * 8)
    assert [expected] == plain(records)


def test_only_what_is_published_is_remembered(generation: Generation) -> None:
    """Users beside each other keep their own; a list may be shorter or longer than the one before."""
    users = [listed(generation, 1, 2, 3, 4), listed(generation, 5), listed(generation, 6, 7)]
    records, lists = records_of(*users), lists_of([[8], [9, 10, 11, 12], [13]], generation)
    due = np.array([True, True, False])

    nothing = np.zeros(3, np.float32)
    decision = Publishing(due, ~due & False, np.zeros(3, np.uint8), nothing)
    record_published(records, lists, ListContext(generation, NOW_MS), decision)

    rows = {int(mark): row for row, mark in enumerate(generation.marks)}
    assert [[8], [9, 10, 11, 12], [6, 7]] == [[rows[mark] for mark in user.listed] for user in plain(records)]
