"""A gateway of paper for the page's tests: the real templates and static files, and a stream that a test writes.

`python -m tests.acceptance.page_feed PORT` shows the page with figures that move, for whoever works on it.
"""

import asyncio
import math
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

from streams.broker import HOST, free_port

WEB = Path(__file__).parent.parent.parent / "web"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HOSTILE = "<img src=x onerror=alert(1)>"
TITLES = (
    "Dangerous Beauty (1998)", "Wag the Dog (1997)", "Tomorrow Never Dies (1997)", "Jackie Brown (1997)",
    "As Good As It Gets (1997)", "Good Will Hunting (1997)", "Mrs. Brown (Her Majesty, Mrs. Brown) (1997)",
    "L.A. Confidential (1997)", "The Wings of the Dove (1997)", "Titanic (1997)", "Amistad (1997)",
    "Gattaca (1997)", "The Full Monty (1997)", "Boogie Nights (1997)", HOSTILE, "The Ice Storm (1997)",
)  # fmt: skip
GENERATION = "2026-11-25T19-44-05.582Z"


def item(row: int) -> dict[str, str]:
    """Return what the catalog says of an item."""
    return {"item_id": f"i{row}", "title": TITLES[row], "artist": f"Director {row}", "kind": "film"}


def estimate(value: float, reach: float) -> dict[str, float]:
    """Return a rate with an interval."""
    return {"value": value, "low": value - reach, "high": value + reach}


class Feed:
    """What the page is told. A test changes the fields; open streams hear of it within a tick."""

    def __init__(self, *, full: bool) -> None:
        """Begin with all there can be, or with nothing."""
        self.full = full
        self.tick_s = 0.05
        self.refused = False
        self.silent = False
        self.plays: list[dict[str, Any]] = []
        self.lists: dict[str, dict[str, Any]] = {"711": self.first_list("711")} if full else {}
        self.epoch = 0

    def first_list(self, user: str) -> dict[str, Any]:
        """Return the list that a listener has before the test plays."""
        return self.list_of(user, list(range(1, len(TITLES))), None, plays=34, offset=16)

    def list_of(
        self, user: str, rows: list[int], before: list[int] | None, *, plays: int, offset: int
    ) -> dict[str, Any]:
        """Return the event of a list."""
        ranks = {row: rank for rank, row in enumerate(before or [], start=1)}
        entries = [
            item(row) | {"score": 1 / rank, "rank": rank, "before": ranks.get(row), "because": self.because(row)}
            for rank, row in enumerate(rows, start=1)
        ]
        left = [
            {"item_id": f"i{row}", "title": TITLES[row], "rank_before": rank}
            for row, rank in ranks.items()
            if row not in rows
        ]
        return {
            "user_id": user, "kind": "personal", "generation": GENERATION, "revision": 0, "plays": plays,
            "reason": "changed" if before else "first", "made_at_ms": int(time.time() * 1000), "took_ms": 12.34,
            "entries": entries, "left": left, "first": before is None, "partition": 0, "offset": offset,
        }  # fmt: skip

    @staticmethod
    def because(row: int) -> list[dict[str, Any]]:
        """Return reasons for an item, one of them against it for every third."""
        found = [{"item_id": "i0", "title": TITLES[(row + 3) % len(TITLES)], "share": 0.31 + 0.01 * row}]
        if row % 3 == 0:
            found.append({"item_id": "i2", "title": TITLES[(row + 5) % len(TITLES)], "share": -0.12})
        if row % 2 == 0:
            found.append({"item_id": "i9", "title": TITLES[(row + 7) % len(TITLES)], "share": 0.004 * row})
        return found

    def play(self, event: dict[str, Any]) -> dict[str, Any]:
        """Take a play: its item leaves the list, a later one comes up, two change places."""
        self.plays.append(event)
        user, offset = event["user_id"], 16 + len(self.plays)
        old = self.lists.get(user)
        if not self.silent:
            before = [int(entry["item_id"][1:]) for entry in old["entries"]] if old else None
            rows = [row for row in before or range(len(TITLES)) if f"i{row}" != event["item_id"]]
            rows = [rows[1], rows[0], *rows[2:8], rows[-1], *rows[8:-1]]
            if len(self.plays) == 1:
                rows.insert(4, 0) if 0 not in rows and event["item_id"] != "i0" else None
            self.lists[user] = self.list_of(user, rows, before, plays=(old["plays"] if old else 0) + 1, offset=offset)
        return {"partition": 0, "offset": offset}

    def figures(self, at_s: float) -> dict[str, Any]:
        """Return a second's figures."""
        told = {"at_ms": int(at_s * 1000), "plays_per_s": 0.0, "lag": 0, "p50_ms": None, "p99_ms": None, "own": None,
                "popular": None, "scored_plays": 0, "workers": [], "generations": [],
                "rejects": {"total": 0, "latest": []}}  # fmt: skip
        return told | (self.full_figures(at_s) if self.full else {})

    @staticmethod
    def full_figures(at_s: float) -> dict[str, Any]:
        """Return figures of a stream that runs."""
        wave = math.sin(at_s / 17) + 0.4 * math.sin(at_s / 3.1)
        workers = [
            {"instance": name, "partitions": partitions, "partitions_swept": swept, "generation": GENERATION,
             "revision": 0, "events_per_s": 50 + 8 * wave, "p50_ms": 17.4 + wave, "p99_ms": 49.4 + 6 * wave,
             "told_ms_ago": ago}
            for name, partitions, swept, ago in (
                ("demo-1", [0, 1, 2, 3], [0, 1, 2, 3], 400), ("demo-2", [4, 5, 6, 7], [4, 5], 12_000))
        ]  # fmt: skip
        generations = [
            {"generation_id": name, "created_at": name[:13] + ":44:05Z", "serving": serving, "rejected": rejected,
             "n_items": 1605, "n_listeners": 751, "quality": quality and {"n_events": 750, "hit_at_20": quality}}
            for name, serving, rejected, quality in (
                ("2026-11-25T22-44-15.491Z", False, True, estimate(0.21, 0.03)),
                (GENERATION, True, False, estimate(0.29, 0.032)),
                ("2026-11-24T03-44-00.000Z", False, False, estimate(0.27, 0.031)),
                ("2026-11-23T03-44-00.000Z", False, False, None))
        ]  # fmt: skip
        latest = [
            {"at_ms": int(at_s * 1000) // 60_000 * 60_000, "partition": 3, "offset": 418, "reason": HOSTILE},
            {"at_ms": int(at_s * 1000) // 60_000 * 60_000 - 61_000, "partition": 0, "offset": 17,
             "reason": "played_at_ms 12 is before 1995: it is milliseconds since 1970."},
        ]  # fmt: skip
        return {
            "plays_per_s": 100 + 16 * wave, "lag": max(0, round(4 + 9 * wave)), "p50_ms": 17.4 + wave,
            "p99_ms": 49.4 + 12 * wave, "own": estimate(0.183 + 0.01 * wave, 0.009),
            "popular": estimate(0.077 + 0.003 * wave, 0.0055), "scored_plays": 8901, "workers": workers,
            "generations": generations, "rejects": {"total": 2, "latest": latest},
        }  # fmt: skip

    def history(self, now_s: float) -> dict[str, list[Any]]:
        """Return the last ten minutes."""
        rows = [self.figures(now_s - back) for back in range(600, 0, -1)] if self.full else []
        told: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in
                                      ("at_ms", "plays_per_s", "lag", "p50_ms", "p99_ms")}  # fmt: skip
        for name in ("own", "popular"):
            told[name] = [row[name]["value"] for row in rows]
            told |= {f"{name}_{edge}": [row[name][edge] for row in rows] for edge in ("low", "high")}
        return told

    async def events(self, request: Request, user: str) -> AsyncIterator[bytes]:
        """Tell everything, then what changes."""
        epoch, shown, figures_at_s = self.epoch, None, 0.0
        yield event("history", self.history(time.time()))
        while epoch == self.epoch and not await request.is_disconnected():
            if self.lists.get(user) is not shown:
                shown = self.lists[user]
                yield event("list", shown)
            if time.time() - figures_at_s >= 1:
                figures_at_s = time.time()
                yield event("figures", self.figures(figures_at_s))
            await asyncio.sleep(self.tick_s)

    def cut(self) -> None:
        """End every stream that is open."""
        self.epoch += 1


