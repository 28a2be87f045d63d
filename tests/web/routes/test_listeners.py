"""A listener's questions and operations, without Kafka."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from state.gateway_view.keys import LIST
from state.lists.explain_score import Explanation, Share
from streams.connection.credentials import CredentialsError
from streams.connection.rights import MissingRightError
from streams.connection.start import UnreachableError
from streams.readers.decode_record import UnreadableRecord
from streams.readers.log_reader import LogReadError
from streams.settings import Settings
from tests.support.virtual_time import now_s
from tests.support.wait import wait_until
from tests.web.scene import OPERATIONS, Scene, made_list, make_scene, nothing_held
from web.parts import TopicOperations
from web.routes.listeners import FORGOTTEN_AT_ONCE, READ_S, READS_AT_ONCE


class Receipt(msgspec.Struct):
    """Routes for a listener's requests."""

    wish: str
    user_id: str


def operations(**given: Any) -> TopicOperations:
    """Return operations, those of them replaced that the test gives."""
    return TopicOperations(
        **({"explain": OPERATIONS.explain, "export": OPERATIONS.export, "forget": OPERATIONS.forget} | given)
    )


def explained(user_id: str, item_id: str, _: Settings) -> Explanation:
    """Explain a score by two plays."""
    shares = [
        Share(item_id=played, last_played_s=1, weight=1.0, share=share, percent=None)
        for played, share in (("i7", 0.75), ("i8", -0.25))
    ]
    return Explanation(
        user_id=user_id,
        item_id=item_id,
        generation="g",
        serving="g",
        score=0.625,
        sum=0.5,
        rank=4,
        reason_without_rank=None,
        n_unknown=0,
        shares=shares,
    )


async def ask(scene: Scene, path: str, method: str = "GET") -> Any:
    """Return an answer."""
    async with scene.client() as client:
        return await client.request(method, path)


async def test_why_an_item_is_in_a_list_is_read_from_the_list(scene: Scene) -> None:
    """At once, with nobody asked; score is the sum of the shares and the rest."""
    scene.put_list(made_list("ann", ["i1", "i2"]))

    response = (await ask(scene, "/v1/users/ann/because/i2")).json()

    assert {
        "user_id": "ann",
        "item_id": "i2",
        "generation": "g",
        "score": 0.5,
        "rank": 2,
        "reasons": [{"item_id": "of-i2", "share": 0.25}],
        "rest": 0.25,
        "whole": False,
    } == response


async def test_reasons_have_titles(scene: Scene) -> None:
    """Where the catalog knows one."""
    scene.put_item("of-i1", title="Clocks")
    scene.put_list(made_list("ann", ["i1"], because=[["of-i1", "x"]], because_scores=[[0.5, 0.1]], because_rest=[0.4]))

    reasons = (await ask(scene, "/v1/users/ann/because/i1")).json()["reasons"]

    assert [{"item_id": "of-i1", "share": 0.5, "title": "Clocks"}, {"item_id": "x", "share": 0.1}] == reasons


@pytest.mark.parametrize("path", ["/v1/users/ann/because/i1?full=true", "/v1/users/ann/because/other"])
async def test_every_play_is_named_who_asks_for_all_or_for_another_item(tmp_path: Path, path: str) -> None:
    """Split over all plays; the remainder is the tolerance of the solver."""
    scene = await make_scene(tmp_path, operations(explain=explained))
    scene.put_list(made_list())

    response = (await ask(scene, path)).json()

    assert [{"item_id": "i7", "share": 0.75}, {"item_id": "i8", "share": -0.25}] == response["reasons"]
    assert 0.625 == response["score"]
    assert 0.125 == response["rest"]
    assert 4 == response["rank"]
    assert response["whole"] is True


async def test_a_list_without_reasons_is_explained_by_the_plays(tmp_path: Path) -> None:
    """As where lists are not explained."""
    scene = await make_scene(tmp_path, operations(explain=explained))
    scene.put_list(made_list(because=[], because_scores=[], because_rest=[]))

    assert (await ask(scene, "/v1/users/ann/because/i1")).json()["whole"]


