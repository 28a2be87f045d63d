"""`POST /v1/plays`: events, checked by the workers' rules and answered once Kafka has them."""

import asyncio
import time
from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from streams.messages.events import Play, Shown, UnreadablePlay, read_value
from streams.outbox import Item
from streams.partitioning import partition_of
from streams.reference.examples import EXAMPLES
from streams.topics.topics import PLAYS
from web.parts import GatewayParts
from web.play_intake import IntakeError, IntakeFullError
from web.routes.openapi import EVENTS, body, ref, responses
from web.schemas import Placed, PlaysAnswer, Refused
from web.server.problems import RETRY_S, Problem
from web.server.request_body import decode, json_body

_EVENT: dict[str, Any] = {"anyOf": [ref(event.__name__) for event in EVENTS]}
_ANSWER = {"accepted": 1, "rejected": 0, "results": [{"partition": 2, "offset": 41_873}]}


Wait = Annotated[
    float, Query(ge=0, le=60, description="Seconds to wait, at most, until workers report the outcomes of the events.")
]


class _Numbered(NamedTuple):
    """An event of a request, with its number there."""

    number: int
    item: Item
    is_copy: bool = False
    """Whether it is a copy of a listener's request, for another partition."""


class PlayRoutes:
    """Accepts events: one, or an array of them."""

    def __init__(self, parts: GatewayParts) -> None:
        """Send them through the intake of these parts."""
        self._intake, self._metrics, self._settings = parts.intake, parts.metrics, parts.settings
        self._play_latency, self._outcomes, self._view = parts.play_latency, parts.outcomes, parts.view
        self._epoch = parts.epoch
        self._types = frozenset(parts.settings.signals.weights)

    def router(self) -> APIRouter:
        """Return the path."""
        batch = {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": self._settings.gateway.batch_max}
        examples = {example.name: example.payload for example in EXAMPLES[PLAYS]}
        examples["batch"] = [examples["least"], examples["like"]]
        router = APIRouter(tags=["plays"])
        router.add_api_route(
            "/v1/plays",
            self.post,
            methods=["POST"],
            operation_id="post_plays",
            summary="Send a play, another signal or a request, or an array of them",
            responses=responses(
                "PlaysAnswer", _ANSWER, "Kafka has the accepted events; the rejected ones are named.", 400, 415, 422
            ),
            openapi_extra=body({"anyOf": [_EVENT, batch]}, examples),
        )
        return router

    async def post(self, request: Request, wait: Wait = 0.0) -> Response:
        """Send events to Kafka, and answer when it has acknowledged them.

        The answer has a result for each event, in order: its place, or its error. Events of one listener keep their
        order. An event without an acknowledgement may have arrived: send it again with the same `play_id`, and it
        counts once. With `wait`, the answer also has the outcome of each event, once workers have reported on all.
        """
        content = await json_body(request, self._settings.gateway.body_bytes_max)
        values = decode(content, list[msgspec.Raw] if content.lstrip()[:1] == b"[" else msgspec.Raw)
        events = values if isinstance(values, list) else [values]
        if not 1 <= len(events) <= self._settings.gateway.batch_max:
            raise Problem(422, f"There are {len(events):,} events, but 1 to {self._settings.gateway.batch_max:,} fit.")
        results: dict[int, Placed | Refused] = {}
        by_partition = self._sorted(events, results)
        self._metrics.count_plays("invalid", len(results))
        failures = await asyncio.gather(
            *(self._send(partition, numbered, results) for partition, numbered in by_partition.items())
        )
        if wait and results:
            await self._add_outcomes(results, min(wait, self._settings.gateway.wait_ms_max / 1000))
        return self._answer(
            [results[number] for number in range(len(events))], [failure for failure in failures if failure is not None]
        )

    def _sorted(self, values: list[msgspec.Raw], results: dict[int, Placed | Refused]) -> dict[int, list["_Numbered"]]:
        """Return the valid events by partition; write the errors of the others to `results`.

        A request goes to every partition with a list of its listener: a producer with another partitioner may have left
        a record there.
        """
        by_partition: dict[int, list[_Numbered]] = {}
        n_partitions = self._settings.topics.partitions
        for number, raw in enumerate(values):
            value = bytes(raw)
            try:
                event = read_value(value, self._settings.topics.play_bytes_max, self._types)
            except UnreadablePlay as error:
                results[number] = Refused(error=str(error))
                continue
            key, home = event.user_id.encode(), partition_of(event.user_id, n_partitions)
            by_partition.setdefault(home, []).append(_Numbered(number, (key, value)))
            if not isinstance(event, Play | Shown) and not event.copy:
                copy = key, msgspec.json.encode(msgspec.structs.replace(event, copy=True))
                for partition in self._view.misplaced_partitions(event.user_id):
                    by_partition.setdefault(partition, []).append(_Numbered(number, copy, is_copy=True))
        return by_partition

    async def _send(
        self, partition: int, numbered: list["_Numbered"], results: dict[int, Placed | Refused]
    ) -> IntakeError | None:
        """Send the events of one partition, write their results, and return the error, if any."""
        came_at = time.monotonic()
        try:
            offsets = await self._intake.put(partition, [one.item for one in numbered])
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

    async def _add_outcomes(self, results: dict[int, Placed | Refused], wait_s: float) -> None:
        """Wait for the outcomes of accepted events, and write them into the results."""
        placed = {number: result for number, result in results.items() if isinstance(result, Placed)}
        places = [(result.partition, result.offset) for result in placed.values()]
        outcomes = await self._outcomes.wait(places, wait_s)
        for number, result in placed.items():
            outcome = outcomes.get((result.partition, result.offset), "waiting")
            results[number] = msgspec.structs.replace(result, outcome=outcome)

    def _answer(self, results: list[Placed | Refused], failures: list[IntakeError]) -> Response:
        """Return the results if any event was accepted, else a problem with the results."""
        accepted = sum(isinstance(result, Placed) for result in results)
        if not accepted and failures:
            status = 429 if isinstance(failures[0], IntakeFullError) else 503
            raise Problem(status, str(failures[0]), retry_s=RETRY_S, results=results)
        if not accepted:
            first = next(result.error for result in results if isinstance(result, Refused))
            what = first if len(results) == 1 else f"None of {len(results):,} events fits; the first: {first}"
            raise Problem(422, f"{what.removesuffix('.')}.", results=results)
        answer = PlaysAnswer(accepted=accepted, rejected=len(results) - accepted, results=results)
        return Response(msgspec.json.encode(answer), media_type="application/json")
