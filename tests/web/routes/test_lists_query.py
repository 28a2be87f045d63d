"""Query parameters of a list: the part of it, and its kind."""

from typing import Any

import pytest

from tests.web.routes.reading_lists import OTHER, read, refused
from tests.web.scene import Scene, made_list

pytestmark = pytest.mark.virtual_time


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
    """Excluded items are left out first, then the list is cut; the parallel columns are cut with it."""
    scene.put_item("song", kind="song")
    scene.put_item("pod", kind="podcast")
    scene.put_list(made_list("ann", ["song", "pod", "gone", "other"]))
    whole = await read(scene)

    recommendations = await read(scene, **query)

    places = [whole["items"].index(item_id) for item_id in expected]
    for name in ("items", "scores", "because", "because_scores", "because_rest"):
        assert [whole[name][at] for at in places] == recommendations[name]


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
