"""Names of generations."""

from state.generations.naming import new_generation_id


def test_names_sort_by_time() -> None:
    """The oldest generation is the first of a listing."""
    names = [new_generation_id(now_ms) for now_ms in (0, 999, 1000, 1_700_000_000_123, 4_102_444_799_999)]

    assert sorted(names) == names
    assert "1970-01-01T00-00-00.999Z" == names[1]
