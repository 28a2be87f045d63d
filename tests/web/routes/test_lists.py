"""A listener's list, as it is given out."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from aiokafka import TopicPartition

from state.gateway_view.keys import LIST
from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.generations import StateTopics, state_topics_key
from streams.partitioning import partition_of
from streams.topics.topics import RECOMMENDATIONS
from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle
from tests.web.scene import NEVER_MS, NOW_MS, Scene, made_list, make_scene

pytestmark = pytest.mark.virtual_time

PARTITION = partition_of("ann", 4)
OTHER = (PARTITION + 1) % 4


async def read(scene: Scene, user_id: str = "ann", **query: Any) -> Any:
    """Return a list, decoded."""
    async with scene.client() as client:
        response = await client.get(f"/v1/users/{quote(user_id, safe='')}/recommendations", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(scene: Scene, query: str) -> int:
    """Return with what a query is refused."""
    async with scene.client() as client:
        response = await client.get(f"/v1/users/ann/recommendations?{query}")
    assert "application/problem+json" == response.headers["content-type"]
    return response.status_code


async def test_a_list_is_given_out_as_it_stands(scene: Scene) -> None:
    """With its scores and its reasons; whether it reflects anything is not said unasked."""
    scene.put_list(made_list("ann", ["i1", "i2"]))

    recommendations = await read(scene)

    assert ["i1", "i2"] == recommendations["items"]
    assert [1.0, 0.5] == recommendations["scores"]
    assert [["of-i1"], ["of-i2"]] == recommendations["because"]
    assert 5 == recommendations["offset"]
    assert "personal" == recommendations["kind"]
    assert NOW_MS == recommendations["made_at_ms"]
    assert "reflected" not in recommendations


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"n": 2}, ["song", "pod"]),
        ({"n": 1000}, ["song", "pod", "gone", "other"]),
        ({"kind": "podcast"}, ["pod"]),
        ({"kind": "podcast", "n": 1, "exclude": "song"}, ["pod"]),
        ({"kind": "film"}, []),
        ({"exclude": ["song", "pod", "nothing"]}, ["gone", "other"]),
        ({"exclude": "song", "n": 1}, ["pod"]),
    ],
)
async def test_a_list_is_cut_to_what_was_asked_for(scene: Scene, query: dict[str, Any], expected: list[str]) -> None:
    """First what does not fit goes, then it is cut; everything beside the items is cut with them."""
    scene.put_item("song", kind="song")
    scene.put_item("pod", kind="podcast")
    scene.put_list(made_list("ann", ["song", "pod", "gone", "other"]))
    whole = await read(scene)

    recommendations = await read(scene, **query)

    places = [whole["items"].index(item_id) for item_id in expected]
    for name in ("items", "scores", "because", "because_scores", "because_rest"):
        assert [whole[name][at] for at in places] == recommendations[name]


async def test_reasons_stay_with_their_items(scene: Scene) -> None:
    """Where a list explains its first items: an explained item that stays keeps its reasons, the others have none."""
    scene.put_list(
        made_list("ann", ["a", "b", "c", "d"], because=[["of-a"], ["of-b"]], because_scores=[[0.5], [0.2]],
                  because_rest=[0.5, 0.3])
    )  # fmt: skip

    recommendations = await read(scene, exclude="a")
    unexplained = await read(scene, exclude="a,b")

    assert ["b", "c", "d"] == recommendations["items"]
    assert [["of-b"]] == recommendations["because"]
    assert [[0.2]] == recommendations["because_scores"]
    assert [0.3] == recommendations["because_rest"]
    assert ["c", "d"] == unexplained["items"]
    assert [] == unexplained["because"]
    assert [] == unexplained["because_rest"]


async def test_what_cannot_be_played_now_is_left_out(scene: Scene) -> None:
    """Not yet, or not any more; the rest moves up."""
    scene.put_list(made_list("ann", ["soon", "i1", "over", "i2"]))
    scene.put_item("soon", available_from_ms=NEVER_MS)
    scene.put_item("over", available_until_ms=NOW_MS - 10**11)

    assert ["i1", "i2"] == (await read(scene))["items"]
    assert ["i1"] == (await read(scene, n=1))["items"]
    scene.put_item("soon")
    assert ["soon", "i1", "i2"] == (await read(scene))["items"]


async def test_who_has_no_list_gets_the_popular_one(scene: Scene) -> None:
    """That of the kind that was asked for; it says that it reflects nothing."""
    scene.put_popular(["i1", "i2"])
    scene.put_popular(["p1", "p2"], kind="podcast")

    recommendations = await read(scene, "nobody/new")
    pods = await read(scene, kind="podcast", exclude="p1")

    assert "nobody/new" == recommendations["user_id"]
    assert "popular" == recommendations["kind"]
    assert (-1) == recommendations["offset"]
    assert ["i1", "i2"] == recommendations["items"]
    assert "popular" == pods["kind"]
    assert ["p2"] == pods["items"]


async def test_an_expired_list_is_not_shown_while_there_is_a_popular_one(scene: Scene) -> None:
    """An old list is better than none."""
    scene.put_list(made_list("ann", ["i1"], expires_at_ms=NOW_MS - 10**11))

    assert "personal" == (await read(scene))["kind"]
    assert ["i1"] == (await read(scene))["items"]
    scene.put_popular(["p1"])
    assert "popular" == (await read(scene))["kind"]
    assert ["p1"] == (await read(scene))["items"]


async def test_without_any_list_that_is_said(scene: Scene) -> None:
    """404, until a worker has served a generation; and 503 with Retry-After while the topics are being read."""
    async with scene.client() as client:
        none = await client.get("/v1/users/ann/recommendations")
        scene.parts.follower.caught_up.clear()
        starting = await client.get("/v1/users/ann/recommendations")

    assert 404 == none.status_code
    assert 503 == starting.status_code
    assert "2" == starting.headers["retry-after"]
    assert none.json()["detail"].endswith("no worker has served a generation yet.")
    assert "The gateway is starting: 0 records are to be read." == starting.json()["detail"]


async def test_a_forgotten_listener_s_list_is_gone_with_its_tombstone(scene: Scene) -> None:
    """What is left is what everybody gets."""
    scene.put_popular(["p1"])
    scene.put_list(made_list())
    assert "personal" == (await read(scene))["kind"]

    scene.take(LIST, "ann", None)

    assert "popular" == (await read(scene))["kind"]
    assert ["p1"] == (await read(scene))["items"]


@pytest.mark.parametrize(
    "query",
    [
        "n=0",
        "n=1001",
        "n=-1",
        "n=x",
        "n=1.5",
        "n=",
        "n=99999999999999999999999999",
        "kind=",
        "kind=" + "x" * 65,
        "exclude=",
        "exclude=" + "x" * 129,
        "&".join(["exclude=x"] * 201),
        "&".join(["exclude=x"] * 5000),
        "after=1",
        "after=1:",
        "after=:1",
        "after=-1:1",
        "after=1:-1",
        "after=1:1:1",
        "after=%D9%A1:1",
        "after=1:9999999999999999999",
        "after=9999999:1",
        f"after={OTHER}:1",
        "after=4:1",
        "wait_ms=-1",
        "wait_ms=60001",
        "n=1&n=2",
        "m=1",
        "kind=%FF",
    ],
)
async def test_a_query_that_does_not_fit_is_refused(scene: Scene, query: str) -> None:
    """With a sentence, before anything waits."""
    scene.put_list(made_list())

    assert 422 == await refused(scene, query)


async def test_a_list_that_reflects_the_play_already_is_given_at_once(scene: Scene) -> None:
    """Also one that reflects more."""
    scene.put_list(made_list(offset=5))

    began = now_s()
    for offset in (0, 5):
        recommendations = await read(scene, after=f"{PARTITION}:{offset}", wait_ms=5000)
        assert recommendations["reflected"] is True
        assert 5 == recommendations["offset"]
    assert began == now_s()


async def test_a_reader_waits_for_the_list_that_reflects_the_play(scene: Scene) -> None:
    """Lists that come before it are not enough, nor those of others."""
    scene.put_list(made_list(offset=5))
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=5000))
    for earlier in (made_list(offset=8), made_list("ben", offset=20)):
        await wait_idle()
        scene.put_list(earlier)
        await wait_idle()
        assert not reading.done()

    scene.put_list(made_list(items=["new"], offset=9))

    recommendations = await reading
    assert recommendations["reflected"] is True
    assert ["new"] == recommendations["items"]


async def test_a_play_that_changes_nothing_is_settled_by_the_workers(scene: Scene) -> None:
    """No list comes; the reader is woken when they have committed the play, and not by one before it."""
    scene.put_list(made_list(offset=5))
    settled = scene.parts.progress._settled  # noqa: SLF001  what Kafka would tell
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=5000))
    await wait_idle()
    settled[PARTITION] = 9
    scene.parts.waiters.wake_all()
    await wait_idle()
    assert not reading.done()

    settled[PARTITION] = 10
    scene.parts.waiters.wake_all()

    recommendations = await reading
    assert recommendations["reflected"] is True
    assert 5 == recommendations["offset"]


async def test_a_play_that_never_comes_is_waited_for_so_long(scene: Scene) -> None:
    """Then the list is given as it is, and says that it does not reflect it; no wait at all is a wait, too."""
    scene.put_list(made_list(offset=5))
    for wait_ms in (150, 0):
        began = now_s()
        recommendations = await read(scene, after=f"{PARTITION}:999999999999999999", wait_ms=wait_ms)
        assert recommendations["reflected"] is False
        assert 5 == recommendations["offset"]
        assert now_s() - began == pytest.approx(wait_ms / 1000)
    assert not scene.parts.waiters.any


async def test_the_operator_bounds_how_long_anybody_waits(tmp_path: Path) -> None:
    """Whatever the request says."""
    scene = await make_scene(tmp_path, gateway_wait_ms_max=50)
    scene.put_list(made_list(offset=5))

    recommendations = await read(scene, after=f"{PARTITION}:9", wait_ms=60_000)

    assert not recommendations["reflected"]
    assert now_s() == pytest.approx(0.05)


async def test_nobody_waits_for_a_gateway_that_stops(scene: Scene) -> None:
    """The list is given as it is, at once; whoever comes then is not made to wait either."""
    scene.put_list(made_list(offset=5))
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=9000))
    await wait_idle()

    scene.parts.waiters.close()

    assert not (await reading)["reflected"]
    assert not (await read(scene, after=f"{PARTITION}:9", wait_ms=9000))["reflected"]
    assert 0 == now_s()
    assert (await read(scene, after=f"{PARTITION}:5"))["reflected"]


async def test_who_has_no_list_may_wait_for_one(scene: Scene) -> None:
    """The first play of a new listener."""
    scene.put_popular(["p1"])
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:0", wait_ms=5000))
    await wait_idle()
    scene.put_list(made_list(offset=0))
    recommendations = await reading

    assert "personal" == recommendations["kind"]
    assert recommendations["reflected"] is True


async def test_a_partition_of_another_listener_is_named(scene: Scene) -> None:
    """Whoever computes partitions otherwise learns it at once, and does not wait in vain."""
    async with scene.client() as client:
        response = await client.get(f"/v1/users/ann/recommendations?after={OTHER}:1&wait_ms=5000")

    assert 422 == response.status_code
    expected = f"after: the plays of this listener stand in partition {PARTITION}, not {OTHER}."
    assert expected == response.json()["detail"]


async def test_many_readers_wait_and_are_all_woken(scene: Scene) -> None:
    """Some hundreds of one listener and of many."""
    users = ["ann"] * 100 + [f"u{number}" for number in range(200)]
    readings = [
        asyncio.create_task(read(scene, user, after=f"{partition_of(user, 4)}:7", wait_ms=10_000)) for user in users
    ]
    await wait_idle()
    for user in dict.fromkeys(users):
        scene.put_list(made_list(user, offset=7))

    answers = await asyncio.gather(*readings)

    assert [(user, True) for user in users] == [(answer["user_id"], answer["reflected"]) for answer in answers]
    assert not scene.parts.waiters.any


async def test_too_many_waiting_readers_are_told_to_come_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After; reading without waiting goes on."""
    monkeypatch.setattr("web.feeds.list_waiters.WAITING_MAX", 2)
    scene.put_list(made_list(offset=5))
    waiting = [asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=400)) for _ in range(2)]
    await wait_idle()
    async with scene.client() as client:
        response = await client.get(f"/v1/users/ann/recommendations?after={PARTITION}:9")

    assert 503 == response.status_code
    assert "2" == response.headers["retry-after"]
    assert "2 requests wait for lists already." == response.json()["detail"]
    assert 5 == (await read(scene))["offset"]
    await asyncio.gather(*waiting)


