"""Programs of `examples/` without Kafka, and the tests of all programs."""

import asyncio
import importlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.examples import Desk, program, program_names


def test_a_test_runs_every_program() -> None:
    """A new program needs a test in a file about examples."""
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*example*.py"))
    named = set(re.findall(r'program\("(\w+/\w+\.\w+)"\)', tests))

    assert program_names() == named


def test_a_missing_client_is_a_failure(tmp_path: Path) -> None:
    """Without kcat a program fails with the shell's error message."""
    script = tmp_path / "send.sh"
    script.write_text("not-kcat -P\n")

    with pytest.raises(AssertionError, match=r"send\.sh ended with 127: .*not-kcat"):
        Desk(tmp_path, {}).run(script)


async def test_a_record_that_is_not_acknowledged_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """By another producer, and it is named if that one has no acknowledgement either."""
    module: Any = importlib.import_module("examples.python.steady_producer_async")
    silent = {"lost", "late"}
    attempts: list[str] = []

    class Producer:
        """Acknowledges a late record at its second attempt, and a lost one never."""

        def __init__(self, **_: Any) -> None:
            """Connect to nothing."""

        async def start(self) -> None:
            """Connect to nothing."""

        async def stop(self) -> None:
            """Disconnect from nothing."""

        async def send(self, _: str, value: bytes, __: bytes) -> asyncio.Future[None]:
            """Send nothing."""
            name, future = value.decode(), asyncio.get_running_loop().create_future()
            attempts.append(name)
            if name not in silent:
                future.set_result(None)
            if name == "late":
                silent.discard(name)
            return future

    monkeypatch.setattr(module, "AIOKafkaProducer", Producer)
    monkeypatch.setattr(module, "ACKNOWLEDGED_S", 0.05)
    steady = module.SteadyProducer()
    await steady.start()

    failed = await steady.send([("plays", b"ann", name.encode()) for name in ("first", "late", "lost")])

    assert ["first", "late", "lost", "late", "lost"] == attempts
    assert [(b"lost", TimeoutError)] == [(value, type(error)) for (_, _, value), error in failed]


def test_javascript_sends_again_what_a_busy_gateway_refused(tmp_path: Path) -> None:
    """The same plays with the same ids; a token goes with each request."""
    taken: list[tuple[str | None, bytes]] = []

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append((self.headers["Authorization"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response((503, 429, 200)[len(taken) - 1])
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(b'{"accepted":1,"rejected":0,"results":[{"partition":2,"offset":7}]}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            desk = Desk(tmp_path, {"GATEWAY": url, "GATEWAY_TOKEN": "a token of ours"})
            said = desk.run(program("javascript/send_plays.mjs"))
        finally:
            server.shutdown()

    assert "stored at 2:7\n" == said
    assert 3 == len(taken)
    assert 1 == len(set(taken))
    assert "Bearer a token of ours" == taken[0][0]
