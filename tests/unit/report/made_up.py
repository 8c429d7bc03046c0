"""
Runs made of requests of which everything is known: what the document must say can be counted from them directly.

One request an iteration. Each of them is due in some second, lasts some seconds and ends in some way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from tests.unit.report.runs import SECOND_NS, Run, interval, open_load, plan, scenario, series, times

from apibench.model.interval import Interval, ScenarioInterval, SeriesInterval
from apibench.model.slow_request import SlowRequest, slowest

WARMUP_S, PLANNED_S, DRAIN_S = 1, 3, 2
SECONDS = WARMUP_S + PLANNED_S + DRAIN_S
STEPS = (("GET /a", "GET /b"), ("GET /c",))
SCENARIO_OF = (0, 0, 1)
CENSORED = ("timeout", "unfinished", "dropped")


@dataclass(frozen=True)
class Request:
    """One request of a run that never was."""

    step: int
    due_s: int
    lasts_s: int
    outcome: str
    """`ok`, `refused`, `timeout`, `unfinished`, `dropped`."""
    response_ns: int
    service_ns: int

    @property
    def phase(self) -> str:
        return "warmup" if self.due_s < WARMUP_S else "main"

    @property
    def ended_s(self) -> int:
        if self.outcome in ("unfinished", "dropped"):
            return SECONDS - 1
        return min(self.due_s + self.lasts_s, SECONDS - 1)

    @property
    def started(self) -> bool:
        return self.outcome != "dropped"

    @property
    def counts_as_slow(self) -> bool:
        return self.phase == "main" and self.outcome in ("ok", "timeout", "unfinished")

    @property
    def failed(self) -> bool:
        return self.outcome in ("refused", "timeout")


requests = st.lists(
    st.builds(
        Request,
        step=st.integers(0, 2),
        due_s=st.integers(0, WARMUP_S + PLANNED_S - 1),
        lasts_s=st.integers(0, 3),
        outcome=st.sampled_from(("ok", "ok", "refused", "timeout", "unfinished", "dropped")),
        response_ns=st.integers(1, 3_000 * SECOND_NS),
        service_ns=st.integers(1, 3_000 * SECOND_NS),
    ),
    max_size=40,
)


def run_of(made: Sequence[Request]) -> Run:
    """The run that these requests make."""
    measured = [SCENARIO_OF[each.step] for each in made if each.phase == "main"]
    loads = [_load(measured.count(number)) for number in (0, 1)]
    return Run(plan(loads, STEPS, warmup_ns=WARMUP_S * SECOND_NS), [_second(number, made) for number in range(SECONDS)])


def _load(due: int) -> dict[str, Any]:
    """An open load that owes so many iterations: one a month is none in these seconds."""
    load = open_load(1, PLANNED_S)
    load["rate"] = {"count": due or 1, "per_ns": PLANNED_S * SECOND_NS if due else 30 * 86_400 * SECOND_NS}
    return load


def _second(second: int, made: Sequence[Request]) -> Interval:
    scenarios, steps = [], []
    for phase in ("warmup", "main"):
        mine = [each for each in made if each.phase == phase]
        scenarios += [
            _scenario(number, phase, second, [each for each in mine if SCENARIO_OF[each.step] == number])
            for number in (0, 1)
        ]
        steps += [_step(number, phase, second, [each for each in mine if each.step == number]) for number in (0, 1, 2)]
    slow = slowest(_slow(each) for each in made if each.ended_s == second and each.counts_as_slow)
    counted = interval(second, 1, scenarios, steps, cpu_ns=1_000, connections_opened=1, longest_gap_ns=second)
    return replace(counted, slowest=slow)


def _slow(made: Request) -> SlowRequest:
    return SlowRequest(
        series=made.step,
        at_ns=made.ended_s * SECOND_NS,
        response_ns=made.response_ns,
        status=200 if made.outcome == "ok" else None,
        error="timeout" if made.outcome == "timeout" else None,
        unfinished=made.outcome == "unfinished",
        address="192.0.2.7:8080",
        times={"schedule_lag": 1, "service_time": made.service_ns},
    )


def _scenario(number: int, phase: str, second: int, made: Sequence[Request]) -> ScenarioInterval:
    due = [each for each in made if each.due_s == second]
    ended = [each for each in made if each.ended_s == second]
    return scenario(
        number,
        phase,
        offered=len(due),
        started=sum(each.started for each in due),
        ok=_count(ended, lambda each: each.outcome == "ok"),
        failed=_count(ended, lambda each: each.failed),
        unfinished=_count(ended, lambda each: each.outcome == "unfinished"),
        dropped={"ended": _count(ended, lambda each: each.outcome == "dropped")},
        waiting=_count(made, lambda each: not each.started and each.due_s <= second < each.ended_s),
        times={"time": times([each.response_ns for each in ended if each.outcome == "ok"])},
    )


def _step(number: int, phase: str, second: int, made: Sequence[Request]) -> SeriesInterval:
    started = [each for each in made if each.started]
    ended = [each for each in made if each.ended_s == second]
    answered = _count(ended, lambda each: each.outcome == "ok")
    by_error = {
        name: _count(ended, lambda each, outcome=outcome: each.outcome == outcome)
        for name, outcome in (("timeout", "timeout"), ("tcp.refused", "refused"))
    }
    return series(
        number,
        phase,
        started=_count(started, lambda each: each.due_s == second),
        ok=answered,
        failed=_count(ended, lambda each: each.failed),
        unfinished=_count(ended, lambda each: each.outcome == "unfinished"),
        in_flight=_count(started, lambda each: each.due_s <= second < each.ended_s),
        by_status={"200": answered} if answered else {},
        by_error={name: count for name, count in by_error.items() if count},
        sent_bytes=100 * _count(started, lambda each: each.due_s == second),
        received_bytes=1_000 * answered,
        times={
            "response_time": times(
                [each.response_ns for each in ended if each.outcome == "ok"],
                [each.response_ns for each in ended if each.outcome in CENSORED],
            ),
            "service_time": times(
                [each.service_ns for each in ended if each.outcome == "ok"],
                [each.service_ns for each in ended if each.outcome in ("timeout", "unfinished")],
            ),
            "failed_time": times([each.service_ns for each in ended if each.outcome == "refused"]),
        },
    )


def _count(made: Sequence[Request], holds: Callable[..., Any]) -> int:
    return sum(bool(holds(each)) for each in made)
