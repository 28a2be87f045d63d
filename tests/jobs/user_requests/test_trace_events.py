"""The outcomes of a listener's events, derived from the events and the record alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest

from agents.plays.recompute import recompute
from jobs.user_requests.trace_document import TracedEvent
from jobs.user_requests.trace_events import Known, Outcomes, trace_events
from state.users.record import UserRecord
from streams.messages.records import RejectedPlay
from streams.positions import position_of
from streams.settings import Settings, override
from tests.support.deliveries import ARRIVED_MS, FIRST_S, Delivered
from tests.support.settings import settings_with

SETTINGS = settings_with(cooldown_shows=2, user_signals_per_day_max=4, event_weights="play=1,like=2,skip=-1")
ALL = 100


def event(**fields: Any) -> bytes:
    """Return an event of ann's as it travels."""
    return msgspec.json.encode({"user_id": "ann", **fields})


def signal(item: str, **fields: Any) -> bytes:
    """Return a play of ann's, or another signal."""
    return event(item_id=item, played_at_ms=1000 * FIRST_S, **fields)


def on_plays(*values: bytes, first: int = 0) -> list[Delivered]:
    """Return ann's events by offset."""
    return [Delivered(offset, b"ann", value) for offset, value in enumerate(values, first)]


def record_after(*values: bytes, settings: Settings = SETTINGS) -> UserRecord:
    """Return the record of a worker that processed these events."""
    return recompute(on_plays(*values), 0, 0, settings).record


def outcomes_of(
    records: Sequence[Delivered],
    record: UserRecord | None,
    committed: int = ALL,
    rejects: Mapping[int, RejectedPlay] | None = None,
    settings: Settings = SETTINGS,
    n_latest: int = ALL,
) -> Outcomes:
    """Return the outcomes of events."""
    known = Known(record, committed, rejects or {})
    return trace_events(records, known, n_latest, partial(recompute, partition=0, settings=settings), settings)


def words(events: Sequence[TracedEvent]) -> list[tuple[str, bool | None]]:
    """Return outcomes, and whether the record shows the effect of the event."""
    return [(traced.outcome, traced.in_record) for traced in events]


def rejected(offset: int, value: bytes | None, reason: str) -> RejectedPlay:
    """Return a reject."""
    key = None if value is None else b"ann"
    return RejectedPlay(topic="plays", partition=0, offset=offset, reason=reason, key=key, value=value)


def test_every_outcome_of_a_signal_is_told() -> None:
    """Its effect on the record, or the reason for none; the record is recomputed exactly."""
    values = (
        signal("i1", play_id="p"),
        signal("i1", play_id="p"),
        event(type="pause"),
        signal("i2"),
        event(type="resume"),
        signal("i3", type="like"),
        signal("i4"),
        signal("i5"),
        signal("i6"),
    )

    outcomes = outcomes_of(on_plays(*values), record_after(*values))

    assert [] == outcomes.differing
    assert [
        ("learnt", True),
        ("retried", False),
        ("wished", False),
        ("paused", False),
        ("wished", True),
        ("learnt", True),
        ("learnt", True),
        ("learnt", True),
        ("capped", False),
    ] == [
        # The retry and the play in a pause name items that the record has, or has not, by other events.
        *words(outcomes.latest)
    ]


def test_an_event_is_described_by_its_fields() -> None:
    """Type, items, times and weight; a request has no weight and no event time."""
    values = (signal("i1", type="like"), event(type="shown", item_ids=["i2", "i3"]), event(type="hide", item_id="i4"))

    like, shown, hide = outcomes_of(on_plays(*values, first=7), None, committed=0).latest

    assert ["like", "shown", "hide"] == [like.type, shown.type, hide.type]
    assert [["i1"], ["i2", "i3"], ["i4"]] == [like.item_ids, shown.item_ids, hide.item_ids]
    assert [2.0, None, None] == [like.weight, shown.weight, hide.weight]
    assert [1000 * FIRST_S, None, None] == [like.played_at_ms, shown.played_at_ms, hide.played_at_ms]
    assert [ARRIVED_MS] * 3 == [like.arrived_at_ms, shown.arrived_at_ms, hide.arrived_at_ms]
    assert [7, 8, 9] == [like.offset, shown.offset, hide.offset]


