"""One grammar for numbers with units: what it reads, what it refuses and how, and that nothing is lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model import units
from apibench.model.errors import UnitInvalid
from apibench.model.units import RateParts

DURATIONS_NS = st.integers(min_value=0, max_value=400 * 86_400 * units.NS_PER_S)


@given(DURATIONS_NS)
def test_a_formatted_duration_reads_back_exactly(duration_ns: int) -> None:
    assert units.parse_duration(units.format_duration(duration_ns)) == duration_ns


@given(st.integers(0, 10**9), st.integers(1, 10**15))
def test_a_formatted_rate_reads_back_exactly(count: int, per_ns: int) -> None:
    rate = units.reduced(count, per_ns)
    assert units.parse_rate(units.format_rate(rate)) == rate


@given(st.integers(0, units.PPB_PER_ONE))
def test_a_formatted_share_reads_back_exactly(share_ppb: int) -> None:
    assert units.parse_share(units.format_share(share_ppb)) == share_ppb


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_a_remedy(text: str) -> None:
    parsers = (units.parse_duration, units.parse_rate, units.parse_count, units.parse_size, units.parse_share)
    for parse in parsers:
        try:
            parse(text)
        except UnitInvalid as error:
            assert error.message
            assert error.hint


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("30s", 30_000_000_000),
        ("1m30s", 90_000_000_000),
        ("250ms", 250_000_000),
        ("1.5h", 5_400_000_000_000),
        ("90us", 90_000),
        ("90µs", 90_000),
        ("1d", 86_400_000_000_000),
        ("0.000000001s", 1),
        ("0", 0),
        (" 5s ", 5_000_000_000),
    ],
)
def test_durations(text: str, expected_ns: int) -> None:
    assert units.parse_duration(text) == expected_ns


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("30", "30s if you mean seconds, 30ms"),
        ("1.5", "1.5s if you mean seconds"),
        ("30sec", "Did you mean 30s?"),
        ("5 min", "Did you mean 5m?"),
        ("30S", "Did you mean 30s?"),
        ("30s1m", "largest unit first"),
        ("1s1s", "largest unit first"),
        ("-5s", "Write it like 30s"),
        ("s", "Write it like 30s"),
        ("", "number and a unit"),
        ("0.1ns", "fewer decimals"),
        ("９s", "digits 0 to 9"),  # noqa: RUF001 - a full-width nine
        ("9" * 100 + "s", "At most 64"),
    ],
)
def test_a_refused_duration_says_how_to_write_it(text: str, remedy: str) -> None:
    with pytest.raises(UnitInvalid) as caught:
        units.parse_duration(text)
    assert remedy in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500/s", RateParts(1, 2_000_000)),
        ("30/m", RateParts(1, 2_000_000_000)),
        ("5k/s", RateParts(1, 200_000)),
        ("1m/h", RateParts(1, 3_600_000)),
        ("0.5/s", RateParts(1, 2_000_000_000)),
        ("5/10s", RateParts(1, 2_000_000_000)),
        ("0/s", RateParts(0, 1)),
        ("7/sec", RateParts(7, 1_000_000_000)),
    ],
)
def test_rates_are_reduced(text: str, expected: RateParts) -> None:
    assert units.parse_rate(text) == expected


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("500", "Write 500/s"),
        ("500rps", "Write 500/s"),
        ("2.5k", "Write 2.5k/s"),
        ("many", "Write it like 500/s"),
        ("500/fortnight", "Write it like 500/s"),
        ("500/0", "Write it like 500/s"),
        ("/s", "Write it like 500/s"),
    ],
)
def test_a_refused_rate_says_how_to_write_it(text: str, remedy: str) -> None:
    with pytest.raises(UnitInvalid) as caught:
        units.parse_rate(text)
    assert remedy in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1000", 1_000), ("10k", 10_000), ("1.5M", 1_500_000), ("71,400", 71_400), ("10_000", 10_000), ("0", 0)],
)
def test_counts(text: str, expected: int) -> None:
    assert units.parse_count(text) == expected


@pytest.mark.parametrize("text", ["1.5", "1,00", "10,0000", "-1", "1e3", "k", "_1", "1__0", "1.2345k"])
def test_a_count_that_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(UnitInvalid):
        units.parse_count(text)


@pytest.mark.parametrize(
    ("text", "expected_bytes"),
    [("512", 512), ("64KiB", 65_536), ("10MB", 10_000_000), ("1.5 kB", 1_500), ("1gib", 1 << 30), ("7B", 7)],
)
def test_sizes(text: str, expected_bytes: int) -> None:
    assert units.parse_size(text) == expected_bytes


@pytest.mark.parametrize("text", ["10XB", "1.5", "big", "-1kB"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UnitInvalid):
        units.parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected_ppb"),
    [("1%", 10_000_000), ("0.1%", 1_000_000), ("100%", 1_000_000_000), ("0", 0), ("99.99 %", 999_900_000)],
)
def test_shares(text: str, expected_ppb: int) -> None:
    assert units.parse_share(text) == expected_ppb


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("0.01", "Write 1% if you mean that part of all, 0.01% if you mean percent"),
        ("0.5", "Write 50% if"),
        ("0.001", "Write 0.1% if"),
        ("101%", "from 0% to 100%"),
        ("-1%", "Write it like 1%"),
    ],
)
def test_a_refused_share_says_how_to_write_it(text: str, remedy: str) -> None:
    with pytest.raises(UnitInvalid) as caught:
        units.parse_share(text)
    assert remedy in caught.value.hint
