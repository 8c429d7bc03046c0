"""Each rule of the generator's verdict, and that a target's fault never meets one."""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from typing import Any

import pytest

from apibench.aggregator.generator import HostWatch, findings
from apibench.aggregator.merging import RunTally
from apibench.model.host_sample import HostSample, HostTotals
from apibench.model.interval import Interval
from apibench.model.pace_floor import PaceFloor
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S

from .intervals import MS, plan, second, times

QUIET = PaceFloor(p50_ns=25_000, p99_ns=60_000)


def found(
    seconds: Iterable[Interval],
    *thresholds: str,
    floor: PaceFloor = QUIET,
    samples: tuple[HostSample, ...] = (),
    threads: int = 1,
    **load: Any,
) -> set[str]:
    planned = plan(*thresholds, **load)
    tally = RunTally(Timeline.of(planned))
    for interval in seconds:
        tally.add(interval)
    totals = reduce(HostTotals.then, samples, HostTotals())
    watch = HostWatch(floor, totals, len(samples), threads)
    return {finding.code for finding in findings(planned, tally, watch, planned.parsed_thresholds())}


def ten(**figures: Any) -> list[Interval]:
    return [second(number, ok=200, **figures) for number in range(10)]


def test_a_healthy_run_has_no_findings() -> None:
    assert found(ten()) == set()
    assert found(ten(), rate=None) == set()


@pytest.mark.parametrize(
    ("figures", "limited"),
    [
        # The headline is 2 ms: 5 % of it is 100 µs at p50, 10 % at p99 less than 250 µs.
        ({"lag_ns": 124_000}, False),
        ({"lag_ns": 130_000}, True),
        ({"receive_ns": 130_000}, True),
        ({"lag_ns": 80_000, "receive_ns": 60_000}, True),
        ({"lag_ns": 300_000, "response_ns": 20 * MS}, False),
    ],
)
def test_our_own_delay_counts_beyond_the_floor_and_against_the_headline(figures: dict[str, Any], limited: bool) -> None:  # noqa: FBT001
    assert ("delay" in found(ten(**figures))) is limited


def test_a_floor_beyond_what_is_usual_forgives_nothing_more() -> None:
    busy = PaceFloor(p50_ns=5 * MS, p99_ns=20 * MS)
    assert "delay" in found(ten(lag_ns=4 * MS), floor=busy)


def test_a_few_requests_prove_no_quantile() -> None:
    assert found([second(0, ok=15, lag_ns=5 * MS)]) == set()


@pytest.mark.parametrize(("gap_ms", "limited"), [(90, False), (110, True)])
def test_a_loop_that_did_not_look_was_stopped(gap_ms: int, limited: bool) -> None:  # noqa: FBT001
    assert ("pause" in found(ten(gap_ns=gap_ms * MS))) is limited


def test_throttling_in_any_second_limits() -> None:
    samples = (HostSample(), HostSample(throttled_ns=1), HostSample())
    assert found(ten(), samples=samples) == {"throttled"}


def test_a_neighbour_is_one_who_has_our_processor_for_a_share_of_the_run() -> None:
    some, much = (HostSample(waited_ns=1_400 * MS),), (HostSample(waited_ns=1_600 * MS),)
    assert found(ten(), samples=some) == set()
    assert found(ten(), samples=much) == {"neighbour"}
    assert found(ten(), samples=much, threads=2) == set()
    # A run of a few milliseconds is over before the kernel has shared out its turns once.
    assert found([second(0, ok=200)], samples=(HostSample(waited_ns=99 * MS),)) == set()


