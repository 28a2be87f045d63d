"""What the next generation minimises, as the settings say."""

from model.objective import Objective
from streams.settings import Settings


def objective_of(settings: Settings) -> Objective:
    """Return the objective that the settings describe."""
    return Objective(
        rule=settings.rule,
        factors=settings.factors,
        regularization=settings.regularization,
        unobserved_weight=settings.unobserved_weight,
        alpha=settings.alpha,
        half_life_plays=settings.half_life_plays,
        iterations=settings.iterations,
        window_plays=settings.window_plays,
        half_life_days=settings.half_life_days,
        growth=settings.growth,
    )
