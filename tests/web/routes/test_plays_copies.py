"""Copies of requests on other partitions."""

import dataclasses
from pathlib import Path
from typing import cast

import msgspec

from state.gateway_view.keys import LIST
from state.gateway_view.view import View
from streams.outbox import Headers, Item
from streams.partitioning import partition_of
from tests.support.plays import play
from tests.web.scene import Scene, made_list, sent
from web.play_intake import IntakeError, PlayIntake


async def test_a_request_goes_to_every_partition_with_a_list_and_counts_once(scene: Scene, tmp_path: Path) -> None:
    """A producer with another partitioner has left a record there; the answer names the partition of the key."""
    event = {"type": "hide", "user_id": "ann", "item_id": "i1"}
    other, view = (partition_of("ann", 4) + 1) % 4, View(tmp_path / "other", n_partitions=4)
    view.store(LIST, "recommendations", other, [(b"ann", msgspec.json.encode(made_list("ann", partition=other)))], 1)
    scene = Scene(scene.settings, dataclasses.replace(scene.parts, view=view), scene.access, scene.outbox)
    async with scene.client() as client:
        response = (await client.post("/v1/plays", json=event)).json()

    home = partition_of("ann", 4)
    assert [{"partition": home, "offset": 0}] == response["results"]
    assert 1 == response["accepted"]
    assert {("plays", home), ("plays", other)} == scene.outbox.logs.keys()
    for partition in (home, other):
        ((key, value),) = scene.outbox.logs["plays", partition]
        assert b"ann" == key
        copy = {} if partition == home else {"copy": True}
        assert event | copy == msgspec.json.decode(value or b"")
    view.close()


async def test_a_copy_is_not_copied(scene: Scene) -> None:
    """A client may send it on."""
    async with scene.client() as client:
        await client.post("/v1/plays", json={"type": "pause", "user_id": "ann", "copy": True})

    assert 1 == len(sent(scene))


async def test_a_request_one_of_whose_copies_failed_is_an_error(scene: Scene, tmp_path: Path) -> None:
    """A worker of the other partition would go on with the listener's record there; the client sends it again."""
    event = {"type": "forget", "user_id": "ann"}
    home = partition_of("ann", 4)
    other, view = (home + 1) % 4, View(tmp_path / "other", n_partitions=4)
    view.store(LIST, "recommendations", other, [(b"ann", msgspec.json.encode(made_list("ann", partition=other)))], 1)
    intake = OneSidedIntake(scene.parts.intake, other)
    parts = dataclasses.replace(scene.parts, view=view, intake=cast(PlayIntake, intake))
    scene = Scene(scene.settings, parts, scene.access, scene.outbox)
    neighbour = next(user for user in ("ben", "eve", "ian", "zoe") if partition_of(user, 4) != other)
    async with scene.client() as client:
        response = await client.post("/v1/plays", json=[event, play(neighbour)])

    assert 200 == response.status_code
    assert 1 == response.json()["accepted"]
    refused, placed = response.json()["results"]
    assert {"error": "Kafka does not answer."} == refused
    assert partition_of(neighbour, 4) == placed["partition"]
    assert home == scene_partition(scene, b"ann")
    view.close()


class OneSidedIntake:
    """An intake that takes the events of all partitions but one."""

    def __init__(self, intake: PlayIntake, failing: int) -> None:
        """Pass the others on."""
        self._intake, self._failing = intake, failing

    async def put(self, partition: int, items: list[Item], headers: list[Headers] | None = None) -> list[int]:
        """Send, or fail at once, before the home partition is acknowledged."""
        if partition == self._failing:
            message = "Kafka does not answer."
            raise IntakeError(message)
        return await self._intake.put(partition, items, headers)

    async def stop(self) -> None:
        """Stop."""
        await self._intake.stop()


def scene_partition(scene: Scene, key: bytes) -> int:
    """Return the partition on which an event of a listener is."""
    (partition,) = {number for (_, number), log in scene.outbox.logs.items() if key in dict(log)}
    return partition
