"""Fetches on the wire, against aiokafka's schemas."""

from typing import Any

import pytest
from aiokafka.protocol.types import UnsignedVarInt32
from hypothesis import given
from hypothesis import strategies as st

from streams.fetch.fetch_by_id import _Request, _Response
from streams.fetch.fetch_bytes import AnswerBytes, pack_varint

INT16, INT32, INT64 = (st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (16, 32, 64))
IDS = st.binary(min_size=16, max_size=16)
NO_TAGS: st.SearchStrategy[dict[int, bytes]] = st.just({})
ABORTED = st.none() | st.lists(st.tuples(INT64, INT64, NO_TAGS), max_size=3)
RECORDS = st.none() | st.binary(max_size=20) | st.integers(100, 20_000).map(bytes)
FETCHED = st.tuples(INT32, INT16, INT64, INT64, INT64, ABORTED, INT32, RECORDS, NO_TAGS)
ANSWERS = st.tuples(
    INT32, INT16, INT32, st.lists(st.tuples(IDS, st.lists(FETCHED, max_size=4), NO_TAGS), max_size=3), NO_TAGS
)
ASKED = st.tuples(INT32, INT32, INT64, INT32, INT64, INT32, NO_TAGS)
REQUESTS = st.tuples(
    *[INT32] * 4,
    st.integers(0, 1),
    *[INT32] * 2,
    st.lists(st.tuples(IDS, st.lists(ASKED, max_size=200), NO_TAGS), max_size=3),
    st.just([]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    NO_TAGS,
)


def read(content: bytes, at: int = 0) -> tuple[Any, ...]:
    """Return an answer from its bytes."""
    return AnswerBytes(memoryview(content), at).read()


@given(REQUESTS)
def test_a_request_has_the_bytes_of_the_schema(fields: tuple[Any, ...]) -> None:
    """Whatever its numbers, topics and partitions are."""
    request = _Request(*fields)

    assert _Request.SCHEMA.encode(fields) == request.encode()


@given(ANSWERS, st.binary(max_size=9))
def test_an_answer_is_read_as_by_the_schema(fields: tuple[Any, ...], header: bytes) -> None:
    """From behind its header; a set of records that is left out stays None."""
    content = _Response.SCHEMA.encode(fields)

    assert fields == read(header + content, len(header))


@given(ANSWERS)
def test_an_answer_that_ends_too_early_is_an_error(fields: tuple[Any, ...]) -> None:
    """At every byte: no records are taken from it."""
    content = _Response.SCHEMA.encode(fields)
    for end in {0, len(content) // 3, len(content) // 2, len(content) - 1}:
        with pytest.raises(ValueError, match=f"ends after {end} bytes, before its last field"):
            read(content[:end])


def test_tagged_fields_of_newer_brokers_are_read() -> None:
    """Of the answer, a topic and a partition; their content does not matter."""
    partition: Any = (3, 0, 90, 80, 5, [(4, 60, {})], -1, b"records", {})
    content = _Response.SCHEMA.encode((0, 0, 7, [(bytes(16), [partition], {})], {}))
    tagged = b"\x02\x01\x06leader\x05\x00"
    everywhere = content[:-3] + tagged * 3

    tags = {1: b"leader", 5: b""}
    assert (0, 0, 7, [(bytes(16), [(*partition[:-1], tags)], tags)], tags) == read(everywhere)


@given(st.integers(0, 2**32 - 1))
def test_lengths_are_those_of_kafka(value: int) -> None:
    """As aiokafka writes them."""
    assert UnsignedVarInt32.encode(value) == pack_varint(value)


def test_a_length_of_more_than_32_bits_is_an_error() -> None:
    """It would be read for ever."""
    with pytest.raises(ValueError, match="more than 32 bits"):
        read(bytes(10) + b"\xff" * 9)
