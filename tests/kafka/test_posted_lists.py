"""Posts that are answered with the list that their events led to, on a real Kafka."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np
import pytest
from httpx import Client, Response

from cli.processes import GatewayProcess
from streams.kafka.broker import Broker
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.kafka.gateways import Running, running_gateway
from tests.support.gateway import client_of, gateway, good, read
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play
from tests.support.topics import await_folded, lists, values, worker

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a worker and a gateway to the tests that leave them as they are."""
    with running_gateway(broker.bootstrap, tmp_path_factory.mktemp("gateway")) as processes:
        yield processes


@pytest.fixture
def quiet(settings: Settings, names: TopicNames) -> Settings:
    """Give settings with a generation, under which no list changes after its first one."""
    assert names.plays
    ours = override(settings, factors=8, list_n=10, list_score_change=1e9, list_overlap_min=0.0)
    publish(ours, made_up_factors(60, 8, np.random.default_rng(4)))
    return ours


def posted(client: Client, *events: Any, n: int = 5, wait_s: float = 20.0) -> Response:
    """Send events, and wait for their list."""
    return client.post("/v1/plays", params={"list": n, "wait": wait_s}, json=list(events))


def test_the_answer_is_the_list_on_the_topic(running: Running) -> None:
    """Its first items, with their reasons: of the listener's own play, and durable."""
    for number in range(20):
        answer = good(posted(running.client, play("secret-posting", f"i{number}"))).json()
        (result,), listed = answer["results"], answer["list"]
        on_topic = msgspec.to_builtins(lists(running.settings)["secret-posting"])

        assert "learnt" == result["outcome"]
        assert "why" not in answer
        assert listed.pop("reflected") is True
        assert result["partition"] == listed["partition"]
        assert result["offset"] == listed["offset"]
        assert number + 1 == listed["plays"]
        assert f"i{number}" not in listed["items"]
        assert {name: of_first(value, 5) for name, value in on_topic.items()} == listed


def of_first(value: Any, n: int) -> Any:
    """Return a column of a list cut to its first n items, and another field as it is."""
    return value[:n] if isinstance(value, list) else value


def test_many_posts_wait_at_a_time(running: Running) -> None:
    """Each gets the list that reflects its own play, also several of one listener."""

    def post_all(numbers: range) -> list[bool]:
        reflected = []
        with client_of(running.gateway) as client:
            for number in numbers:
                answer = good(posted(client, play(f"secret-{number % 7}", f"i{number % 90}"))).json()
                (result,), listed = answer["results"], answer["list"]
                reflected.append(listed["offset"] >= result["offset"] and result["outcome"] == "learnt")
        return reflected

    with ThreadPoolExecutor(20) as threads:
        assert [[True] * 10] * 20 == list(threads.map(post_all, [range(first, 200, 20) for first in range(20)]))


def test_requests_of_a_listener_are_answered_too(running: Running) -> None:
    """A hidden item is in no answer, a paused listener's play changes nothing, a forgotten one has the popular list."""
    user, client = "secret-wishing", running.client
    first = good(posted(client, *(play(user, f"i{item}") for item in (3, 14, 15)))).json()
    hidden = first["list"]["items"][0]
    without = good(posted(client, {"type": "hide", "user_id": user, "item_id": hidden})).json()
    paused = good(posted(client, {"type": "pause", "user_id": user}, play(user, "i20"))).json()
    gone = good(posted(client, {"type": "forget", "user_id": user})).json()
    again = good(posted(client, play(user, "i20"))).json()

    assert hidden not in without["list"]["items"]
    assert ["wished"] == [result["outcome"] for result in without["results"]]
    assert ["wished", "paused"] == [result["outcome"] for result in paused["results"]]
    assert 3 == paused["list"]["plays"]
    assert "wished" == gone["results"][0]["outcome"]
    assert "popular" == gone["list"]["kind"]
    assert "learnt" == again["results"][0]["outcome"]
    assert 1 == again["list"]["plays"]


def test_a_private_play_leads_to_no_stored_list(running: Running) -> None:
    """The answer has the list of before, and nothing on its topic refers to the play."""
    before = good(posted(running.client, play("secret-private", "i1"))).json()["list"]
    answer = good(posted(running.client, play("secret-private", "i2", private=True))).json()

    assert before == answer["list"]
    assert answer["why"].startswith("A private play changes no list that is stored")
    await_folded(running.settings)
    assert 1 == sum(key == b"secret-private" for key, _ in _lists_of(running.settings))


