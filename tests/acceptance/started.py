"""Workers and gateways that are started, not forked, so that the tests include their imports."""

from contextlib import AbstractContextManager

from cli.processes import GatewayProcess, WorkerProcess
from streams.settings import Settings
from tests.support.gateway import gateway
from tests.support.topics import worker


def started_worker(settings: Settings) -> AbstractContextManager[WorkerProcess]:
    """Run a worker that is ready."""
    return worker(settings, WorkerProcess)


def started_gateway(settings: Settings) -> AbstractContextManager[GatewayProcess]:
    """Run a gateway that is ready, at a free port."""
    return gateway(settings, process_of=GatewayProcess)
