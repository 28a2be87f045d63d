"""The app: every route, behind the guard."""

from fastapi import FastAPI
from starlette.types import ASGIApp

from streams.messages.records import CONTRACT_VERSION
from web.live.page import PageRoutes
from web.parts import GatewayParts
from web.routes.fast_lists import FastLists
from web.routes.health import HealthRoutes
from web.routes.items import ItemRoutes
from web.routes.listeners import ListenerRoutes
from web.routes.lists import ListRoutes
from web.routes.openapi import describe
from web.routes.plays import PlayRoutes
from web.server.access import Access
from web.server.guard import Guard
from web.server.methods import Methods
from web.server.problems import add_problems

DESCRIPTION = """\
Send plays, read lists: a play changes its listener's list within milliseconds.

The gateway keeps a copy of the lists, so reads work whether or not a worker runs.
Ids in a path are percent-encoded, slashes too. Errors are problem documents (RFC 9457).
"""


def create_api(parts: GatewayParts, access: Access) -> FastAPI:
    """Return the routes without the guard."""
    app = FastAPI(
        title="playfold",
        version=CONTRACT_VERSION,
        description=DESCRIPTION,
        docs_url=None,  # their pages load files from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    paths = (
        PlayRoutes(parts),
        ListRoutes(parts),
        ItemRoutes(parts),
        ListenerRoutes(parts),
        HealthRoutes(parts),
        PageRoutes(parts, access),
    )
    app.state.routes = list(app.routes)
    for router in [path.router() for path in paths]:
        app.include_router(router)
        app.state.routes += router.routes
    add_problems(app)
    describe(app, parts.settings.signals.weights.keys(), needs_token=access.needs_token)
    return app


def create_app(parts: GatewayParts, access: Access) -> ASGIApp:
    """Return the whole app of a gateway."""
    posts, ranking = PlayRoutes(parts), ItemRoutes(parts)
    quick = FastLists(Methods(create_api(parts, access)), ListRoutes(parts), posts, ranking)
    return Guard(quick, parts.settings.gateway, access, parts.metrics)
