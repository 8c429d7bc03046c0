"""Numbers for people: three digits, the right unit, and nothing hidden by rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model import figures


@pytest.mark.parametrize(
    ("duration_ns", "expected"),
    [
        (0, "0 ns"),
        (850, "850 ns"),
        (1_000, "1.00 µs"),
        (12_149_999, "12.1 ms"),
        (999_960, "1.00 ms"),
        (999_499, "999 µs"),
        (1_500_000_000, "1.50 s"),
        (59_999_000_000, "1 min"),
        (90_000_000_000, "1 min 30 s"),
        (3_599_999_999_999, "1 h"),
        (7_500_000_000_000, "2 h 5 min"),
    ],
)
def test_durations(duration_ns: int, expected: str) -> None:
    assert figures.human_duration(duration_ns) == expected


@given(st.integers(1_000, 59_000_000_000))
def test_a_shown_duration_is_within_half_a_percent(duration_ns: int) -> None:
    number, unit = figures.human_duration(duration_ns).split()
    scale = {"µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}[unit]
    assert abs(float(number) * scale - duration_ns) <= duration_ns * 0.005


@pytest.mark.parametrize(
    ("count", "length_ns", "expected"),
    [
        (714_000, 10_000_000_000, "71,400/s"),
        (25, 2_000_000_000, "12.5/s"),
        (0, 1, "0.00/s"),
        (1, 3_000_000_000, "0.33/s"),
        (999_999, 1_000_000_000, "999,999/s"),
    ],
)
def test_rates(count: int, length_ns: int, expected: str) -> None:
    assert figures.human_rate(count, length_ns) == expected


def test_counts_have_thousands_separators() -> None:
    assert figures.human_count(71_400) == "71,400"


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(999, "999 B"), (1_210_000, "1.21 MB"), (999_999, "1.00 MB"), (5 * 10**12, "5 TB")],
)
def test_sizes(size_bytes: int, expected: str) -> None:
    assert figures.human_size(size_bytes) == expected


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(12, 10_000, "0.12 %"), (0, 9, "0 %"), (9, 9, "100 %"), (0, 0, "-"), (1, 3, "33.33 %")],
)
def test_shares(part: int, whole: int, expected: str) -> None:
    assert figures.human_share(part, whole) == expected


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_one_failure_among_many_never_shows_as_none_or_all(part: int, rest: int) -> None:
    assert figures.human_share(part, part + rest) not in ("0 %", "100 %", "0.00 %", "100.00 %")
