"""`POST /v1/plays`: events, checked by the workers' rules and answered once Kafka has them."""

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qs

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, field
from starlette.responses import Response

from streams.messages.events import Play, Shown, UnreadablePlay, read_value
from streams.messages.list_requests import request_of
from streams.outbox import Headers, Item
from streams.partitioning import partition_of
from streams.process.format_text import decode_reason
from streams.reference.examples import EXAMPLES
from streams.topics.topics import PLAYS
from web.parts import GatewayParts
from web.play_intake import IntakeError, IntakeFullError
from web.posted_lists import PostedList
from web.routes.openapi import EVENTS, body, parameters, ref, responses
from web.schemas import Placed, PlaysAnswer, Refused
from web.server.problems import RETRY_S, Problem
from web.server.request_body import decode, json_body

_EVENT: dict[str, Any] = {"anyOf": [ref(event.__name__) for event in EVENTS]}
_ANSWER = {"accepted": 1, "rejected": 0, "results": [{"partition": 2, "offset": 41_873}]}


PATH = "/v1/plays"
FIELDS_MAX = 20
QUERIES_MAX = 256
"""Queries that are cached: a client sends the same one with every post."""
LIST_WAIT_S = 2.0
"""Seconds that a request waits for its list without `wait`: longer than the pause between two reports of a worker."""


class PostQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Query parameters of a post."""

    wait: Annotated[
        Annotated[float, Meta(ge=0, le=60)] | None,
        Meta(
            description="Seconds to wait, at most, until workers report the outcomes of the events. With `list` it is "
            "the longest wait for the list, and 2 if left out."
        ),
    ] = None
    n_listed: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(
            description="Answer with as many first items of the listener's list that the events lead to. All events "
            "have to be of one listener."
        ),
    ] = field(default=None, name="list")


class _Numbered(NamedTuple):
    """An event of a request, with its number there."""

    number: int
    item: Item
    is_copy: bool = False
    """Whether it is a copy of a listener's request, for another partition."""
    is_private: bool = False
    """Whether it is a private play, which leads to no list that is stored."""


_ByPartition = dict[int, list[_Numbered]]
_Results = dict[int, Placed | Refused]
_NO_TOKENS: Mapping[int, bytes] = {}
PRIVATE_WHY = "A private play changes no list that is stored: its list is on private-recommendations."


