"""Ports of 127.0.0.1: free ones, and those at which a Kafka broker answers."""

import contextlib
import random
import socket

HOST = "127.0.0.1"
# An ApiVersions request of version 0 without a client id: every Kafka answers it first.
API_VERSIONS_REQUEST = bytes.fromhex("0000000a 0012 0000 00000001 ffff")


def free_port() -> int:
    """Return a free port of 127.0.0.1.

    It is below the range of ephemeral ports, which outgoing connections use.
    """
    # Never seeded: two test runs with the same seed must not choose the same port.
    ports = random.SystemRandom()
    while not is_bindable(port := ports.randrange(20_000, 32_000)):
        pass
    return port


def answers(port: int) -> bool:
    """Return whether a Kafka broker answers on a port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1) as connection:
        connection.sendall(API_VERSIONS_REQUEST)
        return len(connection.recv(4)) > 0
    return False


def is_bindable(port: int) -> bool:
    """Return whether a server may listen at a port of 127.0.0.1."""
    with socket.socket() as listener:
        # As Kafka does: connections in TIME_WAIT of an earlier run do not block the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True
