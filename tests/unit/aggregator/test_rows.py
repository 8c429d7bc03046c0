"""Rows of a document: seconds, or stretches that they add up to, and never too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.aggregator.rows import MOST_ROWS, Rows, row_length_s
from apibench.aggregator.windows import Grid
from apibench.authoring.load_words import LoadWords
from apibench.authoring.request_words import RequestWords
from apibench.authoring.url_plan import url_plan
from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.counts import IntervalCounts
from apibench.model.interval import Interval
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S

MINUTE_S = 60


@pytest.mark.parametrize(
    ("hours", "steps", "length_s"), [(1, 1, 1), (1, 19, 1), (1, 20, 10), (2, 1, 10), (10, 1, 10), (11, 1, MINUTE_S)]
)
def test_a_run_has_so_many_rows_and_no_more(hours: int, steps: int, length_s: int) -> None:
    assert row_length_s(hours * 3_600 * NS_PER_S, steps) == length_s
    if length_s < MINUTE_S:
        assert hours * 3_600 / length_s <= MOST_ROWS


@pytest.fixture(scope="module")
def seconds() -> list[IntervalCounts]:
    """Of a real run: a second of warm-up, two of the run, and a drain in which the last answers come."""
    with EchoServer(knobs="delay=700ms") as server:
        words = LoadWords(rate="20/s", duration="2s", warmup="1s", drain="2s")
        plan = url_plan(RequestWords(url=server.address), words)
        load = RustEngine().prepare(plan).start(EngineOptions(threads=1))
        found = []
        while not load.ended:
            counts = load.next_counts(100)
            if counts is not None:
                found.append(counts)
    return found


TIMELINE = Timeline(NS_PER_S, 3 * NS_PER_S)


def test_rows_of_seconds_are_the_seconds(seconds: list[IntervalCounts]) -> None:
    rows = Rows(seconds, Grid(TIMELINE), 1)
    assert list(rows) == [Interval.from_counts(counts) for counts in seconds]
    assert list(rows) == list(rows)


def test_a_longer_row_is_the_sum_of_its_seconds_and_reaches_over_no_boundary(seconds: list[IntervalCounts]) -> None:
    rows = list(Rows(seconds, Grid(TIMELINE), MINUTE_S))
    assert [row.start_ns // NS_PER_S for row in rows] == [0, 1, 3]
    assert [row.end_ns for row in rows[:2]] == [NS_PER_S, 3 * NS_PER_S]
    singles = [Interval.from_counts(counts) for counts in seconds]
    for name in ("ok", "started", "received_bytes"):
        for row in rows:
            inside = [each for each in singles if row.start_ns <= each.start_ns and each.end_ns <= row.end_ns]
            expected = sum(getattr(series, name) for each in inside for series in each.series)
            assert sum(getattr(series, name) for series in row.series) == expected
    # What was in flight at the end of its last second, and not of each.
    assert sum(each.in_flight for each in rows[1].series) == sum(each.in_flight for each in singles[2].series) > 0


@given(st.integers(0, 4), st.sampled_from([1, 10, MINUTE_S]))
def test_no_row_reaches_over_a_cut(cut_s: int, length_s: int) -> None:
    seconds = []
    for number in range(4):
        counts = IntervalCounts.from_wire(empty_second(number))
        seconds.append(counts)
    cut_ns = cut_s * NS_PER_S
    rows = list(Rows(seconds, Grid(Timeline(0, 4 * NS_PER_S)), length_s, cut_ns))
    assert all(not row.start_ns < cut_ns < row.end_ns for row in rows)
    assert [row.start_ns for row in rows][1:] == [row.end_ns for row in rows][:-1]
    assert (rows[0].start_ns, rows[-1].end_ns) == (0, 4 * NS_PER_S)


def empty_second(number: int) -> bytes:
    """An empty second."""
    start, end = number * NS_PER_S, (number + 1) * NS_PER_S
    return bytes([8, *_varint(start), 16, *_varint(end)])


def _varint(value: int) -> list[int]:
    found = []
    while value > 127:
        found.append(value % 128 + 128)
        value //= 128
    return [*found, value]
