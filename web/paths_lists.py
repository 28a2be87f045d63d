"""Listeners' lists, read from what the gateway holds."""

import time
from typing import Annotated

import msgspec
import xxhash
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from streams.examples import EXAMPLES
from streams.replay import partition_of
from streams.topics import RECOMMENDATIONS
from web.ids import UserId
from web.openapi import responses
from web.parts import Parts
from web.problems import RETRY_S, Problem
from web.reading import NoListError, Wanted, told

WAIT_MS = 1000
N = Annotated[int | None, Query(ge=1, le=1000, description="Items at most; all of the list if left out.")]
Kind = Annotated[str | None, Query(min_length=1, max_length=64, description="Only items of this kind.")]
Exclude = Annotated[
    list[Annotated[str, Query(min_length=1, max_length=128)]],
    Query(max_length=200, description="Items to leave out; may stand several times."),
]
After = Annotated[
    str | None,
    Query(
        pattern=r"^[0-9]{1,6}:[0-9]{1,18}$",
        description="A play's `partition:offset`: wait until the list reflects it. The answer tells whether it does.",
    ),
]
WaitMs = Annotated[int, Query(ge=0, le=60_000, description="Milliseconds to wait for that, at most.")]


class ListsPath:
    """Gives out lists."""

    def __init__(self, parts: Parts) -> None:
        """Answer from these parts."""
        self._parts = parts

    def router(self) -> APIRouter:
        """Return the path."""
        router = APIRouter(tags=["lists"])
        router.add_api_route(
            "/v1/users/{user_id}/recommendations",
            self.get,
            methods=["GET"],
            operation_id="get_recommendations",
            summary="Get a listener's list",
            responses=responses("ListAnswer", EXAMPLES[RECOMMENDATIONS][0].payload, "The list.", 304, 404, 422),
        )
        return router

    async def get(
        self,
        request: Request,
        user_id: UserId,
        n: N = None,
        kind: Kind = None,
        exclude: Exclude = [],  # noqa: B006  FastAPI copies it
        after: After = None,
        wait_ms: WaitMs = WAIT_MS,
    ) -> Response:
        """Return a listener's list, or the popular one to who has none, without what cannot be played at the moment.

        With `after` the answer waits, at most `wait_ms`, until the list reflects that play of the listener, and says in
        `reflected` whether it does. A list that has not changed answers `304` to who sends its `ETag` back.
        """
        if not self._parts.caught_up:
            raise not_ready(self._parts)
        reflected = None if after is None else await self._reflects(user_id, after, wait_ms)
        try:
            found = self._parts.lists.read(user_id, Wanted(n, kind, frozenset(exclude)), time.time_ns() // 1_000_000)
        except NoListError as error:
            raise Problem(404, str(error)) from None
        return with_tag(request, told(found, reflected=reflected))

    async def _reflects(self, user_id: str, after: str, wait_ms: int) -> bool:
        partition, offset = map(int, after.split(":"))
        expected = partition_of(user_id, self._parts.settings.partitions)
        if partition != expected:
            raise Problem(422, f"after: the plays of this listener stand in partition {expected}, not {partition}.")
        wait_s = min(wait_ms, self._parts.settings.gateway_wait_ms_max) / 1000
        return await self._parts.lists.reflects(user_id, offset, wait_s)


def with_tag(request: Request, content: bytes) -> Response:
    """Answer with JSON and its tag, or with nothing to who has the same already."""
    tag = f'"{xxhash.xxh3_64_hexdigest(content)}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = request.headers.get("if-none-match", "")
    if known and (known == "*" or tag in (part.strip().removeprefix("W/") for part in known.split(","))):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


def as_json(found: msgspec.Struct) -> Response:
    """Answer with a struct."""
    return Response(msgspec.json.encode(found), media_type="application/json")


def not_ready(parts: Parts) -> Problem:
    """Return what is said while the topics are being read."""
    return Problem(503, f"The gateway is starting: {parts.following.left:,} records are to be read.", retry_s=RETRY_S)
