"""Opens a gateway's view, or a new one in place of a view that is too old."""

import logging
from pathlib import Path

from state.gateway_view.view import View
from state.storage.files import finish_removals, remove_folder

log = logging.getLogger(__name__)

VIEW_S_MAX = 12 * 3600.0
"""A view that was not current for longer is dropped and read again: the topics keep a tombstone for a day, and an older
view would miss the tombstone of a forgotten listener."""


def open_view(folder: Path, identity: bytes, now_s: float, n_partitions: int = 0) -> View:
    """Open the view of some topics. Drop a view of other topics, or one that is too old to have seen all tombstones.

    Raises:
        StateError: It cannot be opened.
    """
    finish_removals(folder.parent)
    view = _opened(folder, identity, now_s, n_partitions)
    age_s = now_s - view.current_at_s
    if view.identity == identity and age_s <= VIEW_S_MAX:
        return view
    view.close()
    remove_folder(folder)
    log.warning("view_dropped", extra={"folder": str(folder), "age_s": round(age_s)})
    return _opened(folder, identity, now_s, n_partitions)


def _opened(folder: Path, identity: bytes, now_s: float, n_partitions: int) -> View:
    """Open a view, and mark a new one as current."""
    view = View(folder, identity, n_partitions)
    if not view.current_at_s:
        view.mark_current(now_s)
    return view
