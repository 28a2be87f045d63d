"""`POST /v1/plays`: events, checked by the workers' rules and answered once Kafka has them."""

import asyncio
import time
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from streams.messages.events import UnreadablePlay, read_value
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


class PlayRoutes:
    """Accepts events: one, or an array of them."""

    def __init__(self, parts: GatewayParts) -> None:
        """Send them through the intake of these parts."""
        self._intake, self._metrics, self._settings = parts.intake, parts.metrics, parts.settings
        self._play_latency = parts.play_latency
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

    async def post(self, request: Request) -> Response:
        """Send events to Kafka, and answer when it has acknowledged them.

        The answer has a result for each event, in order: its place, or its error. Events of one listener keep their
        order. An event without an acknowledgement may have arrived: send it again with the same `play_id`, and it
        counts once.
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
        return self._answer(
            [results[number] for number in range(len(events))], [failure for failure in failures if failure is not None]
        )

    def _sorted(
        self, values: list[msgspec.Raw], results: dict[int, Placed | Refused]
    ) -> dict[int, list[tuple[int, Item]]]:
        """Return the valid events by partition, each with its number; write the errors of the others to `results`."""
        by_partition: dict[int, list[tuple[int, Item]]] = {}
        for number, raw in enumerate(values):
            value = bytes(raw)
            try:
                user_id = read_value(value, self._settings.topics.play_bytes_max, self._types).user_id
            except UnreadablePlay as error:
                results[number] = Refused(error=str(error))
                continue
            item = user_id.encode(), value
            by_partition.setdefault(partition_of(user_id, self._settings.topics.partitions), []).append((number, item))
        return by_partition

    async def _send(
        self, partition: int, numbered: list[tuple[int, Item]], results: dict[int, Placed | Refused]
    ) -> IntakeError | None:
        """Send the events of one partition, write their results, and return the error, if any."""
        came_at = time.monotonic()
        try:
            offsets = await self._intake.put(partition, [item for _, item in numbered])
        except IntakeError as error:
            for number, _ in numbered:
                results[number] = Refused(error=str(error))
            self._metrics.count_plays("failed", len(numbered))
            return error
        for (number, _), offset in zip(numbered, offsets, strict=True):
            results[number] = Placed(partition=partition, offset=offset)
            self._play_latency.came(partition, offset, came_at)
        self._metrics.count_plays("accepted", len(numbered))
        return None

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