async def test_an_item_behind_the_explained_ones_is_explained_by_the_plays(tmp_path: Path) -> None:
    """The list answers for its first items, the listener's plays for the others."""
    scene = await make_scene(tmp_path, operations(explain=explained))
    scene.put_list(made_list(because=[["of-i1"]], because_scores=[[0.5]], because_rest=[0.5]))

    assert not (await ask(scene, "/v1/users/ann/because/i1")).json()["whole"]
    assert (await ask(scene, "/v1/users/ann/because/i2")).json()["whole"]


async def test_what_cannot_be_explained_is_said(scene: Scene) -> None:
    """404 with the sentence."""
    response = await ask(scene, "/v1/users/ann/because/i1")

    assert 404 == response.status_code
    assert "Nothing is known of 'ann'." == response.json()["detail"]


async def test_some_requests_read_whole_topics_at_a_time_and_no_more(tmp_path: Path) -> None:
    """Explanations and exports together; one request too many gets Retry-After, and there is room again."""
    may_end, begun = threading.Event(), list[str]()

    def slow(user_id: str, item_id: str, settings: Settings) -> Explanation:
        begun.append(user_id)
        assert may_end.wait(10)
        return explained(user_id, item_id, settings)

    scene = await make_scene(tmp_path, operations(explain=slow))
    reading = [asyncio.create_task(ask(scene, "/v1/users/ann/because/i1")) for _ in range(READS_AT_ONCE)]
    await wait_until(lambda: len(begun) == READS_AT_ONCE)

    refused = await ask(scene, "/v1/users/ann/export")
    assert 503 == refused.status_code
    assert "2" == refused.headers["retry-after"]
    may_end.set()
    assert [200] * READS_AT_ONCE == [response.status_code for response in await asyncio.gather(*reading)]
    assert 200 == (await ask(scene, "/v1/users/ann/export")).status_code


@pytest.mark.virtual_time
async def test_a_read_of_topics_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """503 with Retry-After, and its turn is free."""

    async def endless(*_: Any) -> Any:
        await asyncio.Event().wait()

    scene = await make_scene(tmp_path, operations(export=endless))

    for _ in range(READS_AT_ONCE + 1):
        response = await ask(scene, "/v1/users/ann/export")
        assert 503 == response.status_code
        assert "2" == response.headers["retry-after"]
        assert "The answer took too long." == response.json()["detail"]
    assert now_s() == pytest.approx((READS_AT_ONCE + 1) * READ_S)


async def test_all_that_is_held_is_exported(scene: Scene) -> None:
    """One document, made now, of the listener that the path names."""
    response = (await ask(scene, "/v1/users/a%2Fb/export")).json()

    assert "a/b" == response["user_id"]
    assert response["anything"] is False
    assert [] == response["plays"]
    assert response["made_at_ms"] > 1_700_000_000_000


async def test_without_kafka_rights_are_for_later(tmp_path: Path) -> None:
    """503 with Retry-After, and the sentence of the failed reader."""

    async def gone(*_: Any) -> Any:
        message = "No Kafka broker answered."
        raise LogReadError(message)

    scene = await make_scene(tmp_path, operations(export=gone, forget=gone))

    for response in (await ask(scene, "/v1/users/ann/export"), await ask(scene, "/v1/users/ann", "DELETE")):
        assert 503 == response.status_code
        assert "2" == response.headers["retry-after"]
        assert "No Kafka broker answered." == response.json()["detail"]


