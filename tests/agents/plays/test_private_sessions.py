"""Private sessions with real states on disk: the lists that they shape, and the state that they leave alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from agents.group_context import GroupContext
from agents.plays.changes import Changes
from agents.plays.decode import read_group
from agents.plays.fold import Folder
from agents.plays.group_work import GroupWork
from agents.plays.private_lists import PrivateLists
from agents.plays.private_sessions import PrivateSessions
from state.generations.generation import Generation
from state.keys import item_key
from state.lists.build import ListBuilder
from state.lists.popularity import TrainedPopularity
from state.lists.ranker import Ranker
from state.users.partition import PartitionState
from state.users.record import UserRecord
from streams.consumer.slices import Slice
from streams.messages.records import Recommendations
from streams.outbox import Item
from streams.settings import Settings, override
from tests.support.deliveries import NOW_MS, lists_of, make_durable, played, slice_of
from tests.support.generations import make_generation
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=5, private_sessions_max=3, private_plays_max=4, private_s=100.0)
SECRETS = ["i7", "i8", "i9"]


class Scene:
    """One partition, a generation of items `i0` to `i39`, and the sessions of a worker under a clock that stands."""

    def __init__(self, folder: Path, settings: Settings = SETTINGS) -> None:
        """Begin with nobody."""
        self.now_s, self.settings = 0.0, settings
        self.states = {0: PartitionState(folder / "state" / "0")}
        self.generation: Generation | None = make_generation(folder / "generations")
        self.sessions = PrivateSessions(settings.private, lambda: self.now_s)
        lists = ListBuilder(settings, Ranker(settings.ranking), TrainedPopularity())
        private_lists = PrivateLists(settings, lists, self.sessions)
        self.work = GroupWork(settings, Folder(settings, lists, []), private_lists)

    def deliver(self, first: int, *items: Item) -> dict[int, Changes]:
        """Fold a slice of consecutive records."""
        return self.fold(slice_of(0, first, *items))

    def fold(self, *slices: Slice) -> dict[int, Changes]:
        """Fold slices, the private plays among them."""
        changes = self.work.fold(slices, GroupContext(self.states, self.generation, NOW_MS))
        make_durable(changes, self.states)
        return changes

    def record(self, user: str) -> bytes | None:
        """Return the stored record of a user."""
        (value,) = self.states[0].read([user.encode()])
        return value


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give a scene."""
    made = Scene(tmp_path)
    yield made
    made.states[0].close()


def private(user: str, item: str, **fields: Any) -> Item:
    """Return a private play."""
    return played(user, item, private=True, **fields)


def private_lists(changes: dict[int, Changes]) -> dict[str, Recommendations]:
    """Return the private lists of a group by user."""
    return {
        key.decode(): msgspec.json.decode(value or b"", type=Recommendations)
        for part in changes.values()
        for key, value in part.private
    }


def test_a_private_list_is_that_of_who_had_played_it_in_the_open(scene: Scene, tmp_path: Path) -> None:
    """To the last digit; it is marked, expires soon, and names the plays that it reflects."""
    open_scene = Scene(tmp_path / "open")
    for place in (scene, open_scene):
        place.deliver(0, played("ann", "i1"), played("ann", "i2"))

    recommendations = private_lists(scene.deliver(2, private("ann", "i7"), private("ann", "i8")))["ann"]

    expected = lists_of(open_scene.deliver(2, played("ann", "i7"), played("ann", "i8")))["ann"]
    open_scene.states[0].close()
    assert expected.items == recommendations.items
    assert expected.generation == recommendations.generation
    assert 3 == recommendations.offset
    np.testing.assert_allclose(expected.scores, recommendations.scores, rtol=1e-5)
    assert recommendations.private
    assert "personal" == recommendations.kind
    assert NOW_MS + 600_000 == recommendations.expires_at_ms
    assert "private" not in msgspec.to_builtins(expected)


def test_nothing_is_written_of_a_private_play(scene: Scene) -> None:
    """Not the record, not the name of its item, no ordinary list; the user may be unknown altogether."""
    scene.deliver(0, played("ann", "i1"))
    before = scene.record("ann")

    changes = scene.deliver(1, private("ann", "i7", play_id="p"), private("eve", "i8"))

    assert [] == changes[0].changelog
    assert [] == changes[0].lists
    assert [] == changes[0].rejects
    assert before == scene.record("ann")
    assert scene.record("eve") is None
    assert {"ann", "eve"} == set(private_lists(changes))
    assert [item_key("i7"), item_key("i8")] == scene.states[0].names.lacking([item_key("i7"), item_key("i8")])


def test_later_plays_know_nothing_of_the_session(scene: Scene, tmp_path: Path) -> None:
    """In the same group and afterwards, record and list are those of a listener without a session."""
    plain = Scene(tmp_path / "plain")
    secret = [private("ann", item) for item in SECRETS]
    with_session = [
        scene.deliver(0, played("ann", "i1"), *secret, played("ann", "i2")),
        scene.deliver(5, played("ann", "i3")),
    ]

    without = [
        plain.fold(slice_of(0, 0, played("ann", "i1")), slice_of(0, 4, played("ann", "i2"))),
        plain.deliver(5, played("ann", "i3")),
    ]

    plain.states[0].close()
    assert [lists_of(changes) for changes in without] == [lists_of(changes) for changes in with_session]
    assert [of_partition[0].changelog for of_partition in without] == [
        of_partition[0].changelog for of_partition in with_session
    ]


