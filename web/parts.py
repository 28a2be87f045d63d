"""The parts of a gateway, and how they are put together."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from state.catalog.item_catalog import ItemCatalog
from state.gateway_view import ITEM, View
from state.generations.open_store import generation_store
from state.generations.serving import Serving
from state.lists.explain_score import Explanation
from state.storage.disk_space import DiskMetrics
from streams.messages.export_document import Holdings
from streams.messages.receipt import Receipt
from streams.settings import Settings
from web.feeds.commit_progress import Progress
from web.feeds.dashboard import Figures
from web.feeds.list_waiters import Arrivals
from web.feeds.play_latency import Timings
from web.feeds.popular_lists import PopularHeld
from web.feeds.rejects import Rejects
from web.feeds.topic_follower import Following, Record
from web.item_search import ItemSearch
from web.list_reader import Lists
from web.play_intake import Intake
from web.server.metrics import GatewayMetrics, GatewayState
from web.server.open_streams import OpenStreams
from web.session_ranking import Companions


@dataclass(frozen=True)
class Rights:
    """What takes reading whole topics; the command gives it, since `web` and `jobs` know nothing of each other."""

    explain: Callable[[str, str, Settings], Explanation]
    """Splits a score over all plays, in a thread. Raises LookupError where there is no such score."""
    export: Callable[[str, Settings, int], Awaitable[Holdings]]
    forget: Callable[[str, Settings], Awaitable[Receipt]]
    """Has a listener forgotten, and returns the receipt. Raises TimeoutError if no worker did it in time."""


@dataclass(frozen=True)
class Parts:
    """The parts of one gateway."""

    settings: Settings
    rights: Rights
    view: View
    following: Following
    arrivals: Arrivals
    progress: Progress
    intake: Intake
    serving: Serving
    catalog: ItemCatalog
    popular: PopularHeld
    lists: Lists
    search: ItemSearch
    companions: Companions
    figures: Figures
    rejects: Rejects
    streams: OpenStreams
    timings: Timings
    metrics: GatewayMetrics

    @property
    def caught_up(self) -> bool:
        """Tell whether everything has been read that stood on the topics at the start."""
        return self.following.caught_up.is_set()


def make_parts(settings: Settings, rights: Rights, view: View) -> Parts:
    """Put the parts of a gateway together."""
    arrivals, catalog, popular = Arrivals(), ItemCatalog(), PopularHeld()
    serving = Serving(generation_store(settings), catalog.prepare)
    search = ItemSearch(serving)

    def changed(kind: bytes, lists: Sequence[tuple[str, int]], records: Sequence[Record]) -> None:
        if kind == ITEM:
            take_items(catalog, search, records)
        arrivals.tell(user_id for user_id, _ in lists)

    following = Following(settings, view, changed)
    progress = Progress(settings, following, arrivals)
    rejects, streams = Rejects(settings), OpenStreams(settings.gateway.streams_max)
    state = GatewayState(
        following.caught_up.is_set,
        lambda: following.behind,
        lambda: progress.lags,
        lambda: streams.n_open,
        lambda: serving.current.manifest.created_at_ms if serving.current else None,
        lambda: rejects.n_seen,
    )
    return Parts(
        settings=settings,
        rights=rights,
        view=view,
        following=following,
        arrivals=arrivals,
        progress=progress,
        intake=Intake(settings),
        serving=serving,
        catalog=catalog,
        popular=popular,
        lists=Lists(settings, view, catalog, popular, arrivals, progress),
        search=search,
        companions=Companions(settings, serving, catalog),
        figures=Figures(settings, progress, serving),
        rejects=rejects,
        streams=streams,
        timings=Timings(),
        metrics=GatewayMetrics(state, DiskMetrics(settings.application.data_path)),
    )


def take_items(catalog: ItemCatalog, search: ItemSearch, records: Iterable[Record]) -> None:
    """Take in records of the catalog."""
    known = list(records)
    for key, value in known:
        catalog.on_record(key, value)
    search.take(known)