REFUSALS = [
    MissingRightError("Kafka does not allow the user gateway the right READ on topic users: grant it."),
    CredentialsError("PLAYFOLD_KAFKA_PASSWORD_FILE /run/secret cannot be read: name a file."),
    UnreachableError("Kafka rejects the login: correct PLAYFOLD_KAFKA_USERNAME and PLAYFOLD_KAFKA_PASSWORD."),
    UnreadableRecord("A list on the recommendations topic", "it is no JSON"),
    TopicAuthorizationFailedError("users"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("path", "method"), [("ann/export", "GET"), ("ann/because/i1", "GET"), ("ann", "DELETE")])
async def test_a_refusal_of_kafka_is_503_with_its_sentence(
    tmp_path: Path, error: Exception, path: str, method: str
) -> None:
    """The way out is the operator's, not the client's: neither 422 nor a failure of the gateway."""

    def refused(*_: Any) -> Any:
        raise error

    async def refused_later(*_: Any) -> Any:
        raise error

    scene = await make_scene(tmp_path, operations(explain=refused, export=refused_later, forget=refused_later))

    response = await ask(scene, f"/v1/users/{path}", method)

    assert 503 == response.status_code
    assert "2" == response.headers["retry-after"]
    assert (repr(error) if isinstance(error, KafkaError) else str(error)) in response.json()["detail"]


async def test_a_forgotten_listener_has_a_receipt(tmp_path: Path) -> None:
    """The receipt of the worker; of the listener in the path."""

    async def forget(user_id: str, _: Settings) -> Receipt:
        return Receipt("forget", user_id)

    response = await ask(await make_scene(tmp_path, operations(forget=forget)), "/v1/users/a%2Fb", "DELETE")

    assert 200 == response.status_code
    assert {"wish": "forget", "user_id": "a/b"} == response.json()


async def test_without_a_worker_the_wish_stands(scene: Scene) -> None:
    """504, which is no refusal: the sentence says so."""
    response = await ask(scene, "/v1/users/ann", "DELETE")

    assert 504 == response.status_code
    assert "No worker carried out the wish of 'ann'." == response.json()["detail"]


async def test_so_many_are_forgotten_at_a_time_and_no_more(tmp_path: Path) -> None:
    """Each holds clients of Kafka; one request too many gets Retry-After."""
    may_end, begun = asyncio.Event(), list[str]()

    async def forget(user_id: str, _: Settings) -> Receipt:
        begun.append(user_id)
        await may_end.wait()
        return Receipt("forget", user_id)

    scene = await make_scene(tmp_path, operations(forget=forget))
    going = [asyncio.create_task(ask(scene, f"/v1/users/u{n}", "DELETE")) for n in range(FORGOTTEN_AT_ONCE)]
    await wait_until(lambda: len(begun) == FORGOTTEN_AT_ONCE)

    refused = await ask(scene, "/v1/users/ann", "DELETE")
    assert 503 == refused.status_code
    assert "2" == refused.headers["retry-after"]
    may_end.set()
    assert {200} == {response.status_code for response in await asyncio.gather(*going)}
    assert 200 == (await ask(scene, "/v1/users/ann", "DELETE")).status_code


async def test_who_is_forgotten_has_no_list_here_any_more(tmp_path: Path) -> None:
    """The receipt waits until the tombstone has come; one that does not come is not waited for long."""

    async def forget(_user_id: str, _settings: Settings) -> Receipt:
        asyncio.get_running_loop().call_later(0.05, scene.take, LIST, "ann", None)
        return Receipt("forget", "ann")

    scene = await make_scene(tmp_path, operations(forget=forget))
    scene.put_list(made_list("ann"))

    assert 200 == (await ask(scene, "/v1/users/ann", "DELETE")).status_code

    assert None is scene.parts.lists.held("ann")


async def test_nothing_but_get_and_delete_reaches_a_listener(scene: Scene) -> None:
    """No GET of a listener forgets them."""
    assert [405, 405, 405, 404] == [
        (await ask(scene, "/v1/users/ann", method)).status_code for method in ("GET", "POST", "PUT")
    ] + [(await ask(scene, "/v1/users/", "DELETE")).status_code]


def test_the_scene_holds_nothing_of_anybody() -> None:
    """The fake answers as the real one does of a stranger."""
    assert not asyncio.run(nothing_held("ann", Settings(), 1)).anything
