"""The short way of reads of lists and posts of events, most requests: the framework takes longer than their answers."""

import re
from types import SimpleNamespace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.routes import plays
from web.routes.lists import PATH, ListRoutes
from web.server.ids import read_id
from web.server.problems import UNAVAILABLE, Problem, problem_of

_READ = re.compile(re.escape(PATH).replace(re.escape("{user_id}"), "([^/]{1,128})"))
_ROUTE, _PLAYS_ROUTE = SimpleNamespace(path=PATH), SimpleNamespace(path=plays.PATH)


class FastLists:
    """Answers reads of lists and posts itself, by the same code as the paths of the app do; the app does the rest."""

    def __init__(self, app: ASGIApp, lists: ListRoutes, posts: plays.PlayRoutes) -> None:
        """Stand before `app`."""
        self._app, self._lists, self._posts = app, lists, posts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            response = await self._answer(scope, receive)
        except UNAVAILABLE as error:
            raise problem_of(error) from None
        await (self._app if response is None else response)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Return the response to a request; None if it is for the app."""
        if scope["method"] == "POST" and scope["path"] == plays.PATH:
            scope["route"] = _PLAYS_ROUTE
            return await self._posts.post(Request(scope, receive))
        match = _READ.fullmatch(scope["path"]) if scope["method"] == "GET" else None
        if match is None:
            return None
        scope["route"] = _ROUTE
        try:
            user_id = read_id(match.group(1))
        except ValueError as error:
            raise Problem(422, f"user_id: {error}.") from None
        known_tags = b", ".join(value for name, value in scope["headers"] if name == b"if-none-match")
        return await self._lists.answer(user_id, scope["query_string"], known_tags.decode("latin-1"))
