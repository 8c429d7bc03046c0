"""What is stored of counts: their wire form, packed."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model.counts import IntervalCounts, pack, unpack


@given(st.integers(1, 1 << 40), st.integers(0, 1 << 40))
def test_a_wire_form_comes_back_byte_for_byte(iterations: int, unreported: int) -> None:
    counts = IntervalCounts()
    counts.add_lost(3, "main", iterations, unreported)
    wire = counts.to_wire()
    assert unpack(pack(wire)) == wire


@given(st.binary(max_size=200))
def test_so_does_whatever_else_is_stored(data: bytes) -> None:
    assert unpack(pack(data)) == data


@given(st.binary(max_size=200))
def test_and_what_was_deflated_before(data: bytes) -> None:
    assert unpack(zlib.compress(data)) == data


@given(st.binary(max_size=200).filter(lambda data: data[:1] != b"x"))
def test_what_was_never_packed_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="the stored interval is"):
        unpack(data)


def test_what_is_longer_than_any_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 16777216 bytes"):
        pack(bytes((16 << 20) + 1))
