"""Stores of generations, of both kinds."""

import logging
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from tests.contract.stored_generations import prepared
from tests.support.stores import StoreCase


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Run an S3 server and return its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreCase]:
    """Give both, one after the other, empty."""
    with prepared(request, tmp_path_factory.mktemp("store")) as case:
        yield case
