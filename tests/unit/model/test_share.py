"""Any cut of the ring is a cut of the plan: the parts are the whole, and no two own the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model.share import RING, WHOLE, Cut, Share

WEIGHTS = st.lists(st.integers(0, 1_000), min_size=1, max_size=12).filter(any)


@given(WEIGHTS, st.integers(0, RING - 1))
def test_every_number_belongs_to_exactly_one_part(weights: list[int], number: int) -> None:
    assert sum(part.owns(number) for part in WHOLE.split(weights)) == 1


@given(WEIGHTS, WEIGHTS)
def test_parts_of_parts_join_to_the_whole_again(first: list[int], second: list[int]) -> None:
    whole = Share()
    for part in WHOLE.split(first):
        for finer in part.split(second):
            whole = whole.joined(finer)
    assert whole == WHOLE


@given(WEIGHTS)
def test_parts_are_as_long_as_their_weights_say(weights: list[int]) -> None:
    for part, weight in zip(WHOLE.split(weights), weights, strict=True):
        assert abs(part.length - RING * weight // sum(weights)) <= 1


def test_what_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="no interval"):
        Cut(5, 4)
    with pytest.raises(ValueError, match="no interval"):
        Cut(0, RING)
    with pytest.raises(ValueError, match="overlap"):
        Share.of([Cut(0, 10), Cut(10, 20)])
    with pytest.raises(ValueError, match="somebody"):
        WHOLE.split([0, 0])