def _lists_of(settings: Settings) -> list[tuple[bytes, bytes]]:
    return values(settings, topic_names(settings).recommendations)


def test_a_list_that_did_not_change_is_answered_as_well(quiet: Settings) -> None:
    """It is published again, and reflects the play; without `list` it is not."""
    with worker(quiet), gateway(quiet) as process, client_of(process) as client:
        first = good(posted(client, play("ann", "i3"))).json()["list"]
        good(client.post("/v1/plays", json=play("ann", "i3")))
        await_folded(quiet)
        n_before = len(_lists_of(quiet))
        second = good(posted(client, play("ann", "i3"))).json()["list"]

    assert 1 == n_before
    assert "first" == first["reason"]
    assert "renewed" == second["reason"]
    assert 1 == first["plays"]
    assert 3 == second["plays"]
    assert second["reflected"] is True


def test_a_list_does_not_wait_for_a_burst_to_end(quiet: Settings) -> None:
    """A listener's changed list would wait for an hour."""
    patient = override(quiet, list_overlap_min=1.0, list_score_change=0.0, debounce_ms=HOUR_MS)
    with worker(patient), gateway(patient) as process, client_of(process) as client:
        plays = [good(posted(client, play("ann", f"i{item}"))).json()["list"]["plays"] for item in range(3)]

    assert [1, 2, 3] == plays


def test_a_play_without_a_worker_is_accepted(quiet: Settings) -> None:
    """The answer says that it waits; the worker that starts folds it in once."""
    with gateway(quiet) as process, client_of(process) as client:
        late = posted(client, play("ann", "i3"), wait_s=0.3)
        with worker(quiet):
            (result,) = late.json()["results"]
            listed = read(client, "ann", result, 30_000)

    assert 202 == late.status_code
    assert "waiting" == result["outcome"]
    assert late.json()["list"] is None
    assert late.json()["why"].startswith("No worker folded 1 event in within 0.3 s.")
    assert listed["reflected"] is True
    assert 1 == listed["plays"]


def test_a_killed_worker_answers_when_it_is_back(quiet: Settings) -> None:
    """Posts that wait meanwhile get the list of the next worker, and each play counts once."""
    patient = override(quiet, gateway_wait_ms_max=60_000)
    with gateway(patient) as process, client_of(process) as client, ThreadPoolExecutor(30) as threads:
        with worker(quiet) as folding:
            good(posted(client, play("u0", "i1")))
            waiting = [threads.submit(_post_alone, process, f"u{number}") for number in range(30)]
            folding.kill()
        with worker(quiet):
            answers = [future.result() for future in waiting]

    assert {200} == {answer.status_code for answer in answers}
    assert {"learnt", "redelivered"} >= {answer.json()["results"][0]["outcome"] for answer in answers}
    assert [2, *[1] * 29] == [answer.json()["list"]["plays"] for answer in answers]


def _post_alone(process: GatewayProcess, user_id: str) -> Response:
    """Post a play by a client of its own."""
    with client_of(process) as client:
        client.timeout = 60
        return posted(client, play(user_id, "i2"), wait_s=60.0)


def test_a_swap_of_generations_answers_every_play(quiet: Settings) -> None:
    """By a list of one generation; once one of the later generation came, no earlier one does."""
    with worker(quiet), gateway(quiet) as process, client_of(process) as client:
        seen = [
            good(posted(client, play(f"u{number % 5}", f"i{number}"))).json()["list"]["generation"]
            for number in range(10)
        ]
        later = publish(quiet, made_up_factors(60, 8, np.random.default_rng(5)))
        for number in range(10, 500):
            seen.append(good(posted(client, play(f"u{number % 5}", f"i{number % 60}"))).json()["list"]["generation"])
            if seen[-1] == later:
                break
        seen += [good(posted(client, play(f"u{number}", "i1"))).json()["list"]["generation"] for number in range(5)]

    assert {later} == set(seen[-5:])
    assert sorted(seen) == seen  # ids of generations are times
    assert 2 == len(set(seen))
