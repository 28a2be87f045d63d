"""The archive of Kafka's classes, which a Java virtual machine maps instead of parsing them from the jars.

It is a dynamic archive of Java's class data sharing (JEP 350). The first broker writes it when it stops. Java compares
an archive with itself and with the jars, and loads the classes from the jars if anything differs.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

VERIFIED = ("-Xshare:auto", "-XX:+VerifySharedSpaces")
"""Use an archive whose checksum matches; without one, run like a Java that knows no archives."""

WRITING_S = 50
"""Seconds that a broker may take longer to stop if it writes the archive; an idle core needs four."""


class ClassArchive:
    """The archive for one Java and one set of jars.

    Attributes:
        file: Its file, beside the folder of the jars.
    """

    def __init__(self, jars: Sequence[Path], java: str, written: Path) -> None:
        """Describe the archive.

        Args:
            jars: The jars of the class path, in one folder.
            java: The version as Java prints it.
            written: The file that a broker writes a new archive to.
        """
        self._folder, self._written = jars[0].parent.resolve(), written
        states = [(jar.name, jar.stat().st_size, jar.stat().st_mtime_ns) for jar in jars]
        key = hashlib.sha256(repr((java, states)).encode()).hexdigest()[:16]
        self.file = self._folder.with_name(f"{self._folder.name}-classes-{key}.jsa")

    @property
    def writing_s(self) -> int:
        """Return the additional seconds that the stop of a broker may take, which writes a missing archive."""
        return 0 if self.file.exists() else WRITING_S

    def options(self) -> list[str]:
        """Return the options under which Java reads the archive; none if there is no archive."""
        return [*VERIFIED, f"-XX:SharedArchiveFile={self.file}"] if self.file.exists() else []

    def broker_options(self) -> list[str]:
        """Return the options of a broker, which reads the archive, or writes a new one when it stops."""
        if self.file.exists() or not os.access(self._folder.parent, os.W_OK):
            return self.options()
        self._written.unlink(missing_ok=True)
        return [f"-XX:ArchiveClassesAtExit={self._written}"]

    def take_written(self) -> None:
        """Put the archive of a broker that has ended into place, and remove those of other Javas and jars."""
        if not self._written.exists():
            return
        aside = self.file.with_suffix(f".{os.getpid()}")
        shutil.copyfile(self._written, aside)  # the folders may be on two disks
        aside.replace(self.file)
        self._written.unlink()
        for other in self.file.parent.glob(f"{self._folder.name}-classes-*.jsa"):
            if other != self.file:
                other.unlink(missing_ok=True)
