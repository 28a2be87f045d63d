"""The stream of one open page: the figures every second, and its listener's list as it moves."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from streams.messages.records import Recommendations
from streams.readers.latest_list import position_in, read_list
from web.feeds.dashboard import Point
from web.parts import GatewayParts

STREAM_S = 3600.0
FIGURES_S = 1.0
RECONNECT = b"retry: 1000\n\n"
_TOLD = ("user_id", "kind", "generation", "revision", "partition", "offset", "plays", "reason", "made_at_ms")
_BOUNDS = ("value", "low", "high")


class LiveStream:
    """Writes server-sent events, until the page goes or an hour is over."""

    def __init__(self, parts: GatewayParts, user_id: str) -> None:
        """Follow the list of a listener; with an empty id, the figures alone."""
        self._parts, self._user_id = parts, user_id
        self._shown: dict[str, int] | None = None
        self._value = b""

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events until the page closes or the time is up."""
        yield RECONNECT
        yield event("history", columns(list(self._parts.dashboard.points)))
        clock = asyncio.get_running_loop().time
        ends = clock() + STREAM_S
        due = clock()
        with self._parts.waiters.wait_for(self._user_id) as came:
            while (now := clock()) < ends and not self._parts.waiters.closed:
                if self._user_id and (changed := self._changed()) is not None:
                    yield event("list", changed)
                if now >= due:
                    yield event("figures", figures_of(self._parts))
                    due = now + FIGURES_S
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, due - clock())):
                        await came.wait()
                came.clear()

    def _changed(self) -> dict[str, Any] | None:
        """Return the listener's list, as the page shows it, if it is another one than before."""
        view_list = self._parts.view.list_of(self._user_id)
        if view_list is None or view_list.value == self._value:
            return None
        self._value, held = view_list.value, read_list(view_list.value)
        before, self._shown = self._shown, {item_id: rank for rank, item_id in enumerate(held.items, 1)}
        titles = self._parts.search
        gone = sorted((before or {}).keys() - self._shown.keys(), key=(before or {}).__getitem__)
        return {
            **{name: getattr(held, name) for name in _TOLD},
            "took_ms": self._parts.play_latency.took_ms(held.partition, position_in(held)),
            "first": before is None,
            "entries": [self._entry(held, at, before or {}) for at in range(len(held.items))],
            "left": [
                {"item_id": item_id, "title": titles.of(item_id).title, "rank_before": (before or {})[item_id]}
                for item_id in gone
            ],
        }

    def _entry(self, held: Recommendations, at: int, before: dict[str, int]) -> dict[str, Any]:
        item = self._parts.search.of(held.items[at])
        return {
            "item_id": item.item_id,
            "title": item.title,
            "artist": item.artist,
            "score": held.scores[at],
            "rank": at + 1,
            "before": before.get(item.item_id),
            "because": list(self._reasons(held, at)),
        }

    def _reasons(self, held: Recommendations, at: int) -> Iterator[dict[str, Any]]:
        score = held.scores[at]
        if at >= len(held.because) or score <= 0:
            return
        for played, share in zip(held.because[at], held.because_scores[at], strict=True):
            item = self._parts.search.of(played)
            yield {"item_id": played, "title": item.title, "share": max(-1.0, min(1.0, share / score))}


def event(name: str, payload: Any) -> bytes:
    """Return a server-sent event."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(payload) + b"\n\n"


def columns(points: Sequence[Point]) -> dict[str, list[Any]]:
    """Return points as columns, as charts want them."""
    columns_by_name: dict[str, list[Any]] = {
        name: [getattr(point, name) for point in points] for name in ("at_ms", "plays_per_s", "lag", "p50_ms", "p99_ms")
    }
    for list_name in ("own", "popular"):
        for bound in _BOUNDS:
            name = list_name if bound == "value" else f"{list_name}_{bound}"
            shares = [getattr(point, list_name) for point in points]
            columns_by_name[name] = [None if share is None else getattr(share, bound) for share in shares]
    return columns_by_name


def figures_of(parts: GatewayParts) -> dict[str, Any]:
    """Return the figures of now."""
    now_ms = time.time_ns() // 1_000_000
    figures = parts.dashboard
    return {
        **msgspec.to_builtins(figures.latest(now_ms)),
        "workers": figures.workers(now_ms),
        "generations": figures.generations(),
        "rejects": {
            "total": parts.rejects.n_seen,
            "latest": [reject._asdict() for reject in reversed(parts.rejects.latest)],
        },
    }
