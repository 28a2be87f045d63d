"""Opening a database at which another program has looked."""

from pathlib import Path

import pytest
import rocksdict

from state.gateway_view.keys import RELATED
from state.gateway_view.view import View
from state.storage.rocksdb_open import open_rocksdb
from state.storage.rocksdb_options import rocks_options
from state.users.changelog import Place
from state.users.partition import PartitionState


def look_at(folder: Path) -> None:
    """Open a database read-only with the default options, as any program would."""
    access = rocksdict.AccessType.read_only(error_if_log_file_exist=False)
    rocksdict.Rdict(str(folder), rocksdict.Options(), access_type=access).close()


def test_a_foreign_look_spoils_one_opening(tmp_path: Path) -> None:
    """If the library mends this, the second opening is no longer needed."""
    folder = tmp_path / "db"
    open_rocksdb(folder, rocks_options).close()
    look_at(folder)

    with pytest.raises(Exception, match="does not match existing comparator"):
        rocksdict.Rdict(str(folder), rocks_options())


def test_a_view_opens_after_a_foreign_look(tmp_path: Path) -> None:
    """With its content."""
    view = View(tmp_path / "view")
    view.store(RELATED, "related-items", 0, [(b"x", b"{}")], 1)
    view.close()
    look_at(tmp_path / "view")

    view = View(tmp_path / "view")

    assert b"{}" == view.related_to("x")
    view.close()


def test_the_state_of_a_partition_opens_after_a_foreign_look(tmp_path: Path) -> None:
    """A worker starts, and its records are there."""
    state = PartitionState(tmp_path / "state")
    state.commit([(b"\x00name", b"x")], Place(5, 3))
    state.close()
    look_at(tmp_path / "state")

    state = PartitionState(tmp_path / "state")

    assert Place(5, 3) == state.place
    state.close()


def test_a_folder_that_is_held_stays_an_error(tmp_path: Path) -> None:
    """Two processes never write to one database."""
    holder = open_rocksdb(tmp_path / "db", rocks_options)

    with pytest.raises(Exception, match="lock"):
        open_rocksdb(tmp_path / "db", rocks_options)
    holder.close()
