"""Settings are read from the environment, and written into a child process's."""

import os

import pytest

from streams.settings import PREFIX, Secret, Settings, SettingsError, environment_of, read_settings
from tests.support.settings import settings_with

TOKEN = "correct-horse-battery-staple"  # noqa: S105  a made-up one


def message_for(name: str, value: str) -> str:
    """Return the message of the error that a variable causes."""
    with pytest.raises(SettingsError) as caught:
        read_settings({name: value})
    return str(caught.value)


def test_an_empty_environment_gives_the_defaults() -> None:
    """Variables of other programs are ignored."""
    assert Settings() == read_settings({"HOME": "/", "PATH": "/bin"})


def test_every_setting_is_read_from_its_variable() -> None:
    """Text becomes the type of the setting."""
    environment = {
        "PLAYFOLD_BROKERS": "kafka-1:9092,kafka-2:9092",
        "PLAYFOLD_PARTITIONS": "12",
        "PLAYFOLD_READY_S": "2.5",
        "PLAYFOLD_RULE": "hkv",
        "PLAYFOLD_HALF_LIFE_PLAYS": "inf",
    }

    expected = settings_with(
        brokers="kafka-1:9092,kafka-2:9092", partitions=12, ready_s=2.5, rule="hkv", half_life_plays=float("inf")
    )
    assert expected == read_settings(environment)


def test_all_settings_survive_the_environment() -> None:
    """A child process reads the settings of its parent, the token among them."""
    settings = settings_with(
        partitions=7, half_life_plays=float("inf"), topic_prefix="", live_quality=False, gateway_token=Secret(TOKEN)
    )

    assert settings == read_settings(environment_of(settings))


def test_a_child_process_gets_the_environment_without_the_settings_of_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own settings replace them; other variables are passed on."""
    monkeypatch.setenv("PLAYFOLD_INSTANCE", "parent")
    monkeypatch.setenv("OTHER", "1")

    environment = environment_of(settings_with(instance="child"))

    assert "child" == environment["PLAYFOLD_INSTANCE"]
    assert "1" == environment["OTHER"]


@pytest.mark.parametrize("text", ["too-short", "with a space in the middle", "x" * 513])
def test_a_token_that_does_not_fit_is_masked_in_the_message(text: str) -> None:
    """The message names the variable and the pattern, and does not quote the value."""
    message = message_for("PLAYFOLD_GATEWAY_TOKEN", text)

    expected = "expected `str` matching regex '^([!-~]{16,512})?$'"
    assert f"PLAYFOLD_GATEWAY_TOKEN is Secret('***'), which does not fit: {expected}." == message


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hidden-word@bucket/prefix",
        "s3://key:a/hidden-word@bucket/prefix",
        "https://hidden-word@store.example/x",
    ],
)
def test_credentials_in_a_url_are_refused_without_a_quote(url: str) -> None:
    """Logs and `run.json` quote the setting."""
    message = message_for("PLAYFOLD_GENERATION_STORE", url)

    assert "PLAYFOLD_GENERATION_STORE has a user name or password in its URL." in message
    assert "hidden-word" not in message


@pytest.mark.parametrize("url", ["s3://bucket/music@night", "http://store.example:9000/bucket/music@night"])
def test_an_at_sign_in_the_path_of_a_url_is_no_credential(url: str) -> None:
    """Folders of a bucket may be named so."""
    assert url == read_settings({"PLAYFOLD_GENERATION_STORE": url}).generations.store


def test_the_token_is_read_as_a_secret() -> None:
    """Empty text is no token."""
    assert Secret(TOKEN) == read_settings({"PLAYFOLD_GATEWAY_TOKEN": TOKEN}).gateway.token
    assert not read_settings({"PLAYFOLD_GATEWAY_TOKEN": ""}).gateway.token


def test_the_process_environment_is_read_if_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every command does."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLAYFOLD_INSTANCE", "b")

    assert settings_with(instance="b") == read_settings()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PLAYFOLD_PARTITIONS", "0", "expected `int` >= 1"),
        ("PLAYFOLD_PARTITIONS", "many", "expected `int`, got `str`"),
        ("PLAYFOLD_PARTITIONS", "", "expected `int`, got `str`"),
        ("PLAYFOLD_READY_S", "nan", "expected `float` > 0.0"),
        ("PLAYFOLD_KAFKA_TIMEOUT_S", "inf", "expected `float` <= 3600.0"),
        ("PLAYFOLD_RULE", "als", "expected hkv or ials"),
        ("PLAYFOLD_INSTANCE", "a/b", "expected `str` matching regex '^[A-Za-z0-9_-]{1,64}$'"),
        (
            "PLAYFOLD_BROKERS",
            "kafka",
            "expected `str` matching regex '^[^\\\\s,]+:[0-9]{1,5}(,[^\\\\s,]+:[0-9]{1,5})*$'",
        ),
        ("PLAYFOLD_DATA_DIR", "", "expected `str` of length >= 1"),
    ],
)
def test_a_value_that_does_not_fit_is_a_sentence(name: str, value: str, reason: str) -> None:
    """The sentence has the variable, its value and the accepted ones."""
    assert f"{name} is {value!r}, which does not fit: {reason}." == message_for(name, value)


@pytest.mark.parametrize("name", ["PLAYFOLD_PARTITION", "PLAYFOLD_", "PLAYFOLD_partitions"])
def test_an_unknown_name_is_a_sentence(name: str) -> None:
    """A slip of the pen is not silently ignored; variables are written in capitals."""
    assert f"{name} is not a setting of playfold; docs/configuration.md lists them all." == message_for(name, "4")