def test_the_record_shows_requests_that_still_hold() -> None:
    """A later request, or the history's limit, may have undone an earlier event."""
    values = (
        signal("i1"),
        event(type="hide", item_id="i2"),
        event(type="hide", item_id="i3"),
        event(type="unhide", item_id="i2"),
        event(type="shown", item_ids=["i4"]),
        event(type="pause"),
        event(type="resume"),
        signal("i5"),
    )
    small = override(SETTINGS, history_max=1)

    outcomes = outcomes_of(on_plays(*values), record_after(*values, settings=small), settings=small)

    assert [] == outcomes.differing
    assert [False, False, True, True, True, False, True, True] == [traced.in_record for traced in outcomes.latest]


def test_a_signal_that_was_dropped_is_not_shown_by_a_repeat() -> None:
    """Signals of an item are told apart by second and weight."""
    minute_ms = 60_000
    values = (
        signal("i1"),
        event(item_id="i1", played_at_ms=1000 * FIRST_S + minute_ms),
        event(item_id="i2", played_at_ms=1000 * FIRST_S + minute_ms, type="like"),
        event(item_id="i2", played_at_ms=1000 * FIRST_S + minute_ms),
    )
    small = override(SETTINGS, history_max=2)

    outcomes = outcomes_of(on_plays(*values), record_after(*values, settings=small), settings=small)

    assert [] == outcomes.differing
    assert [False, True, False, True] == [traced.in_record for traced in outcomes.latest]


def test_a_weight_that_float32_rounds_is_in_the_record() -> None:
    """A record stores weights in four bytes."""
    settings = override(SETTINGS, event_weights="play=0.1,skip=-1")

    outcomes = outcomes_of(on_plays(signal("i1")), record_after(signal("i1"), settings=settings), settings=settings)

    assert [("learnt", True)] == words(outcomes.latest)


def test_a_signal_of_another_weight_may_be_in_the_record() -> None:
    """The worker had other settings, so the weight of the entry says nothing."""
    other = override(SETTINGS, event_weights="play=0.5,skip=-1")

    outcomes = outcomes_of(on_plays(signal("i1")), record_after(signal("i1"), settings=other))

    assert ["history"] == outcomes.differing
    assert [("unknown", None)] == words(outcomes.latest)


def test_a_record_of_an_earlier_version_differs_in_its_history() -> None:
    """Formats 1 and 2 kept one sum for all signals of an item."""
    values = (signal("i1"), signal("i1"))
    record = record_after(*values)
    last = record.history[-1]
    record.history = [replace(last, value=last.value + record.history[0].value)]

    assert ["history"] == outcomes_of(on_plays(*values), record).differing


def test_a_private_play_is_nothing_but_its_place() -> None:
    """Whether it is processed or not, and even if its bytes cannot be read."""
    values = (signal("secret", private=True), b'{"private": true, "item_id": "secret"}', signal("secret", private=True))
    rejects = {1: rejected(1, None, "a private play is unreadable")}

    traced = outcomes_of(on_plays(*values), None, committed=2, rejects=rejects).latest

    assert ["private", "rejected", "waiting"] == [one.outcome for one in traced]
    assert [None] * 3 == [one.arrived_at_ms for one in traced]
    assert b"secret" not in msgspec.json.encode(traced)


