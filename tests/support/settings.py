"""Settings of tests."""

from typing import Any

from streams.settings import Settings, override


def settings_with(**values: Any) -> Settings:
    """Return the defaults with other values for some flat names, such as `list_n=5`."""
    return override(Settings(), **values)
