"""What the users changelog holds at one moment; `tests/kafka/test_retrain.py` reads it from a real Kafka."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.history import HistorySnapshot
from state.keys import item_key, item_name_key
from state.user_record import UserRecord, applied_offset_of

Write = tuple[bytes, bytes | None]
WRITES = st.lists(
    st.tuples(
        st.sampled_from([b"ann", b"ben"]),
        st.none()
        | st.builds(
            lambda at, n: UserRecord(applied_offset=at, plays=n).encode(), st.integers(-1, 5), st.integers(0, 2)
        ),
    ),
    max_size=15,
)


def winners(writes: list[Write]) -> dict[bytes, bytes]:
    """Return the highest applied offset since the last deletion, the latest of equals."""
    found: dict[bytes, bytes] = {}
    for key, value in writes:
        if value is None:
            found.pop(key, None)
        elif key not in found or applied_offset_of(value) >= applied_offset_of(found[key]):
            found[key] = value
    return found


@given(WRITES)
def test_the_highest_applied_offset_is_kept(writes: list[Write]) -> None:
    """The trainer counts with the same records as the stream; the forgotten are gone from it."""
    snapshot = HistorySnapshot()

    for key, value in writes:
        snapshot.take(key, value)

    assert winners(writes) == snapshot.users


def test_names_are_kept_apart_from_users() -> None:
    """Each under its item's key, whatever bytes that key has."""
    snapshot = HistorySnapshot()

    for key, name in [(0, "zero"), (2**64 - 1, "ï"), (item_key("x"), "x")]:
        snapshot.take(item_name_key(key), name.encode())
    snapshot.take(item_name_key(7), None)

    assert {0: "zero", 2**64 - 1: "ï", item_key("x"): "x"} == snapshot.item_ids
    assert {} == snapshot.users
