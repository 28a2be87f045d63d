"""The generations on this machine."""

from pathlib import Path

import msgspec
import pytest

from model.objective import Objective
from state.errors import GenerationError
from state.generation import MANIFEST
from state.generation_store import GenerationStore, new_generation_id
from tests.state.builders import FIRST_ID, SECOND_ID, catalog_of, manifest_of

OBJECTIVE = Objective(factors=8)


def test_what_is_published_is_listed_and_opened(tmp_path: Path) -> None:
    """Oldest first; the folder is made when it is first needed."""
    store = GenerationStore(tmp_path / "generations")
    assert [] == store.manifests()

    for generation_id in (SECOND_ID, FIRST_ID):
        store.publish(manifest_of(generation_id, OBJECTIVE, 40), catalog_of())

    assert [FIRST_ID, SECOND_ID] == [manifest.generation_id for manifest in store.manifests()]
    assert SECOND_ID == store.open(SECOND_ID).id


def test_a_name_is_published_once(tmp_path: Path) -> None:
    """The second publisher is refused."""
    store = GenerationStore(tmp_path)
    store.publish(manifest_of(FIRST_ID, OBJECTIVE, 40), catalog_of())

    with pytest.raises(GenerationError, match=rf"^Generation {FIRST_ID} exists in {tmp_path}; publish under another"):
        store.publish(manifest_of(FIRST_ID, OBJECTIVE, 40), catalog_of(seed=1))


def test_what_cannot_be_read_is_not_listed(tmp_path: Path) -> None:
    """A damaged manifest, a half-written generation, a stray file: the others are shown all the same."""
    store = GenerationStore(tmp_path)
    for generation_id in (FIRST_ID, SECOND_ID):
        store.publish(manifest_of(generation_id, OBJECTIVE, 40), catalog_of())
    (tmp_path / FIRST_ID / MANIFEST).write_bytes(b"\xff")
    (tmp_path / ".aside").mkdir()
    (tmp_path / "note.txt").touch()

    assert [SECOND_ID] == [manifest.generation_id for manifest in store.manifests()]


@pytest.mark.parametrize("generation_id", ["..", "../elsewhere", "no-such"])
def test_a_missing_generation_is_refused(tmp_path: Path, generation_id: str) -> None:
    """Whatever an announcement names."""
    with pytest.raises(GenerationError, match=r" is not in .*; `playfold generations list` shows what is\.$"):
        GenerationStore(tmp_path / "generations").open(generation_id)


def test_names_sort_by_time() -> None:
    """So the oldest generation is the first in a listing; a name stays readable by its folder alone."""
    names = [new_generation_id(now_ms) for now_ms in (0, 999, 1000, 1_700_000_000_123, 4_102_444_799_999)]

    assert sorted(names) == names
    assert "1970-01-01T00-00-00.999Z" == names[1]
    assert isinstance(msgspec.json.encode(names), bytes)
