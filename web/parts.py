"""The parts of a gateway, and how they are put together."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from state.catalog.item_catalog import ItemCatalog
from state.gateway_view.keys import ITEM
from state.gateway_view.view import View
from state.generations.open_store import generation_store
from state.generations.serving import Serving
from state.lists.explain_score import Explanation
from state.lists.ranker import Ranker
from state.storage.disk_metrics import DiskMetrics
from streams.fetch.unreadable_places import UnreadablePlaces
from streams.messages.export_document import UserExport
from streams.messages.receipt import Receipt
from streams.readers.latest_pulse import read_pulse
from streams.settings import Settings
from web.feeds.commit_progress import CommitProgress
from web.feeds.dashboard import Dashboard
from web.feeds.list_answers import ListAnswers
from web.feeds.list_waiters import ListWaiters
from web.feeds.outcome_feed import OutcomeFeed
from web.feeds.play_latency import PlayLatency
from web.feeds.popular_lists import PopularLists
from web.feeds.present_epoch import PresentEpoch
from web.feeds.rejects import Rejects
from web.feeds.topic_follower import Changed, Record, TopicFollower
from web.item_search import ItemSearch
from web.list_reader import ListReader
from web.play_intake import PlayIntake
from web.posted_lists import PostedLists
from web.server.metrics import GatewayMetrics, GatewayState
from web.server.open_streams import OpenStreams
from web.session_ranking import SessionRanking


@dataclass(frozen=True)
class TopicOperations:
    """Operations that scan whole topics, injected by the command because web may not import jobs."""

    explain: Callable[[str, str, Settings], Explanation]
    """Splits a score over all plays, in a thread. Raises LookupError if there is no such score."""
    export: Callable[[str, Settings, int], Awaitable[UserExport]]
    forget: Callable[[str, Settings], Awaitable[Receipt]]
    """Forgets a listener and returns the receipt. Raises TimeoutError if no worker processed it in time."""


@dataclass(frozen=True)
class GatewayParts:
    """The parts of one gateway."""

    settings: Settings
    operations: TopicOperations
    view: View
    follower: TopicFollower
    waiters: ListWaiters
    answers: ListAnswers
    progress: CommitProgress
    epoch: PresentEpoch
    intake: PlayIntake
    serving: Serving
    catalog: ItemCatalog
    popular: PopularLists
    lists: ListReader
    posted_lists: PostedLists
    search: ItemSearch
    session_ranking: SessionRanking
    dashboard: Dashboard
    rejects: Rejects
    streams: OpenStreams
    play_latency: PlayLatency
    outcomes: OutcomeFeed
    metrics: GatewayMetrics
    unreadable: UnreadablePlaces
    """The places of all followed topics that could not be read."""

    def on_pulse(self, key: bytes | None, value: bytes | None) -> None:
        """Take in a pulse: the figures of a worker, and the outcomes of events. Ignore another record."""
        pulse = read_pulse(key, value)
        if pulse is not None:
            self.outcomes.on_pulse(pulse)
            self.dashboard.on_pulse(pulse)

    @property
    def caught_up(self) -> bool:
        """Return whether the gateway has read the topics up to their ends at the start."""
        return self.follower.caught_up.is_set()


def make_parts(settings: Settings, operations: TopicOperations, view: View) -> GatewayParts:
    """Create the parts of a gateway."""
    waiters, answers, catalog, popular = ListWaiters(), ListAnswers(), ItemCatalog(), PopularLists()
    thread, ranker = ThreadPoolExecutor(1, thread_name_prefix="rank"), Ranker(settings.ranking, catalog)
    serving = Serving(generation_store(settings), catalog.prepare, thread=thread)
    search = ItemSearch(serving)
    serving.observers = [catalog, ranker, search]

    unreadable, epoch = UnreadablePlaces(), PresentEpoch(settings.application.group)
    follower = TopicFollower(settings, view, _apply_to(catalog, search, waiters), unreadable, answers)
    outcomes = OutcomeFeed()
    progress = CommitProgress(settings, follower, waiters, epoch, outcomes)
    rejects, streams = Rejects(settings, unreadable), OpenStreams(settings.gateway.streams_max)
    lists = ListReader(settings, view, catalog, popular, waiters, progress, epoch, unreadable)
    state = _state_of(follower, progress, serving, rejects, streams)
    return GatewayParts(
        settings=settings,
        operations=operations,
        view=view,
        follower=follower,
        waiters=waiters,
        answers=answers,
        progress=progress,
        epoch=epoch,
        intake=PlayIntake(settings),
        serving=serving,
        catalog=catalog,
        popular=popular,
        lists=lists,
        posted_lists=PostedLists(lists, waiters, answers, outcomes, progress, follower),
        search=search,
        session_ranking=SessionRanking(settings, serving, ranker, thread),
        dashboard=Dashboard(settings, progress, serving),
        rejects=rejects,
        streams=streams,
        play_latency=PlayLatency(),
        outcomes=outcomes,
        metrics=GatewayMetrics(state, DiskMetrics(settings.application.data_path)),
        unreadable=unreadable,
    )


def _state_of(
    follower: TopicFollower, progress: CommitProgress, serving: Serving, rejects: Rejects, streams: OpenStreams
) -> GatewayState:
    """Return the source of the gauges of a gateway."""
    return GatewayState(
        follower.caught_up.is_set,
        lambda: follower.behind,
        lambda: progress.lags,
        lambda: streams.n_open,
        lambda: serving.current.manifest.created_at_ms if serving.current else None,
        lambda: rejects.n_seen,
        lambda: len(follower.unreadable),
    )


def _apply_to(catalog: ItemCatalog, search: ItemSearch, waiters: ListWaiters) -> Changed:
    """Return the function that takes in the records of a fetch, and wakes the requests that wait for their lists."""

    def changed(kind: bytes, lists: Sequence[tuple[str, int]], records: Sequence[Record]) -> None:
        if kind == ITEM:
            take_items(catalog, search, records)
        waiters.wake(user_id for user_id, _ in lists)

    return changed


def take_items(catalog: ItemCatalog, search: ItemSearch, records: Iterable[Record]) -> None:
    """Apply records of the catalog to the catalog and the search."""
    known = list(records)
    for key, value in known:
        catalog.on_record(key, value)
    search.take(known)
