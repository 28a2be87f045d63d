"""The settings that decide a generation.

An unfinished run is resumed only if all of them have the values with which it began. `run.json` records them, and a
message quotes the one that changed. So none of them may be a secret.
"""

from streams.settings.settings import PLACES, Settings, flat_values

SOURCE = frozenset({"brokers", "group", "partitions", "topic_prefix"})
"""The topics that histories are read from."""
HISTORIES = frozenset(
    {
        "event_weights",
        "completion",
        "skip_below",
        "user_signals_per_day_max",
        "user_days_max",
        "item_weight_max",
        "history_max",
    }
)
"""The content of a history."""
OBJECTIVE = frozenset(flat_name for flat_name, (group, _) in PLACES.items() if group == "objective")
"""The hyperparameters: every setting of the group."""
TRAINING = frozenset({"hyperparameters", "tune_s", "warm_iterations", "active_plays_min", "active_days", "gate_share"})
"""The listeners that are trained on, the start of the training and its gate."""
PRODUCT = frozenset({"popular_half_life_days", "generation_store", "index_trees", "related_n"})
"""The files of a generation, and the place where it is published."""

DECIDING = SOURCE | HISTORIES | OBJECTIVE | TRAINING | PRODUCT


def deciding_values(settings: Settings) -> dict[str, str]:
    """Return the text of every deciding setting by its flat name."""
    values = flat_values(settings)
    return {name: str(values[name]) for name in sorted(DECIDING)}
