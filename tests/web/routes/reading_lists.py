"""Reads of a list, as a client makes them."""

from typing import Any
from urllib.parse import quote

from streams.partitioning import partition_of
from tests.web.scene import Scene

PARTITION = partition_of("ann", 4)
OTHER = (PARTITION + 1) % 4


async def read(scene: Scene, user_id: str = "ann", **query: Any) -> Any:
    """Return a list, decoded."""
    async with scene.client() as client:
        response = await client.get(f"/v1/users/{quote(user_id, safe='')}/recommendations", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(scene: Scene, query: str) -> int:
    """Return the status of a rejected query."""
    async with scene.client() as client:
        response = await client.get(f"/v1/users/ann/recommendations?{query}")
    assert "application/problem+json" == response.headers["content-type"]
    return response.status_code
