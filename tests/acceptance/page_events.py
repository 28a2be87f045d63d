"""Events of the live page in its tests: lists, figures of a running stream, and of an empty one."""

import math
import time
from typing import Any

HOSTILE = "<img src=x onerror=alert(1)>"
TITLES = (
    "Dangerous Beauty (1998)", "Wag the Dog (1997)", "Tomorrow Never Dies (1997)", "Jackie Brown (1997)",
    "As Good As It Gets (1997)", "Good Will Hunting (1997)", "Mrs. Brown (Her Majesty, Mrs. Brown) (1997)",
    "L.A. Confidential (1997)", "The Wings of the Dove (1997)", "Titanic (1997)", "Amistad (1997)",
    "Gattaca (1997)", "The Full Monty (1997)", "Boogie Nights (1997)", HOSTILE, "The Ice Storm (1997)",
)  # fmt: skip
GENERATION = "2026-11-25T19-44-05.582Z"
REJECTED = "2026-11-25T22-44-15.491Z"
MINUTE_MS = 60_000
EXPLAINED = 13
"""First items of a list that have reasons."""


def item(row: int) -> dict[str, str]:
    """Return the catalog record of an item."""
    return {"item_id": f"i{row}", "title": TITLES[row], "artist": f"Director {row}", "kind": "film"}


def because(row: int) -> list[dict[str, Any]]:
    """Return reasons for an item; every third has one against it, every second one that weighs little."""
    reasons = [{"item_id": "i0", "title": TITLES[(row + 3) % len(TITLES)], "share": 0.31 + 0.01 * row}]
    if row % 3 == 0:
        reasons.append({"item_id": "i2", "title": TITLES[(row + 5) % len(TITLES)], "share": -0.12})
    if row % 2 == 0:
        reasons.append({"item_id": "i9", "title": TITLES[(row + 7) % len(TITLES)], "share": 0.004 * row})
    return reasons


def list_of(user: str, rows: list[int], before: list[int] | None, *, plays: int, offset: int) -> dict[str, Any]:
    """Return the event of a list."""
    ranks = {row: rank for rank, row in enumerate(before or [], start=1)}
    entries = [
        item(row)
        | {
            "score": 1 / rank,
            "rank": rank,
            "before": ranks.get(row),
            "because": because(row) if rank <= EXPLAINED else [],
        }
        for rank, row in enumerate(rows, start=1)
    ]
    gone = [row for row in ranks if row not in rows]
    left = [{"item_id": f"i{row}", "title": TITLES[row], "rank_before": ranks[row]} for row in gone]
    return {
        "user_id": user, "kind": "personal", "generation": GENERATION, "revision": 0, "plays": plays,
        "reason": "changed" if before else "first", "made_at_ms": int(time.time() * 1000), "took_ms": 12.34,
        "entries": entries, "left": left, "first": before is None, "partition": 0, "offset": offset,
    }  # fmt: skip


def figures(at_s: float, *, full: bool) -> dict[str, Any]:
    """Return a second's figures."""
    nothing: dict[str, Any] = {
        "at_ms": int(at_s * 1000), "plays_per_s": 0.0, "lag": 0, "p50_ms": None, "p99_ms": None, "own": None,
        "popular": None, "scored_plays": 0, "workers": [], "generations": [], "rejects": {"total": 0, "latest": []},
    }  # fmt: skip
    return nothing | (_running(at_s) if full else {})


def history(now_s: float, *, full: bool) -> dict[str, list[Any]]:
    """Return the last ten minutes."""
    rows = [figures(now_s - back, full=True) for back in range(600, 0, -1)] if full else []
    names = ("at_ms", "plays_per_s", "lag", "p50_ms", "p99_ms")
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in names}
    for name in ("own", "popular"):
        columns[name] = [row[name]["value"] for row in rows]
        columns |= {f"{name}_{edge}": [row[name][edge] for row in rows] for edge in ("low", "high")}
    return columns


def _running(at_s: float) -> dict[str, Any]:
    wave = math.sin(at_s / 17) + 0.4 * math.sin(at_s / 3.1)
    minute_ms = int(at_s * 1000) // MINUTE_MS * MINUTE_MS
    return {
        "plays_per_s": 100 + 16 * wave, "lag": max(0, round(4 + 9 * wave)), "p50_ms": 17.4 + wave,
        "p99_ms": 49.4 + 12 * wave, "own": _estimate(0.183 + 0.01 * wave, 0.009),
        "popular": _estimate(0.077 + 0.003 * wave, 0.0055), "scored_plays": 8901,
        "workers": [_worker("demo-1", [0, 1, 2, 3], [0, 1, 2, 3], 400),
                    _worker("demo-2", [4, 5, 6, 7], [4, 5], 12_000)],
        "generations": [_generation(REJECTED, _estimate(0.21, 0.03), rejected=True),
                        _generation(GENERATION, _estimate(0.29, 0.032), serving=True),
                        _generation("2026-11-24T03-44-00.000Z", _estimate(0.27, 0.031)),
                        _generation("2026-11-23T03-44-00.000Z", None)],
        "rejects": {"total": 1402, "latest": [
            {"at_ms": minute_ms, "partition": 3, "offset": 418, "reason": HOSTILE},
            {"at_ms": minute_ms - MINUTE_MS, "partition": 0, "offset": 17, "reason": "The play has no user_id."}]},
    }  # fmt: skip


def _estimate(value: float, reach: float) -> dict[str, float]:
    return {"value": value, "low": value - reach, "high": value + reach}


def _worker(instance: str, partitions: list[int], swept: list[int], reported_ms_ago: int) -> dict[str, Any]:
    return {
        "instance": instance, "partitions": partitions, "partitions_swept": swept, "generation": GENERATION,
        "revision": 0, "events_per_s": 51.5, "p50_ms": 17.4, "p99_ms": 49.4, "reported_ms_ago": reported_ms_ago,
    }  # fmt: skip


def _generation(
    generation_id: str, hits: dict[str, float] | None, *, serving: bool = False, rejected: bool = False
) -> dict[str, Any]:
    quality: dict[str, Any] | None = hits and {"n_events": 750, "hit_at_20": hits, "mrr_at_20": hits}
    return {
        "generation_id": generation_id, "created_at": f"{generation_id[:13]}:44:05Z", "serving": serving,
        "rejected": rejected, "n_items": 1605, "n_listeners": 751, "quality": quality,
    }  # fmt: skip
