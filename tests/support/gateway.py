"""A gateway as a process, and requests to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from httpx import Client, Limits, Response

from cli.processes import GatewayProcess
from streams.settings import Settings, override
from tests.support.forked_services import ForkedGateway
from tests.support.patience import stretched

READY_S = 60.0


@contextmanager
def gateway(
    settings: Settings, *, ready: bool = True, process_of: Callable[[Settings], GatewayProcess] = ForkedGateway
) -> Iterator[GatewayProcess]:
    """Run a gateway at a free port, forked unless told otherwise, and wait until it is ready unless told not to."""
    process = process_of(override(settings, gateway_port=0))
    process.start()
    try:
        if ready:
            process.await_ready(stretched(READY_S))
        yield process
    finally:
        process.stop()


def client_of(process: GatewayProcess, **headers: str) -> Client:
    """Return a client of a gateway, without the proxy of the environment."""
    # What threads that share it leave open is not closed beneath others.
    limits = Limits(max_keepalive_connections=100, keepalive_expiry=None)
    return Client(base_url=process.url, headers=headers, timeout=30, trust_env=False, limits=limits)


def post(client: Client, *events: Any) -> list[dict[str, Any]]:
    """Send events, all of which are accepted, and return where they stand."""
    response = client.post("/v1/plays", json=list(events))
    assert response.status_code == 200, response.text
    assert len(events) == response.json()["accepted"]
    assert 0 == response.json()["rejected"]
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def read(client: Client, user_id: str, place: dict[str, Any] | None = None, wait_ms: int = 10_000) -> Any:
    """Return a listener's list, once it reflects the play at a place if one is given."""
    query: dict[str, str | int] = (
        {"after": f"{place['partition']}:{place['offset']}", "wait_ms": wait_ms} if place else {}
    )
    return good(client.get(f"/v1/users/{user_id}/recommendations", params=query)).json()


def good(response: Response) -> Response:
    """Return an answer that has status 200."""
    assert response.status_code == 200, response.text
    return response


def events_of(stream: Iterator[str], name: str) -> Iterator[Any]:
    """Yield the payloads of the events of a name, from the lines of a stream."""
    event = ""
    for line in stream:
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: ") and event == name:
            yield msgspec.json.decode(line.removeprefix("data: "))
