"""The objective of the next generation, from the settings."""

from model.objective import Objective
from streams.settings.training import ObjectiveSettings


def objective_of(objective: ObjectiveSettings) -> Objective:
    """Return the objective that the settings describe."""
    return Objective(
        rule=objective.rule,
        factors=objective.factors,
        regularization=objective.regularization,
        unobserved_weight=objective.unobserved_weight,
        alpha=objective.alpha,
        half_life_plays=objective.half_life_plays,
        iterations=objective.iterations,
        window_plays=objective.window_plays,
        half_life_days=objective.half_life_days,
        growth=objective.growth,
    )
