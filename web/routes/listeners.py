"""One listener: the reasons of an item in their list, the export of their data, and its deletion."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from state.lists.explain_score import Explanation
from streams.messages.receipt import Receipt
from streams.messages.records import Recommendations
from web.parts import GatewayParts
from web.routes.openapi import responses
from web.schemas import BecauseAnswer, Reason
from web.server.ids import ItemId, UserId
from web.server.problems import RETRY_S, UNAVAILABLE, Problem
from web.server.responses import as_json, not_ready

READS_AT_ONCE = 2
"""Concurrent requests that read whole topics: each takes seconds of a core."""
FORGOTTEN_AT_ONCE = 8
"""Concurrent requests that forget a listener: each has Kafka clients of its own."""
READ_S = 60.0
GONE_S = 2.0
"""Seconds to wait until the tombstone of the list has reached this gateway."""
Whole = Annotated[bool, Query(alias="full", description="Name every play; this reads a topic and takes a while.")]
_RECEIPT = Receipt(
    wish="forget",
    user_id="anna",
    partition=2,
    plays_offset=41_874,
    changelog_offset=52_133,
    recommendations_offset=40_021,
)
_BECAUSE = {
    "user_id": "anna", "item_id": "song-12", "generation": "2026-11-23T03-00-00.000Z", "score": 0.75, "rank": 1,
    "reasons": [{"item_id": "song-7", "share": 0.5, "title": "Clocks"}], "rest": 0.25, "whole": False,
}  # fmt: skip


class ListenerRoutes:
    """Answers about one listener."""

    def __init__(self, parts: GatewayParts) -> None:
        """Answer from these parts."""
        self._parts, self._operations = parts, parts.operations
        self._reading = self._forgetting = 0

    def router(self) -> APIRouter:
        """Return the paths."""
        router = APIRouter(tags=["listeners"])
        router.add_api_route(
            "/v1/users/{user_id}/because/{item_id}",
            self.because,
            methods=["GET"],
            operation_id="get_because",
            summary="Get the reasons of an item in a listener's list",
            responses=responses("BecauseAnswer", _BECAUSE, "The reasons, the largest first.", 404, 422),
        )
        router.add_api_route(
            "/v1/users/{user_id}",
            self.forget,
            methods=["DELETE"],
            operation_id="forget_user",
            summary="Forget a listener",
            responses=responses(
                "Receipt", _RECEIPT, "The listener is forgotten; the receipt names the offsets.", 422, 504
            ),
        )
        router.add_api_route(
            "/v1/users/{user_id}/export",
            self.export,
            methods=["GET"],
            operation_id="export_user",
            summary="Export everything stored about a listener",
            responses=responses("UserExport", NOTHING_HELD, "One document.", 422),
        )
        return router

    async def because(self, user_id: UserId, item_id: ItemId, *, whole: Whole = False) -> Response:
        """Return the plays that make up an item's score.

        Without `full` it answers at once, from the listener's list, if the list explains the item; else every play is
        named.
        """
        if not self._parts.caught_up:
            raise not_ready(self._parts.follower.left)
        held = self._parts.lists.held(user_id)
        if not whole and held is not None and item_id in held.items[: len(held.because)]:
            return as_json(self._titled(by_list(held, item_id)))
        async with self._turn():
            try:
                explanation = await asyncio.to_thread(self._operations.explain, user_id, item_id, self._parts.settings)
            except LookupError as error:
                raise Problem(404, str(error)) from None
        return as_json(self._titled(by_plays(explanation)))

    def _titled(self, answer: BecauseAnswer) -> BecauseAnswer:
        """Return reasons with the titles of their items."""
        titles = [self._parts.search.of(reason.item_id).title for reason in answer.reasons]
        titled = [
            msgspec.structs.replace(reason, title=title) if title else reason
            for reason, title in zip(answer.reasons, titles, strict=True)
        ]
        return msgspec.structs.replace(answer, reasons=titled)

    async def forget(self, user_id: UserId) -> Response:
        """Delete everything stored about a listener; wait until a worker has done it, and return the receipt."""
        if self._forgetting >= FORGOTTEN_AT_ONCE:
            raise Problem(503, f"{FORGOTTEN_AT_ONCE} listeners are being forgotten already.", retry_s=RETRY_S)
        self._forgetting += 1
        try:
            receipt = await self._operations.forget(user_id, self._parts.settings)
        except TimeoutError as error:
            raise Problem(504, str(error)) from None
        except UNAVAILABLE:  # some of them are a ValueError
            raise
        except ValueError as error:
            raise Problem(422, str(error)) from None
        finally:
            self._forgetting -= 1
        await self._parts.lists.gone(user_id, GONE_S)
        return as_json(receipt)

    async def export(self, user_id: UserId) -> Response:
        """Return everything stored about a listener, read from the topics, which takes seconds."""
        async with self._turn():
            return as_json(await self._operations.export(user_id, self._parts.settings, time.time_ns() // 1_000_000))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Limit how many requests read whole topics at once, and for how long."""
        if self._reading >= READS_AT_ONCE:
            raise Problem(503, f"{READS_AT_ONCE} requests read whole topics already.", retry_s=RETRY_S)
        self._reading += 1
        try:
            async with asyncio.timeout(READ_S):
                yield
        finally:
            self._reading -= 1


def by_list(held: Recommendations, item_id: str) -> BecauseAnswer:
    """Return the reasons that a list names for one of its explained items."""
    at = held.items.index(item_id)
    named = zip(held.because[at], held.because_scores[at], strict=True)
    return BecauseAnswer(
        user_id=held.user_id,
        item_id=item_id,
        generation=held.generation,
        score=held.scores[at],
        rank=at + 1,
        reasons=[Reason(item_id=played, share=share) for played, share in named],
        rest=held.because_rest[at],
        whole=False,
    )


def by_plays(explanation: Explanation) -> BecauseAnswer:
    """Return the reasons that the split over all plays names."""
    return BecauseAnswer(
        user_id=explanation.user_id,
        item_id=explanation.item_id,
        generation=explanation.generation,
        score=explanation.score,
        rank=explanation.rank,
        reasons=[Reason(item_id=share.item_id, share=share.share) for share in explanation.shares],
        rest=explanation.score - explanation.sum,
        whole=True,
    )


NOTHING_HELD = {
    "user_id": "anna", "made_at_ms": 1_795_478_400_021, "anything": False, "record": None, "recommendations": None,
    "private_recommendations": [], "plays": [], "plays_rejected": [],
}  # fmt: skip
