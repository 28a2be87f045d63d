"""The only reader of the environment, and the writer of a child process's."""

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.inspect import LiteralType, Metadata, StructType

from streams.settings.secret import Secret
from streams.settings.settings import GROUP_TYPES, PLACES, Settings, flat_values

PREFIX = "PLAYFOLD_"
_CREDENTIALS = re.compile(r"://[^/?#\s]*(:(?!\d+[/?#])[^?#\s]*)?@")
"""The user name or password in a URL; a password may contain slashes, as many keys of S3 do."""
SECRETS = frozenset(flat_name for flat_name, value in flat_values(Settings()).items() if isinstance(value, Secret))


class SettingsError(ValueError):
    """A setting cannot be used; the message names it. Correct the environment variable and start again."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        environment: Names and values; the process's own environment if left out.

    Raises:
        SettingsError: A `PLAYFOLD_` variable is unknown, or its value does not fit or has credentials in a URL.
    """
    environment = os.environ if environment is None else environment
    flat_names = {f"{PREFIX}{flat_name.upper()}": flat_name for flat_name in PLACES}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in flat_names)
    if unknown:
        message = f"{unknown[0]} is not a setting of playfold; docs/configuration.md lists them all."
        raise SettingsError(message)
    texts: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name, text in environment.items():
        if name in flat_names:
            if flat_names[name] not in SECRETS:
                _refuse_credentials(name, text)
            texts[PLACES[flat_names[name]][0]][flat_names[name]] = text
    return Settings(**{group: _read_group(GROUP_TYPES[group], of_group) for group, of_group in texts.items()})


def _refuse_credentials(name: str, text: str) -> None:
    """Refuse a URL with credentials: logs and `run.json` quote every setting that is not a `Secret`.

    Raises:
        SettingsError: The text is such a URL; the message does not quote it.
    """
    if _CREDENTIALS.search(text):
        message = (
            f"{name} has a user name or password in its URL. Logs and files quote this setting, "
            "so give credentials as the storage library reads them, such as AWS_ACCESS_KEY_ID or a file of its own."
        )
        raise SettingsError(message)


def _read_group(group_type: type[msgspec.Struct], texts: dict[str, str]) -> Any:
    """Convert the texts of one group, given by their flat names."""
    try:
        return msgspec.convert(texts, group_type, strict=False, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        if not path:
            raise SettingsError(reason) from None
        flat_name = path.rstrip("`")
        name, reason = f"{PREFIX}{flat_name.upper()}", f"{reason[:1].lower()}{reason[1:]}"
        if choices := _choices(group_type, flat_name):
            reason = f"expected {' or '.join(choices)}"
        shown = repr(Secret(texts[flat_name])) if flat_name in SECRETS else repr(texts[flat_name])
        message = f"{name} is {shown}, which does not fit: {reason}."
        raise SettingsError(message) from None


def _choices(group_type: type[msgspec.Struct], flat_name: str) -> list[str]:
    """Return the words that a setting may be; none if it is no choice of words."""
    group = msgspec.inspect.type_info(group_type)
    kinds = {field.encode_name: field.type for field in group.fields} if isinstance(group, StructType) else {}
    kind = kinds[flat_name]
    kind = kind.type if isinstance(kind, Metadata) else kind
    return [str(value) or "an empty text" for value in kind.values] if isinstance(kind, LiteralType) else []


def _decode_secret(kind: type, text: str) -> Secret:
    """Decode a secret, the only type of a setting that msgspec does not decode.

    Raises:
        NotImplementedError: It is another type.
        ValueError: The text does not fit.
    """
    if not issubclass(kind, Secret):
        raise NotImplementedError
    if not re.fullmatch(kind.PATTERN, text):
        message = f"Expected `str` matching regex {kind.PATTERN!r}"
        raise ValueError(message)
    return kind(text)


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of a child process under these settings, in place of this process's own settings."""
    values = flat_values(settings)
    ours = {f"{PREFIX}{flat_name.upper()}": _text_of(value) for flat_name, value in values.items()}
    return {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)} | ours


def replace_environment(environment: Mapping[str, str]) -> None:
    """Give this process the environment of a forked one."""
    os.environ.clear()
    os.environ.update(environment)


def _text_of(value: Any) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)
