"""Health, readiness and metrics of the gateway."""

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from web.parts import GatewayParts
from web.routes.openapi import responses
from web.schemas import Health
from web.server.problems import RETRY_S, Problem
from web.server.responses import as_json, not_ready

OPEN: dict[str, Any] = {"security": []}
"""OpenAPI security of a route that needs no token."""
_EXAMPLE = {"status": "ready", "records_left": 0, "generation": "2026-11-23T03-00-00.000Z"}


UNREADABLE_SHOWN = 20


class HealthRoutes:
    """Answers supervisors and Prometheus."""

    def __init__(self, parts: GatewayParts) -> None:
        """Tell of these parts."""
        self._parts = parts

    def router(self) -> APIRouter:
        """Return the paths."""
        router = APIRouter(tags=["health"])
        router.add_api_route(
            "/healthz",
            self.healthz,
            methods=["GET"],
            operation_id="get_health",
            summary="Check that the gateway is alive",
            responses=responses("Health", {"status": "alive"}, "The process answers."),
            openapi_extra=OPEN,
        )
        router.add_api_route(
            "/readyz",
            self.readyz,
            methods=["GET"],
            operation_id="get_readiness",
            summary="Check that the gateway is ready",
            responses=responses("Health", _EXAMPLE, "The topics are loaded and Kafka accepts plays."),
            openapi_extra=OPEN,
        )
        router.add_api_route("/metrics", self.metrics, methods=["GET"], include_in_schema=False)
        return router

    async def healthz(self) -> Response:
        """Answer 200 while the process runs."""
        return as_json(Health(status="alive"))

    async def readyz(self) -> Response:
        """Answer 200 once the topics are loaded and while Kafka accepts plays."""
        if not self._parts.caught_up:
            raise not_ready(self._parts.follower.left)
        if not self._parts.intake.connected:
            raise Problem(503, "Kafka accepts no plays; reads of lists still work.", retry_s=RETRY_S)
        serving = self._parts.serving.current
        places = self._parts.unreadable.describe()[:UNREADABLE_SHOWN]
        return as_json(Health(status="ready", generation=serving.id if serving else None, unreadable=places))

    async def metrics(self) -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(generate_latest(self._parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)