async def test_a_list_that_has_not_changed_is_not_sent_again(scene: Scene) -> None:
    """304 without a body to who has the tag, in whatever form it is sent; the whole list to everybody else."""
    scene.put_list(made_list())
    async with scene.client() as client:
        path = "/v1/users/ann/recommendations"
        first = await client.get(path)
        tag = first.headers["etag"]
        same = [
            await client.get(path, headers={"If-None-Match": known})
            for known in (tag, f"W/{tag}", f'"other", {tag}', f'W/"x" ,W/{tag}', "*")
        ]
        other = [
            await client.get(path, headers={b"If-None-Match": known.encode("latin-1")})
            for known in ('"other"', tag.strip('"'), "", "W/", f"{tag}x", "\xff")
        ]
        scene.put_list(made_list(items=["new"], offset=6))
        later = await client.get(path, headers={"If-None-Match": tag})

    assert tag.startswith('"')
    assert "private, no-cache" == first.headers["cache-control"]
    assert [(304, b"", tag)] * 5 == [
        (response.status_code, response.content, response.headers["etag"]) for response in same
    ]
    assert {200} == {response.status_code for response in other}
    assert 200 == later.status_code
    assert ["new"] == later.json()["items"]


async def test_tags_tell_two_cuts_apart(scene: Scene) -> None:
    """A shorter list is another one."""
    scene.put_list(made_list())
    async with scene.client() as client:
        whole = await client.get("/v1/users/ann/recommendations")
        cut = await client.get("/v1/users/ann/recommendations?n=1", headers={"If-None-Match": whole.headers["etag"]})

    assert 200 == cut.status_code
    assert 1 == len(cut.json()["items"])


