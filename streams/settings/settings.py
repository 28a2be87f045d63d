"""All groups of settings, and their flat names."""

from collections import defaultdict
from typing import Any

import msgspec

from streams.settings.deployment import ApplicationSettings, BrokerSettings, KafkaSettings, TopicSettings
from streams.settings.lists import ListSettings, PopularitySettings, RankingSettings
from streams.settings.processes import GatewaySettings, TelemetrySettings, WorkerSettings
from streams.settings.training import GenerationSettings, ObjectiveSettings, RetrainingSettings
from streams.settings.users import PrivateSettings, SignalSettings, UserSettings


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of an operator, one struct for each group.

    A setting has a short name in its group and a flat name, which is unique: `lists.n` is `list_n`, and
    `PLAYFOLD_LIST_N` in the environment. Names end with the unit: `_s` seconds, `_ms` milliseconds, `_bytes` bytes.
    `_max` is a limit.
    """

    application: ApplicationSettings = ApplicationSettings()
    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    broker: BrokerSettings = BrokerSettings()
    worker: WorkerSettings = WorkerSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    signals: SignalSettings = SignalSettings()
    users: UserSettings = UserSettings()
    private: PrivateSettings = PrivateSettings()
    lists: ListSettings = ListSettings()
    popularity: PopularitySettings = PopularitySettings()
    ranking: RankingSettings = RankingSettings()
    gateway: GatewaySettings = GatewaySettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    generations: GenerationSettings = GenerationSettings()


GROUP_TYPES: dict[str, type[msgspec.Struct]] = {
    group.name: type(group.default) for group in msgspec.structs.fields(Settings)
}
PLACES = {
    field.encode_name: (group, field.name)
    for group, group_type in GROUP_TYPES.items()
    for field in msgspec.structs.fields(group_type)
}
"""The group and the name in it of every setting, by its flat name."""


def flat_values(settings: Settings) -> dict[str, Any]:
    """Return the value of every setting by its flat name."""
    return {flat_name: getattr(getattr(settings, group), name) for flat_name, (group, name) in PLACES.items()}


def override(settings: Settings, **values: Any) -> Settings:
    """Return the settings with other values for some flat names, such as `list_n=5`.

    Raises:
        TypeError: A flat name is unknown.
    """
    changes: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for flat_name, value in values.items():
        if flat_name not in PLACES:
            message = f"{flat_name} is not a setting of playfold; docs/configuration.md lists them all."
            raise TypeError(message)
        group, name = PLACES[flat_name]
        changes[group][name] = value
    groups = {
        group: msgspec.structs.replace(getattr(settings, group), **of_group) for group, of_group in changes.items()
    }
    return msgspec.structs.replace(settings, **groups)
