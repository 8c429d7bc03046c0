"""Thresholds on groups of steps: of their passes, whatever the requests come to."""

from dataclasses import replace
from typing import Any

import pytest

from apibench.aggregator.merging import RunTally
from apibench.aggregator.thresholds import Judge
from apibench.model.interval import GroupInterval, Interval
from apibench.model.timeline import Timeline
from apibench.model.verdict import ThresholdResult

from .intervals import MS, SERIES, plan, second, times

GROUP = {"type": "group", "name": "checkout", "steps": [{"type": "request", "host": "h", "path": "/a"}]}
OTHER = {"type": "group", "name": "search", "steps": [{"type": "request", "host": "h", "path": "/a"}]}


def passed(number: int, group: int = 1, **figures: Any) -> Interval:
    """A second in which a group was passed through: ok, failed, unfinished, took_ns, pending (value and count)."""
    ok = figures.get("ok", 10)
    blocks = {"time": times(figures.get("took_ns", 50 * MS), ok)} if ok else {}
    if "pending" in figures:
        blocks["pending"] = times(*figures["pending"])
    counted = GroupInterval(group, "main", ok, figures.get("failed", 0), figures.get("unfinished", 0), blocks)
    return replace(second(number, failed=50), groups=(counted,))


def judge(*seconds: Interval, threshold: str) -> ThresholdResult:
    planned = plan(threshold, also=[OTHER, GROUP])
    tally = RunTally(Timeline.of(planned))
    judged = Judge(planned, SERIES, tally)
    for interval in seconds:
        tally.add(interval)
        judged.add(interval)
    (result,) = judged.results()
    return result


@pytest.mark.parametrize(
    ("threshold", "value", "holds"),
    [
        ("p95 of 'checkout' < 60ms", 50 * MS, True),
        ("p95 of 'checkout' < 40ms", 50 * MS, False),
        ("max of 'checkout' < 60ms", 50 * MS, True),
        ("errors of 'checkout' < 30%", 3 / 13, True),
        ("errors of 'checkout' < 20%", 3 / 13, False),
        ("rate of 'checkout' > 9/s", 10, True),
        ("rate of 'checkout' > 11/s", 10, False),
        ("errors of 'checkout' < 30% for 2s", 3 / 13, True),
        ("p95 of 'checkout' < 60ms for 2s", 50 * MS, True),
        ("rate of 'checkout' > 9/s for 2s", 10, True),
    ],
)
def test_a_threshold_is_of_the_passes_of_its_group(threshold: str, value: float, holds: bool) -> None:  # noqa: FBT001
    seconds = [passed(number, failed=2, unfinished=1) for number in range(10)]
    result = judge(*seconds, threshold=threshold)
    assert result.value == pytest.approx(value, rel=0.001)
    assert result.passed is holds


def test_a_group_that_nobody_came_to_has_no_data() -> None:
    result = judge(*(passed(number, group=0) for number in range(10)), threshold="p95 of 'checkout' < 1s")
    assert result.no_data
    assert not result.passed


def test_a_window_holds_the_passes_that_go_on_at_their_present_age() -> None:
    frozen = [passed(number, ok=0, pending=((number + 1) * 1_000 * MS, 5)) for number in range(4)]
    assert not judge(*frozen, threshold="p95 of 'checkout' < 2s for 1s").passed


def test_requests_know_nothing_of_groups() -> None:
    seconds = [passed(number, failed=100) for number in range(10)]
    assert judge(*seconds, threshold="errors < 34%").passed
