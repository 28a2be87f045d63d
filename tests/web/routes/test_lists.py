"""A listener's list, as it is given out."""

import pytest
from aiokafka import TopicPartition

from state.gateway_view.keys import LIST
from streams.fetch.unreadable_batch import UnreadableBatch
from streams.partitioning import partition_of
from streams.topics.topics import RECOMMENDATIONS
from tests.web.routes.reading_lists import PARTITION, read, refused
from tests.web.scene import NEVER_MS, NOW_MS, Scene, made_list

pytestmark = pytest.mark.virtual_time


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
    """Afterwards the listener gets the popular list."""
    scene.put_popular(["p1"])
    scene.put_list(made_list())
    assert "personal" == (await read(scene))["kind"]

    scene.take(LIST, "ann", None)

    assert "popular" == (await read(scene))["kind"]
    assert ["p1"] == (await read(scene))["items"]


async def test_a_list_that_has_not_changed_is_not_sent_again(scene: Scene) -> None:
    """304 without a body for a matching tag in any form; the whole list otherwise."""
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
