"""The free space on the disk of a folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class DiskSpace(NamedTuple):
    """The space on the disk of a folder."""

    free_bytes: int
    """Bytes that an unprivileged process may still write."""
    size_bytes: int


def disk_space_of(folder: Path) -> DiskSpace:
    """Return the space on the disk of a folder; the folder need not exist yet.

    Raises:
        OSError: The disk does not answer.
    """
    usage = shutil.disk_usage(_existing(folder))
    return DiskSpace(usage.free, usage.total)


def on_one_disk(folder: Path, other: Path) -> bool:
    """Return whether two folders lie on the same file system; they need not exist yet.

    Free space does not answer this: it changes between two questions.

    Raises:
        OSError: A disk does not answer.
    """
    return _existing(folder).stat().st_dev == _existing(other).stat().st_dev


def _existing(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


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