def event(name: str, told: dict[str, Any]) -> bytes:
    """Return a server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(told))


def app_of(feed: Feed) -> FastAPI:
    """Return the gateway of paper."""
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB / "templates"), autoescape=True)
    app = FastAPI(openapi_url=None)
    app.mount("/static", StaticFiles(directory=WEB / "static"))

    @app.middleware("http")
    async def strict(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = CSP
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/")
    async def page(user: str = "") -> HTMLResponse:
        generation = GENERATION if feed.full else None
        told = templates.get_template("page.html").render(
            user=user, version="0.1.0", generation=generation, needs_login=False
        )
        return HTMLResponse(told)

    @app.get("/login")
    async def login(*, wrong: bool = False) -> HTMLResponse:
        return HTMLResponse(templates.get_template("login.html").render(wrong=wrong))

    @app.get("/live/listeners")
    async def listeners(query: str = "") -> dict[str, list[str]]:
        return {"listeners": [user for user in (*feed.lists, "712", "8") if user.startswith(query)]}

    @app.get("/live/events")
    async def events(request: Request, user: str = "") -> Response:
        if feed.refused:
            return Response(status_code=503)
        return StreamingResponse(feed.events(request, user), media_type="text/event-stream")

    @app.get("/v1/items")
    async def items(query: str, limit: int = 8) -> dict[str, list[dict[str, str]]]:
        rows = [row for row, title in enumerate(TITLES) if query.lower() in title.lower()]
        return {"items": [item(row) for row in rows[:limit]]}

    @app.post("/v1/plays")
    async def plays(request: Request) -> Response:
        play = orjson.loads(await request.body())
        if play["item_id"] == "i5":
            refused = [{"error": "The item is refused."}]
            return JSONResponse({"title": "No event was acceptable.", "results": refused}, status_code=422)
        return JSONResponse({"accepted": 1, "rejected": 0, "results": [feed.play(play)]})

    return app


@contextmanager
def serving(feed: Feed, port: int) -> Iterator[str]:
    """Serve a feed while the block lasts, and return its address."""
    config = uvicorn.Config(app_of(feed), HOST, port, log_level="warning", ws="none", timeout_graceful_shutdown=1)
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
