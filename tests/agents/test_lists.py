"""Recommendations as they travel."""

from pathlib import Path

import msgspec
import numpy as np

from agents.lists import encode_lists
from state.relist import Lists
from streams.records import Recommendations
from streams.settings import Settings
from tests.state.builders import FIRST_ID, make_generation

SETTINGS = Settings(list_expires_s=60)


def test_a_list_travels_as_its_record(tmp_path: Path) -> None:
    """Only those that are due, numbered through all partitions; padding is cut, scores keep their precision."""
    generation = make_generation(tmp_path)
    lists = Lists(
        np.array([[0, 1, 2], [3, -1, -1], [4, 5, -1]], np.int32),
        np.array([[0.1, 0.05, 1e-9], [7, -np.inf, -np.inf], [2, 1, -np.inf]], np.float32),
        np.array([True, False, True]),
    )
    users = {0: [b"ann", "ü".encode()], 3: [b"cem"]}
    due = np.array([True, True, False])

    messages = encode_lists(users, np.array([5, -1, 9]), lists, due, generation, SETTINGS, 1_000_000)

    found = {number: msgspec.json.decode(message, type=Recommendations) for number, message in messages.items()}
    ids = generation.item_ids.tolist()
    assert {
        0: Recommendations(
            user_id="ann",
            kind="personal",
            generation=FIRST_ID,
            revision=0,
            partition=0,
            offset=5,
            made_at_ms=1_000_000,
            expires_at_ms=1_060_000,
            items=ids[:3],
            scores=found[0].scores,
        ),
        1: Recommendations(
            user_id="ü",
            kind="popular",
            generation=FIRST_ID,
            revision=0,
            partition=0,
            offset=-1,
            made_at_ms=1_000_000,
            expires_at_ms=1_060_000,
            items=[ids[3]],
            scores=[7.0],
        ),
    } == found
    np.testing.assert_array_equal(lists.scores[0], np.array(found[0].scores, np.float32))


def test_nobody_due_is_no_message(tmp_path: Path) -> None:
    """Nothing is written."""
    nobody = np.zeros(1, np.bool_)
    lists = Lists(np.zeros((1, 1), np.int32), np.zeros((1, 1), np.float32), nobody)

    assert {} == encode_lists(
        {0: [b"ann"]}, np.zeros(1, np.int64), lists, nobody, make_generation(tmp_path), SETTINGS, 0
    )
