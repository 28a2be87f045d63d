"""The probes of the disks and of the gateway; `tests/kafka/test_doctor.py` tests those that ask Kafka."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jobs.doctor.answers import GatewayResponse
from jobs.doctor.finding import Issue
from jobs.doctor.probes import probe_disks, probe_gateway, size_of
from streams.kafka.ports import free_port
from tests.support.settings import settings_with


def test_the_files_in_use_are_summed(tmp_path: Path) -> None:
    """At any depth; a missing folder is empty."""
    settings = settings_with(data_dir=str(tmp_path))
    (settings.application.worker_path / "0").mkdir(parents=True)
    (settings.application.worker_path / "0" / "a.sst").write_bytes(b"12345")
    (settings.application.worker_path / "lock").write_bytes(b"1")

    usage = probe_disks(settings)

    assert {"states of workers": 6, "the gateway's view": 0, "generations": 0} == usage.sizes
    assert ["the data folder"] == list(usage.spaces)
    assert 0 == size_of(tmp_path / "nowhere")


@contextmanager
def gateway(status: int, body: bytes) -> Iterator[int]:
    """Serve one response to every request, and give the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_gateway_on_every_address_is_asked_on_the_loopback() -> None:
    """0.0.0.0 is no address to connect to."""
    with gateway(200, b'{"status": "ready"}') as port:
        response = probe_gateway(settings_with(gateway_host="0.0.0.0", gateway_port=port).gateway)  # noqa: S104

    assert GatewayResponse(f"http://127.0.0.1:{port}/readyz", 200, b'{"status": "ready"}') == response


@pytest.mark.processes
def test_no_gateway_is_a_note() -> None:
    """A gateway is optional."""
    port = free_port()

    issue = probe_gateway(settings_with(gateway_port=port).gateway)

    says = f"No gateway listens at http://127.0.0.1:{port}/readyz; `playfold gateway` starts one."
    assert Issue("note", says) == issue


def test_a_gateway_on_a_free_port_is_a_note() -> None:
    """The settings do not name the port."""
    expected = Issue("note", "PLAYFOLD_GATEWAY_PORT is 0, so the port of the gateway is unknown.")
    assert expected == probe_gateway(settings_with(gateway_port=0).gateway)


def test_a_gateway_with_an_unknown_name_is_a_problem() -> None:
    """No name below `.invalid` has an address."""
    issue = probe_gateway(settings_with(gateway_host="gateway.invalid", gateway_port=free_port()).gateway)

    assert isinstance(issue, Issue)
    assert "problem" == issue.verdict
    assert "does not answer" in issue.says
