"""Reasons on a real Kafka: in the lists of a worker, and in `playfold explain`."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest

from jobs.user_requests.explain import explain
from state.generations.open_store import generation_store
from state.lists.explain_score import Explanation, ExplanationError
from streams.settings import Settings, environment_of, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play_record
from tests.support.topics import lists, send, values, worker
from tests.support.wait import block_until

ANN = [play_record("ann", f"i{item}") for item in (3, 14, 15, 9, 26, 53, 5, 3)]
BEN = [play_record("ben", "i8"), play_record("ben", "i2")]


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings with small vectors and lists."""
    assert names.plays
    return override(settings, factors=8, list_n=10, popular_blend=0)


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `playfold explain`."""
    command = [sys.executable, "-m", "cli.main", "explain", *arguments]
    return subprocess.run(command, env=environment_of(settings), capture_output=True, text=True, check=False)


def said(settings: Settings, user: str, item: str) -> str:
    """Return why there is no explanation."""
    with pytest.raises(ExplanationError) as caught:
        explain(user, item, settings)
    return str(caught.value)


def test_a_list_says_why_and_the_command_says_all_of_it(small: Settings) -> None:
    """Shares and rest sum to each score of the list; the whole split has the same shares, item by item."""
    publish(small, made_up_factors(100, 8, np.random.default_rng(0)))
    with worker(small):
        send(small, [*ANN, *BEN, play_record("new", "never-trained")])
        block_until(lambda: {"ann", "ben", "new"} <= set(lists(small)) and lists(small)["ann"].offset >= 7, 20)

    latest = lists(small)
    for user, n_reasons in (("ann", 3), ("ben", 2)):
        made = latest[user]
        assert [n_reasons] * 10 == [len(names) for names in made.because]
        sums = [sum(shares) + rest for shares, rest in zip(made.because_scores, made.because_rest, strict=True)]
        np.testing.assert_allclose(made.scores, sums, rtol=1e-5)
        for rank, item in enumerate(made.items[:3], 1):
            whole = explain(user, item, small)
            shares = {share.item_id: share.share for share in whole.shares}
            assert rank == whole.rank
            assert made.scores[rank - 1] == pytest.approx(whole.score, rel=1e-5)
            expected = [shares[name] for name in made.because[rank - 1]]
            np.testing.assert_allclose(expected, made.because_scores[rank - 1], atol=1e-5 * made.scores[0])
    assert "popular" == latest["new"].kind
    assert [] == latest["new"].because
    assert [] == latest["new"].because_rest
    assert said(small, "new", "i1").startswith("Nothing that 'new' played is in generation ")
    ended, machine = run(small, "ann", latest["ann"].items[0]), run(small, "ann", latest["ann"].items[0], "--json")
    assert f"{latest['ann'].items[0]} scores " in ended.stdout
    assert ", rank 1\n" in ended.stdout
    assert 7 == len(msgspec.json.decode(machine.stdout, type=Explanation).shares)


def test_what_cannot_be_explained_is_a_sentence(small: Settings) -> None:
    """No record, no generation, a vector of a generation that is gone; an older one that is there explains itself."""
    assert said(small, "ann", "i1") == (
        "Nothing is known of 'ann': either no worker has folded a play of theirs, or they were forgotten."
    )
    refused = run(small, "ann", "i1")
    assert 1 == refused.returncode
    assert 1 == len(refused.stderr.splitlines())
    with worker(small):
        send(small, BEN)
        block_until(lambda: b"ben" in dict(values(small, topic_names(small).users_changelog)), 20)
        block_until(lambda: "no generation has been served" in said(small, "ben", "i1"), 20)
        first = publish(small, made_up_factors(100, 8, np.random.default_rng(0)))
        block_until(lambda: "ben" in lists(small), 20)

    second = publish(small, made_up_factors(100, 8, np.random.default_rng(1)))

    assert first == explain("ben", "i1", small).generation
    assert second == explain("ben", "i1", small).serving
    generation_store(small).delete(first)
    assert said(small, "ben", "i1") == (
        "The vector of 'ben' belongs to an older generation, which is not in the store any more: "
        f"it can be explained once a worker has folded it under generation {second}."
    )
