"""The free space on the disk of a folder, for Prometheus."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from state.storage.disk_space import disk_space_of


class DiskMetrics(Collector):
    """Reports the disk of the data folder to Prometheus."""

    def __init__(self, folder: Path) -> None:
        """Report the disk of this folder."""
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Yield free and total space; nothing if the disk does not answer, which must not hide other metrics."""
        try:
            space = disk_space_of(self._folder)
        except OSError:
            return
        help_text = "Bytes that may still be written to the disk of the data folder."
        yield GaugeMetricFamily("playfold_disk_free_bytes", help_text, value=space.free_bytes)
        help_text = "Bytes of that disk in all."
        yield GaugeMetricFamily("playfold_disk_size_bytes", help_text, value=space.size_bytes)
