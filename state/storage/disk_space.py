"""How much room there is on the disk of a folder, for Prometheus and for whoever asks."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Room(NamedTuple):
    """The disk that a folder lies on, or will lie on."""

    free_bytes: int
    """What a process without special rights may still write."""
    size_bytes: int


def room_of(folder: Path) -> Room:
    """Return the room on the disk of a folder; of one that is not there yet: where it would be made.

    Raises:
        OSError: The disk does not answer.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    found = shutil.disk_usage(there)
    return Room(found.free, found.total)


class DiskMetrics(Collector):
    """Tells Prometheus of the disk that the data folder lies on."""

    def __init__(self, folder: Path) -> None:
        """Tell of the disk of this folder."""
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Give the free and the whole room; nothing if the disk does not answer, so that all else is told."""
        try:
            room = room_of(self._folder)
        except OSError:
            return
        what = "Bytes that may still be written to the disk of the data folder."
        yield GaugeMetricFamily("playfold_disk_free_bytes", what, value=room.free_bytes)
        what = "Bytes of that disk in all."
        yield GaugeMetricFamily("playfold_disk_size_bytes", what, value=room.size_bytes)