async def test_a_list_that_may_be_in_an_unread_part_is_not_the_popular_one(scene: Scene) -> None:
    """The listener's partition has a gap: 503 with the place. Lists in the view, and other partitions, are answered."""
    scene.put_popular(["hit"])
    scene.put_list(made_list("ann"))
    other = next(user for user in ("ben", "carla", "dora", "eve") if partition_of(user, 4) != PARTITION)
    unlisted = next(f"u{number}" for number in range(99) if partition_of(f"u{number}", 4) == PARTITION)
    scene.parts.unreadable.skip(UnreadableBatch(RECOMMENDATIONS, PARTITION, 7, 9, None, "no codec", b"", 0))

    async with scene.client() as client:
        response = await client.get(f"/v1/users/{unlisted}/recommendations")
        ready = await client.get("/readyz")

    place = f"{RECOMMENDATIONS}, partition {PARTITION}, offsets 7 to 9: no codec"
    assert 503 == response.status_code
    assert (
        f"The list of this listener is not known, because a part of its topic cannot be read: {place}."
        == (response.json()["detail"])
    )
    assert ["i1", "i2", "i3"] == (await read(scene, "ann"))["items"]
    assert ["hit"] == (await read(scene, other))["items"]
    assert 200 == ready.status_code
    assert [place] == ready.json()["unreadable"]


