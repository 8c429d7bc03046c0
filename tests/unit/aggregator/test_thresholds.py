"""Thresholds over a run and in windows, with figures that can be checked by hand."""

from collections.abc import Iterable
from typing import Any

import pytest

from apibench.aggregator.merging import RunTally
from apibench.aggregator.thresholds import Judge
from apibench.model.interval import Interval
from apibench.model.threshold import Threshold
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S
from apibench.model.verdict import ThresholdResult

from .intervals import MS, SERIES, plan, second


def judge(
    seconds: Iterable[Interval], *thresholds: str, **load: Any
) -> tuple[list[ThresholdResult], list[tuple[int, Threshold]]]:
    """The results after those seconds, and which threshold wanted to abort after how many."""
    planned = plan(*thresholds, **load)
    tally = RunTally(Timeline.of(planned))
    judged = Judge(planned, SERIES, tally)
    aborts = []
    for count, interval in enumerate(seconds, 1):
        tally.add(interval)
        wanted = judged.add(interval)
        if wanted is not None:
            aborts.append((count, wanted))
    return list(judged.results()), aborts


@pytest.mark.parametrize(
    ("threshold", "value", "passed"),
    [
        ("p99 < 3ms", 2 * MS, True),
        ("p99 < 2ms", 2 * MS, False),
        ("p99 <= 2ms", 2 * MS, True),
        ("response.max < 3ms", 2 * MS, True),
        ("service.p50 < 2ms", 1 * MS, True),
        ("mean < 3ms", 2 * MS, True),
        ("min > 1ms", 2 * MS, True),
        ("rate > 99/s", 100, True),
        ("rate >= 101/s", 100, False),
        ("iterations > 109/s", 110, True),
        ("errors < 10%", 10 / 110, True),
        ("errors < 9%", 10 / 110, False),
        ("dropped == 0%", 0, True),
        ("p99 of 'GET /a' < 3ms", 2 * MS, True),
    ],
)
def test_a_threshold_over_the_run(threshold: str, value: float, passed: bool) -> None:  # noqa: FBT001
    seconds = [second(number, ok=100, failed=10, service_ns=MS) for number in range(10)]
    ((result,), _) = judge(seconds, threshold)
    assert result.value == pytest.approx(value, rel=0.001)
    assert result.passed is passed


def test_the_headline_of_a_closed_run_is_service_time() -> None:
    seconds = [second(number, response_ns=9 * MS, service_ns=MS) for number in range(10)]
    ((result,), _) = judge(seconds, "p99 < 2ms", rate=None)
    assert result.passed


def test_no_data_fails_by_that_name() -> None:
    ((whole, window, other), _) = judge([], "p99 < 1s", "p99 < 1s for 2s", "errors < 1%")
    assert [result.no_data for result in (whole, window, other)] == [True] * 3
    assert not any(result.passed for result in (whole, window, other))
    ((result,), _) = judge([second(0)], "p99 of 'GET /b' < 1s")
    assert result.no_data


def test_an_upper_limit_does_not_hold_where_the_quantile_is_only_a_lower_bound() -> None:
    seconds = [second(0, censored=100)]
    ((upper, lower), _) = judge(seconds, "p99 < 10ms", "p99 > 1ms")
    assert (upper.passed, upper.censored) == (False, True)
    assert lower.passed


def test_an_upper_limit_holds_where_the_few_that_never_ended_could_not_have_moved_the_quantile_beyond_it() -> None:
    seconds = [second(0, ok=1_000, censored=5)]
    ((p99, highest), _) = judge(seconds, "p99 < 10ms", "max < 10ms")
    assert (p99.passed, p99.censored) == (True, False)
    assert (highest.passed, highest.censored) == (False, True)


def test_a_window_fails_when_its_seconds_do_and_says_when_first() -> None:
    seconds = [second(number, response_ns=(50 if number in (4, 5) else 2) * MS) for number in range(10)]
    ((result,), aborts) = judge(seconds, "p99 < 10ms for 2s")
    assert not result.passed
    assert result.failed_at_ns == 5 * NS_PER_S
    assert result.value == pytest.approx(50 * MS, rel=0.001)
    assert aborts == []


def test_a_window_longer_than_what_there_is_judges_nothing() -> None:
    ((result,), _) = judge([second(0, response_ns=50 * MS)], "p99 < 10ms for 2s")
    assert result.no_data
    assert not result.passed


def test_what_is_pending_counts_at_its_age_so_that_a_frozen_target_fires() -> None:
    frozen = [
        second(0),
        second(1),
        second(2, ok=0, started=50, pending=(900 * MS, 50)),
        second(3, ok=0, pending=(1_900 * MS, 50)),
    ]
    ((result,), aborts) = judge(frozen, "p99 < 1s for 1s abort")
    assert not result.passed
    assert result.failed_at_ns == 4 * NS_PER_S
    assert [count for count, _ in aborts] == [4]


def test_an_abort_is_wanted_as_soon_as_it_fails_and_not_before() -> None:
    seconds = [second(number, errors={"http.5xx": 50} if number >= 3 else {}) for number in range(6)]
    (_, aborts) = judge(seconds, "errors < 10% for 1s abort")
    assert aborts[0][0] == 4


def test_the_warm_up_is_judged_by_nothing() -> None:
    seconds = [second(0, response_ns=500 * MS, phase="warmup"), *(second(number) for number in range(1, 11))]
    ((whole, window), _) = judge(seconds, "p99 < 10ms", "p99 < 10ms for 1s", warmup_ns=NS_PER_S)
    assert whole.passed
    assert window.passed
