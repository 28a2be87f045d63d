"""How plays are distributed over partitions and time, without a Kafka."""

import asyncio
from typing import Any

import pytest

from streams.files.plays_piece import PlaysPiece
from streams.files.replay import Pace, Sender, Sent, limit_pieces, replay
from streams.outbox import Item, Written
from streams.settings import Settings
from tests.support.virtual_time import now_s


class FakeOutbox:
    """Acknowledges everything at once."""

    def __init__(self) -> None:
        """Begin empty."""
        self.logs: dict[int, list[Item]] = {}

    async def send(self, _: str, partition: int, items: list[Item]) -> Any:
        """Take items."""
        log = self.logs.setdefault(partition, [])
        first = len(log)
        log += items

        class Done:
            async def written(self) -> Written:
                return Written(first, len(log) - 1, unbroken=True)

        return Done()


def piece_of(n: int, first_row: int = 1, step_ms: int = 1000) -> PlaysPiece:
    """Return plays of two users, alternating."""
    nothing: list[Any] = [None] * n
    at_ms = [1_600_000_000_000 + step_ms * row for row in range(n)]
    users, items = [f"user-{row % 2}" for row in range(n)], [f"item-{row}" for row in range(n)]
    return PlaysPiece(first_row, users, items, at_ms, nothing, nothing, nothing, nothing)


async def replayed(pieces: list[PlaysPiece], pace: Pace, stop: asyncio.Event | None = None) -> list[tuple[int, int]]:
    """Replay into nothing; return the first row and the number of plays of every part."""
    parts: list[tuple[int, int]] = []

    def note(part: PlaysPiece, _: list[Sent]) -> None:
        parts.append((part.first_row, part.n_plays))

    sender = Sender(FakeOutbox(), Settings())  # type: ignore[arg-type]
    await replay(iter(pieces), sender, pace, note, stop or asyncio.Event())
    return parts


async def test_a_users_plays_stay_in_order_under_their_key() -> None:
    """Plays are grouped by partition; missing optional fields are not sent."""
    outbox = FakeOutbox()
    sender = Sender(outbox, Settings())  # type: ignore[arg-type]
    await sender.send(piece_of(2))

    sent = await sender.send(piece_of(4, first_row=3))

    for part in sent:
        records = outbox.logs[part.partition][part.written.first : part.written.last + 1]
        expected = [
            (
                f"user-{row % 2}".encode(),
                f'{{"user_id":"user-{row % 2}","item_id":"item-{row}",'
                f'"played_at_ms":{1_600_000_000_000 + 1000 * row}}}'.encode(),
            )
            for row in part.rows
        ]
        assert expected == records
    assert [0, 1, 2, 3] == sorted(row for part in sent for row in part.rows)


async def test_flat_out_sends_whole_pieces() -> None:
    """Nothing waits, nothing is cut."""
    assert [(1, 50), (51, 50)] == await replayed([piece_of(50), piece_of(50, 51)], Pace())


@pytest.mark.virtual_time
async def test_a_rate_spreads_plays_over_time() -> None:
    """Twenty plays at 100 a second take the 190 ms from the first to the last."""
    parts = await replayed([piece_of(10), piece_of(10, 11)], Pace(plays_per_s=100))

    assert now_s() == pytest.approx(0.19)
    assert [(row, 1) for row in range(1, 21)] == parts


@pytest.mark.virtual_time
async def test_a_speed_follows_the_plays_own_times() -> None:
    """Three seconds of listening at 20 times the pace take 150 ms."""
    await replayed([piece_of(4)], Pace(speed=20))

    assert now_s() == pytest.approx(0.15)


@pytest.mark.virtual_time
async def test_a_stop_ends_a_wait() -> None:
    """Ctrl-C does not wait for the next play, and the part sent before it is whole."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(50, stop.set)

    parts = await replayed([piece_of(4)], Pace(plays_per_s=0.01), stop)

    assert [(1, 1)] == parts
    assert now_s() == pytest.approx(50)


@pytest.mark.parametrize(
    ("n", "expected"), [(3, [(1, 3)]), (4, [(1, 4)]), (6, [(1, 4), (5, 2)]), (99, [(1, 4), (5, 4)])]
)
def test_a_limit_cuts_the_last_piece(n: int, expected: list[tuple[int, int]]) -> None:
    """As many plays as wished, and no empty piece."""
    pieces = limit_pieces(iter([piece_of(4), piece_of(4, 5)]), n)

    assert expected == [(piece.first_row, piece.n_plays) for piece in pieces]
