"""The rights of a principal on a topic, a group or the cluster, and the sentence about a missing right."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from streams.settings.deployment import KafkaSettings

Resource = Literal["topic", "group", "cluster"]


class Right(NamedTuple):
    """One operation on one resource, by the names of `kafka-acls`."""

    operation: str
    resource: Resource
    name: str

    def __str__(self) -> str:
        """Return the right as in a sentence."""
        return f"{self.operation} on {self.resource} {self.name}"

    @property
    def command(self) -> str:
        """Return the options of `kafka-acls --add` that grant it."""
        operation = "".join(word.capitalize() for word in self.operation.split("_"))
        return f"--operation {operation} --{self.resource}" + ("" if self.resource == "cluster" else f" {self.name}")


class MissingRightError(ConnectionError):
    """Kafka does not allow an operation. Grant the right that the message names, and start again."""


def find_refused(error: BaseException | None) -> Right | None:
    """Return the right to read that an error of aiokafka, or one of its causes, says is missing."""
    while error is not None:
        name = str(error.args[0]) if error.args else ""
        if isinstance(error, TopicAuthorizationFailedError):
            return Right("READ", "topic", name)
        if isinstance(error, GroupAuthorizationFailedError):
            return Right("READ", "group", name)
        error = error.__cause__ or error.__context__
    return None


def describe_missing(kafka: KafkaSettings, rights: Iterable[Right]) -> str:
    """Return the sentence about missing rights, with the way to grant the first of them."""
    missing = list(rights)
    user = f"the user {kafka.username}" if kafka.username else "this client"
    granted = f"kafka-acls --add --allow-principal User:{kafka.username or '<principal>'} {missing[0].command}"
    return (
        f"Kafka at {kafka.brokers} does not allow {user} the right {', '.join(map(str, missing))}: grant it "
        f"(`{granted}`); docs/operations.md lists the rights of every process."
    )
