"""How the parts of a gateway are put together."""

import asyncio
from collections.abc import Sequence

from state.catalog import ItemCatalog
from state.disk_metrics import DiskMetrics
from state.generation_store import generation_store
from state.serving import Serving
from state.view import ITEM, View
from streams.settings import Settings
from web.arrivals import Arrivals
from web.companions import Companions
from web.figures import Figures
from web.following import Following
from web.intake import Intake
from web.metrics import GatewayMetrics, GatewayState
from web.open_streams import OpenStreams
from web.parts import Parts, Rights
from web.popular import PopularHeld
from web.progress import Progress
from web.reading import Lists
from web.rejects import Rejects
from web.search import ItemSearch
from web.timings import Timings


def make_parts(settings: Settings, rights: Rights, view: View) -> Parts:
    """Put the parts of a gateway together."""
    arrivals, catalog, popular, metrics = Arrivals(), ItemCatalog(), PopularHeld(), GatewayMetrics()
    serving = Serving(generation_store(settings), catalog.prepare)
    search = ItemSearch(serving)
    known = list(view.all_items())
    for key, value in known:
        catalog.on_record(key, value)
    search.take(known)

    def changed(
        kind: bytes, lists: Sequence[tuple[str, int]], records: Sequence[tuple[bytes | None, bytes | None]]
    ) -> None:
        if kind == ITEM:
            for key, value in records:
                catalog.on_record(key, value)
            search.take(records)
        arrivals.tell(user_id for user_id, _ in lists)

    following = Following(settings, view, changed)
    progress = Progress(settings, following, arrivals)
    rejects, streams = Rejects(settings), OpenStreams(settings.gateway_streams_max)
    metrics.registry.register(DiskMetrics(settings.data_path))
    metrics.registry.register(
        GatewayState(
            following.caught_up.is_set,
            lambda: following.behind,
            lambda: progress.lags,
            lambda: streams.n_open,
            lambda: serving.announced_at_ms,
            lambda: rejects.n_seen,
        )
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
        metrics=metrics,
        stopping=asyncio.Event(),
    )
