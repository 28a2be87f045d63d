"""The work on a group: only partitions that this worker owns."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agents.group_context import GroupContext
from agents.plays.group_work import GroupWork, make_group_work
from state.lists.popularity import TrainedPopularity
from state.lists.ranker import Ranker
from state.users.partition import PartitionState
from tests.support.deliveries import NOW_MS, make_durable, played, slice_of
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=5)


@pytest.fixture
def work() -> GroupWork:
    """Give the work of a worker."""
    return make_group_work(SETTINGS, Ranker(SETTINGS.ranking), TrainedPopularity(), [])


@pytest.fixture
def context(tmp_path: Path) -> Iterator[GroupContext]:
    """Give the context of a worker that owns partition 0, without a generation."""
    states = {0: PartitionState(tmp_path / "0")}
    yield GroupContext(states, None, NOW_MS)
    states[0].close()


def test_slices_of_other_partitions_are_left_out(work: GroupWork, context: GroupContext) -> None:
    """Their new owner reads them."""
    mine, others = slice_of(0, 0, played("ann", "i1")), slice_of(3, 0, played("ben", "i1"))

    assert {0} == set(work.fold([others, mine], context))
    assert {} == work.fold([others], context)
    assert {} == work.refold({3: [b"ben"]}, context, publish_all=True)
    assert {} == work.drop_markers({3: [b"ben"]}, context)


def test_a_user_who_came_back_is_not_dropped(work: GroupWork, context: GroupContext) -> None:
    """A play may arrive between the search for old markers and their removal."""
    forget = {
        user: (user.encode(), msgspec.json.encode({"type": "forget", "user_id": user})) for user in ("ann", "ben")
    }
    make_durable(work.fold([slice_of(0, 0, *forget.values(), played("ben", "i1"))], context), context.states)

    changes = work.drop_markers({0: [b"ann", b"ben", b"unknown"]}, context)

    assert [(b"ann", None)] == changes[0].changelog
