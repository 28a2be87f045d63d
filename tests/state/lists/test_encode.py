"""Recommendations as they travel."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from state.lists.context import ListContext
from state.lists.encode import ListEncoder
from state.lists.publish_policy import Publishing, Reason
from state.users.record import UserRecord
from state.users.record_batch import new_users
from streams.messages.records import Recommendations
from streams.positions import position_of
from tests.support.generations import FIRST_ID, build_lists, listener, make_generation, unexplained, unpacked
from tests.support.settings import settings_with

SETTINGS = settings_with(list_expires_s=60)


def published(n_users: int, n_due: int) -> Publishing:
    """Return that the lists of the first users go out."""
    due = np.arange(n_users) < n_due
    return Publishing(due, ~due, np.full(n_users, Reason.CHANGED, np.uint8), np.zeros(n_users, np.float32))


def test_a_list_travels_as_its_record(tmp_path: Path) -> None:
    """Only those that are due, numbered through all partitions; padding is cut, scores keep their precision."""
    generation = make_generation(tmp_path)
    rows = np.array([[0, 1, 2], [3, -1, -1], [4, 5, -1]], np.int32)
    scores = np.array([[0.1, 0.05, 1e-9], [7, -np.inf, -np.inf], [2, 1, -np.inf]], np.float32)
    lists = unexplained(rows, scores, np.array([True, False, True]), generation)
    users = {0: [b"ann", "ü".encode()], 3: [b"cem"]}
    due, reasons = np.array([True, True, False]), np.array([Reason.CHANGED, Reason.FIRST, Reason.FIRST], np.uint8)
    records = new_users(3, 8)
    header = records.header
    header["applied_offset"], header["plays"] = [5, -1, 9], [2, 0, 7]

    decision = Publishing(due, ~due, reasons, np.zeros(3, np.float32))
    settings = settings_with(list_expires_s=60, because_n=0)
    messages = ListEncoder(settings).encode(users, records, lists, ListContext(generation, 1_000_000), decision)

    recommendations = {
        number: msgspec.json.decode(message, type=Recommendations) for number, message in messages.items()
    }
    ids, when = generation.item_ids.tolist(), {"made_at_ms": 1_000_000, "expires_at_ms": 1_060_000}
    ann = {"user_id": "ann", "kind": "personal", "offset": 5, "plays": 2, "reason": "changed", "items": ids[:3]}
    u = {"user_id": "ü", "kind": "popular", "offset": -1, "plays": 0, "reason": "first", "items": [ids[3]]}
    expected = [{"generation": FIRST_ID, "revision": 0, "partition": 0, **when, **one} for one in (ann, u)]
    assert [Recommendations(**one, scores=recommendations[n].scores) for n, one in enumerate(expected)] == [
        recommendations[0],
        recommendations[1],
    ]
    assert [7.0] == recommendations[1].scores
    np.testing.assert_array_equal(lists.scores[0], np.array(recommendations[0].scores, np.float32))


def test_a_list_that_goes_out_says_why(tmp_path: Path) -> None:
    """The shares of the listener's plays, largest first, and the rest sum to each explained score."""
    generation = make_generation(tmp_path)
    records = unpacked(listener(3, 14, 15, 9, 26), listener(9, 5), UserRecord(), listener(1, 2, 3, 4))
    lists = build_lists(records, generation, settings_with(list_n=12, popular_blend=0))
    users = {1: [b"ann", b"ben", b"new", b"quiet"]}

    messages = ListEncoder(SETTINGS).encode(users, records, lists, ListContext(generation, 0), published(4, 3))

    sent = {number: msgspec.json.decode(message, type=Recommendations) for number, message in messages.items()}
    assert {0, 1, 2} == set(sent)
    for number, played in ((0, {"i3", "i14", "i15", "i9", "i26"}), (1, {"i9", "i5"})):
        made = sent[number]
        assert 12 == len(made.items)
        assert [min(3, len(played))] * 10 == [len(names) for names in made.because]
        assert {name for names in made.because for name in names} <= played
        assert all(len(set(names)) == len(names) for names in made.because)
        sums = [sum(shares) + rest for shares, rest in zip(made.because_scores, made.because_rest, strict=True)]
        np.testing.assert_allclose(made.scores[:10], sums, rtol=1e-6)
    assert max(map(abs, sent[1].because_rest)) < 1e-5
    assert "popular" == sent[2].kind
    assert [] == sent[2].because
    assert [] == sent[2].because_scores
    assert [] == sent[2].because_rest


def test_a_blended_list_says_why_too(tmp_path: Path) -> None:
    """The popular part of a score belongs to the rest."""
    made_up = make_generation(tmp_path, popularity={f"i{number}": 100.0 / (1 + number) for number in range(40)})
    generation = replace(made_up, manifest=msgspec.structs.replace(made_up.manifest, n_users=10, n_plays=40))
    records = unpacked(listener(3, 14))
    lists = build_lists(records, generation, settings_with(list_n=12))

    messages = ListEncoder(SETTINGS).encode({0: [b"ann"]}, records, lists, ListContext(generation, 0), published(1, 1))

    made = msgspec.json.decode(messages[0], type=Recommendations)
    sums = [sum(shares) + rest for shares, rest in zip(made.because_scores, made.because_rest, strict=True)]
    assert "blended" == made.kind
    np.testing.assert_allclose(made.scores[:10], sums, rtol=1e-6)
    assert max(map(abs, made.because_rest)) > 0.01


@pytest.mark.parametrize("off", ["because_n", "because_items_n"])
def test_a_list_need_not_say_why(tmp_path: Path, off: str) -> None:
    """With `because_n` or `because_items_n` 0 the fields are empty."""
    generation = make_generation(tmp_path)
    records, settings = unpacked(listener(3, 14, 15)), settings_with(list_n=5, **{off: 0})
    lists = build_lists(records, generation, settings)

    messages = ListEncoder(settings).encode({0: [b"ann"]}, records, lists, ListContext(generation, 0), published(1, 1))

    sent = msgspec.json.decode(messages[0], type=Recommendations)
    assert 5 == len(sent.items)
    assert [] == sent.because
    assert [] == sent.because_scores
    assert [] == sent.because_rest


def test_nobody_due_is_no_message(tmp_path: Path) -> None:
    """Nothing is written."""
    nobody = np.zeros(1, np.bool_)
    generation = make_generation(tmp_path)
    lists = unexplained(np.zeros((1, 1), np.int32), np.zeros((1, 1), np.float32), nobody, generation)

    decision = Publishing(nobody, nobody, np.zeros(1, np.uint8), np.zeros(1, np.float32))

    context = ListContext(generation, 0)
    assert {} == ListEncoder(SETTINGS).encode({0: [b"ann"]}, new_users(1, 8), lists, context, decision)


def test_a_list_of_a_later_epoch_names_it(tmp_path: Path) -> None:
    """Its offset is that on the topic of the epoch; in the first epoch the field is left out."""
    generation = make_generation(tmp_path)
    records = unpacked(listener(3, 14), listener(9, 5))
    records.header["applied_offset"] = [position_of(2, 7), 8]
    lists = build_lists(records, generation, settings_with(list_n=12, popular_blend=0))

    messages = ListEncoder(SETTINGS).encode(
        {1: [b"ann", b"ben"]}, records, lists, ListContext(generation, 0), published(2, 2)
    )

    ann, ben = (msgspec.json.decode(messages[number]) for number in range(2))
    assert 2 == ann["epoch"]
    assert 7 == ann["offset"]
    assert 8 == ben["offset"]
    assert "epoch" not in ben
