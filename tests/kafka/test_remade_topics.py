"""The other topics that are written, deleted and made again: the effect of each way on, with a real worker."""

import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jobs.announcement import announced
from jobs.doctor.damaged_records import DamagedRecords
from jobs.doctor.doctor import Doctor
from jobs.doctor.finding import Finding, Issue
from jobs.doctor.probes import probe_generation
from jobs.retraining.related import relate
from state.generations.open_store import generation_store
from streams.readers.state_topics import latest_state_topics
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.kafka.test_lists_topic import events_of
from tests.support.forked import run_forked
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play_record
from tests.support.topics import rejects, remake, send, values, worker
from tests.support.wait import block_until

ITEMS, FACTORS = 20, 8


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings for small generations and quick reports."""
    assert names.plays
    return override(settings, factors=FACTORS, list_n=4, rank="exact", pulse_s=0.5, popular_publish_s=0.2)


def generation(settings: Settings, seed: int = 1) -> str:
    """Publish and announce a generation whose items have related ones; return its id."""
    generation_id = publish(settings, made_up_factors(ITEMS, FACTORS, np.random.default_rng(seed)))
    store = generation_store(settings)
    relate(store.open(generation_id), store.folder(generation_id), 3, 1)
    return generation_id


def generation_finding(settings: Settings) -> Finding:
    """Return the doctor's finding on the generation."""
    return next(one for one in asyncio.run(Doctor(settings).examine()) if one.check == "generation")


def run(settings: Settings, *arguments: str) -> str:
    """Run a command to its end, and return its output."""
    ended = run_forked(settings, *arguments)
    assert 0 == ended.returncode, ended.stderr
    return ended.stdout


def test_announcements_go_on_after_their_topic_was_made_again(small: Settings, names: TopicNames) -> None:
    """The worker serves on and publishes the topics of its state again; a command announces the generation."""
    first = generation(small)
    with worker(small) as process:
        send(small, [play_record("u1", "i1")])
        block_until(lambda: asyncio.run(latest_state_topics(small)) is not None, 20)

        remake(small, names.generations)

        block_until(lambda: asyncio.run(latest_state_topics(small)) is not None, 20)
        assert asyncio.run(announced(small)) is None
        issue = probe_generation(small, DamagedRecords())
        output = run(small, "generations", "announce")
        announcement = asyncio.run(announced(small))
        second = generation(small, seed=2)
        block_until(lambda: any(one["generation"] == second for one in events_of(process, "generation_swapped")), 20)
    assert isinstance(issue, Issue)
    assert f"Run `playfold generations announce`: the store has {first}." == issue.do
    assert f"Generation {first} is announced, and its related items are published.\n" == output
    assert announcement is not None
    assert first == announcement.generation_id


def test_related_items_come_back_by_an_announcement(small: Settings, names: TopicNames) -> None:
    """Of the generation in service, whether a retrain would accept another one or not."""
    generation(small)
    run(small, "generations", "announce")
    before = dict(values(small, names.related_items))
    remake(small, names.related_items)
    assert [] == values(small, names.related_items)
    lacking = generation_finding(small)

    run(small, "generations", "announce")

    assert "warning" == lacking.verdict
    assert "has had no record since it was made, so no item has related ones." in lacking.says
    assert "Run `playfold generations announce`, which publishes them." in lacking.do
    assert "related" not in generation_finding(small).says
    assert ITEMS == len(before)
    assert before == dict(values(small, names.related_items))


def test_popular_lists_come_back_under_a_running_worker(small: Settings, names: TopicNames) -> None:
    """To every partition, without a play and without a change."""
    generation(small)
    with worker(small):
        block_until(lambda: len(values(small, names.popular_items)) == small.topics.partitions, 20)

        remake(small, names.popular_items)

        block_until(lambda: len(values(small, names.popular_items)) == small.topics.partitions, 20)


def test_a_load_fills_a_catalog_that_was_made_again(small: Settings, names: TopicNames, tmp_path: Path) -> None:
    """Workers have taken it in once the command says so, though they were further in the topic of before."""
    generation(small)
    titles = tmp_path / "titles.csv"
    titles.write_text("item_id,title\n" + "".join(f"i{number},Title {number}\n" for number in range(ITEMS)))
    with worker(small) as process:
        run(small, "catalog", "load", str(titles))
        run(small, "catalog", "load", str(titles))
        remake(small, names.catalog)

        loaded = msgspec.json.decode(run(small, "catalog", "load", "--json", "--wait", "30", str(titles)))

        assert {"items": ITEMS, "workers": 1, "workers_waiting": 0} == loaded
        assert 1 == len([one for one in events_of(process, "topic_remade") if one["topic"] == names.catalog])
    assert ITEMS == len(values(small, names.catalog))


def test_rejects_private_lists_and_pulses_go_on(small: Settings, names: TopicNames) -> None:
    """Their topics need nothing: the next record is on the new one."""
    generation(small)
    with worker(small) as process:
        send(small, [(b"u1", b"no play"), play_record("u1", "i1", private=True)])
        block_until(lambda: rejects(small) and values(small, names.private_recommendations), 20)

        remake(small, names.plays_rejected, names.private_recommendations, names.pulse)
        send(small, [(b"u1", b"no play either"), play_record("u1", "i2", private=True)])

        block_until(lambda: rejects(small) and values(small, names.private_recommendations), 20)
        block_until(lambda: values(small, names.pulse), 20)
        assert process.running
    assert 1 == len(rejects(small))
