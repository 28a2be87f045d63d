"""The token of a client's connections."""

from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.connection.clients import TokenFile
from tests.support.settings import settings_with


async def test_a_token_that_cannot_be_read_is_an_error_that_aiokafka_retries(tmp_path: Path) -> None:
    """Its file is empty while it is rewritten in place; another error would end the fetches of a consumer silently."""
    file = tmp_path / "token"
    file.write_text("")
    login = {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "OAUTHBEARER"}
    provider = TokenFile(settings_with(kafka_token_file=str(file), **login).kafka)

    with pytest.raises(KafkaConnectionError, match="has an empty first line: write the secret into it"):
        await provider.token()

    file.write_text("a-token")
    assert "a-token" == await provider.token()