@pytest.mark.parametrize(
    ("steal_ms", "seconds", "threads", "limited"),
    [
        # A per cent or two of ten seconds are what virtual machines are like.
        (200, 10, 1, False),
        (500, 10, 1, False),
        (501, 10, 1, True),
        (1_500, 10, 1, True),
        # Of two threads twice as much.
        (1_000, 10, 2, False),
        (1_001, 10, 2, True),
        # The kernel counts it in hundredths of a second: a few of them prove nothing in a short run.
        (100, 1, 1, False),
        (110, 1, 1, True),
    ],
)
def test_what_a_hypervisor_gives_to_others_limits_beyond_a_share_of_the_run(
    steal_ms: int,
    seconds: int,
    threads: int,
    *,
    limited: bool,
) -> None:
    samples = (HostSample(steal_ns=steal_ms * MS),)
    codes = found(ten()[:seconds], samples=samples, threads=threads)
    assert codes == ({"stolen"} if limited else set())


def test_steal_is_told_with_its_share_of_the_run() -> None:
    planned = plan()
    tally = RunTally(Timeline.of(planned))
    for interval in ten():
        tally.add(interval)
    (finding,) = findings(planned, tally, HostWatch(QUIET, HostTotals(steal_ns=1_200 * MS), 10), ())
    assert finding.message == (
        "the hypervisor gave 1.20 s of the processor time of our threads to other machines, 12.00 % of the run"
    )


@pytest.mark.parametrize(("error", "code"), [("local.descriptors", "descriptors"), ("local.ports", "ports")])
def test_what_this_host_ran_out_of_limits(error: str, code: str) -> None:
    assert code in found(ten(errors={error: 1}))


def test_what_never_started_although_something_was_free_limits() -> None:
    assert found([*ten()[:9], second(9, unstarted=1)]) == set()
    assert found([*ten()[:9], second(9, unstarted=200)]) == {"unstarted"}


def test_drops_of_ours_limit_unless_a_threshold_names_them() -> None:
    dropped = {"cap": 1, "deadline": 1, "ended": 500}
    # 700 a second of 2 ms each keep 1.4 busy. Two could carry that, but not its bursts.
    bursts: dict[str, Any] = {"rate": 700, "arrivals": "poisson", "max_vus": 2}
    assert found(ten(dropped={"cap": 0, "deadline": 0, "ended": 500}, offered=700), **bursts) == set()
    assert found(ten(dropped=dropped, offered=702), **bursts) == {"dropped"}
    assert found(ten(dropped=dropped, offered=702), "dropped < 50%", **bursts) == set()


def test_drops_that_a_slow_target_causes_are_not_ours() -> None:
    # At its best it takes 2 ms, and is slower nearly always. Ten would do, even for bursts.
    dropped = {"cap": 100, "deadline": 0, "ended": 0}
    slow = ten(dropped=dropped, offered=300, service_ns=400 * MS, response_ns=400 * MS, best=(2 * MS, 5))
    for arrivals in ("constant", "poisson"):
        assert found(slow, rate=300, arrivals=arrivals, max_vus=10) == set()
    assert "dropped" in found(slow, rate=300, arrivals="poisson", max_vus=2)
    # At a constant rate one is enough.
    assert found(slow, rate=300, arrivals="constant", max_vus=1) == set()


def test_drops_are_ours_where_the_highest_rate_of_a_ramp_needs_more_than_the_cap() -> None:
    dropped = {"cap": 20, "deadline": 0, "ended": 0}
    ramp = ({"duration_ns": 10 * NS_PER_S, "rate": {"count": 1_000, "per_ns": NS_PER_S}},)
    assert found(ten(dropped=dropped, offered=220), stages=ramp, max_vus=1) == {"dropped"}
    assert found(ten(dropped=dropped, offered=220), stages=ramp, max_vus=2) == set()


def test_a_cap_limits_only_where_even_the_best_second_could_not_have_kept_the_rate() -> None:
    # 200 a second of 20 ms each need four connections.
    assert "connections" in found(ten(service_ns=20 * MS, response_ns=300 * MS, wait_ns=280 * MS), max_vus=3)
    assert found(ten(service_ns=20 * MS, response_ns=300 * MS, wait_ns=280 * MS), max_vus=30) == set()


