"""Session-based recommendations, alone and several in one call, and the swaps that happen while requests are queued."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import msgspec

from model.objective import Objective
from state.generations.generation import open_generation, write_generation
from state.generations.open_store import generation_store
from state.generations.serving import Serving
from state.lists.ranker import Ranker
from tests.support.generations import FIRST_ID, SECOND_ID, catalog_of, make_generation, manifest_of
from tests.support.settings import settings_with
from tests.support.wait import wait_idle
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


BODIES = (
    {"items": ["i1"]},
    {"items": ["i2", "stranger", "i3", "i2"], "n": 7},
    {"items": ["stranger"], "n": 60},
    {"items": ["i4", "i5", "i6", "i7"], "n": 300},
    {"items": ["i1"], "candidates": ["i9", "i8", "nobody"]},
    {"items": ["i4", "i5", "i6", "i7"], "n": 1},
)
"""Lists of every kind and of several lengths, popular and ranked candidates among them."""


async def test_requests_that_are_ranked_together_get_the_lists_that_each_would_get(tmp_path: Path) -> None:
    """Items, scores bit for bit, kinds and unknown items, however long the other lists are."""
    settings, may_run = settings_with(data_dir=str(tmp_path), blend_items_max=3), Event()
    thread, ranker = ThreadPoolExecutor(1), Ranker(settings.ranking)
    serving = Serving(generation_store(settings))
    manifest = msgspec.structs.replace(manifest_of(FIRST_ID, Objective(factors=8), 200), n_users=10, n_plays=40)
    popularity = {f"i{number}": 9.0 / (1 + number) for number in range(200)}
    write_generation(tmp_path / FIRST_ID, manifest, catalog_of(n_items=200, popularity=popularity))
    serving.take(open_generation(tmp_path / FIRST_ID))
    ranking = SessionRanking(settings, serving, ranker, thread)
    await ranking.warm_up()
    requests = [msgspec.convert(body, ItemsRequest) for body in BODIES]
    alone = [await ranking.answer(request) for request in requests]

    thread.submit(may_run.wait)
    together = [asyncio.create_task(ranking.answer(request)) for request in requests]
    await wait_idle()
    may_run.set()

    assert alone == await asyncio.gather(*together)
    assert ["blended", "blended", "popular", "personal", "personal", "personal"] == [answer.kind for answer in alone]
    assert [50, 7, 60, 196, 2, 1] == [len(answer.items) for answer in alone]
    ranking.stop()
