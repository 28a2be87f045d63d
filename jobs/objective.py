"""The objective of the next generation, from the settings."""

from model.objective import Objective
from streams.settings import Settings


def objective_of(settings: Settings) -> Objective:
    """Return the objective that the settings describe."""
    return Objective(
        rule=settings.objective.rule,
        factors=settings.objective.factors,
        regularization=settings.objective.regularization,
        unobserved_weight=settings.objective.unobserved_weight,
        alpha=settings.objective.alpha,
        half_life_plays=settings.objective.half_life_plays,
        iterations=settings.objective.iterations,
        window_plays=settings.objective.window_plays,
        half_life_days=settings.objective.half_life_days,
        growth=settings.objective.growth,
    )
