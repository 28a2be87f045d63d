"""The related items as a part of a generation's folder."""

from pathlib import Path

import numpy as np
import pytest

from state.errors import GenerationError
from state.generations.related_items import COSINES, PART, ROWS, Related, open_related, write_related

RELATED = Related(
    np.array([[1, -1], [0, 2], [1, 0]], np.int32), np.array([[0.5, -1], [0.5, 0.25], [0.25, 0]], np.float32)
)


def test_related_items_come_back(tmp_path: Path) -> None:
    """Mapped from the disk; written twice they are the later ones."""
    write_related(tmp_path, Related(RELATED.rows[::-1], RELATED.cosines[::-1]))
    write_related(tmp_path, RELATED)

    opened = open_related(tmp_path)

    assert opened is not None
    np.testing.assert_array_equal(RELATED.rows, opened.rows)
    np.testing.assert_array_equal(RELATED.cosines, opened.cosines)
    assert [PART] == [path.name for path in tmp_path.iterdir()]


def test_a_generation_may_have_none(tmp_path: Path) -> None:
    """A rejected one has none, nor has one of an older version."""
    assert open_related(tmp_path) is None


@pytest.mark.parametrize("name", [ROWS, COSINES])
def test_one_flipped_byte_is_named(tmp_path: Path, name: str) -> None:
    """With the generation and the file."""
    folder = tmp_path / "g-1"
    folder.mkdir()
    write_related(folder, RELATED)
    content = bytearray((folder / PART / name).read_bytes())
    content[-1] ^= 1
    (folder / PART / name).write_bytes(content)

    with pytest.raises(GenerationError) as caught:
        open_related(folder)

    assert f"Part related of generation g-1 is damaged: {name} does not match its checksum." == str(caught.value)
