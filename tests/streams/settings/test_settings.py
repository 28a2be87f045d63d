"""Settings are nested by groups and have flat names."""

import msgspec
import pytest

from streams.settings import Secret, Settings, flat_values, override
from tests.support.settings import settings_with


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


def test_a_printed_token_is_masked() -> None:
    """Neither the settings nor the token itself shows it, and it cannot be encoded."""
    token = "correct-horse-battery-staple"  # noqa: S105  a made-up one
    settings = settings_with(gateway_token=Secret(token))

    assert token not in repr(settings)
    assert token not in str(flat_values(settings))
    with pytest.raises(TypeError, match=r"Encoding objects of type (Secret|Password) is unsupported"):
        msgspec.json.encode(settings)
