"""The list that posted events led to: for the answer to a post with `list`."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from streams.messages.outcomes import REJECTED
from streams.readers.decode_record import UnreadableRecord
from web.feeds.commit_progress import CommitProgress
from web.feeds.list_answers import ListAnswers
from web.feeds.list_waiters import ListWaiters, TooManyWaitError
from web.feeds.outcome_feed import OutcomeFeed, Place
from web.feeds.topic_follower import TopicFollower
from web.list_reader import ListReader, ListUnknownError, NoListError, Wanted


class PostedList(NamedTuple):
    """A listener's list after their events."""

    content: bytes | None
    """The list as JSON; None if there is none, or it cannot be read."""
    is_final: bool
    """Whether the list reflects the events or needs no change, and it is known that there is none otherwise."""
    why: str
    """Why the list does not reflect an event, or why there is none; empty if it does."""


class PostedLists:
    """Waits for the lists that events lead to.

    A list answers the events that it reflects by their tokens. Events that lead to no list, as under a worker of an
    earlier version or before the first generation, are settled once workers have committed them.
    """

    def __init__(
        self,
        lists: ListReader,
        waiters: ListWaiters,
        answers: ListAnswers,
        outcomes: OutcomeFeed,
        progress: CommitProgress,
        follower: TopicFollower,
    ) -> None:
        """Wait with `waiters` for the reports of the feeds, and read with `lists`."""
        self._lists, self._waiters, self._answers = lists, waiters, answers
        self._outcomes, self._progress, self._follower = outcomes, progress, follower

    @contextmanager
    def expected(self, user_id: str, n_events: int) -> Iterator["AwaitedList"]:
        """Expect answers to events of a listener while the block lasts, which sends them.

        Raises:
            TooManyWaitError: Too many requests wait already.
        """
        try:
            with self._waiters.wait_for(user_id) as came, self._answers.expected(n_events) as (tokens, outcomes):
                yield AwaitedList(self, user_id, came, tokens, outcomes)
        except TooManyWaitError as error:
            message = f"{error} Nothing was sent."
            raise TooManyWaitError(message) from None

    async def fold_in(self, awaited: "AwaitedList", places: Mapping[bytes, Place], wait_s: float) -> bool:
        """Wait until all events are folded in, and for the outcomes of those that no list answers."""
        loop, outcomes = asyncio.get_running_loop(), awaited.outcomes
        deadline = loop.time() + wait_s

        def is_folded(token: bytes, place: Place) -> bool:
            return token in outcomes or self._lists.is_reflected(awaited.user_id, *place)

        if not await self._waiters.until(
            awaited.came, lambda: all(is_folded(*event) for event in places.items()), wait_s
        ):
            return False
        if unanswered := {place: token for token, place in places.items() if token not in outcomes}:
            reported = await self._outcomes.wait(list(unanswered), max(0.0, deadline - loop.time()))
            outcomes |= {unanswered[place]: outcome for place, outcome in reported.items()}
        return True

    def read(self, awaited: "AwaitedList", n: int, places: Mapping[bytes, Place], late: str) -> PostedList:
        """Return the listener's list as it is now; `late` says why it does not reflect all events, if it does not."""
        is_answered = len(places) > 0 and all(token in awaited.outcomes for token in places)
        if not is_answered and not self._follower.caught_up.is_set():
            left = f"The gateway is starting: {self._follower.left:,} records are to be read."
            return PostedList(None, is_final=False, why=f"{late} {left}".lstrip())
        try:
            now_ms = time.time_ns() // 1_000_000
            content = self._lists.read(awaited.user_id, Wanted(n), now_ms, reflected=not late)
        except NoListError as error:
            return PostedList(None, not late, late or str(error))
        except (ListUnknownError, UnreadableRecord) as error:
            return PostedList(None, is_final=False, why=late or str(error))
        return PostedList(content, not late, late)

    @property
    def stops(self) -> bool:
        """Return whether the gateway stops, so that no list comes any more."""
        return self._waiters.closed

    def lag_of(self, partition: int) -> int | None:
        """Return how many events of a partition workers have not committed; None if it is not known."""
        return (self._progress.lags or {}).get(partition)


class AwaitedList:
    """The list that a request waits for.

    Attributes:
        user_id: The listener.
        came: Is set whenever something has come that may be the list.
        tokens: The tokens of the events, for their headers.
        outcomes: The outcomes of the events so far, by token.
    """

    def __init__(
        self, lists: PostedLists, user_id: str, came: asyncio.Event, tokens: list[bytes], outcomes: dict[bytes, str]
    ) -> None:
        """Wait in `lists`."""
        self._lists, self.user_id, self.came, self.tokens, self.outcomes = lists, user_id, came, tokens, outcomes

    async def wait(self, places: Mapping[bytes, Place], n: int, wait_s: float) -> PostedList:
        """Wait until the events at some places are folded in, at most `wait_s`; return the first n items of the list.

        Args:
            places: The places of the accepted events, by token.
            n: Items at most.
            wait_s: Seconds at most.
        """
        is_folded = await self._lists.fold_in(self, places, wait_s)
        late = "" if is_folded else self._late(places, wait_s)
        posted = self._lists.read(self, n, places, late)
        if posted.is_final and not posted.why and REJECTED in self.outcomes.values():
            return posted._replace(why="A worker rejected an event: plays-rejected has the reason.")
        return posted

    def _late(self, places: Mapping[bytes, Place], wait_s: float) -> str:
        """Return why the list does not reflect the events yet, and the way out."""
        missing = [place for token, place in places.items() if token not in self.outcomes]
        (partition, offset), n = max(missing), len(missing)
        lag = self._lists.lag_of(partition)
        behind = f" Workers have yet to commit {lag:,} events of partition {partition}." if lag else ""
        what, they = ("1 event", "it") if n == 1 else (f"{n:,} events", "them")
        when = "before the gateway stopped" if self._lists.stops else f"within {wait_s:g} s"
        return (
            f"No worker folded {what} in {when}.{behind} Do not send {they} again: Kafka has {they}, and a "
            f"worker folds {they} in later. A read with after={partition}:{offset} waits for the list."
        )
