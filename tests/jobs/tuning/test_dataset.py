"""The events of a search."""

import pytest

from jobs.tuning.dataset import Dataset
from jobs.tuning.results import TuningError
from tests.support.tastes import SMALL, drawn_events


def test_many_events_are_scored_by_a_sample_of_the_listeners() -> None:
    """About as many as the limit; all training plays are used, and the sample is the same every time."""
    first, second = (Dataset(drawn_events(), SMALL, scored_max=60) for _ in range(2))

    scored = first.score(SMALL)

    assert 30 < scored.n_events < 90
    assert f"{scored.n_events} of the last 300 plays, trained on the 700 before them" == first.description
    assert scored.hit_at_20 == second.score(SMALL).hit_at_20


@pytest.mark.parametrize("n_events", [0, 2, 50])
def test_too_few_plays_are_an_error(n_events: int) -> None:
    """None at all, too few, or only listeners' first plays."""
    with pytest.raises(TuningError) as caught:
        Dataset(drawn_events().part(slice(n_events)), SMALL)

    expected = (
        f"There is nothing to tune on: of {n_events} plays none of the last 30% is of a listener's second or later "
        "item. Replay more plays first."
    )
    assert expected == str(caught.value)
