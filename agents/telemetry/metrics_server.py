"""Serves the metrics of a process to Prometheus."""

import asyncio
import errno
import logging
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
"""Only this machine may scrape, unless a setting says otherwise."""


class MetricsError(RuntimeError):
    """The metrics cannot be served. Give the process a port of its own in PLAYFOLD_METRICS_PORT, or none with 0.

    PLAYFOLD_METRICS_HOST must be an address of the machine.
    """


class MetricsServer:
    """Serves samples over HTTP, from a thread of its own."""

    def __init__(self, collector: Collector, port: int, host: str = HOST) -> None:
        """Serve the samples of `collector` at a port; port 0 serves nothing."""
        self._port, self._host = port, host
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        self._running: tuple[Any, Any] | None = None

    def start(self) -> None:
        """Start to serve.

        Raises:
            MetricsError: The port is taken, or the address is not one of this machine.
        """
        if not self._port:
            return
        try:
            self._running = start_http_server(self._port, self._host, self._registry)
        except OSError as error:
            raise self._unservable(error) from None
        log.info("metrics_served", extra={"url": f"http://{self._host}:{self._port}/metrics"})

    def _unservable(self, error: OSError) -> MetricsError:
        if error.errno == errno.EADDRINUSE:
            return MetricsError(
                f"Metrics cannot be served on port {self._port} ({error.strerror}): set PLAYFOLD_METRICS_PORT."
            )
        return MetricsError(
            f"Metrics cannot be served at {self._host} ({error.strerror}): "
            "set PLAYFOLD_METRICS_HOST to an address of this machine."
        )

    async def stop(self) -> None:
        """Stop, if it was started."""
        if self._running is not None:
            server, thread = self._running
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            await asyncio.to_thread(thread.join)
            self._running = None
