"""Every setting of playfold, nested by groups; the environment has one flat name for each."""

from streams.settings.environment import PREFIX, SettingsError, environment_of, read_settings, replace_environment
from streams.settings.secret import Password, Secret
from streams.settings.settings import Settings, flat_values, override

__all__ = [
    "PREFIX",
    "Password",
    "Secret",
    "Settings",
    "SettingsError",
    "environment_of",
    "flat_values",
    "override",
    "read_settings",
    "replace_environment",
]
