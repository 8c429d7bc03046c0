"""Pictures in a line: their width, their ends, and that nothing rare is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model.histogram import Histogram
from apibench.report.spread import spark, spread
from apibench.report.symbols import SPARKS


def histogram(values: dict[int, int]) -> Histogram:
    made = Histogram()
    for value, count in values.items():
        made.record(value, count)
    return made


@given(
    st.dictionaries(st.integers(0, 3_600 * 10**9), st.integers(1, 10**9), min_size=1, max_size=30), st.integers(13, 80)
)
def test_a_spread_fits_its_width_and_has_a_bar_at_both_ends(values: dict[int, int], width: int) -> None:
    bars = spread(histogram(values), width)
    assert len(bars) <= width
    if bars:
        assert {bars[0], bars[-1]} <= set(SPARKS)
        assert SPARKS[-1] in bars


def test_one_in_a_million_still_shows() -> None:
    bars = spread(histogram({1_000_000: 1_000_000, 1_000_000_000: 1}), 40)
    assert bars[0] == SPARKS[-1]
    assert bars[-1] == SPARKS[0]
    assert set(bars[1:-1]) == {" "}


@pytest.mark.parametrize("values", [{}, {5: 1}, {5: 1_000}, {0: 7}])
def test_where_all_values_are_one_there_is_no_picture(values: dict[int, int]) -> None:
    assert spread(histogram(values), 40) == ""


def test_a_spark_is_of_the_last_values_against_their_highest() -> None:
    assert spark([9.0, 0.0, 4.0, 8.0], 3) == "▁▅█"
    assert spark([], 3) == spark([0.0], 3) == spark([1.0], 0) == ""
