"""The state of the running demo: every listener's list, and its change with every play."""

import time
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from cli.demo.scores import HitRates, Latencies, Place
from streams.fetch.followed_partitions import FollowedPartitions
from streams.files.plays_piece import PlaysPiece
from streams.files.replay import Sender, Sent
from streams.messages.records import Recommendations
from streams.outbox import Outbox
from streams.readers.latest_list import fresher, read_list
from streams.readers.log_reader import partitions_of, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

RATE_WINDOW_S = 5.0
SPOTLIGHT_S = 5.0


class Spotlight(msgspec.Struct):
    """One listener's list before and after one play."""

    user_id: str
    item_id: str
    before: Recommendations
    place: Place | None = None
    after: Recommendations | None = None


class LiveFigures:
    """The demo's state: fed by its producer and its consumer, read by its view."""

    def __init__(self, past: Iterable[tuple[str, str]]) -> None:
        """Know the plays, (user id, item id), that were sent before the live part."""
        self.hits = HitRates(past)
        self.latencies = Latencies()
        self.lists: dict[str, Recommendations] = {}
        self.spotlight: Spotlight | None = None
        self.n_sent = 0
        self.lag: int | None = None
        self._lit: Spotlight | None = None
        self._lit_at = float("-inf")
        self._last_offset: dict[str, int] = {}
        self._sent_at: deque[float] = deque()

    def before(self, piece: PlaysPiece, now: float) -> None:
        """Judge the lists that are held when plays are about to be sent."""
        for user_id, item_id in zip(piece.user_ids, piece.item_ids, strict=True):
            held = self.lists.get(user_id)
            self.hits.judge(user_id, item_id, None if held is None else held.items)
            if now - self._lit_at >= SPOTLIGHT_S and held is not None and self._settled(user_id, held):
                self._lit, self._lit_at = Spotlight(user_id, item_id, held), now

    def _settled(self, user_id: str, held: Recommendations) -> bool:
        """Return whether a list is the listener's own and none of their plays is on its way."""
        return held.kind != "popular" and held.offset >= self._last_offset.get(user_id, -1)

    def after(self, piece: PlaysPiece, sent: Sequence[Sent], produced_at: float) -> None:
        """Record the offsets of the plays."""
        self.n_sent += piece.n_plays
        self._sent_at.extend([produced_at] * piece.n_plays)
        for partition, rows, written in sent:
            for offset, row in enumerate(rows, written.first):
                place = Place(partition, offset)
                self.latencies.produced(place, produced_at)
                self._last_offset[piece.user_ids[row]] = offset
                lit = self._lit
                if (
                    lit
                    and lit.place is None
                    and (lit.user_id, lit.item_id) == (piece.user_ids[row], piece.item_ids[row])
                ):
                    lit.place = place
                    self._show()

    def take(self, recommendations: Recommendations, now: float) -> None:
        """Read the next list."""
        self.lists[recommendations.user_id] = fresher(self.lists.get(recommendations.user_id), recommendations)
        self.latencies.consumed(Place(recommendations.partition, recommendations.offset), now)
        if self._lit and self._lit.user_id == recommendations.user_id:
            self._lit.after = recommendations
            self._show()

    def _show(self) -> None:
        """Show the spotlight when its list has come; one that reflects a later play too is dropped."""
        lit = self._lit
        if lit and lit.place and lit.after and lit.after.offset >= lit.place.offset:
            if lit.after.offset == lit.place.offset:
                self.spotlight = lit
            self._lit = None

    def plays_per_s(self, now: float) -> float:
        """Return how many plays a second were sent lately."""
        while self._sent_at and self._sent_at[0] < now - RATE_WINDOW_S:
            self._sent_at.popleft()
        span_s = now - self._sent_at[0] if self._sent_at else 0.0
        return len(self._sent_at) / max(span_s, 1.0)


class JudgingSender(Sender):
    """Sends plays, and has the lists judged that are held before each."""

    def __init__(self, outbox: Outbox, settings: Settings, figures: LiveFigures) -> None:
        """Feed `figures`."""
        super().__init__(outbox, settings)
        self._figures = figures

    async def send(self, piece: PlaysPiece) -> list[Sent]:
        """Send plays and wait until they are acknowledged."""
        produced_at = time.monotonic()
        self._figures.before(piece, produced_at)
        sent = await super().send(piece)
        self._figures.after(piece, sent, produced_at)
        return sent


async def follow_lists(settings: Settings, figures: LiveFigures) -> None:
    """Read every list of the topic, from its beginning on, forever.

    Raises:
        LogReadError: Kafka or the topic is not there.
        UnreadableRecord: A record is no list.
    """
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        tps = await partitions_of(consumer, topic_names(settings).recommendations)
        consumer.assign(tps)
        starts = {tp: span.start for tp, span in (await spans_of(consumer, tps)).items()}
        followed = FollowedPartitions(consumer, starts)
        while True:
            async for _, records in followed.fetch(1000):
                now = time.monotonic()
                for record in records:
                    if record.value is not None:
                        figures.take(read_list(record.value), now)
