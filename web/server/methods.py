"""The methods of a path: `OPTIONS` names them, and so does the answer to a method that a path does not take."""

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHOD_NOT_ALLOWED = 405


class Methods:
    """Answers `OPTIONS` itself, and adds `Allow` to answers 405; the framework would name one route's methods alone."""

    def __init__(self, app: FastAPI) -> None:
        """Stand before `app`, whose state has its routes: the framework keeps them inside of their routers."""
        self._app: ASGIApp = app
        self._routes: list[BaseRoute] = app.state.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and (allowed := self._allowed(scope)):
            await Response(status_code=204, headers={"Allow": allowed})(scope, receive, send)
            return

        async def send_allowed(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == METHOD_NOT_ALLOWED:
                MutableHeaders(scope=message)["allow"] = self._allowed(scope)
            await send(message)

        await self._app(scope, receive, send_allowed)

    def _allowed(self, scope: Scope) -> str:
        """Return the methods of a path, separated by commas; empty if there is no such path."""
        methods = set[str]()
        for route in self._routes:
            match, _ = route.matches(scope)
            if match != Match.NONE:
                methods |= getattr(route, "methods", None) or {"GET"}
        if "GET" in methods:
            methods.add("HEAD")
        return ", ".join(sorted(methods))
