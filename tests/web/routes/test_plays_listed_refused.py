"""Posts that ask for a list and are refused, or whose events are."""

import pytest
from aiokafka.errors import RequestTimedOutError

from streams.topics.topics import topic_names
from tests.support.plays import play
from tests.support.virtual_time import now_s
from tests.web.routes.posted_lists import answer, begun, post
from tests.web.scene import Scene, sent
from web.feeds import list_waiters

pytestmark = pytest.mark.virtual_time


async def test_events_of_several_listeners_are_refused(scene: Scene) -> None:
    """Nothing is sent, so nothing counts twice when they are sent apart."""
    answered = await post(scene, [play("ann"), play("ben")])

    assert 422 == answered.status
    assert answered.json["detail"] == (
        "The answer to list has room for one list, but the events are of 2 listeners. Nothing was sent: send the "
        "events of each listener apart, or leave out list."
    )
    assert [] == sent(scene)


async def test_an_invalid_event_is_named_beside_the_list(scene: Scene) -> None:
    """Its listener does not count; if all are invalid, the answer is that to any post."""
    posting = await begun(scene, [play("ann", "i9"), {"user_id": "ben"}])
    answer(scene, "learnt", offset=0)
    answered = await posting
    nothing = await post(scene, {"user_id": "ben"})

    assert ["learnt", None] == [result.get("outcome") for result in answered.json["results"]]
    assert 1 == answered.json["rejected"]
    assert 422 == nothing.status
    assert "list" not in nothing.json


async def test_a_play_that_kafka_does_not_acknowledge_is_not_waited_for(scene: Scene) -> None:
    """The answer is that to any post."""
    scene.outbox.refused[topic_names(scene.settings).plays] = RequestTimedOutError()
    began = now_s()
    answered = await post(scene, play("ann"))

    assert 503 == answered.status
    assert began == now_s()
    assert "with a play_id each counts once" in answered.json["detail"]


async def test_a_gateway_with_too_many_waiting_requests_sends_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the client sends the play again later, and it counts once."""
    monkeypatch.setattr(list_waiters, "WAITING_MAX", 1)
    first = await begun(scene, play("ann", "i9"))
    answered = await post(scene, play("ben", "i9"))

    assert 503 == answered.status
    assert "1 requests wait for lists already. Nothing was sent." == answered.json["detail"]
    assert "2" == answered.headers["retry-after"]
    assert 1 == len(sent(scene))
    answer(scene, "learnt", offset=0)
    assert 200 == (await first).status


@pytest.mark.parametrize(
    "query", ["list=0", "list=1001", "list=x", "list=", "list=2&list=3", "wait=nan", "wait=1&wait=2"]
)
async def test_a_query_is_checked_before_anything_is_sent(scene: Scene, query: str) -> None:
    """With a sentence that names the parameter."""
    answered = await post(scene, play("ann"), query)

    assert 422 == answered.status
    assert f"$.{query.partition('=')[0]}" in answered.json["detail"]
    assert [] == sent(scene)
