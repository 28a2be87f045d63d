"""The settings of a demo."""

from pathlib import Path

from cli.commands.demo import demo_settings
from streams.settings import Password
from tests.support.settings import settings_with


def test_a_demo_connects_to_its_own_broker_without_tls_and_login(tmp_path: Path) -> None:
    """The settings of another cluster do not fit it; its limits of time stay."""
    base = settings_with(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-256",
        kafka_username="u",
        kafka_password=Password("p"),
        kafka_timeout_s=7.0,
        factors=8,
    )

    settings = demo_settings(base, tmp_path)

    assert "PLAINTEXT" == settings.kafka.security_protocol
    assert not settings.kafka.password
    assert 7.0 == settings.kafka.timeout_s
    assert 8 == settings.objective.factors