class PlayRoutes:
    """Accepts events: one, or an array of them."""

    def __init__(self, parts: GatewayParts) -> None:
        """Send them through the intake of these parts."""
        self._intake, self._metrics, self._settings = parts.intake, parts.metrics, parts.settings
        self._play_latency, self._outcomes, self._view = parts.play_latency, parts.outcomes, parts.view
        self._epoch, self._posted_lists = parts.epoch, parts.posted_lists
        self._types = frozenset(parts.settings.signals.weights)

    def router(self) -> APIRouter:
        """Return the path."""
        batch = {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": self._settings.gateway.batch_max}
        examples = {example.name: example.payload for example in EXAMPLES[PLAYS]}
        examples["batch"] = [examples["least"], examples["like"]]
        described = responses(
            "PlaysAnswer", _ANSWER, "Kafka has the accepted events; the rejected ones are named.", 400, 415, 422
        )
        described[202] = {
            "description": "With `list`: Kafka has the accepted events, but the list does not reflect them yet, or it "
            "is not known. `why` tells the reason. Do not send them again.",
            "content": {"application/json": {"schema": ref("PlaysAnswer")}},
        }
        router = APIRouter(tags=["plays"])
        router.add_api_route(
            PATH,
            self.post,
            methods=["POST"],
            operation_id="post_plays",
            summary="Send a play, another signal or a request, or an array of them",
            responses=described,
            openapi_extra={**body({"anyOf": [_EVENT, batch]}, examples), "parameters": parameters(PostQuery)},
        )
        return router

    async def post(self, request: Request) -> Response:
        """Send events to Kafka, and answer when it has acknowledged them.

        The answer has a result for each event, in order: its place, or its error. Events of one listener keep their
        order. An event without an acknowledgement may have arrived: send it again with the same `play_id`, and it
        counts once. With `wait`, the answer also has the outcome of each event, once workers have reported on all.
        With `list`, it also has the list that reflects the events, once a worker has published it.
        """
        raw_query = request.scope["query_string"]
        query = _read_query(raw_query) if raw_query else _NOTHING
        content = await json_body(request, self._settings.gateway.body_bytes_max)
        values = decode(content, list[msgspec.Raw] if content.lstrip()[:1] == b"[" else msgspec.Raw)
        events = values if isinstance(values, list) else [values]
        if not 1 <= len(events) <= self._settings.gateway.batch_max:
            raise Problem(422, f"There are {len(events):,} events, but 1 to {self._settings.gateway.batch_max:,} fit.")
        results: _Results = {}
        by_partition = self._sorted(events, results)
        if query.n_listed is not None:
            user_id = _only_user(by_partition)
            if user_id is not None:
                self._metrics.count_plays("invalid", len(results))
                return await self._post_for_list(user_id, by_partition, results, query)
        self._metrics.count_plays("invalid", len(results))
        failures = await self._send_all(by_partition, results)
        if query.wait and results:
            await self._add_outcomes(results, min(query.wait, self._settings.gateway.wait_ms_max / 1000))
        return _answer(results, failures)

    async def _post_for_list(
        self, user_id: str, by_partition: _ByPartition, results: _Results, query: PostQuery
    ) -> Response:
        """Send the events of a listener, and answer with the list that reflects them.

        The request counts among those that wait before it sends anything, so that a full gateway sends nothing.
        """
        events = [event for numbered in by_partition.values() for event in numbered if not event.is_copy]
        awaited = [event.number for event in events if not event.is_private]
        wait_s = LIST_WAIT_S if query.wait is None else query.wait
        wait_s = min(wait_s, self._settings.gateway.wait_ms_max / 1000)
        with self._posted_lists.expected(user_id, len(awaited)) as posted:
            tokens = dict(zip(awaited, posted.tokens, strict=True))
            failures = await self._send_all(by_partition, results, tokens)
            places = {
                token: (result.partition, result.offset)
                for number, token in tokens.items()
                if isinstance(result := results[number], Placed)
            }
            if not any(isinstance(result, Placed) for result in results.values()):
                return _answer(results, failures)
            made = await posted.wait(places, query.n_listed or 0, wait_s)
            for number, token in tokens.items():
                result = results[number]
                if isinstance(result, Placed):
                    outcome = posted.outcomes.get(token, "waiting")
                    results[number] = msgspec.structs.replace(result, outcome=outcome)
        if not made.why and len(awaited) < len(events):
            made = made._replace(why=PRIVATE_WHY)
        return _answer(results, failures, made)

    def _sorted(self, values: list[msgspec.Raw], results: _Results) -> _ByPartition:
        """Return the valid events by partition; write the errors of the others to `results`.

        A request goes to every partition with a list of its listener: a producer with another partitioner may have left
        a record there.
        """
        by_partition: _ByPartition = {}
        n_partitions = self._settings.topics.partitions
        for number, raw in enumerate(values):
            value = bytes(raw)
            try:
                event = read_value(value, self._settings.topics.play_bytes_max, self._types)
            except UnreadablePlay as error:
                results[number] = Refused(error=str(error))
                continue
            key, home = event.user_id.encode(), partition_of(event.user_id, n_partitions)
            is_private = isinstance(event, Play) and event.private
            by_partition.setdefault(home, []).append(_Numbered(number, (key, value), is_private=is_private))
            if not isinstance(event, Play | Shown) and not event.copy:
                copy = key, msgspec.json.encode(msgspec.structs.replace(event, copy=True))
                for partition in self._view.misplaced_partitions(event.user_id):
                    by_partition.setdefault(partition, []).append(_Numbered(number, copy, is_copy=True))
        return by_partition

    async def _send_all(
        self, by_partition: _ByPartition, results: _Results, tokens: Mapping[int, bytes] = _NO_TOKENS
    ) -> list[IntakeError]:
        """Send the events of all partitions, write their results, and return the errors; some events have tokens."""
        if len(by_partition) == 1:
            ((partition, numbered),) = by_partition.items()
            failure = await self._send(partition, numbered, results, tokens)
            return [] if failure is None else [failure]
        sent = (self._send(partition, numbered, results, tokens) for partition, numbered in by_partition.items())
        return [failure for failure in await asyncio.gather(*sent) if failure is not None]

    async def _send(
        self, partition: int, numbered: list[_Numbered], results: _Results, tokens: Mapping[int, bytes]
    ) -> IntakeError | None:
        """Send the events of one partition, write their results, and return the error, if any."""
        came_at = time.monotonic()
        headers = [_headers_of(one, tokens) for one in numbered] if tokens else None
        try:
            offsets = await self._intake.put(partition, [one.item for one in numbered], headers)
        except IntakeError as error:
            for one in numbered:
                results[one.number] = Refused(error=str(error))
            self._metrics.count_plays("failed", sum(not one.is_copy for one in numbered))
            return error
        placed = [(one.number, offset) for one, offset in zip(numbered, offsets, strict=True) if not one.is_copy]
        for number, offset in placed:
            results.setdefault(number, Placed(partition=partition, offset=offset))  # unless a copy has failed
            self._play_latency.came(partition, self._epoch.position(offset), came_at)
        self._metrics.count_plays("accepted", len(placed))
        return None

    async def _add_outcomes(self, results: _Results, wait_s: float) -> None:
        """Wait for the outcomes of accepted events, and write them into the results."""
        placed = {number: result for number, result in results.items() if isinstance(result, Placed)}
        places = [(result.partition, result.offset) for result in placed.values()]
        outcomes = await self._outcomes.wait(places, wait_s)
        for number, result in placed.items():
            outcome = outcomes.get((result.partition, result.offset), "waiting")
            results[number] = msgspec.structs.replace(result, outcome=outcome)


_NOTHING = PostQuery()


@lru_cache(QUERIES_MAX)
def _read_query(query: bytes) -> PostQuery:
    """Decode the query of a post; unknown parameters are ignored.

    Raises:
        Problem: A parameter does not fit.
    """
    try:
        given = parse_qs(query.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
        fields = {name: values[0] if len(values) == 1 else values for name, values in given.items()}
        return msgspec.convert(fields, PostQuery, strict=False)
    except ValueError as error:
        raise Problem(422, f"The query does not fit: {decode_reason(error)}.") from None


def _only_user(by_partition: _ByPartition) -> str | None:
    """Return the listener of all events, None if no event is valid.

    Raises:
        Problem: There are several listeners.
    """
    users = {event.item[0] for numbered in by_partition.values() for event in numbered}
    if len(users) > 1:
        detail = (
            f"The answer to list has room for one list, but the events are of {len(users):,} listeners. Nothing was "
            "sent: send the events of each listener apart, or leave out list."
        )
        raise Problem(422, detail)
    return users.pop().decode() if users else None


def _headers_of(event: _Numbered, tokens: Mapping[int, bytes]) -> Headers:
    """Return the header of an event with a token; copies have none."""
    token = None if event.is_copy else tokens.get(event.number)
    return () if token is None else (request_of(token),)


def _answer(results: _Results, failures: list[IntakeError], posted: PostedList | None = None) -> Response:
    """Return the results if any event was accepted, else a problem with the results.

    Raises:
        Problem: No event was accepted.
    """
    in_order = [results[number] for number in range(len(results))]
    accepted = sum(isinstance(result, Placed) for result in in_order)
    if not accepted and failures:
        status = 429 if isinstance(failures[0], IntakeFullError) else 503
        raise Problem(status, str(failures[0]), retry_s=RETRY_S, results=in_order)
    if not accepted:
        first = next(result.error for result in in_order if isinstance(result, Refused))
        what = first if len(in_order) == 1 else f"None of {len(in_order):,} events fits; the first: {first}"
        raise Problem(422, f"{what.removesuffix('.')}.", results=in_order)
    answer = PlaysAnswer(accepted=accepted, rejected=len(in_order) - accepted, results=in_order)
    status = 200
    if posted is not None:
        recommendations = None if posted.content is None else msgspec.Raw(posted.content)
        why = posted.why or msgspec.UNSET
        answer = msgspec.structs.replace(answer, recommendations=recommendations, why=why)
        status = 200 if posted.is_final else 202
    return Response(msgspec.json.encode(answer), status, media_type="application/json")
