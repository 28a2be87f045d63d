"""A generation with an index, for tests that rank."""

import pytest

from state.generations.generation import Generation, open_generation
from state.generations.revision import write_revision
from tests.state.lists.ranked_batches import FACTORS, N_ITEMS, TREES, WITHDRAWN
from tests.support.generations import FIRST_ID, make_generation


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """Write one generation with an index for all tests of a file, every fifth item withdrawn.

    A file that needs another generation has a fixture of this name.
    """
    folder = tmp_path_factory.mktemp("generation")
    written = make_generation(folder, n_items=N_ITEMS, factors=FACTORS)
    write_revision(written, folder / FIRST_ID, 1, WITHDRAWN, TREES)
    return open_generation(folder / FIRST_ID)
