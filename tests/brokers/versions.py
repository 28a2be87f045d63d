"""The versions of Kafka that the tests run with, each resolved by Maven with committed checksums."""

import os
from pathlib import Path
from typing import NamedTuple

from streams.kafka.jars import KAFKA_FOLDER, KAFKA_VERSION

HERE = Path(__file__).parent
VAR = HERE.parents[1] / "var"
VARIABLE = "BROKER_VERSION"
"""The variable of the environment that chooses a version for a run of the tests."""


class BrokerVersion(NamedTuple):
    """A version of Kafka."""

    name: str
    """The first two numbers."""
    version: str
    """All numbers."""
    declared: Path
    """The folder of its pom and of the checksums of its jars."""

    @property
    def jars(self) -> Path:
        """Return the folder of its jars, resolved once for all runs."""
        return VAR / f"kafka-jars-{self.version}"


VERSIONS = {
    version.name: version
    for version in (
        BrokerVersion("3.9", "3.9.1", HERE / "3.9"),
        BrokerVersion("4.0", "4.0.1", HERE / "4.0"),
        BrokerVersion("4.3", KAFKA_VERSION, KAFKA_FOLDER),
    )
}
EMBEDDED = "4.3"


def chosen_version() -> BrokerVersion:
    """Return the version of this run of the tests.

    Raises:
        KeyError: The environment names a version that is not declared here.
    """
    return VERSIONS[os.environ.get(VARIABLE, EMBEDDED)]
