"""The objective that the settings describe."""

from jobs.objective import objective_of
from model.objective import Objective
from streams.settings import Settings
from streams.settings.training import ObjectiveSettings
from tests.support.settings import settings_with


def test_the_objective_is_that_of_the_settings() -> None:
    """Every hyperparameter of the objective is a setting of the same name."""
    names = set(Objective.__dataclass_fields__)
    changed = settings_with(
        rule="hkv",
        factors=6,
        regularization=0.5,
        unobserved_weight=0.25,
        alpha=3.0,
        iterations=2,
        half_life_plays=7.0,
        window_plays=9,
        half_life_days=11.0,
        growth="linear",
    )

    assert names == set(ObjectiveSettings.__struct_fields__)
    expected = {name: getattr(changed.objective, name) for name in names}
    assert expected == {name: getattr(objective_of(changed.objective), name) for name in names}
    assert not [name for name in names if getattr(changed.objective, name) == getattr(Settings().objective, name)]
