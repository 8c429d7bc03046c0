"""Which part of a run rates are of."""

import pytest

from apibench.authoring.plan_file import parse_plan_document
from apibench.model.interval import Interval
from apibench.model.timeline import Timeline

S = 1_000_000_000


@pytest.mark.parametrize(
    ("stopped_s", "window_s"),
    [
        (0.5, 0),  # in the warm-up: nothing was measured
        (1.2, 1),  # in the first second: there is nothing better than that
        (2.0, 1),
        (4.7, 3),  # the second in which it came is none of the rates
        (5.5, 4),
        (7.0, 4.5),  # in the drain: the planned window was over
    ],
)
def test_a_stop_ends_the_window_with_the_last_whole_second_before_it(stopped_s: float, window_s: float) -> None:
    timeline = Timeline(S, 11 * S // 2).stopped(round(stopped_s * S))
    assert timeline.window_ns(20 * S, complete=False) == round(window_s * S)


def test_the_first_stop_counts() -> None:
    assert Timeline(0, None).stopped(3 * S).stopped(5 * S).window_end_ns == 3 * S
    assert Timeline(0, None).window_end_ns is None


@pytest.mark.parametrize(
    ("timeline", "start_s", "end_s", "judged_s"),
    [
        (Timeline(S, 4 * S), 0, 1, 0),  # the warm-up
        (Timeline(S, 4 * S), 1, 2, 1),
        (Timeline(S, 4 * S), 4, 5, 0),  # the drain
        (Timeline(S, 4 * S), 3, 3.9, 1),  # nothing was left to do
        (Timeline(S, 4 * S, may_end_early=True), 3, 3.9, 0),
        (Timeline(0, None), 3, 3.9, 0),
        (Timeline(0, 5 * S // 2), 2, 2.5, 0),  # no whole second was planned
        (Timeline(0, 5 * S // 2), 2, 2.4, 0),
        (Timeline(0, 9 * S).stopped(5 * S // 2), 1, 2, 1),
        (Timeline(0, 9 * S).stopped(5 * S // 2), 2, 3, 0),
        (Timeline(0, 9 * S).stopped(5 * S // 2), 2, 2.6, 0),
        (Timeline(0, 9 * S).stopped(S // 2), 0, 1, 0),
        (Timeline(0, 60 * S), 10, 20, 10),
    ],
)
def test_thresholds_are_judged_by_whole_measured_seconds(
    timeline: Timeline, start_s: float, end_s: float, judged_s: int
) -> None:
    assert timeline.judged_ns(Interval(round(start_s * S), round(end_s * S), {})) == judged_s * S


@pytest.mark.parametrize(("when_dry", "early"), [("stop", True), ("fail", False)])
def test_a_load_that_ends_where_its_rows_do_may_end_early(when_dry: str, early: bool) -> None:  # noqa: FBT001 - of a table
    document = {
        "version": 1,
        "hosts": {"a": {"url": "http://127.0.0.1:1"}},
        "feeders": {"users": {"text": "n\n1\n", "order": "unique", "when_dry": when_dry}},
        "scenarios": [
            {
                "name": "s",
                "load": {"rate": "5/s", "duration": "9s"},
                "steps": [{"type": "feed", "feeder": "users"}, {"type": "request"}],
            }
        ],
    }
    timeline = Timeline.of(parse_plan_document(document))
    assert timeline.window_ns(2 * S, complete=True) == (2 if early else 9) * S