def test_a_rejected_event_has_its_reason() -> None:
    """Only that of `plays-rejected`: it has been read by a worker, under the settings of that worker."""
    values = (b"{}", b"{", signal("i1", type="cheer"), signal("i2"))
    rejects = {0: rejected(0, b"{}", "no user_id"), 3: rejected(3, values[3], "by older settings")}

    outcomes = outcomes_of(on_plays(*values), None, committed=3, rejects=rejects)

    assert [
        ("rejected", "no user_id"),
        ("unknown", ""),
        ("unknown", ""),
        ("rejected", "by older settings"),
    ] == [(traced.outcome, traced.reason) for traced in outcomes.latest]
    assert [] == outcomes.differing


def test_events_before_a_request_to_be_forgotten_are_gone() -> None:
    """Whether the marker is there, or has expired; later events count."""
    values = (signal("i1"), event(type="hide", item_id="i2"), event(type="forget"), signal("i3"))
    gone = [("forgotten", False), ("forgotten", False), ("wished", True)]

    marker = outcomes_of(on_plays(*values[:3]), record_after(*values[:3]))
    expired = outcomes_of(on_plays(*values[:3]), None)
    again = outcomes_of(on_plays(*values), record_after(*values))

    assert gone == words(marker.latest)
    assert gone == words(expired.latest)
    assert [*gone, ("learnt", True)] == words(again.latest)
    assert [[], [], []] == [outcomes.differing for outcomes in (marker, expired, again)]


def test_an_event_beyond_the_record_waits_or_is_missing() -> None:
    """It waits until workers commit it; after that the record should contain it."""
    values = (signal("i1"), signal("i2"), signal("i3"))

    traced = outcomes_of(on_plays(*values), record_after(values[0]), committed=2).latest

    assert [("learnt", True), ("missing", False), ("waiting", False)] == words(traced)


def test_shown_items_are_ignored_without_a_cool_down() -> None:
    """Workers do not even count them as applied."""
    values = (signal("i1"), event(type="shown", item_ids=["i2"]), event(type="shown", item_ids=["i2"]))
    settings = override(SETTINGS, cooldown_shows=0)

    traced = outcomes_of(on_plays(*values), record_after(values[0]), committed=2, settings=settings).latest

    assert [("learnt", True), ("ignored", False), ("waiting", False)] == words(traced)


def test_outcomes_that_cannot_be_recomputed_are_unknown() -> None:
    """An older event is no longer on the topic: a play may be a retry of it, while a request is applied in any case."""
    values = (signal("i0"), signal("i1"), event(type="hide", item_id="i2"), signal("i3"))
    record = record_after(*values)
    record.history = [entry for entry in record.history if entry.item_key != record.history[-1].item_key]

    outcomes = outcomes_of(on_plays(*values)[1:], record)

    assert ["plays", "day_signals", "history"] == outcomes.differing
    assert [("unknown", None), ("wished", True), ("unknown", False)] == words(outcomes.latest)


@pytest.mark.parametrize("n_latest", [1, 2])
def test_only_the_latest_events_are_returned(n_latest: int) -> None:
    """All of them lead to the record."""
    values = (signal("i1"), signal("i2"), signal("i1"))

    outcomes = outcomes_of(on_plays(*values), record_after(*values), n_latest=n_latest)

    assert [("learnt", True)] * n_latest == words(outcomes.latest)
    assert 2 == outcomes.latest[-1].offset


def test_a_listener_without_events_has_no_outcomes() -> None:
    """No events lead to an empty record."""
    assert Outcomes([], []) == outcomes_of([], None)


def test_events_of_the_present_topic_are_not_in_a_record_of_an_earlier_one() -> None:
    """The record's applied offset is higher, but of another topic."""
    record = replace(record_after(signal("i1")), applied_offset=5_000)
    known = Known(record, 0, {}, epoch=1)
    records = on_plays(signal("i2"))

    traced = trace_events(records, known, ALL, partial(recompute, partition=0, settings=SETTINGS), SETTINGS)

    assert [("waiting", False)] == words(traced.latest)
    assert 0 == Known(replace(record, applied_offset=position_of(1, 0)), 0, {}, epoch=1).applied
