"""Session-based recommendations and the swaps that happen while requests are queued."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import msgspec

from state.generations.open_store import generation_store
from state.generations.serving import Serving
from state.lists.ranker import Ranker
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation
from tests.support.settings import settings_with
from web.schemas import ItemsRequest
from web.session_ranking import SessionRanking


async def test_a_queued_request_is_ranked_by_the_generation_in_service(tmp_path: Path) -> None:
    """A swap that runs before the request decides its generation."""
    settings, swapped = settings_with(data_dir=str(tmp_path)), Event()
    serving, thread = Serving(generation_store(settings)), ThreadPoolExecutor(1)
    ranking = SessionRanking(settings, serving, Ranker(settings.ranking), thread)
    serving.take(make_generation(tmp_path / "1", FIRST_ID))
    thread.submit(swapped.wait)
    wanted = msgspec.convert({"items": ["stranger"], "candidates": ["i1"]}, ItemsRequest)
    request = asyncio.create_task(ranking.answer(wanted))
    await asyncio.sleep(0)
    serving.take(make_generation(tmp_path / "2", SECOND_ID))
    swapped.set()

    assert SECOND_ID == (await request).generation
    ranking.stop()
