"""Revisions in a store of generations."""

from pathlib import Path

from state.storage.checksums import write_checksums
from tests.contract.stored_generations import damage, said
from tests.support.generations import FIRST_ID, SECOND_ID
from tests.support.stores import StoreCase, write_night


def write_part(folder: Path, content: bytes) -> Path:
    """Write a part that stands for a revision as long as no test opens it."""
    folder.mkdir(parents=True)
    (folder / "index.ann").write_bytes(content)
    write_checksums(folder, ["index.ann"])
    return folder


def test_a_revision_is_added_whole(case: StoreCase, tmp_path: Path) -> None:
    """It is verified with its generation; the same one may be published twice, another one not under its number."""
    case.store.publish(write_night(tmp_path, FIRST_ID))
    first, second = (write_part(tmp_path / str(n), b"%d" % n) for n in (1, 2))

    assert [] == case.store.revisions(FIRST_ID)
    case.store.publish_revision(first, FIRST_ID, 1)
    case.store.publish_revision(first, FIRST_ID, 1)
    assert [1] == case.store.revisions(FIRST_ID)

    assert b"1" == case.read(f"{FIRST_ID}/revision-1/index.ann")
    assert (
        f"Revision 1 of generation {FIRST_ID} is published, and is another one; publish this one under the next number."
    ) == said(lambda: case.store.publish_revision(second, FIRST_ID, 1))
    assert f"Generation {SECOND_ID} is not in " in said(lambda: case.store.publish_revision(second, SECOND_ID, 1))
    case.store.verify(FIRST_ID)
    damage(case, f"{FIRST_ID}/revision-1/index.ann")
    assert f"Revision 1 of generation {FIRST_ID} is damaged: index.ann does not match its checksum." == said(
        lambda: case.store.verify(FIRST_ID)
    )


def test_a_damaged_revision_is_not_published(case: StoreCase, tmp_path: Path) -> None:
    """Nothing of it comes into the store."""
    case.store.publish(write_night(tmp_path, FIRST_ID))
    before = case.names()
    folder = write_part(tmp_path / "1", b"1")
    (folder / "index.ann").write_bytes(b"2")

    expected = f"Revision 1 of generation {FIRST_ID} is damaged: index.ann does not match its checksum."
    assert expected == said(lambda: case.store.publish_revision(folder, FIRST_ID, 1))
    assert before == case.names()


def test_the_oldest_revisions_are_dropped(case: StoreCase, tmp_path: Path) -> None:
    """The newest three stay: one may be in service, another is being announced."""
    case.store.publish(write_night(tmp_path, FIRST_ID))

    for n in range(5):
        case.store.publish_revision(write_part(tmp_path / str(n), b"%d" % n), FIRST_ID, n)

    revisions = {name.split("/")[1] for name in case.names() if "revision" in name}
    assert {"revision-2", "revision-3", "revision-4"} == revisions
    case.store.verify(FIRST_ID)
