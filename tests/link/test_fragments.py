"""Messages cut and put together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatia_bridge.errors import InvalidInputError, LimitExceededError
from spatia_bridge.link.fragments import Reassembler, split
from spatia_bridge.link.messages import Fragment


@given(st.binary(max_size=500), st.integers(1, 100))
def test_round_trip(data, limit):
    fragments = split(data, 7, limit)
    assert all(len(f.data) <= limit for f in fragments)
    reassembler = Reassembler()
    for _ in range(2):
        results = [reassembler.add(f) for f in fragments]
        assert results[-1] == data and set(results[:-1]) <= {None}


@pytest.mark.parametrize(
    "wrong", [Fragment(1, 1, 3, b""), Fragment(2, 1, 2, b""), Fragment(1, 2, 2, b""), Fragment(1, 1, 9, b"")]
)
def test_out_of_order(wrong):
    reassembler = Reassembler()
    assert reassembler.add(Fragment(1, 0, 2, b"a")) is None
    with pytest.raises(InvalidInputError):
        reassembler.add(wrong)
    assert reassembler.add(Fragment(5, 0, 1, b"b")) == b"b"


def test_nothing_begun():
    with pytest.raises(InvalidInputError):
        Reassembler().add(Fragment(0, 0, 0, b"x"))
    with pytest.raises(InvalidInputError):
        Reassembler().add(Fragment(0, 1, 2, b"x"))


def test_bounded():
    reassembler = Reassembler(limit_bytes=10)
    assert reassembler.add(Fragment(1, 0, 100, b"x" * 8)) is None
    assert reassembler.pending_bytes == 8
    with pytest.raises(LimitExceededError):
        reassembler.add(Fragment(1, 1, 100, b"x" * 8))
    assert reassembler.pending_bytes == 0


def test_one_error_a_message():
    reassembler = Reassembler(limit_bytes=10)
    with pytest.raises(LimitExceededError):
        reassembler.add(Fragment(1, 0, 100, b"x" * 11))
    assert all(reassembler.add(Fragment(1, part, 100, b"x")) is None for part in range(1, 100))
    assert reassembler.add(Fragment(1, 0, 1, b"b")) == b"b"  # even if it has the same id
    with pytest.raises(InvalidInputError):
        reassembler.add(Fragment(2, 1, 2, b"b"))
