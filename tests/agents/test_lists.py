"""Recommendations as they travel."""

from pathlib import Path

import msgspec
import numpy as np

from agents.lists import encode_lists
from state.publishing import Publishing, Reason
from state.relist import Lists
from state.user_record import HEADER
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
        np.array([False, False, True]),
    )
    users = {0: [b"ann", "ü".encode()], 3: [b"cem"]}
    due, reasons = np.array([True, True, False]), np.array([Reason.CHANGED, Reason.FIRST, Reason.FIRST], np.uint8)
    header = np.zeros(3, HEADER)
    header["applied_offset"], header["plays"] = [5, -1, 9], [2, 0, 7]

    found = Publishing(due, ~due, reasons, np.zeros(3, np.float32))
    messages = encode_lists(users, header, lists, found, generation, SETTINGS, 1_000_000)

    told = {number: msgspec.json.decode(message, type=Recommendations) for number, message in messages.items()}
    ids = generation.item_ids.tolist()
    assert {
        0: Recommendations(
            user_id="ann",
            kind="personal",
            generation=FIRST_ID,
            revision=0,
            partition=0,
            offset=5,
            plays=2,
            reason="changed",
            made_at_ms=1_000_000,
            expires_at_ms=1_060_000,
            items=ids[:3],
            scores=told[0].scores,
        ),
        1: Recommendations(
            user_id="ü",
            kind="popular",
            generation=FIRST_ID,
            revision=0,
            partition=0,
            offset=-1,
            plays=0,
            reason="first",
            made_at_ms=1_000_000,
            expires_at_ms=1_060_000,
            items=[ids[3]],
            scores=[7.0],
        ),
    } == told
    np.testing.assert_array_equal(lists.scores[0], np.array(told[0].scores, np.float32))


def test_nobody_due_is_no_message(tmp_path: Path) -> None:
    """Nothing is written."""
    nobody = np.zeros(1, np.bool_)
    lists = Lists(np.zeros((1, 1), np.int32), np.zeros((1, 1), np.float32), nobody, nobody)

    found = Publishing(nobody, nobody, np.zeros(1, np.uint8), np.zeros(1, np.float32))

    assert {} == encode_lists({0: [b"ann"]}, np.zeros(1, HEADER), lists, found, make_generation(tmp_path), SETTINGS, 0)
