"""Listeners' lists, read from the gateway's view of the topics."""

import time
from typing import Annotated
from urllib.parse import parse_qs

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta
from starlette.responses import Response

from streams.partitioning import partition_of
from streams.process.format_text import decode_reason
from streams.reference.examples import EXAMPLES
from streams.topics.topics import RECOMMENDATIONS
from web.list_reader import ListUnknownError, NoListError, Wanted
from web.parts import GatewayParts
from web.routes.openapi import parameters, responses
from web.server.ids import UserId
from web.server.problems import RETRY_S, Problem
from web.server.responses import not_ready, with_tag

FIELDS_MAX = 220
EXCLUDED_MAX, ID_MAX = 200, 128


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters of a list. Unknown names are rejected, so a typo is not silently ignored."""

    n: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="Items at most; all of the list if left out.")
    ] = None
    kind: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)] | None, Meta(description="Only items of this kind.")
    ] = None
    exclude: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(
            max_length=EXCLUDED_MAX,
            description="Items to leave out, separated by commas; may stand several times. A value with a comma that "
            "is the id of an item in the list is that item.",
        ),
    ] = ()
    after: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9]{1,6}:[0-9]{1,18}$")] | None,
        Meta(description="A play's `partition:offset`: wait until the list reflects it; `reflected` tells if it does."),
    ] = None
    wait_ms: Annotated[int, Meta(ge=0, le=60_000, description="Milliseconds to wait for that, at most.")] = 1000

    def __post_init__(self) -> None:
        """Check the number of excluded items and the length of each id."""
        parts = [part for value in self.exclude for part in (value.split(",") if len(value) > ID_MAX else [value])]
        if any(len(part) > ID_MAX for part in parts):
            message = f"Expected `str` of length <= {ID_MAX} - at `$.exclude[...]`"
            raise ValueError(message)
        if sum(value.count(",") + 1 for value in self.exclude) > EXCLUDED_MAX:
            message = f"Expected `array` of length <= {EXCLUDED_MAX} - at `$.exclude`"
            raise ValueError(message)

    @property
    def wanted(self) -> Wanted:
        """Return the part of the list that the query selects."""
        return Wanted(self.n, self.kind, frozenset(self.exclude))


_NOTHING = ListQuery()
PATH = "/v1/users/{user_id}/recommendations"


class ListRoutes:
    """Gives out lists."""

    def __init__(self, parts: GatewayParts) -> None:
        """Answer from these parts."""
        self._parts = parts

    def router(self) -> APIRouter:
        """Return the path."""
        router = APIRouter(tags=["lists"])
        router.add_api_route(
            PATH,
            self.get,
            methods=["GET"],
            operation_id="get_recommendations",
            summary="Get a listener's list",
            responses=responses("ListAnswer", EXAMPLES[RECOMMENDATIONS][0].payload, "The list.", 304, 404, 422),
            openapi_extra={"parameters": parameters(ListQuery)},
        )
        return router

    async def get(self, request: Request, user_id: UserId) -> Response:
        """Return the listener's list, or the popular list if there is none, without unavailable items.

        With `after` the answer waits, at most `wait_ms`, until the list reflects that play of the listener; `reflected`
        tells whether it does. A request with the `ETag` of an unchanged list gets `304`.
        """
        return await self.answer(user_id, request.scope["query_string"], request.headers.get("if-none-match", ""))

    async def answer(self, user_id: str, query: bytes, known_tags: str) -> Response:
        """Answer a read.

        Raises:
            Problem: It cannot be answered.
        """
        if not self._parts.caught_up:
            raise not_ready(self._parts.follower.left)
        list_query = read_query(query) if query else _NOTHING
        reflected = (
            None if list_query.after is None else await self._reflects(user_id, list_query.after, list_query.wait_ms)
        )
        try:
            content = self._parts.lists.read(
                user_id, list_query.wanted, time.time_ns() // 1_000_000, reflected=reflected
            )
        except NoListError as error:
            raise Problem(404, str(error)) from None
        except ListUnknownError as error:
            raise Problem(503, str(error), retry_s=RETRY_S) from None
        return with_tag(known_tags, content)

    async def _reflects(self, user_id: str, after: str, wait_ms: int) -> bool:
        partition, offset = map(int, after.split(":"))
        expected = partition_of(user_id, self._parts.settings.topics.partitions)
        if partition != expected and partition not in self._parts.view.misplaced_partitions(user_id):
            raise Problem(422, f"after: the plays of this listener stand in partition {expected}, not {partition}.")
        wait_s = min(wait_ms, self._parts.settings.gateway.wait_ms_max) / 1000
        return await self._parts.lists.reflects(user_id, partition, offset, wait_s)


def read_query(query: bytes) -> ListQuery:
    """Decode the query of a read.

    Raises:
        Problem: The query does not fit.
    """
    try:
        given = parse_qs(query.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
        # A single parameter that is given twice stays a list, so its type is wrong and the query is rejected.
        fields = {name: values if name == "exclude" or len(values) > 1 else values[0] for name, values in given.items()}
        return msgspec.convert(fields, ListQuery, strict=False)
    except ValueError as error:
        raise Problem(422, f"The query does not fit: {decode_reason(error)}.") from None