def test_a_session_goes_on_and_stands_on_top_of_the_record(scene: Scene) -> None:
    """Every private list reflects all of the session, and the ordinary plays of its own group."""
    scene.deliver(0, private("ann", "i7"))

    changes = scene.deliver(1, private("ann", "i8"), played("ann", "i1"))

    recommendations = private_lists(changes)["ann"]
    assert 2 == recommendations.offset
    assert not bool({"i7", "i8", "i1"} & set(recommendations.items))
    ordinary = lists_of(changes)["ann"]
    assert msgspec.UNSET is ordinary.private
    assert ordinary.items != recommendations.items


def test_a_private_play_delivered_again_counts_once(scene: Scene) -> None:
    """By its offset, also twice in a group, and by the client's own id; the list is sent again."""
    slices = slice_of(0, 0, private("ann", "i7", play_id="p"), private("ann", "i8"))
    first = private_lists(scene.fold(slices, slices))["ann"]

    again = private_lists(scene.fold(slices))["ann"]
    retried = private_lists(scene.deliver(2, private("ann", "i7", play_id="p")))["ann"]

    assert first == again
    assert first.items == retried.items
    assert first.scores == retried.scores


def test_a_session_ends_with_time(scene: Scene) -> None:
    """So many seconds after its last play nothing of it is held, and the next one begins anew."""
    alone = private_lists(scene.deliver(0, private("ann", "i8")))["ann"]
    scene.now_s = 100.0
    scene.deliver(1, private("ann", "i7"))
    scene.now_s = 199.0
    scene.sessions.expire()
    assert 1 == len(scene.sessions)

    scene.now_s = 200.0
    scene.sessions.expire()

    assert 0 == len(scene.sessions)
    anew = private_lists(scene.deliver(2, private("ann", "i8")))["ann"]
    assert alone.items == anew.items


def test_sessions_and_their_plays_are_bounded(scene: Scene) -> None:
    """Whose last private play is the oldest is let go first; of one listener the latest plays count."""
    for offset, user in enumerate(["ann", "ben", "cem", "ann", "dua"]):
        scene.deliver(offset, private(user, f"i{offset}"))

    assert [b"cem", b"ann", b"dua"] == [user for _, user in scene.sessions._sessions]  # noqa: SLF001

    scene.deliver(5, *(private("dua", f"i{number}") for number in range(10, 19)))

    events = scene.sessions.events_of({0: [b"dua"]})
    assert [10, 11, 12, 13] == events.offsets.tolist()


def test_a_group_of_more_listeners_than_sessions_gives_those_that_are_held(scene: Scene) -> None:
    """None of them stops the stream."""
    listed = private_lists(scene.deliver(0, *(private(f"u{number}", "i7") for number in range(9))))

    assert {"u6", "u7", "u8"} == set(listed)


def test_no_sessions_give_no_private_lists(tmp_path: Path) -> None:
    """Where the settings say so, a private play is read and dropped."""
    scene = Scene(tmp_path, override(SETTINGS, private_sessions_max=0))

    changes = scene.deliver(0, private("ann", "i7"))

    scene.states[0].close()
    assert () == changes[0].private
    assert 0 == len(scene.sessions)


def test_a_wish_to_be_forgotten_ends_the_session(scene: Scene) -> None:
    """Nothing of the plays before it remains; plays after it begin a new session."""
    scene.deliver(0, played("ann", "i1"), private("ann", "i7"))
    wish = b"ann", msgspec.json.encode({"type": "forget", "user_id": "ann"})

    scene.deliver(2, wish)
    assert 0 == len(scene.sessions)
    scene.deliver(3, private("ann", "i9"), wish, private("ann", "i8"))

    assert [5] == scene.sessions.events_of({0: [b"ann"]}).offsets.tolist()


def test_a_pause_does_not_matter_to_a_session(scene: Scene) -> None:
    """Nothing is learnt of it anyway."""
    pause = b"ann", msgspec.json.encode({"type": "pause", "user_id": "ann"})
    before = private_lists(scene.deliver(0, private("ann", "i7")))["ann"]

    recommendations = private_lists(scene.deliver(1, pause, private("ann", "i7", play_id="again")))["ann"]

    assert UserRecord.decode(scene.record("ann") or b"").paused
    assert "personal" == recommendations.kind
    assert before.items == recommendations.items


def test_sessions_of_partitions_that_went_away_are_gone(scene: Scene) -> None:
    """Another worker has the listener now."""
    scene.deliver(0, private("ann", "i7"))

    scene.sessions.take(read_group([slice_of(1, 0, private("ben", "i7"))], SETTINGS), {1})

    assert [(1, b"ben")] == list(scene.sessions._sessions)  # noqa: SLF001


def test_without_a_generation_the_session_waits(scene: Scene) -> None:
    """The first private play after one is served brings the list of all."""
    generation, scene.generation = scene.generation, None
    assert () == scene.deliver(0, private("ann", "i7"))[0].private

    scene.generation = generation

    assert not {"i7", "i8"} & set(private_lists(scene.deliver(1, private("ann", "i8")))["ann"].items)
    assert [0, 1] == scene.sessions.events_of({0: [b"ann"]}).offsets.tolist()


def test_who_played_nothing_that_is_known_gets_the_popular_list_marked_private(scene: Scene) -> None:
    """As an ordinary listener would."""
    recommendations = private_lists(scene.deliver(0, private("ann", "no such item")))["ann"]

    assert "popular" == recommendations.kind
    assert recommendations.private
