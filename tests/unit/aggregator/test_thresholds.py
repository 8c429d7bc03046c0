"""Thresholds over a run and in windows, with figures that can be checked by hand."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from apibench.aggregator.merging import RunTally
from apibench.aggregator.thresholds import Judge
from apibench.model.checks import checks_of
from apibench.model.interval import Interval
from apibench.model.threshold import Threshold
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S
from apibench.model.verdict import ThresholdResult

from .intervals import MS, SERIES, plan, second


def judge(
    seconds: Iterable[Interval], *thresholds: str, stopped_ns: int | None = None, **load: Any
) -> tuple[list[ThresholdResult], list[tuple[int, Threshold]]]:
    """The results after those seconds, and which threshold wanted to abort after how many."""
    planned = plan(*thresholds, **load)
    tally = RunTally(Timeline.of(planned))
    judged = Judge(planned, SERIES, tally)
    aborts = []
    for count, interval in enumerate(seconds, 1):
        if stopped_ns is not None and interval.end_ns > stopped_ns:
            tally.stop(stopped_ns)
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


def test_a_threshold_without_a_window_aborts_nothing_before_there_is_data() -> None:
    slow = [second(0, ok=0, started=100, in_flight=100), second(1, ok=0, in_flight=100), second(2, ok=100)]
    (results, aborts) = judge(
        slow, "p99 < 1s abort", "errors < 1% abort", "rate > 10/s abort", "iterations > 1/s abort"
    )
    assert aborts == []
    assert all(result.passed for result in results)


@pytest.mark.parametrize("threshold", ["p99 < 10ms abort", "p99 < 10ms for 1s abort"])
def test_what_ended_the_run_stays_failed_whatever_the_drain_brings(threshold: str) -> None:
    bad = [second(0, ok=10, response_ns=50 * MS)]
    ((result,), aborts) = judge(
        [*bad, *(second(number, ok=5_000) for number in (1, 2))], threshold, stopped_ns=NS_PER_S
    )
    assert aborts == [(1, result.threshold)]
    assert (result.passed, result.ended_the_run, result.failed_at_ns) == (False, True, NS_PER_S)
    assert result.value == pytest.approx(50 * MS, rel=0.001)


def test_of_two_that_abort_the_one_that_did_is_named() -> None:
    seconds = [second(number, errors={"http.5xx": 50} if number == 2 else {}) for number in range(4)]
    (results, aborts) = judge(seconds, "p99 < 1s for 1s abort", "errors < 10% for 1s abort")
    assert [result.ended_the_run for result in results] == [False, True]
    assert aborts[0] == (3, results[1].threshold)


def test_an_interval_that_lacks_something_aborts_nothing() -> None:
    planned = plan("errors < 10% abort")
    tally = RunTally(Timeline.of(planned))
    judged = Judge(planned, SERIES, tally)
    for number, errors in enumerate(({"http.5xx": 50}, {})):
        interval = second(number, ok=1_000 * number, errors=errors)
        tally.add(interval)
        assert judged.add(interval, may_abort=number > 0) is None
    assert judged.results()[0].passed


def test_windows_are_of_whole_seconds_of_the_planned_duration() -> None:
    bad = {"response_ns": 500 * MS}
    drain = [*(second(number) for number in range(10)), second(10, **bad), second(11, **bad)]
    partial = [second(0), second(1, **bad, length_ns=NS_PER_S // 2)]
    for seconds, duration_ns in ((drain, 10 * NS_PER_S), (partial, 3 * NS_PER_S // 2)):
        ((result,), aborts) = judge(seconds, "p99 < 10ms for 1s abort", duration_ns=duration_ns)
        assert result.passed
        assert aborts == []


def test_the_last_second_of_a_run_that_had_nothing_left_to_do_is_a_whole_one() -> None:
    # The last arrival of ten seconds at 100/s is due at 9.995 s; when it is answered the run is over.
    seconds = [*(second(number) for number in range(9)), second(9, length_ns=996 * MS)]
    (results, _) = judge(seconds, "rate > 99/s for 10s", "rate <= 100/s for 1s")
    assert [(result.passed, result.value) for result in results] == [(True, 100), (True, 100)]


def test_nothing_behind_a_stop_is_judged_in_windows_or_counted_in_rates() -> None:
    # Stopped at 4.3 s: that second and what drains behind it are no measure of the rate.
    seconds = [*(second(number) for number in range(4)), second(4, ok=30), second(5, ok=1), second(6, ok=1)]
    (results, aborts) = judge(
        seconds, "rate > 90/s for 1s abort", "rate >= 100/s", "iterations >= 100/s", stopped_ns=43 * NS_PER_S // 10
    )
    assert aborts == []
    assert [result.passed for result in results] == [True, True, True]
    assert [result.value for result in results[1:]] == [100, 100]


def test_a_run_that_is_stopped_in_its_first_second_has_the_rate_of_that_second() -> None:
    ((result,), _) = judge([second(0, ok=50, length_ns=NS_PER_S // 2)], "rate > 90/s", stopped_ns=NS_PER_S // 4)
    assert result.value == 100


def test_what_is_pending_of_the_warm_up_is_in_no_window() -> None:
    first, late = second(1), second(1, ok=0, phase="warmup", pending=(900 * MS, 500))
    both = replace(first, series=(*first.series, *late.series), scenarios=(*first.scenarios, *late.scenarios))
    ((result,), _) = judge([second(0, phase="warmup"), both], "p99 < 10ms for 1s", warmup_ns=NS_PER_S)
    assert result.passed


def test_rates_over_the_run_do_not_count_what_ends_in_the_drain() -> None:
    seconds = [*(second(number, ok=50) for number in range(10)), second(10, ok=500)]
    (results, _) = judge(seconds, "rate <= 50/s", "iterations <= 50/s", "rate of 'GET /a' <= 50/s")
    assert [result.value for result in results] == [50, 50, 50]


def test_what_is_pending_and_young_pulls_nothing_down() -> None:
    seconds = [second(0, ok=10, response_ns=900 * MS, pending=(MS, 1_000))]
    ((p99, mean, least), _) = judge(seconds, "p99 < 800ms for 1s", "mean < 800ms for 1s", "min > 800ms for 1s")
    assert not p99.passed
    assert not mean.passed
    assert (least.passed, p99.censored) == (True, False)


def test_what_is_pending_and_old_raises_and_is_shown_as_a_lower_bound() -> None:
    ((result,), _) = judge([second(0, ok=100, pending=(900 * MS, 50))], "p99 < 1s for 1s")
    assert (result.passed, result.censored) == (True, True)
    assert result.value == pytest.approx(900 * MS, rel=0.001)


def test_ages_alone_prove_no_upper_limit_kept_and_no_lower_limit_broken() -> None:
    seconds = [second(0, ok=0, started=50, pending=(5 * MS, 50))]
    (results, _) = judge(seconds, "p99 < 1s for 1s", "p99 > 1s for 1s", "p99 < 1ms for 1s")
    assert [result.no_data for result in results] == [True, True, False]


def frozen_from(at_s: int, **figures: Any) -> list[Interval]:
    """Fifty in flight, and nothing ends from that second on."""
    good = [second(number, iteration_ns=2 * MS) for number in range(at_s)]
    stuck = second(at_s, ok=0, started=50, offered=50, begun=50, in_flight=50, **figures)
    return [*good, stuck, *(second(number, ok=0, in_flight=50, **figures) for number in range(at_s + 1, 8))]


@pytest.mark.parametrize(
    ("threshold", "load"),
    [
        ("service.p99 < 1500ms for 1s abort", {}),
        ("p99 < 1500ms for 1s abort", {"rate": None}),
        ("iteration.p99 < 1500ms for 1s abort", {}),
    ],
)
def test_a_frozen_target_fires_windows_of_service_and_of_iterations_too(threshold: str, load: dict[str, Any]) -> None:
    ((result,), aborts) = judge(frozen_from(3), threshold, **load)
    # In flight since some moment of the second from 3 s on: for two whole seconds at the end of the one from 5 s.
    assert aborts[0][0] == 6
    assert (result.passed, result.censored) == (False, True)
    assert result.value == pytest.approx(2 * NS_PER_S, rel=0.001)


def test_service_is_not_charged_with_waiting() -> None:
    # Each waits for seconds for one of two connections, and is served in 2 ms.
    seconds = [second(number, response_ns=3_000 * MS, in_flight=2, pending=(3_000 * MS, 300)) for number in range(5)]
    ((service, response), _) = judge(seconds, "service.p99 < 10ms for 1s", "response.p99 < 10ms for 1s")
    assert service.passed
    assert not response.passed


def test_a_window_has_no_more_errors_than_all() -> None:
    seconds = [second(0, ok=0, started=100), second(1, ok=0, started=0, errors={"timeout": 100})]
    ((result,), _) = judge(seconds, "errors < 50% for 1s")
    assert (result.passed, result.value) == (False, 1.0)


def test_a_window_has_no_more_dropped_than_all() -> None:
    seconds = [second(0, ok=10, offered=100), second(1, ok=10, offered=10, dropped={"deadline": 90})]
    ((result,), _) = judge(seconds, "dropped < 95% for 1s")
    assert (result.passed, result.value) == (True, 0.9)


@pytest.mark.parametrize("text", ["dropped == 0%", "dropped == 0% for 1s"])
def test_what_found_no_row_left_is_judged_by_no_threshold(text: str) -> None:
    ((result,), _) = judge([second(0, ok=10, offered=12, dropped={"cap": 0, "dry": 2})], text)
    assert (result.passed, result.value) == (True, 0.0)


def test_checks_are_judged_together_or_by_name_over_the_run_and_in_windows() -> None:
    also = [{"type": "check", "name": name, "condition": "1 == 1"} for name in ("good", "bad")]
    good, bad = (checks_of(plan(also=also))[0].index(name) for name in ("good", "bad"))
    seconds = [
        second(0, checks=[(good, 100, 0), (bad, 90, 10)]),
        second(1, checks=[(good, 100, 0), (bad, 0, 100)]),
        second(2, checks=[]),
    ]
    texts = ["checks > 72%", "checks of 'good' == 100%", "checks of 'bad' > 50%", "checks of 'bad' > 1% for 1s"]
    results, _ = judge(seconds, *texts, also=also)
    assert [(each.value, each.passed) for each in results] == [(0.725, True), (1.0, True), (0.45, False), (0.0, False)]
    assert results[3].failed_at_ns == 2 * NS_PER_S
    ((nothing,), _) = judge([second(0)], "checks > 0%", also=also)
    assert nothing.no_data
