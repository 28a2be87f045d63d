"""The app: every path, behind the guard."""

from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp

from web.live.page import Page
from web.parts import Parts
from web.routes.fast_lists import QuickReads
from web.routes.health import HealthPath
from web.routes.items import ItemsPath
from web.routes.listeners import ListenersPath
from web.routes.lists import ListsPath
from web.routes.openapi import describe
from web.routes.plays import PlaysPath
from web.server.access import Access
from web.server.guard import Guard
from web.server.problems import add_problems

DESCRIPTION = """\
Plays go in, lists come out; whatever a play changes is in its listener's list milliseconds later.

Lists are read from what this gateway holds of the topics: they are there whether or not a worker runs.
Ids in a path are percent-encoded, slashes too. Errors are problem documents (RFC 9457).
"""


def create_api(parts: Parts, access: Access) -> FastAPI:
    """Return the paths alone."""
    app = FastAPI(
        title="playfold",
        version=version("playfold"),
        description=DESCRIPTION,
        docs_url=None,  # their pages load files from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    for paths in (
        PlaysPath(parts),
        ListsPath(parts),
        ItemsPath(parts),
        ListenersPath(parts),
        HealthPath(parts),
        Page(parts, access),
    ):
        app.include_router(paths.router())
    add_problems(app)
    describe(app, parts.settings.signals.weights.keys(), needs_token=access.needs_token)
    return app


def create_app(parts: Parts, access: Access) -> ASGIApp:
    """Return the whole app of a gateway."""
    quick = QuickReads(create_api(parts, access), ListsPath(parts))
    return Guard(quick, parts.settings, access, parts.metrics)
