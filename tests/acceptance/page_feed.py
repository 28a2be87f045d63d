"""A gateway of paper for the page's tests: the real templates and static files, and a stream that a test writes.

`python -m tests.acceptance.page_feed PORT [--empty]` shows the page with figures that move, to work on it.
"""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from streams.kafka.ports import HOST, free_port
from tests.acceptance.page_events import GENERATION, TITLES, figures, history, item, list_of

WEB = Path(__file__).parent.parent.parent / "web"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""The gateway's, and one thing more: nothing may make markup of a string."""
REFUSED = "i5"
"""The item that cannot be played."""
TICK_S = 0.03


class Feed:
    """The state behind the page. A test changes the fields, and open streams send the change within a tick."""

    def __init__(self, *, full: bool) -> None:
        """Begin with all there can be, or with nothing."""
        self.full = full
        self.status = 200
        """The answer to a request for the stream."""
        self.n_refused = 0
        """Requests for the stream that were answered with something else than 200."""
        self.learns = True
        """Whether a play changes its listener's list."""
        self.busy = False
        """Whether a request for reasons is refused."""
        self.explained: list[tuple[str, str]] = []
        """The requests for reasons: listener and item."""
        self.plays: list[dict[str, Any]] = []
        self.lists: dict[str, dict[str, Any]] = {}
        self._epoch = 0
        if full:
            self.lists["711"] = list_of("711", list(range(1, len(TITLES))), None, plays=34, offset=16)
            self.lists["712"] = list_of("712", list(range(5, len(TITLES))), None, plays=2, offset=3)

    def play(self, event: dict[str, Any]) -> dict[str, Any]:
        """Take a play: its item leaves the list, the first two change places, one comes in, one comes up."""
        self.plays.append(event)
        place = {"partition": 0, "offset": 16 + len(self.plays)}
        if self.learns:
            user = event["user_id"]
            old = self.lists.get(user)
            before = [int(entry["item_id"][1:]) for entry in old["entries"]] if old else None
            rows = [row for row in before or range(1, len(TITLES)) if f"i{row}" != event["item_id"]]
            new = [0] if 0 not in rows and event["item_id"] != "i0" else []
            rows = [rows[1], rows[0], *rows[2:4], *new, *rows[4:8], rows[-1], *rows[8:-1]]
            plays = (old["plays"] if old else 0) + 1
            self.lists[user] = list_of(user, rows, before, plays=plays, offset=place["offset"])
        return place

    def cut(self) -> None:
        """End every stream that is open."""
        self._epoch += 1

    async def events(self, request: Request, user: str) -> AsyncIterator[bytes]:
        """Send everything, then every change."""
        epoch, shown, told_s = self._epoch, None, 0.0
        yield b"retry: 100\n\n" + _event("history", history(time.time(), full=self.full))
        while epoch == self._epoch and not await request.is_disconnected():
            if self.lists.get(user) is not shown:
                shown = self.lists[user]
                yield _event("list", shown)
            if time.time() - told_s >= 1:
                told_s = time.time()
                yield _event("figures", figures(told_s, full=self.full))
            await asyncio.sleep(TICK_S)


def _event(name: str, payload: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(payload))


def _app_of(feed: Feed) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.mount("/static", StaticFiles(directory=WEB / "static"))
    _add_pages(app, feed)
    _add_live(app, feed)
    _add_api(app, feed)
    return app


def _add_pages(app: FastAPI, feed: Feed) -> None:
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB / "templates"), autoescape=True)

    @app.middleware("http")
    async def strict(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = CSP
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/")
    async def page(user: str = "") -> HTMLResponse:
        known = {"user": user, "version": "0.1.0", "needs_login": False}
        generation = GENERATION if feed.full else None
        return HTMLResponse(templates.get_template("page.html").render(known, generation=generation))

    @app.get("/login")
    async def login(*, wrong: bool = False) -> HTMLResponse:
        return HTMLResponse(templates.get_template("login.html").render(wrong=wrong))


def _add_live(app: FastAPI, feed: Feed) -> None:
    @app.get("/live/listeners")
    async def listeners(query: str = "") -> Response:
        matching = [user for user in feed.lists if user.startswith(query)]
        return JSONResponse({"listeners": matching}, status_code=401 if feed.status == 401 else 200)

    @app.get("/live/events")
    async def events(request: Request, user: str = "") -> Response:
        if feed.status != 200:
            feed.n_refused += 1
            return Response(status_code=feed.status)
        return StreamingResponse(feed.events(request, user), media_type="text/event-stream")


def _add_api(app: FastAPI, feed: Feed) -> None:
    @app.get("/v1/items")
    async def items(query: str, limit: int = 8) -> dict[str, list[dict[str, str]]]:
        rows = [row for row, title in enumerate(TITLES) if query.lower() in title.lower()]
        return {"items": [item(row) for row in rows[:limit]]}

    @app.get("/v1/users/{user}/because/{item_id}")
    async def because(user: str, item_id: str) -> Response:
        feed.explained.append((user, item_id))
        if feed.busy:
            problem = {"title": "Service Unavailable", "detail": "2 requests read whole topics already."}
            return JSONResponse(problem, status_code=503, headers={"Retry-After": "5"})
        reasons = [{"item_id": "i9", "title": TITLES[9], "share": 0.1}, {"item_id": "x", "share": -0.05}]
        return JSONResponse({"score": 0.25, "reasons": reasons, "rest": 0.2})

    @app.post("/v1/plays")
    async def plays(request: Request) -> Response:
        play = orjson.loads(await request.body())
        if play["item_id"] == REFUSED:
            refused = [{"error": "The item is refused."}]
            return JSONResponse({"title": "No event was acceptable.", "results": refused}, status_code=422)
        return JSONResponse({"accepted": 1, "rejected": 0, "results": [feed.play(play)]})


@contextmanager
def serving(feed: Feed, port: int) -> Iterator[str]:
    """Serve a feed while the block lasts, and return its address."""
    config = uvicorn.Config(_app_of(feed), HOST, port, log_level="warning", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), f"The page's feed cannot listen on port {port}."
            time.sleep(0.01)
        yield f"http://{HOST}:{port}"
    finally:
        feed.cut()
        server.should_exit = True
        thread.join(timeout=10)


if __name__ == "__main__":
    with serving(Feed(full="--empty" not in sys.argv), int(sys.argv[1]) if len(sys.argv) > 1 else free_port()) as shown:
        sys.stdout.write(f"{shown}/?user=711\n")
        threading.Event().wait()
