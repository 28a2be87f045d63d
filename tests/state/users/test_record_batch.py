"""Many records as arrays, held against the plain twin."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.users.record import RecordFormatError, UserRecord
from state.users.record_batch import new_users, pack, unpack
from tests.state.users.test_record import F32, RECORDS
from tests.support.generations import plain

FACTORS = 4
NO_VECTOR = RECORDS.map(lambda record: replace(record, generation_key=0, vector=()))
WITH_VECTOR = st.builds(
    lambda record, vector: replace(record, generation_key=record.generation_key or 1, vector=tuple(vector)),
    RECORDS,
    st.lists(F32, min_size=FACTORS, max_size=FACTORS),
)
GROUPS = st.lists(NO_VECTOR | WITH_VECTOR, max_size=6)
SENTENCE = r"^A user record is not of formats 1 to 4, or it is cut short\.$"


@given(GROUPS)
def test_a_group_of_records_survives_its_arrays(group: list[UserRecord]) -> None:
    """Packed again, records are the bytes that they were, an empty group too."""
    values = [record.encode() for record in group]

    assert values == pack(unpack(values, FACTORS))


@given(GROUPS)
def test_the_arrays_hold_what_the_plain_twin_reads(group: list[UserRecord]) -> None:
    """Codec and twin agree on every field; without a vector a row is zeros."""
    expected = [replace(record, vector=record.vector or (0.0,) * FACTORS) for record in group]

    assert expected == plain(unpack([record.encode() for record in group], FACTORS))


@given(GROUPS)
def test_vectors_need_not_be_read(group: list[UserRecord]) -> None:
    """A caller that asks for 0 factors gets everything else."""
    expected = [replace(record, vector=()) for record in group]

    assert expected == plain(unpack([record.encode() for record in group], 0))


def test_nobody_known_is_a_new_user() -> None:
    """None stands for a user without a record."""
    assert [replace(UserRecord(), vector=(0.0,) * FACTORS)] * 2 == plain(unpack([None, None], FACTORS))
    assert [UserRecord().encode()] * 3 == pack(new_users(3, FACTORS))


@given(WITH_VECTOR, st.integers(1, 8).filter(lambda factors: factors != FACTORS))
def test_a_vector_of_another_length_reads_as_zeros(record: UserRecord, factors: int) -> None:
    """It belongs to a generation with other factors; the user beside it keeps its own."""
    fitting = replace(record, vector=(1.0,) * factors)

    vectors = unpack([record.encode(), fitting.encode()], factors).vectors

    np.testing.assert_array_equal([[0.0] * factors, [1.0] * factors], vectors)


def test_a_user_without_a_generation_has_no_vector_in_its_bytes() -> None:
    """A vector means nothing without the generation it belongs to."""
    records = unpack([UserRecord(generation_key=9, vector=(1.0,) * FACTORS).encode()], FACTORS)
    records.header["generation_key"] = 0

    assert [UserRecord().encode()] == pack(records)


@given(RECORDS, st.integers(1, 68), st.integers(0, 2))
def test_one_damaged_record_of_a_group_is_a_sentence(record: UserRecord, cut: int, place: int) -> None:
    """Wherever it stands and however much is missing, its neighbours are not read in its stead."""
    values = [UserRecord().encode()] * 3
    values[place] = record.encode()[:-cut]

    with pytest.raises(RecordFormatError, match=SENTENCE):
        unpack(values, FACTORS)


def test_a_record_of_another_format_is_a_sentence() -> None:
    """A later version's record is not mistaken for one of ours."""
    value = UserRecord().encode()

    with pytest.raises(RecordFormatError, match=SENTENCE):
        unpack([value, b"\x05" + value[1:]], FACTORS)
