"""Ports of the embedded broker."""

import socket
import threading

import pytest

from streams.kafka.ports import HOST, answers, free_port, is_bindable


def hang_up(server: socket.socket) -> None:
    """Close the next connection at once."""
    server.accept()[0].close()


@pytest.mark.processes
def test_a_closed_port_does_not_answer() -> None:
    """A broker that is down is none."""
    assert not answers(free_port())


def test_a_server_that_hangs_up_does_not_answer() -> None:
    """A broker answers the first request."""
    with socket.create_server((HOST, 0)) as server:
        hanging_up = threading.Thread(target=hang_up, args=(server,))
        hanging_up.start()
        assert not answers(server.getsockname()[1])
        hanging_up.join(10)


def test_a_port_with_a_server_is_not_bindable() -> None:
    """A free one is."""
    with socket.create_server((HOST, 0)) as server:
        assert not is_bindable(server.getsockname()[1])
    assert is_bindable(free_port())
