"""Every setting, and the only reader of the environment."""

import os
from pathlib import Path

import msgspec
import pytest

from streams.reference.settings_table import FILE, render_table, write_table
from streams.settings import PREFIX, Settings, SettingsError, flat_values, override, read_settings
from tests.support.settings import settings_with


def said(name: str, value: str) -> str:
    """Return what is said of a setting that cannot be used."""
    with pytest.raises(SettingsError) as caught:
        read_settings({name: value})
    return str(caught.value)


def test_an_empty_environment_gives_the_defaults() -> None:
    """What is not playfold's is not looked at."""
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
    """What one process is started with is what another reads."""
    chosen = settings_with(partitions=7, half_life_plays=float("inf"), topic_prefix="")
    environment = {f"{PREFIX}{name.upper()}": str(value) for name, value in flat_values(chosen).items()}

    assert chosen == read_settings(environment)


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
        ("PLAYFOLD_RULE", "als", "invalid enum value 'als'"),
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
    """The sentence has the variable, its value and what would fit."""
    assert f"{name} is {value!r}, which does not fit: {reason}." == said(name, value)


def test_flat_names_override_settings_of_any_group() -> None:
    """The other settings keep their values."""
    settings = override(settings_with(list_n=7), list_change_n=3, gateway_port=1)

    assert 7 == settings.lists.n
    assert 3 == settings.lists.change_n
    assert 1 == settings.gateway.port
    changed = {name: value for name, value in flat_values(settings).items() if value != flat_values(Settings())[name]}
    assert {"list_n": 7, "list_change_n": 3, "gateway_port": 1} == changed


def test_an_override_of_an_unknown_name_is_a_sentence() -> None:
    """A name inside its group is not a flat name."""
    with pytest.raises(TypeError) as caught:
        override(Settings(), change_n=3)

    assert "change_n is not a setting of playfold; docs/configuration.md lists them all." == str(caught.value)


def test_flat_names_are_unique() -> None:
    """Each belongs to one field of one group."""
    n_fields = sum(len(msgspec.structs.fields(type(group))) for group in groups(Settings()))

    assert n_fields == len(flat_values(Settings()))


def groups(settings: Settings) -> list[msgspec.Struct]:
    """Return the groups of the settings."""
    return [getattr(settings, name) for name in Settings.__struct_fields__]


@pytest.mark.parametrize("name", ["PLAYFOLD_PARTITION", "PLAYFOLD_", "PLAYFOLD_partitions"])
def test_an_unknown_name_is_a_sentence(name: str) -> None:
    """A slip of the pen is not silently ignored; variables are written in capitals."""
    assert f"{name} is not a setting of playfold; docs/configuration.md lists them all." == said(name, "4")


def test_folders_stand_under_the_data_folder(tmp_path: Path) -> None:
    """Each worker has one of its own, absolute, wherever the process is started."""
    settings = settings_with(data_dir=str(tmp_path), group="g", instance="b")

    assert tmp_path / "workers" / "g" / "b" == settings.application.worker_path
    assert tmp_path / "broker" == settings.application.broker_path
    assert tmp_path / "generations" == settings.application.generations_path
    assert settings_with(data_dir="var").application.data_path == Path.cwd() / "var"


def test_the_documentation_lists_every_setting() -> None:
    """The file is what `python -m streams.reference.settings_table` writes; it describes every setting."""
    written = FILE.read_text()

    assert render_table() == written
    rows = [line.split(" | ") for line in written.splitlines() if line.startswith("| `")]
    names = [f"`{PREFIX}{name.upper()}`" for name in flat_values(Settings())]
    assert names == [row[0].removeprefix("| ") for row in rows]
    assert all(len(row) == 4 and row[3].rstrip(" |").endswith(".") for row in rows)


def test_the_table_is_written_anew(tmp_path: Path) -> None:
    """Whatever stood there."""
    file = tmp_path / "configuration.md"
    file.write_text("old")

    write_table(file)

    assert render_table() == file.read_text()
