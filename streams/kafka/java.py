"""The Java virtual machine of the embedded broker and of its tools."""

from collections.abc import Sequence
from pathlib import Path

from streams.kafka.jars import KAFKA_FOLDER

# Tuned for a fast start and little memory, not for peak speed.
JVM_FLAGS = (
    "-Xms64m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
)
JVM_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
"""Its eighty threads allocate little outside of the heap; glibc would give them many arenas."""


def java_command(jars: Sequence[Path], heap_mb: int, log_folder: Path) -> list[str]:
    """Return the command of Java without a class to run, with at most `heap_mb` MiB of heap."""
    command = ["java", *JVM_FLAGS, f"-Xmx{heap_mb}m", f"-Dkafka.log.dir={log_folder}"]
    command += [f"-Dlog4j2.configurationFile={KAFKA_FOLDER / 'log4j2.properties'}"]
    return [*command, "-cp", ":".join(map(str, jars))]
