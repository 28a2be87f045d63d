"""The server of metrics: its address, its end, and its errors."""

import logging
import socket
import threading
from pathlib import Path

import pytest

from agents.telemetry.metrics import WorkerMetrics
from agents.telemetry.metrics_server import HOST, MetricsError, MetricsServer
from streams.kafka.ports import free_port
from tests.agents.telemetry.metrics_scene import Scene, get


async def test_where_metrics_are_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As the address to give to Prometheus."""
    caplog.set_level(logging.INFO)
    scene = Scene(tmp_path)

    scene.server.start()
    await scene.server.stop()

    [event] = [vars(record) for record in caplog.records if record.getMessage() == "metrics_served"]
    assert f"http://127.0.0.1:{scene.port}/metrics" == event["url"]


async def test_a_taken_port_is_a_sentence(scene: Scene) -> None:
    """It names the setting; the process that has the port goes on serving."""
    second = MetricsServer(WorkerMetrics(scene.parts, scene.ranker), scene.port)

    with pytest.raises(MetricsError) as caught:
        second.start()
    await second.stop()

    expected = f"Metrics cannot be served on port {scene.port} (Address already in use): set PLAYFOLD_METRICS_PORT."
    assert expected == str(caught.value)
    assert 0 == scene.samples()["playfold_partitions"]


async def test_an_address_that_is_not_ours_is_a_sentence(scene: Scene) -> None:
    """It names the other setting; 192.0.2.1 is nobody's."""
    second = MetricsServer(scene.metrics, free_port(), "192.0.2.1")

    with pytest.raises(MetricsError) as caught:
        second.start()

    expected = (
        "Metrics cannot be served at 192.0.2.1 (Cannot assign requested address): "
        "set PLAYFOLD_METRICS_HOST to an address of this machine."
    )
    assert expected == str(caught.value)


async def test_another_host_can_be_served(tmp_path: Path) -> None:
    """In a container, Prometheus asks from beside it; the whole of 127.0.0.0/8 is this machine."""
    scene = Scene(tmp_path)
    server = MetricsServer(scene.metrics, scene.port, "127.0.0.2")
    server.start()
    try:
        with socket.create_connection(("127.0.0.2", scene.port), timeout=5):
            pass
        with pytest.raises(ConnectionRefusedError):
            get(scene.port)
    finally:
        await server.stop()
        await scene.store.on_stop()


async def test_port_zero_serves_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No port is taken, no thread is started, and stopping it is nothing."""
    caplog.set_level(logging.INFO)
    scene, before = Scene(tmp_path), threads()
    server = MetricsServer(WorkerMetrics(scene.parts, scene.ranker), 0)

    server.start()

    assert before == threads()
    assert "metrics_served" not in caplog.text
    await server.stop()


def threads() -> list[threading.Thread]:
    """Return the threads of this process, those left out in which the event loop waits for others."""
    return [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio")]


@pytest.mark.processes
async def test_a_stopped_server_frees_its_port(tmp_path: Path) -> None:
    """Nobody is answered any more, its thread has ended, and the next worker can serve there."""
    scene, before = Scene(tmp_path), threads()
    scene.server.start()
    await scene.server.stop()

    assert before == threads()
    with pytest.raises(ConnectionRefusedError):
        get(scene.port)
    with socket.create_server((HOST, scene.port)):
        pass
    scene.server.start()
    assert 0 == scene.samples()["playfold_partitions"]
    await scene.server.stop()
    await scene.server.stop()
