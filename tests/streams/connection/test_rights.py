"""A missing right is a sentence with the way to grant it."""

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from streams.connection.rights import Right, describe_missing, find_refused
from tests.support.settings import settings_with


@pytest.mark.parametrize(
    ("right", "text", "command"),
    [
        (Right("READ", "topic", "plays"), "READ on topic plays", "--operation Read --topic plays"),
        (Right("READ", "group", "g"), "READ on group g", "--operation Read --group g"),
        (
            Right("DESCRIBE_CONFIGS", "topic", "t"),
            "DESCRIBE_CONFIGS on topic t",
            "--operation DescribeConfigs --topic t",
        ),
        (
            Right("CREATE", "cluster", "kafka-cluster"),
            "CREATE on cluster kafka-cluster",
            "--operation Create --cluster",
        ),
    ],
)
def test_a_right_has_a_text_and_a_command(right: Right, text: str, command: str) -> None:
    """The command is that of Kafka's own tool."""
    assert text == str(right)
    assert command == right.command


def test_missing_rights_are_a_sentence() -> None:
    """All are named, and the first one is shown as a command."""
    kafka = settings_with(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-256",
        kafka_username="anna",
        kafka_password_file="p",  # noqa: S106  a path
    ).kafka

    assert (
        "Kafka at 127.0.0.1:19092 does not allow the user anna the right READ on topic plays, WRITE on topic pulse: "
        "grant it (`kafka-acls --add --allow-principal User:anna --operation Read --topic plays`); "
        "docs/operations.md lists the rights of every process."
    ) == describe_missing(kafka, [Right("READ", "topic", "plays"), Right("WRITE", "topic", "pulse")])


def test_without_a_name_the_client_is_meant() -> None:
    """The principal of a certificate or a token is known to Kafka alone."""
    text = describe_missing(settings_with().kafka, [Right("READ", "topic", "plays")])

    assert "does not allow this client the right READ on topic plays: grant it (`kafka-acls --add " in text
    assert "--allow-principal User:<principal>" in text


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TopicAuthorizationFailedError("plays"), Right("READ", "topic", "plays")),
        (GroupAuthorizationFailedError("g"), Right("READ", "group", "g")),
        (KafkaError("other"), None),
        (None, None),
    ],
)
def test_a_refusal_is_found_in_an_error_and_in_its_causes(error: Exception | None, expected: Right | None) -> None:
    """Faust and aiokafka wrap it."""
    assert expected == find_refused(error)
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = error
    assert expected == find_refused(wrapped)
