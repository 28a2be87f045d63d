"""Items: recommendations for some items, related items, catalog entries, search."""

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from streams.partitioning import partition_of
from streams.readers.catalog_item import read_catalog_item
from streams.readers.decode_record import UnreadableRecord
from streams.readers.latest_related import read_related
from streams.reference.examples import EXAMPLES
from streams.topics.topics import CATALOG, RELATED_ITEMS, topic_names
from web.parts import GatewayParts
from web.routes.openapi import body, ref, responses
from web.schemas import FoundItems, ItemsRequest
from web.server.ids import ItemId
from web.server.problems import RETRY_S, Problem
from web.server.request_body import decode, json_body
from web.server.responses import as_json, not_ready, with_tag
from web.session_ranking import NoGenerationError

N = Annotated[int | None, Query(ge=1, le=1000, description="Items at most; all if left out.")]
Words = Annotated[str, Query(alias="query", min_length=1, max_length=128, description="Part of a title or artist.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Items at most.")]
RANK_PATH = "/v1/recommendations"
_LIST = {
    "kind": "personal", "generation": "2026-11-23T03-00-00.000Z", "items": ["song-12"], "scores": [0.71], "unknown": [],
}  # fmt: skip
_FOUND = {"items": [{"item_id": "song-7", "title": "Seven", "artist": None, "kind": "song"}]}


class ItemRoutes:
    """Answers about items; of no listener."""

    def __init__(self, parts: GatewayParts) -> None:
        """Answer from these parts."""
        self._parts = parts

    def router(self) -> APIRouter:
        """Return the paths."""
        router = APIRouter(tags=["items"])
        self._add_ranking(router)
        self._add_catalog(router)
        return router

    def _add_ranking(self, router: APIRouter) -> None:
        router.add_api_route(
            RANK_PATH,
            self.post,
            methods=["POST"],
            operation_id="rank_items",
            summary="Get recommendations for some items",
            responses=responses("ItemsAnswer", _LIST, "The recommended items.", 400, 415, 422),
            openapi_extra=body(
                ref("ItemsRequest"),
                {
                    "session": {"items": ["song-7", "song-9"], "n": 20},
                    "rank": {"items": ["song-7"], "candidates": ["song-12", "song-3"]},
                },
            ),
        )

    def _add_catalog(self, router: APIRouter) -> None:
        router.add_api_route(
            "/v1/items/{item_id}/related",
            self.related,
            methods=["GET"],
            operation_id="get_related",
            summary="Get the items nearest to an item",
            responses=responses("RelatedItems", EXAMPLES[RELATED_ITEMS][0].payload, "The items.", 304, 404, 422),
        )
        router.add_api_route(
            "/v1/items/{item_id}",
            self.item,
            methods=["GET"],
            operation_id="get_item",
            summary="Get the catalog's entry of an item",
            responses=responses("CatalogItem", EXAMPLES[CATALOG][0].payload, "The item.", 304, 404, 422),
        )
        router.add_api_route(
            "/v1/items",
            self.find,
            methods=["GET"],
            operation_id="find_items",
            summary="Find items by title, artist or id",
            responses=responses("FoundItems", _FOUND, "The items, most played first.", 422),
        )

    async def post(self, request: Request) -> Response:
        """Return recommendations for a listener with exactly these plays; nothing is stored.

        With `candidates` only these are ranked; the answer contains every candidate that the generation knows.
        """
        content = await json_body(request, self._parts.settings.gateway.body_bytes_max)
        wanted: ItemsRequest = decode(content, ItemsRequest)
        try:
            return as_json(await self._parts.session_ranking.answer(wanted))
        except NoGenerationError as error:
            raise Problem(503, str(error), retry_s=RETRY_S) from None

    async def related(self, request: Request, item_id: ItemId, n: N = None) -> Response:
        """Return the items nearest to an item, nearest first."""
        if not self._parts.caught_up:
            raise not_ready(self._parts.follower.left)
        value = self._parts.view.related_to(item_id)
        if value is None:
            self._check_whole(topic_names(self._parts.settings).related_items, item_id)
            raise Problem(404, "No item is related to this one: no generation knows it, or it is withdrawn.")
        related = read_related(item_id, value)
        cut = msgspec.structs.replace(related, items=related.items[:n], cosines=related.cosines[:n])
        return with_tag(request.headers.get("if-none-match", ""), msgspec.json.encode(cut))

    async def item(self, request: Request, item_id: ItemId) -> Response:
        """Return the catalog's entry of an item."""
        if not self._parts.caught_up:
            raise not_ready(self._parts.follower.left)
        (value,) = self._parts.view.items([item_id])
        try:
            item = None if value is None else read_catalog_item(item_id.encode(), value)
        except UnreadableRecord:
            item = None  # workers ignore it as well
        if item is None:
            self._check_whole(topic_names(self._parts.settings).catalog, item_id)
            raise Problem(404, "The catalog has no entry of this item.")
        return with_tag(request.headers.get("if-none-match", ""), msgspec.json.encode(item))

    def _check_whole(self, topic: str, item_id: str) -> None:
        """Check that the whole partition of an item was read: a missing record may be in a part that was not.

        Raises:
            Problem: It was not.
        """
        partition, unreadable = partition_of(item_id, self._parts.settings.topics.partitions), self._parts.unreadable
        if not unreadable.is_whole(topic, partition):
            (place, *_) = unreadable.describe(topic, partition)
            raise Problem(503, f"The item is not known, because a part of its topic cannot be read: {place}.")

    async def find(self, query: Words, limit: Limit = 20) -> Response:
        """Return items whose title, artist or id contains these words, most played first."""
        items = await asyncio.to_thread(self._parts.search.find, query, limit)
        return as_json(FoundItems(items=items))
