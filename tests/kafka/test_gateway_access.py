"""Tokens and request rates of a gateway on a real Kafka."""

import time
from pathlib import Path

from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.support.gateway import client_of, gateway, post
from tests.support.plays import play

TOKEN = "correct-horse-battery"  # noqa: S105  nobody's


def test_clients_bring_the_token(settings: Settings, names: TopicNames, tmp_path: Path) -> None:
    """From a file, in the header or by the form's cookie; the log does not tell it."""
    assert names.plays
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    guarded = override(settings, gateway_token_file=str(file))
    with gateway(guarded) as process, client_of(process) as nobody, client_of(process) as browser:
        requests = {"/v1/plays": "POST", "/metrics": "GET", "/v1/items?query=a": "GET", "/v1/users/ann": "DELETE"}
        assert {401} == {nobody.request(method, path).status_code for path, method in requests.items()}
        assert [200, 200, 303] == [nobody.get(path).status_code for path in ("/healthz", "/readyz", "/")]
        with client_of(process, authorization=f"Bearer {TOKEN}") as client:
            post(client, play("ann", "i1"))
        assert 303 == browser.post("/session", data={"token": TOKEN}).status_code
        post(browser, play("ben", "i1"))
        post_from = {"origin": "http://evil.example"}
        assert 403 == browser.post("/v1/plays", json=play("ann", "i1"), headers=post_from).status_code
        assert 403 == browser.get("/", headers={"host": "evil.example"}).status_code
        assert TOKEN not in process.log_file.read_text()


def test_one_client_cannot_ask_for_everything(settings: Settings, names: TopicNames) -> None:
    """429 with Retry-After from the first request over the limit on; it is answered again when it has waited."""
    assert names.plays
    limited = override(settings, gateway_requests_per_s=5.0)
    with gateway(limited) as process, client_of(process) as client:
        responses = [client.get("/v1/items?query=a") for _ in range(15)]
        statuses = [answer.status_code for answer in responses]
        assert {200, 429} == set(statuses)
        first = statuses.index(429)
        assert 10 <= first <= 13
        time.sleep(int(responses[first].headers["retry-after"]))
        assert 200 == client.get("/v1/items?query=a").status_code
        assert 200 == client.get("/healthz").status_code
