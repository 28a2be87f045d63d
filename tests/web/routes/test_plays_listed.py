"""Posts that are answered with the list that their events led to; the test plays the worker."""

from pathlib import Path

import msgspec
import pytest

from state.gateway_view.keys import LIST
from streams.messages.list_requests import outcome_of
from streams.messages.outcomes import REJECTED
from streams.messages.pulse import OutcomeSpan
from tests.support.plays import play
from tests.support.pulses import pulse_of
from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle
from tests.web.routes.posted_lists import PARTITION, answer, begun, post, tokens_of
from tests.web.scene import Scene, ask, made_list, make_scene

pytestmark = pytest.mark.virtual_time


async def test_a_play_is_answered_with_the_list_that_reflects_it(scene: Scene) -> None:
    """Its first items, as of a read; the result has the place of the play and its outcome."""
    scene.put_list(made_list(offset=-1))
    posting = await begun(scene, play("ann", "i9"))
    answer(scene, "learnt", offset=0)
    answered = await posting

    assert 200 == answered.status
    listed = answered.json.pop("list")
    assert answered.json["results"] == [{"partition": PARTITION, "offset": 0, "outcome": "learnt"}]
    assert 1 == answered.json["accepted"]
    assert 0 == answered.json["rejected"]
    assert "why" not in answered.json
    assert ["i1", "i2"] == listed["items"]
    assert listed["reflected"] is True
    assert 0 == listed["offset"]
    read = await ask(scene.app, "GET", f"/v1/users/ann/recommendations?n=2&after={PARTITION}:0")
    assert read.json == listed


async def test_a_list_without_an_answer_of_the_play_is_not_enough(scene: Scene) -> None:
    """Not one from before it, nor one of somebody else, nor the answer to another request of the listener."""
    posting = await begun(scene, play("ann", "i9"))
    other = await begun(scene, play("ann", "i8"))
    first, second = tokens_of(scene)
    assert None not in (first, second)
    assert first != second
    scene.put_list(made_list(offset=-1))
    scene.put_list(made_list("ben", offset=20))
    scene.parts.answers.take([[outcome_of(b"foreign", "learnt")]])
    await wait_idle()
    assert posting.done() is False
    assert other.done() is False

    scene.put_list(made_list(offset=0))
    scene.parts.answers.take([[outcome_of(first or b"", "learnt")]])
    scene.parts.waiters.wake(["ann"])
    assert 200 == (await posting).status
    assert not other.done()
    answer(scene, "learnt", offset=1)
    assert 200 == (await other).status


async def test_an_event_that_changed_nothing_says_so(scene: Scene) -> None:
    """The list is the present one, and reflects it."""
    posting = await begun(scene, [play("ann", "i9"), play("ann", "i9", play_id="p"), play("ann", "i8")])
    answer(scene, "learnt", "retried", "capped", offset=2)
    answered = (await posting).json

    assert ["learnt", "retried", "capped"] == [result["outcome"] for result in answered["results"]]
    assert answered["list"]["reflected"] is True


async def test_every_event_of_the_post_is_waited_for(scene: Scene) -> None:
    """They may be folded in by several groups; the answer is the last list."""
    posting = await begun(scene, [play("ann", "i9"), play("ann", "i8")])
    first, second = tokens_of(scene)
    scene.put_list(made_list(items=["early"], offset=0))
    scene.parts.answers.take([[outcome_of(first or b"", "learnt")]])
    scene.parts.waiters.wake(["ann"])
    await wait_idle()
    assert not posting.done()

    scene.put_list(made_list(items=["late"], offset=1))
    scene.parts.answers.take([[outcome_of(second or b"", "learnt")]])
    scene.parts.waiters.wake(["ann"])
    assert ["late"] == (await posting).json["list"]["items"]


@pytest.mark.parametrize(("query", "wait_s"), [("list=2", 2), ("list=2&wait=0.5", 0.5), ("list=2&wait=0", 0)])
async def test_a_play_that_no_worker_folds_in_is_waited_for_so_long(scene: Scene, query: str, wait_s: float) -> None:
    """Then the list is given as it is, with a sentence: the play is accepted, and is not to be sent again."""
    scene.put_list(made_list(offset=-1))
    scene.parts.progress.lags = {PARTITION: 1234}
    began = now_s()
    answered = await post(scene, play("ann", "i9"), query)

    assert 202 == answered.status
    assert now_s() - began == pytest.approx(wait_s)
    assert [{"partition": PARTITION, "offset": 0, "outcome": "waiting"}] == answered.json["results"]
    assert answered.json["list"]["reflected"] is False
    assert ["i1", "i2"] == answered.json["list"]["items"]
    assert answered.json["why"] == (
        f"No worker folded 1 event in within {wait_s:g} s. Workers have yet to commit 1,234 events of partition "
        f"{PARTITION}. Do not send it again: Kafka has it, and a worker folds it in later. A read with "
        f"after={PARTITION}:0 waits for the list."
    )
    assert not scene.parts.waiters.any
    assert not scene.parts.answers.any


async def test_the_operator_bounds_how_long_a_post_waits(tmp_path: Path) -> None:
    """A longer wait in the request is cut."""
    scene = await make_scene(tmp_path, gateway_wait_ms_max=300)
    began = now_s()
    answered = await post(scene, [play("ann", "i9"), play("ann", "i8")], "list=2&wait=60")

    assert 202 == answered.status
    assert now_s() - began == pytest.approx(0.3)
    assert answered.json["why"].startswith("No worker folded 2 events in within 0.3 s. Do not send them again:")
    assert f"after={PARTITION}:1 waits" in answered.json["why"]


