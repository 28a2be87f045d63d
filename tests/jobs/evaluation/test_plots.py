"""Pictures of an evaluation."""

from pathlib import Path
from xml.etree import ElementTree as ET

from jobs.evaluation.evaluate import Evaluation, Figures, Part
from jobs.evaluation.plots import BY_HISTORY, OVER_TIME, draw
from state.generations.manifest import Estimate


def estimate(value: float) -> Estimate:
    """Give a figure an interval."""
    return Estimate(value, value - 0.01, value + 0.02)


def made_up(names: tuple[str, ...]) -> Evaluation:
    """Return figures of models, each better than the one before."""
    rows = [
        Figures(
            name,
            estimate(0.1 * at + 0.03),
            estimate(0.1 * at + 0.05),
            estimate(0.1 * at + 0.01),
            over_time=[Part(f"{part}", 50, estimate(0.1 * at + 0.01 * part)) for part in range(1, 5)],
            by_history=[Part("new", 40, estimate(0.05 + 0.1 * at)), Part("many", 160, estimate(0.1 + 0.1 * at))],
        )
        for at, name in enumerate(names)
    ]
    return Evaluation(1000, 200, 77, rows)


def test_both_pictures_come_in_both_forms(tmp_path: Path) -> None:
    """The SVG names every model and both axes as text."""
    files = draw(made_up(("fold-in", "popular <items>")), tmp_path / "new")

    expected = [f"{name}.{form}" for name in (OVER_TIME, BY_HISTORY) for form in ("png", "svg")]
    assert expected == [path.name for path in files]
    for path in files[1::2]:
        texts = {text.strip() for text in ET.fromstring(path.read_text()).itertext()}  # noqa: S314  we drew it
        assert {"hit@20", "fold-in", "popular <items>"} <= texts
        assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert {"1 to 4", "20 or more"} <= texts


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither the day nor chance is in a picture; other figures make another one."""
    names = "fold-in", "popular items"
    first, again = draw(made_up(names), tmp_path / "first"), draw(made_up(names), tmp_path / "again")
    other = draw(made_up(names[::-1]), tmp_path / "other")

    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert all(path.read_bytes() != others.read_bytes() for path, others in zip(first, other, strict=True))
