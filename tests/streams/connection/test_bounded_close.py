"""The end of a connection, while the broker does not say that it ends, too."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError

import streams.connection.clients  # noqa: F401  it bounds the end of every connection
from tests.support.certificates import Authority
from tests.support.wait import wait_until

HOST = "127.0.0.1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Make a certificate authority."""
    return Authority(tmp_path)


@pytest.fixture
def silent_port(authority: Authority) -> Iterator[int]:
    """Run a TLS server that reads nothing once it has greeted a client."""
    store = authority.sign("broker", [HOST]).store
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(store)
    ended = threading.Event()

    def greet(listening: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(listening.accept()[0], server_side=True):
            ended.wait()

    with socket.create_server((HOST, 0)) as listening:
        thread = threading.Thread(target=greet, args=(listening,))
        thread.start()
        yield listening.getsockname()[1]
        ended.set()
        thread.join()


@pytest.mark.processes
@pytest.mark.timeout(20)  # asyncio and uvloop would wait for 30 s
@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_ends_although_the_broker_does_not_answer(
    authority: Authority, silent_port: int, loop_factory: type[asyncio.AbstractEventLoop]
) -> None:
    """Its requests fail, and the wait for its end is short."""

    async def connect_and_close() -> None:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        connection = AIOKafkaConnection(HOST, silent_port, security_protocol="SSL", ssl_context=context)
        connecting = asyncio.create_task(connection.connect())
        await wait_until(connection.connected)

        await connection.close()

        with pytest.raises(KafkaConnectionError, match="closed"):
            await connecting

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(connect_and_close())