async def test_an_expired_list_is_not_replaced_while_its_partition_cannot_be_read(scene: Scene) -> None:
    """A newer one may wait there; once the partition is read again, the popular list is the answer."""
    scene.put_popular(["hit"])
    scene.put_list(made_list("ann", expires_at_ms=1))
    scene.parts.unreadable.block(TopicPartition(RECOMMENDATIONS, PARTITION), 7, "not authorized")
    assert 503 == await refused(scene, "")

    scene.parts.unreadable.unblock(TopicPartition(RECOMMENDATIONS, PARTITION))

    assert ["hit"] == (await read(scene))["items"]


async def test_a_list_of_an_earlier_topic_of_plays_reflects_no_later_play(scene: Scene) -> None:
    """Its offset is higher, but in an earlier epoch."""
    scene.put_list(made_list(offset=5_000))
    topics = StateTopics(plays_id="new", changelog_id="c", epoch=1, partitions=4)
    scene.parts.epoch.on_record(state_topics_key(scene.settings.application.group), msgspec.json.encode(topics))
    reading = asyncio.create_task(read(scene, after=f"{PARTITION}:9", wait_ms=5000))
    await wait_idle()
    assert not reading.done()

    scene.put_list(made_list(items=["new"], offset=9, epoch=1))

    recommendations = await reading
    assert recommendations["reflected"] is True
    assert 1 == recommendations["epoch"]
    assert 9 == recommendations["offset"]


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ("a,b", ["c,d", "c", "e/ü"]),
        (["a", "b"], ["c,d", "c", "e/ü"]),
        (["a,b", "c"], ["c,d", "e/ü"]),
        ("c,d", ["a", "b", "c", "e/ü"]),
        (["c,d", "a"], ["b", "c", "e/ü"]),
        ("e/ü,nothing,a", ["b", "c,d", "c"]),
    ],
)
async def test_items_are_excluded_by_commas_or_by_repetition(scene: Scene, exclude: Any, expected: list[str]) -> None:
    """A value that is the id of an item in the list is that item, commas and all."""
    scene.put_list(made_list("ann", ["a", "b", "c,d", "c", "e/ü"]))

    assert expected == (await read(scene, exclude=exclude))["items"]


