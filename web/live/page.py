"""The live page and its requests: HTML from templates, static files, the event stream, listener ids."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from web.live.event_stream import LiveStream
from web.parts import GatewayParts
from web.schemas import FoundListeners
from web.server.access import COOKIE, Access
from web.server.open_streams import EventStream
from web.server.request_body import read_body
from web.server.responses import as_json, not_ready

HERE = Path(__file__).parents[1]
WEEK_S = 604_800
FORM_BYTES_MAX = 4096
User = Annotated[str, Query(max_length=128, description="A listener.")]
Begin = Annotated[str, Query(alias="query", max_length=128, description="How their ids begin.")]
Limit = Annotated[int, Query(ge=1, le=50, description="Listeners at most.")]


class PageFiles(StaticFiles):
    """The page's static files; browsers revalidate them, so an upgrade never mixes modules."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        """Return a file, or 304 if the browser has the same one."""
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


class PageRoutes:
    """Serves the live page."""

    def __init__(self, parts: GatewayParts, access: Access) -> None:
        """Show these parts."""
        self._parts, self._access = parts, access
        self._templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape())

    def router(self) -> APIRouter:
        """Return the routes; they are not part of the API."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self.page, methods=["GET"])
        router.add_api_route("/login", self.login, methods=["GET"])
        router.add_api_route("/session", self.open_session, methods=["POST"])
        router.add_api_route("/live/listeners", self.listeners, methods=["GET"])
        router.add_api_route("/live/events", self.events, methods=["GET"])
        router.mount("/static", PageFiles(directory=HERE / "static"))
        return router

    async def page(self, user: User = "") -> Response:
        """Return the page."""
        serving = self._parts.serving.current
        text = self._templates.get_template("page.html").render(
            user=user, version=version("playfold"), generation=serving.id if serving else None
        )
        return HTMLResponse(text, headers={"Cache-Control": "no-cache"})

    async def login(self) -> Response:
        """Return the form that asks for the token."""
        return self._form(wrong=False)

    async def open_session(self, request: Request) -> Response:
        """Set the session cookie for a browser that sends the token, and redirect to the page."""
        form = await read_body(request, "application/x-www-form-urlencoded", FORM_BYTES_MAX)
        if not self._access.needs_token:
            return RedirectResponse("/", 303)
        (token, *_) = parse_qs(form.decode("latin-1")).get("token", [""])
        if not self._access.is_token(token.strip()):
            return self._form(wrong=True)
        redirect = RedirectResponse("/", 303)
        redirect.set_cookie(COOKIE, self._access.cookie, max_age=WEEK_S, httponly=True, samesite="strict")
        return redirect

    async def listeners(self, begin: Begin = "", limit: Limit = 20) -> Response:
        """Return the listeners with a list whose ids begin with the query."""
        return as_json(FoundListeners(listeners=self._parts.view.listeners(begin, limit)))

    async def events(self, user: User = "") -> Response:
        """Return the stream of a page."""
        if not self._parts.caught_up:
            raise not_ready(self._parts.follower.left)
        return EventStream(self._parts.streams, LiveStream(self._parts, user).events())

    def _form(self, *, wrong: bool) -> Response:
        text = self._templates.get_template("login.html").render(wrong=wrong)
        return HTMLResponse(text, 401 if wrong else 200, headers={"Cache-Control": "no-store"})
