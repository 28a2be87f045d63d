"""The output of the demo: a live view in a terminal, plain lines elsewhere, and a summary at the end."""

from collections.abc import Mapping

import msgspec
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.demo.live import LiveFigures, Spotlight
from cli.demo.scores import K, compare_lists, quantile_ms
from model.evaluation.rank_metrics import Interval

COLOURS = {"up": "green", "new": "bold green", "down": "yellow", "out": "red"}


class Summary(msgspec.Struct, frozen=True):
    """The demo's figures at one moment."""

    plays: int
    plays_per_s: float
    lag: int | None
    p50_ms: float | None
    p99_ms: float | None
    hit_at_10: Interval | None
    popular_hit_at_10: Interval | None
    judged: int


def summarize(figures: LiveFigures, now: float, *, whole: bool) -> Summary:
    """Return the figures, with the latencies of the whole run or of the last seconds."""
    latencies_ms = figures.latencies.all_ms if whole else figures.latencies.recent_ms(now)
    return Summary(
        plays=figures.n_sent,
        plays_per_s=round(figures.plays_per_s(now), 1),
        lag=figures.lag,
        p50_ms=quantile_ms(latencies_ms, 0.5),
        p99_ms=quantile_ms(latencies_ms, 0.99),
        hit_at_10=figures.hits.own,
        popular_hit_at_10=figures.hits.popular,
        judged=figures.hits.n_judged,
    )


def show_figures(summary: Summary) -> Table:
    """Return the figures, one a line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row("plays", f"{summary.plays:,} sent, {summary.plays_per_s:.0f}/s" + _lag(summary.lag))
    grid.add_row("play to list", f"p50 {_ms(summary.p50_ms)}, p99 {_ms(summary.p99_ms)}")
    grid.add_row(f"hit rate@{K}, own list", Text(_percent(summary.hit_at_10), "bold"))
    grid.add_row(f"hit rate@{K}, popular list", _percent(summary.popular_hit_at_10))
    grid.add_row("judged by", f"{summary.judged:,} plays of a film that was new for its listener")
    return grid


def show_live(summary: Summary, spotlight: Spotlight | None, titles: Mapping[str, str]) -> RenderableType:
    """Return the live view."""
    parts: list[RenderableType] = [Panel(show_figures(summary), title="playfold", title_align="left")]
    if spotlight is not None:
        parts.append(show_spotlight(spotlight, titles))
    return Group(*parts)


def show_spotlight(spotlight: Spotlight, titles: Mapping[str, str]) -> Table:
    """Return one listener's list before and after one play, side by side."""

    def title(item_id: str) -> str:
        return titles.get(item_id, item_id)

    before = spotlight.before.items[:K]
    moves = compare_lists(before, spotlight.after.items if spotlight.after else [])
    said = {move.item_id: move.said for move in moves}
    after = [move for move in moves if move.rank is not None]
    played = f"Listener {spotlight.user_id} played {title(spotlight.item_id)}"
    table = Table(title=played, title_justify="left", expand=True)
    table.add_column("", justify="right", min_width=2)
    table.add_column("before", no_wrap=True, ratio=1)
    table.add_column("after", no_wrap=True, ratio=1)
    table.add_column("", no_wrap=True, min_width=len("down 10"))
    for rank in range(max(len(before), len(after))):
        was = before[rank] if rank < len(before) else ""
        left = Text("played: " if was == spotlight.item_id else "", style="red" if said.get(was) == "out" else "")
        left.append(title(was))
        move = after[rank] if rank < len(after) else None
        word = move.said if move and move.said != "same" else ""
        style = COLOURS.get(word.partition(" ")[0], "")
        table.add_row(str(rank + 1), left, Text(title(move.item_id) if move else "", style), Text(word, style))
    return table


def tell_line(summary: Summary) -> str:
    """Return the figures in one plain line."""
    return (
        f"{summary.plays:,} plays, {summary.plays_per_s:.0f}/s{_lag(summary.lag)}; "
        f"play to list p50 {_ms(summary.p50_ms)}, p99 {_ms(summary.p99_ms)}; hit rate@{K} of the listener's own list "
        f"{_percent(summary.hit_at_10)}, of the popular list {_percent(summary.popular_hit_at_10)}, "
        f"{summary.judged:,} plays judged"
    )


def _lag(lag: int | None) -> str:
    return "" if lag is None else f", lag {lag:,}"


def _ms(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f} ms"


def _percent(rate: Interval | None) -> str:
    if rate is None:
        return "-"
    return f"{100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"