@pytest.mark.parametrize("query", ["exclude=" + "x," * 200 + "x", "exclude=" + ",".join(["x" * 129] * 2)])
async def test_a_value_with_commas_is_bounded_as_its_parts_are(scene: Scene, query: str) -> None:
    """200 ids of 128 characters at most."""
    scene.put_list(made_list("ann", ["x"]))

    assert 422 == await refused(scene, query)


async def test_long_ids_fit_between_commas(scene: Scene) -> None:
    """The bound is that of an id, not of the value."""
    ids = [f"{number:0128}" for number in range(20)]
    scene.put_list(made_list("ann", [*ids, "x"]))

    assert ["x"] == (await read(scene, exclude=",".join(ids)))["items"]


@pytest.mark.parametrize("user", ["ann", "nobody"])
async def test_a_kind_without_items_is_an_empty_list_that_says_why(scene: Scene, user: str) -> None:
    """Of a listener with a list, and of one without; an unknown kind is such a kind."""
    scene.put_popular(["i1", "i2"])
    scene.put_list(made_list("ann", ["i1"]))

    recommendations = await read(scene, user, kind="podcast")

    assert [] == recommendations["items"]
    assert [] == recommendations["scores"]
    whose = "this listener's list" if user == "ann" else "the popular list"
    assert recommendations["why"] == (
        f"No available item of {whose} is of the kind 'podcast': the kind of an item is the one in the catalog."
    )


async def test_a_kind_whose_items_are_excluded_says_so(scene: Scene) -> None:
    """An item of the kind is in the list, so the sentence names the exclusion."""
    scene.put_list(made_list("ann", ["pod", "i1"]))
    scene.put_item("pod", kind="podcast")

    recommendations = await read(scene, kind="podcast", exclude="pod")

    assert [] == recommendations["items"]
    assert recommendations["why"] == (
        "No available item of this listener's list that the request does not exclude is of the kind 'podcast': "
        "the kind of an item is the one in the catalog."
    )


async def test_before_a_generation_there_is_no_list_of_any_kind(scene: Scene) -> None:
    """404 with the reason, since there is nothing to be empty."""
    async with scene.client() as client:
        response = await client.get("/v1/users/ann/recommendations", params={"kind": "podcast"})

    assert 404 == response.status_code
    assert response.json()["detail"].endswith("no worker has served a generation yet.")
