"""Every setting of playfold, nested by groups; the environment has one flat name for each."""

from streams.settings.environment import PREFIX, SettingsError, read_settings
from streams.settings.settings import Settings, flat_values, override

__all__ = ["PREFIX", "Settings", "SettingsError", "flat_values", "override", "read_settings"]
