"""How a gateway starts, restarts and stops, on a real Kafka."""

import socket
from contextlib import ExitStack
from pathlib import Path

import msgspec
from httpx import Client

from cli.processes import SERVICE_STOP_S
from streams.kafka.ports import free_port
from streams.messages.records import RelatedItems
from streams.partitioning import partition_of
from streams.settings import Settings, override
from streams.topics.admin import create_topics, delete_topics
from streams.topics.topics import TopicNames
from tests.support.commands import error_of
from tests.support.gateway import client_of, events_of, gateway, good
from tests.support.settings import settings_with
from tests.support.topics import write
from tests.support.wait import block_until


def test_what_keeps_a_gateway_from_running_is_a_sentence(settings: Settings, names: TopicNames) -> None:
    """A port that is taken, an address that others reach, a damaged view, topics that are not there."""
    assert names.plays
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = error_of("gateway", override(settings, gateway_port=port))
    assert said.endswith(
        f"(The gateway cannot listen on 127.0.0.1:{port} (Address already in use): set PLAYFOLD_GATEWAY_PORT or _HOST)"
    )
    said = error_of("gateway", override(settings, gateway_host="0.0.0.0"))  # noqa: S104  that it is refused is the claim
    assert "(PLAYFOLD_GATEWAY_HOST is 0.0.0.0, which others than this machine can reach: set " in said
    with gateway(settings):
        pass
    for manifest in (settings.application.gateway_path / "view").glob("MANIFEST-*"):
        manifest.write_bytes(b"nothing")
    said = error_of("gateway", override(settings, gateway_port=0))
    assert f"(The view in {settings.application.gateway_path / 'view'} cannot be opened (" in said
    delete_topics(settings)
    assert "is missing: run `playfold topics create`)" in error_of("gateway", override(settings, gateway_port=0))
    create_topics(settings)


def test_a_start_tells_how_far_it_is(settings: Settings, names: TopicNames) -> None:
    """Requests before the end of the reading get the number of records that are left, and no 404."""
    n = 60_000
    write(settings, names.related_items, [(b"r%d" % number, b"{}" + b" " * 500) for number in range(n)])
    item = RelatedItems(item_id="last", generation="g", items=["i1"], cosines=[0.5])
    write(settings, names.related_items, [(b"last", msgspec.json.encode(item))])
    with gateway(settings, ready=False) as process:
        block_until(lambda: process.first_event("gateway_listening") is not None, 30)
        listening = process.first_event("gateway_listening") or {}
        seen: dict[int, set[str]] = {}
        with Client(base_url=listening["url"], trust_env=False) as client:
            for _ in range(10_000):
                response, ready = client.get("/v1/items/last/related"), client.get("/readyz")
                seen.setdefault(ready.status_code, set()).add(ready.text)
                assert response.status_code in {503, 200}
                assert 200 == client.get("/healthz").status_code
                if ready.status_code == 200:
                    break
                assert "2" == ready.headers["retry-after"]
            assert {200, 503} == seen.keys()
            assert any(" records are to be read." in text and "starting: 0 " not in text for text in seen[503])
            assert ["i1"] == client.get("/v1/items/last/related").json()["items"]
        process.await_ready(30)
        assert n + 1 == (process.first_event("topics_read") or {})["records"]


def test_a_restart_goes_on_where_it_was(settings: Settings, names: TopicNames) -> None:
    """Stored records are not read again, later ones are; the catalog is in memory again."""
    record = RelatedItems(item_id="i1", generation="g", items=["i2"], cosines=[0.5])
    write(settings, names.related_items, [(b"i1", msgspec.json.encode(record))])
    write(settings, names.catalog, [(b"i1", b'{"item_id":"i1","title":"Blue Moon"}')])
    with gateway(settings) as process, client_of(process) as client:
        assert ["i2"] == good(client.get("/v1/items/i1/related")).json()["items"]
        process.stop()
        assert 0 == process.child.status
        assert "gateway_stopped" == process.events()[-1]["event"]
        later = msgspec.structs.replace(record, item_id="i3")
        write(settings, names.related_items, [(b"i3", msgspec.json.encode(later))])
        process.start()
        process.await_ready(30)
        with client_of(process) as again:
            for item_id in ("i1", "i3"):
                assert ["i2"] == good(again.get(f"/v1/items/{item_id}/related")).json()["items"]
            assert "i1" == good(again.get("/v1/items?query=moon")).json()["items"][0]["item_id"]


def test_a_gateway_stops_within_seconds(settings: Settings, names: TopicNames) -> None:
    """With an open page, a waiting reader, an idle connection and half a request."""
    assert names.plays
    wait_ms = 2000 * SERVICE_STOP_S
    patient = override(settings, gateway_wait_ms_max=wait_ms)
    path = f"/v1/users/ann/recommendations?after={partition_of('ann', settings.topics.partitions)}:99&wait_ms={wait_ms}"
    with gateway(patient) as process, client_of(process) as client, ExitStack() as stack:
        host, port = process.url.removeprefix("http://").split(":")
        half, waiting = (stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(2))
        lines = stack.enter_context(client.stream("GET", "/live/events")).iter_lines()
        next(events_of(lines, "figures"))
        half.sendall(b"GET /he")
        waiting.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert 200 == client.get("/healthz").status_code  # so what came before was read, too

        process.stop()

        assert 0 == process.child.status  # SIGKILL would have come after SERVICE_STOP_S seconds
        assert [] == [line for line in lines if line.startswith("event: error")]
        assert waiting.recv(4096).startswith(b"HTTP/1.1 404 ")
        assert [] == [event for event in process.events() if event["level"] in {"error", "critical"}]


def test_without_kafka_a_gateway_does_not_start(tmp_path: Path) -> None:
    """Nor does it hang: a sentence within the time that Kafka may take."""
    port = free_port()
    settings = settings_with(brokers=f"127.0.0.1:{port}", data_dir=str(tmp_path), kafka_timeout_s=1.0, gateway_port=0)

    said = error_of("gateway", settings)

    assert "`playfold gateway` ended with status 1 (" in said
    assert f"127.0.0.1:{port}" in said
