"""Every reading program of `examples/` works as docs/consumers.md describes."""

import json
import re
import time
from typing import Any

import msgspec

from streams.messages.records import CatalogItem, Recommendations
from streams.partitioning import partition_of
from streams.reference.examples import EXAMPLES
from tests.acceptance.examples import Desk, program
from tests.acceptance.playfold_with_songs import Scene, title


def test_python_shows_a_list(scene: Scene, desk: Desk) -> None:
    """Items in order, under titles, with the most important reason, and the items related to the first one."""
    held = scene.list_of("u1")

    said = desk.run(program("python/show_list.py"), "u1").splitlines()

    assert f"u1: {held.kind}" == said[0]
    assert [
        f"  {title(item)}, because of {title(because[0])}"
        for item, because in zip(held.items, held.because, strict=True)
    ] == said[1:6]
    assert said[6].startswith(f"related to {title(held.items[0])}: Title ")
    assert 7 == len(said)


def test_what_is_gone_is_not_shown(scene: Scene, desk: Desk) -> None:
    """Though it stands in the list: nobody's list is made again because an item went."""
    gone = scene.list_of("u2").items[1]
    whole = scene.list_of("u2").items
    scene.tell("catalog", gone, CatalogItem(item_id=gone, title=title(gone), available_until_ms=1))
    try:
        said = desk.run(program("python/show_list.py"), "u2").splitlines()
    finally:
        scene.tell("catalog", gone, CatalogItem(item_id=gone, title=title(gone), kind="song"))

    assert whole == scene.list_of("u2").items
    assert [title(item) for item in whole if item != gone] == [line.strip().partition(",")[0] for line in said[1:5]]


def test_the_list_that_counts_is_shown(scene: Scene, desk: Desk) -> None:
    """Not an older one that a late worker wrote behind it, not after a tombstone, not once it expired."""
    made, now_ms = partition_of("zoe", 4), time.time_ns() // 1_000_000
    template = msgspec.structs.replace(
        next(example.record for example in EXAMPLES["recommendations"] if isinstance(example.record, Recommendations)),
        user_id="zoe",
        partition=made,
        expires_at_ms=now_ms + 600_000,
    )

    def shown(*items: str, **fields: Any) -> list[str]:
        if items:
            recommendations = msgspec.structs.replace(template, items=list(items), **fields)
            scene.tell("recommendations", "zoe", recommendations, made)
        return [
            line.partition(",")[0].strip() for line in desk.run(program("python/show_list.py"), "zoe").splitlines()[:2]
        ]

    assert ["zoe: personal", "Title 1"] == shown("song-1", "song-2", offset=90)
    assert ["zoe: personal", "Title 1"] == shown("song-3", "song-4", offset=89)
    assert ["zoe: personal", "Title 5"] == shown("song-5", "song-6", offset=90)
    assert "zoe: popular" == shown("song-7", "song-8", offset=91, expires_at_ms=now_ms)[0]
    scene.tell("recommendations", "zoe", None, made)
    assert "zoe: popular" == shown()[0]
    assert ["zoe: personal", "Title 9"] == shown("song-9", "song-10", offset=3)


def test_the_shell_looks_at_lists(scene: Scene, desk: Desk) -> None:
    """Of one listener, without their tombstones."""
    held = scene.list_of("u3")

    said = desk.run(program("shell/read_lists.sh"), "u3").splitlines()

    assert [held.kind, held.plays, held.offset, held.items[:3]] == json.loads(said[-1])


def test_python_watches_private_lists(scene: Scene, desk: Desk) -> None:
    """As they come."""
    with desk.running(program("python/watch_private.py")) as watching:
        watching.await_line("watching")
        play = {"user_id": "u4", "item_id": "song-12", "played_at_ms": 1_700_000_000_000, "private": True}
        scene.tell("plays", "u4", play)

        line = watching.await_line("u4")

    assert line.startswith("u4 True ['song-")


def test_javascript_shows_the_list_that_reflects_a_play(scene: Scene, web_desk: Desk) -> None:
    """Items in order. A second request gets 304, a stranger gets the popular list, and an item has neighbours."""
    said = web_desk.run(program("javascript/show_list.mjs"), "u6").splitlines()

    held = scene.list_of("u6")
    assert f"{held.kind}, reflected: true" == said[0]
    ranked = zip(held.items, held.scores, strict=True)
    assert [f"{rank}. {item} {score:.3f}" for rank, (item, score) in enumerate(ranked, 1)] == said[1:6]
    assert ["requested again: 304", "nobody-yet: popular, offset -1"] == said[6:8]
    assert re.fullmatch(r"related to song-4: song-\d+, song-\d+, song-\d+", said[8])


def test_javascript_gets_the_list_of_a_play_in_one_request(scene: Scene, web_desk: Desk) -> None:
    """It is the one on the topic."""
    said = web_desk.run(program("javascript/play_and_list.mjs"), "u7").splitlines()

    held = scene.list_of("u7")
    assert "learnt, reflected: true" == said[0]
    ranked = zip(held.items[:5], held.scores, strict=False)
    assert [f"{rank}. {item} {score:.3f}" for rank, (item, score) in enumerate(ranked, 1)] == said[1:]


def test_python_reads_lists(scene: Scene, desk: Desk) -> None:
    """The program prints every list from the beginning, and continues after tombstones."""
    held = scene.list_of("u5")
    for partition in range(scene.settings.topics.partitions):
        scene.tell("recommendations", "forgotten", None, partition)
        later = msgspec.structs.replace(held, user_id=f"behind-{partition}", partition=partition)
        scene.tell("recommendations", later.user_id, later, partition)

    with desk.running(program("python/read_lists.py")) as reading:
        for user in ("u5", *(f"behind-{partition}" for partition in range(scene.settings.topics.partitions))):
            assert f"{user} {held.kind} {held.items}" == reading.await_line(f"{user} ", str(held.items))
