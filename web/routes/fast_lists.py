"""The short way of most requests, lists and posts of events: the framework takes longer than their answers."""

import re
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.routes import items, plays
from web.routes.lists import PATH, ListRoutes
from web.server.ids import read_id
from web.server.problems import UNAVAILABLE, Problem, problem_of

_READ = re.compile(re.escape(PATH).replace(re.escape("{user_id}"), "([^/]{1,128})"))
_READ_ROUTE = SimpleNamespace(path=PATH)

Post = Callable[[Request], Awaitable[Response]]


class FastLists:
    """Answers reads of lists and posts itself, by the same code as the paths of the app do; the app does the rest."""

    def __init__(self, app: ASGIApp, lists: ListRoutes, posts: plays.PlayRoutes, ranking: items.ItemRoutes) -> None:
        """Stand before `app`."""
        self._app, self._lists = app, lists
        self._posts: dict[str, tuple[SimpleNamespace, Post]] = {
            plays.PATH: (SimpleNamespace(path=plays.PATH), posts.post),
            items.RANK_PATH: (SimpleNamespace(path=items.RANK_PATH), ranking.post),
        }

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
        if scope["method"] == "POST" and scope["path"] in self._posts:
            scope["route"], post = self._posts[scope["path"]]
            return await post(Request(scope, receive))
        match = _READ.fullmatch(scope["path"]) if scope["method"] == "GET" else None
        if match is None:
            return None
        scope["route"] = _READ_ROUTE
        try:
            user_id = read_id(match.group(1))
        except ValueError as error:
            raise Problem(422, f"user_id: {error}.") from None
        known_tags = b", ".join(value for name, value in scope["headers"] if name == b"if-none-match")
        return await self._lists.answer(user_id, scope["query_string"], known_tags.decode("latin-1"))
