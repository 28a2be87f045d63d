"""What the paths of the gateway answer from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from state.catalog.item_catalog import ItemCatalog
from state.gateway_view import View
from state.generations.serving import Serving
from state.lists.explain_score import Explanation
from streams.messages.export_document import Holdings
from streams.messages.receipt import Receipt
from streams.settings import Settings
from web.feeds.commit_progress import Progress
from web.feeds.dashboard import Figures
from web.feeds.list_waiters import Arrivals
from web.feeds.play_latency import Timings
from web.feeds.popular_lists import PopularHeld
from web.feeds.rejects import Rejects
from web.feeds.topic_follower import Following
from web.item_search import ItemSearch
from web.list_reader import Lists
from web.play_intake import Intake
from web.server.metrics import GatewayMetrics
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