def test_a_target_that_is_overloaded_all_the_time_is_not_a_cap_of_ours() -> None:
    # It serves a request in 20 ms and 20 at once in 300: the median of every second is that of its own queue.
    crowd = {"service_ns": 300 * MS, "response_ns": 600 * MS, "wait_ns": 300 * MS}
    seconds = [second(number, ok=200, best=(20 * MS, 5), **crowd) for number in range(10)]
    assert found(seconds, max_vus=20) == set()
    assert "connections" in found(seconds, max_vus=4)


def test_an_iteration_needs_a_connection_for_all_of_its_steps() -> None:
    # 200 iterations a second of 20 ms and 30 ms: ten connections, of which a single step needs at most six.
    both = [
        replace(first, series=(*first.series, *then.series))
        for first, then in (
            (second(number, ok=200, service_ns=20 * MS), second(number, ok=200, service_ns=30 * MS, series=1))
            for number in range(10)
        )
    ]
    assert "connections" in found(both, max_vus=9)
    assert "connections" not in found(both, max_vus=11)


def test_a_stalled_or_overloaded_target_is_not_our_fault() -> None:
    stall = [
        second(number, ok=200, response_ns=900 * MS if number == 5 else 2 * MS, wait_ns=800 * MS if number == 5 else 0)
        for number in range(10)
    ]
    assert found(stall, max_vus=20) == set()
    overload = [
        second(number, ok=200, response_ns=number * 500 * MS + MS, wait_ns=number * 499 * MS) for number in range(10)
    ]
    assert found(overload, max_vus=20) == set()


def test_the_best_of_a_run_is_that_of_its_best_second() -> None:
    tally = RunTally(Timeline.of(plan()))
    for number in range(10):
        tally.add(second(number, service_ns=(10 - number) * MS))
    assert tally.end_ns == 10 * NS_PER_S
    assert tally.best_service.lowest_ns[0] == pytest.approx(MS, rel=0.001)


def test_the_best_of_a_long_stretch_is_its_minimum() -> None:
    tally = RunTally(Timeline.of(plan()))
    tally.add(second(0, ok=10_000, service_ns=300 * MS, best=(20 * MS, 2), length_ns=10 * NS_PER_S))
    assert tally.best_service.lowest_ns[0] == pytest.approx(20 * MS, rel=0.001)


@pytest.mark.parametrize(
    ("wait_ns", "service_ns", "limited"),
    [
        (900_000, 2 * MS, False),
        (1_100_000, 2 * MS, True),
        # 5 % of the headline.
        (1_100_000, 30 * MS, False),
        (1_600_000, 30 * MS, True),
    ],
)
def test_calls_of_python_that_found_all_processes_busy_are_ours(wait_ns: int, service_ns: int, limited: bool) -> None:  # noqa: FBT001
    planned = plan(
        also=[{"type": "python", "function": name, "arguments": [], "to": name} for name in ("quick", "sign", "never")]
    )
    tally = RunTally(Timeline.of(planned))
    for number in range(10):
        interval = second(number, ok=200, service_ns=service_ns, response_ns=service_ns)
        (scenario,) = interval.scenarios
        waited = replace(scenario, times={"python_wait": times(wait_ns, 200), "python_time": times(1_000, 200)})
        tally.add(replace(interval, scenarios=(waited,)))
    found = findings(planned, tally, HostWatch(QUIET, python_ns={"quick": 5 * MS, "sign": 9 * MS}), ())
    assert [finding.code for finding in found] == (["python"] if limited else [])
    assert all("`sign`" in finding.message and "`sign`" in finding.remedy for finding in found)
    of_an_installation = findings(planned, tally, HostWatch(QUIET), ())
    assert [finding.code for finding in of_an_installation] == [finding.code for finding in found]
    assert all("`" not in finding.message and "the functions" in finding.remedy for finding in of_an_installation)
