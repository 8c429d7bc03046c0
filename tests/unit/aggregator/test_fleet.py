"""Which worker of a fleet is named, and for what."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from apibench.aggregator.fleet import WorkerWatch, fleet_findings
from apibench.aggregator.merging import RunTally
from apibench.model.host_sample import HostTotals
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S
from apibench.model.verdict import GeneratorFinding

from .intervals import MS, plan, second

TEN_S = 10 * NS_PER_S


def found(workers: Sequence[WorkerWatch]) -> tuple[GeneratorFinding, ...]:
    planned = plan()
    tally = RunTally(Timeline.of(planned))
    for number in range(10):
        tally.add(second(number, ok=200))
    return fleet_findings(planned, tally, workers, ())


def healthy(name: str, *, threads: int = 1, clock_error_ns: int = 75 * MS) -> WorkerWatch:
    host = HostTotals(steal_ns=200 * MS * threads, waited_ns=300 * MS * threads, threads=threads)
    return WorkerWatch(name, host, 10, TEN_S * threads, clock_error_ns)


def test_a_healthy_fleet_has_no_findings() -> None:
    assert found([]) == ()
    assert found([healthy("eu-1"), healthy("us-1", threads=8)]) == ()


def robbed_by(steal_ms: int, whole_ns: int = TEN_S, name: str = "eu-2", *, threads: int = 1) -> WorkerWatch:
    return WorkerWatch(name, HostTotals(steal_ns=steal_ms * MS, threads=threads), 10, whole_ns)


def test_one_worker_that_is_robbed_limits_all_and_is_named() -> None:
    # The large one loses more, and less of what it has.
    (finding,) = found([healthy("us-1", threads=8), robbed_by(600), healthy("eu-1")])
    assert finding.code == "stolen"
    assert "the processor time of the threads of worker eu-2 to other machines, 6.00 % of the run" in finding.message


@pytest.mark.parametrize(("steal_ms", "limited"), [(500, False), (501, True)])
def test_steal_of_a_worker_counts_beyond_a_share_of_its_threads_time(steal_ms: int, *, limited: bool) -> None:
    assert [finding.code for finding in found([robbed_by(steal_ms)])] == (["stolen"] if limited else [])


def test_a_larger_share_of_next_to_nothing_hides_nobody() -> None:
    short = robbed_by(90, NS_PER_S, "lost-1")
    (finding,) = found([short, robbed_by(700), healthy("us-1")])
    assert "worker eu-2" in finding.message
    waited = HostTotals(waited_ns=90 * MS, threads=1)
    starved = HostTotals(waited_ns=1_600 * MS, threads=1)
    (finding,) = found([WorkerWatch("lost-1", waited, 1, 200 * MS), WorkerWatch("eu-2", starved, 10, TEN_S)])
    assert (finding.code, "worker eu-2" in finding.message) == ("neighbour", True)


def test_steal_of_a_release_that_tells_no_threads_is_of_all_its_machine_and_judges_nothing() -> None:
    assert found([robbed_by(9_000, threads=0), healthy("us-1")]) == ()


@pytest.mark.parametrize(("error_ms", "limited"), [(500, False), (501, True)])
def test_a_clock_that_is_not_known_to_half_a_window_limits(error_ms: int, *, limited: bool) -> None:
    far = healthy("ap-1", clock_error_ns=error_ms * MS)
    codes = [finding.code for finding in found([healthy("eu-1"), far])]
    assert codes == (["clock"] if limited else [])
    assert found([far]) == (), "one alone has nobody to differ from"
    assert found([far, replace(far, clock_error_ns=0)]) == (), "nor has one that came back"
    assert found([healthy("eu-1"), replace(far, seconds=0)]) == (), "no second of it is in any sum"


def test_a_clock_is_told_by_its_worker_and_its_error() -> None:
    (finding,) = found([healthy("eu-1"), healthy("ap-1", clock_error_ns=900 * MS)])
    assert "the clock of worker ap-1 is known to within 900 ms" in finding.message
