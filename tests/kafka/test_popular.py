"""Popularity on a real Kafka: counted by workers, on its topic, and in commands."""

import asyncio
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from cli.processes import ProcessError, run_command
from jobs.announcement import announce
from model.diagonal_basis import diagonalise, rotate
from model.objective import Objective
from state.generations.generation import Catalog, write_generation
from state.generations.open_store import generation_store
from state.lists.popularity import REFRESH_MS
from streams.messages.records import PopularItems, Recommendations
from streams.readers.latest_popular import latest_popular
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.support.generations import manifest_of
from tests.support.made_up import made_up_factors
from tests.support.plays import play_record
from tests.support.settings import settings_with
from tests.support.topics import lists, send, values, worker
from tests.support.wait import block_until

GENERATION_ID = "2026-01-01T00-00-00.000Z"
AS_OF_S = 1_700_000_000


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings under which popular lists go out soon."""
    assert names.plays
    return override(settings, factors=8, list_n=4, popular_publish_s=0.2)


def publish(settings: Settings) -> None:
    """Publish and announce a generation in which `i5` is most popular, then `i4`, and so on."""
    factors, objective = made_up_factors(20, 8, np.random.default_rng(0)), Objective(factors=8)
    rotation, diagonal = diagonalise(factors, objective.gram_scale)
    manifest = msgspec.structs.replace(
        manifest_of(GENERATION_ID, objective, 20), n_users=10, n_plays=100, popularity_as_of_s=AS_OF_S
    )
    plays = np.array([*range(1, 7), *[0] * 14], np.float32)
    catalog = Catalog([f"i{number}" for number in range(20)], rotate(factors, rotation), diagonal, plays)
    folder = settings.application.data_path / "made-up" / GENERATION_ID
    write_generation(folder, manifest, catalog)
    generation_store(settings).publish(folder)
    asyncio.run(announce(settings, GENERATION_ID, 0, 1))


def popular_in(settings: Settings, names: TopicNames, n: int) -> bool:
    """Tell whether n records stand on the topic, or more."""
    return len(values(settings, names.popular_items)) >= n


def run(settings: Settings, *arguments: str) -> str:
    """Return the last line that a command says."""
    return asyncio.run(
        run_command(settings, *arguments, log_file=settings.application.data_path / "command.log")
    ).strip()


def check_first_list(settings: Settings) -> None:
    """Check the popular list of the training, on its topic and for a listener without a list."""
    first = asyncio.run(latest_popular("all", settings))
    assert first is not None
    assert ["i5", "i4", "i3", "i2"] == first.items
    assert [6.0, 5.0, 4.0, 3.0] == first.plays
    assert GENERATION_ID == first.generation
    assert 0 == first.revision
    assert 1000 * AS_OF_S == first.as_of_ms
    shown = msgspec.json.decode(run(settings, "recommend", "ann", "--json"), type=Recommendations)
    assert "ann" == shown.user_id
    assert "popular" == shown.kind
    assert (-1) == shown.offset
    assert first.items == shown.items


def test_what_is_popular_follows_the_plays(small: Settings, names: TopicNames) -> None:
    """On every partition, before any play and after; listeners without a list or without usable plays get it."""
    publish(small)
    with pytest.raises(ProcessError, match="There is no list for 'ann' and no popular list"):
        run(small, "recommend", "ann")
    with worker(small):
        block_until(lambda: popular_in(small, names, 4), 20)
        check_first_list(small)

        # The same play again and again, by the id that the client gave it, counts once.
        retried = msgspec.json.encode(
            {"user_id": "ben", "item_id": "i1", "played_at_ms": 1000 * AS_OF_S, "play_id": "one"}
        )
        send(small, [play_record(f"u{number}", "i0", 1000 * AS_OF_S) for number in range(8)] + [(b"ben", retried)] * 20)

        block_until(lambda: top_of(small) == "i0", 20)
        popular = msgspec.json.decode(run(small, "popular", "--json"), type=PopularItems)
        assert ["i0", "i5", "i4", "i3"] == popular.items
        assert [6.0, 5.0, 4.0] == popular.plays[1:]
        assert 6 < popular.plays[0] <= 9  # it went out when it came first, maybe before the last of its plays
        block_until(lambda: lists(small).keys() >= {f"u{number}" for number in range(8)}, 20)
        assert {"blended"} == {lists(small)[f"u{number}"].kind for number in range(8)}

        time.sleep(REFRESH_MS / 1000)  # what is popular is looked for now and then
        send(small, [play_record("cem", "what nobody knows")])

        block_until(lambda: "cem" in lists(small), 20)
        cem = lists(small)["cem"]
        assert "popular" == cem.kind
        assert popular.items == cem.items
        assert popular.plays[1:] == cem.scores[1:]
        assert 9 == cem.scores[0]
        assert 0 == len([key for key, _ in values(small, names.popular_items) if key != b"all"])
    with pytest.raises(ProcessError, match="There is no popular list of kind 'film'"):
        run(small, "popular", "--kind", "film")


def top_of(settings: Settings) -> str:
    """Return the most popular item."""
    popular = asyncio.run(latest_popular("all", settings))
    return popular.items[0] if popular else ""


def test_what_goes_with_some_items_needs_the_store_alone(tmp_path: Path) -> None:
    """No Kafka runs; the command names unknown items."""
    offline = settings_with(data_dir=str(tmp_path), brokers="127.0.0.1:1", kafka_timeout_s=0.5, factors=8, list_n=4)
    (tmp_path / "made-up").mkdir()
    factors, objective = made_up_factors(20, 8, np.random.default_rng(0)), Objective(factors=8)
    rotation, diagonal = diagonalise(factors, objective.gram_scale)
    catalog = Catalog([f"i{n}" for n in range(20)], rotate(factors, rotation), diagonal, np.ones(20, np.float32))
    write_generation(tmp_path / GENERATION_ID, manifest_of(GENERATION_ID, objective, 20), catalog)
    generation_store(offline).publish(tmp_path / GENERATION_ID)

    shown = msgspec.json.decode(run(offline, "recommend", "--items", "i1,i2,what?", "--json"))

    assert GENERATION_ID == shown["generation"]
    assert "personal" == shown["kind"]
    assert ["what?"] == shown["unknown"]
    assert 4 == len(set(shown["items"]) - {"i1", "i2"})
