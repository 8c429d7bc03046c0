"""What a run came to, in one word and one number."""

from collections.abc import Iterable

from apibench.aggregator.merging import RunTally
from apibench.aggregator.thresholds import Judge
from apibench.aggregator.verdict import verdict
from apibench.model.exit_codes import ExitCode
from apibench.model.interval import Interval
from apibench.model.run import Ended
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S
from apibench.model.verdict import Verdict

from .intervals import MS, SERIES, plan, second


def judged(seconds: Iterable[Interval], ended: Ended, *thresholds: str, warmup_ns: int = 0) -> Verdict:
    planned = plan(*thresholds, warmup_ns=warmup_ns)
    tally = RunTally(Timeline.of(planned))
    judge = Judge(planned, SERIES, tally)
    for interval in seconds:
        tally.add(interval)
        judge.add(interval)
    return verdict(tally, ended, judge.results(), ())


def test_a_run_that_a_threshold_ended_has_failed_by_that_name_though_all_is_well_in_the_end() -> None:
    seconds = [second(0, ok=10, response_ns=50 * MS), *(second(number, ok=10_000) for number in range(10, 12))]
    came_to = judged(seconds, "aborted", "p99 < 10ms abort")
    assert (came_to.status, came_to.exit_code) == ("failed", ExitCode.THRESHOLD_FAILED)
    assert came_to.reasons == ("p99 < 10ms abort: not held, and so it ended the run",)


def test_a_run_that_was_ended_early_has_not_passed_whatever_ended_it() -> None:
    came_to = judged([second(0)], "aborted")
    assert (came_to.status, came_to.exit_code) == ("failed", ExitCode.THRESHOLD_FAILED)


def test_an_interrupt_in_the_warm_up_does_not_say_that_nothing_was_sent() -> None:
    came_to = judged([second(0, ok=7, phase="warmup")], "interrupted", warmup_ns=5 * NS_PER_S)
    assert (came_to.status, came_to.exit_code) == ("failed", ExitCode.INTERRUPTED)
    assert not any("nothing was sent" in reason for reason in came_to.reasons)
    assert any("7 requests were sent" in reason for reason in came_to.reasons)


def test_a_load_of_which_much_was_dropped_has_not_passed_unless_that_is_judged() -> None:
    few, many = ({"cap": cap, "deadline": 1, "ended": 0} for cap in (0, 100))
    assert judged([second(0, ok=1_000, offered=1_001, dropped=few)], "complete").status == "passed"
    seconds = [second(0, ok=1_000, offered=1_101, dropped=many)]
    came_to = judged(seconds, "complete")
    assert (came_to.status, came_to.exit_code, came_to.generator) == ("failed", ExitCode.THRESHOLD_FAILED, "valid")
    assert came_to.reasons[0].startswith("101 of 1,101 due iterations (9.17 %) were never started")
    assert judged(seconds, "complete", "dropped < 10%").status == "passed"
    assert len(judged(seconds, "complete", "dropped < 1%").reasons) == 1


def test_a_run_without_one_request_says_so() -> None:
    came_to = judged([], "complete")
    assert (came_to.status, came_to.exit_code, came_to.reasons) == (
        "invalid",
        ExitCode.NOTHING_SENT,
        ("nothing was sent",),
    )