async def test_a_play_without_a_list_is_settled_by_the_workers(scene: Scene) -> None:
    """Under a worker of an earlier version; the outcome is that of its pulse."""
    scene.put_list(made_list(offset=-1))
    posting = await begun(scene, play("ann", "i9"))
    scene.parts.progress._settled[PARTITION] = 1  # noqa: SLF001  what Kafka would tell
    scene.parts.waiters.wake_all()
    await wait_idle()
    assert not posting.done()
    span = OutcomeSpan.of(PARTITION, 0, [("learnt", 1)])
    scene.parts.on_pulse(b"west", msgspec.json.encode(pulse_of("west", outcomes=[span])))

    answered = await posting
    assert 200 == answered.status
    assert "learnt" == answered.json["results"][0]["outcome"]
    assert answered.json["list"]["reflected"] is True


async def test_a_play_that_a_worker_rejects_is_no_success(scene: Scene) -> None:
    """Its settings may be others than the gateway's: the answer says where the reason is."""
    scene.put_list(made_list(offset=-1))
    span = OutcomeSpan.of(PARTITION, 0, [(REJECTED, 1)])
    scene.parts.on_pulse(b"west", msgspec.json.encode(pulse_of("west", outcomes=[span])))
    scene.parts.progress._settled[PARTITION] = 1  # noqa: SLF001  what Kafka would tell
    answered = await post(scene, play("ann", "i9"))

    assert 200 == answered.status
    assert "rejected" == answered.json["results"][0]["outcome"]
    assert "A worker rejected an event: plays-rejected has the reason." == answered.json["why"]


async def test_a_listener_without_a_list_gets_the_popular_one(scene: Scene) -> None:
    """As by a read. A forgotten listener gets it once the tombstone has come."""
    scene.put_popular(["p1", "p2", "p3"])
    scene.put_list(made_list(offset=-1))
    posting = await begun(scene, {"type": "forget", "user_id": "ann"})
    scene.take(LIST, "ann", None)
    await wait_idle()
    assert not posting.done()
    (token,) = tokens_of(scene)
    scene.parts.answers.take([[outcome_of(token or b"", "wished")]])
    scene.parts.waiters.wake(["ann"])
    answered = await posting

    assert 200 == answered.status
    assert "wished" == answered.json["results"][0]["outcome"]
    assert "popular" == answered.json["list"]["kind"]
    assert ["p1", "p2"] == answered.json["list"]["items"]


async def test_before_the_first_generation_there_is_no_list(scene: Scene) -> None:
    """The play is folded in all the same."""
    scene.parts.progress._settled[PARTITION] = 1  # noqa: SLF001  what Kafka would tell
    answered = await post(scene, play("ann", "i9"), "list=2&wait=0.1")

    assert 200 == answered.status
    assert None is answered.json["list"]
    assert "no worker has served a generation yet" in answered.json["why"]


async def test_a_private_play_is_not_waited_for(scene: Scene) -> None:
    """It has no token, and changes no list that is stored; other events of the post are waited for."""
    scene.put_list(made_list(offset=-1))
    alone = await post(scene, play("ann", "i9", private=True))
    posting = await begun(scene, [play("ann", "i9", private=True), play("ann", "i8")])
    answer(scene, "learnt", offset=2)
    beside = await posting

    assert [True, True, False] == [token is None for token in tokens_of(scene)]
    for answered in (alone, beside):
        assert 200 == answered.status
        assert answered.json["list"]["reflected"] is True
        assert "outcome" not in answered.json["results"][0]
        assert answered.json["why"] == (
            "A private play changes no list that is stored: its list is on private-recommendations."
        )


async def test_a_gateway_that_starts_accepts_plays(scene: Scene) -> None:
    """It gives the list that answers them, and no other one: it may not know the present one yet."""
    scene.parts.follower.caught_up.clear()
    posting = await begun(scene, play("ann", "i9"))
    answer(scene, "learnt", offset=0)
    answered = await posting
    late = await post(scene, play("ann", "i8"), "list=2&wait=0.1")

    private = await post(scene, play("ann", "i8", private=True))

    assert 200 == answered.status
    assert ["i1", "i2"] == answered.json["list"]["items"]
    assert 202 == private.status
    assert private.json["list"] is None
    assert 202 == late.status
    assert None is late.json["list"]
    assert late.json["why"].endswith("waits for the list. The gateway is starting: 0 records are to be read.")


async def test_a_gateway_that_stops_answers(scene: Scene) -> None:
    """At once, and says that no list comes from it any more."""
    posting = await begun(scene, play("ann", "i9"), "list=2&wait=10")
    began = now_s()
    scene.parts.waiters.close()
    answered = await posting

    assert 202 == answered.status
    assert began == now_s()
    assert answered.json["why"].startswith("No worker folded 1 event in before the gateway stopped.")


async def test_copies_of_requests_have_no_token(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of the listener's own partition answers."""
    other = (PARTITION + 1) % 4
    monkeypatch.setattr(scene.parts.view, "misplaced_partitions", lambda _: [other])
    posting = await begun(scene, {"type": "hide", "user_id": "ann", "item_id": "i9"})

    assert [None] == tokens_of(scene, other)
    answer(scene, "wished", offset=0)
    assert 200 == (await posting).status


async def test_posts_without_a_list_have_no_headers(scene: Scene) -> None:
    """Nor a list in their answers."""
    answered = await post(scene, play("ann"), "")

    assert [None] == tokens_of(scene)
    assert answered.json == {"accepted": 1, "rejected": 0, "results": [{"partition": PARTITION, "offset": 0}]}
