"""Users with the rights of one process each."""

from collections.abc import Iterable
from contextlib import closing
from typing import Any

import msgspec
from kafka import KafkaProducer

from streams.connection.admin_clients import plain_options
from streams.connection.rights import Right
from streams.settings import Settings, override
from streams.topics.process_rights import PROCESSES
from streams.topics.topics import topic_names
from tests.support.plays import play
from tests.support.secure_broker import SecureBroker, login_settings

SCRAM = "SCRAM-SHA-512"
USERS, ITEMS = 12, 8


class Users:
    """One user for each process, with the rights of that process.

    Attributes:
        secure: The Kafka.
    """

    def __init__(self, secure: SecureBroker, settings: Settings) -> None:
        """Make the users on the topics of some settings; they have no rights yet."""
        self.secure, self._settings = secure, settings

    def settings_of(self, process: str) -> Settings:
        """Return the settings with which the user of a process logs in."""
        user = f"{process}-{self._settings.application.group}"
        login = login_settings(SCRAM, user, f"password of {process}")
        return override(self._settings, **self.secure.security_of("SECURE") | login)

    def grant(self, process: str, without: Iterable[Right] = ()) -> Settings:
        """Grant the rights of a process, some excepted, and return the settings of its user."""
        settings, left_out = self.settings_of(process), set(without)
        self.secure.set_password(settings.kafka.username, settings.kafka.password.reveal())
        rights = [right for right in PROCESSES[process](settings) if right not in left_out]
        if rights:
            self.secure.grant(settings.kafka.username, rights)
        return settings

    def revoke(self, process: str, *rights: Right) -> None:
        """Remove rights of the user of a process."""
        self.secure.revoke(self.settings_of(process).kafka.username, rights)


def send_plays(settings: Settings) -> None:
    """Send plays as a foreign program does: with kafka-python, idempotent by default."""
    topic = topic_names(settings).plays
    with closing(KafkaProducer(**plain_options(settings.kafka))) as producer:
        for user in range(USERS):
            for item in range(ITEMS // 2):
                value = msgspec.json.encode(play(f"user-{user}", f"item-{(user + item) % ITEMS}"))
                producer.send(topic, value, f"user-{user}".encode()).get(timeout=10)


def names_right(error: BaseException, right: Right) -> bool:
    """Return whether a sentence names a right and the way to grant it."""
    text = str(error)
    return f"the right {right}" in text and "--add --allow-principal User:" in text and right.command in text


def names(settings: Settings) -> Any:
    """Return the names of the topics."""
    return topic_names(settings)
