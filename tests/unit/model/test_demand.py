"""What a plan comes to at the most, held to a plain search through all its moments."""

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from apibench.model.demand import demand_of
from apibench.model.load import Rate
from apibench.model.plan import Plan
from apibench.model.rate_change import RateChange

S = 1_000_000_000
_STEP = {"type": "request", "host": "api"}
_RATES = st.builds(lambda count, per_s: {"count": count, "per_ns": per_s * S}, st.integers(0, 60), st.integers(1, 7))
_SPANS = st.integers(1, 9).map(lambda span: span * S)


def _ends(stages: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    lengths = _SPANS if not stages else st.none() | st.integers(1, 2 * sum(each["duration_ns"] for each in stages))
    return st.fixed_dictionaries({"duration_ns": lengths, "iterations": st.none() | st.integers(1, 9)})


_OPEN = st.lists(st.fixed_dictionaries({"duration_ns": _SPANS, "rate": _RATES}), max_size=3).flatmap(
    lambda stages: st.fixed_dictionaries(
        {
            "model": st.just("open"),
            # Something must arrive.
            "rate": _RATES.filter(lambda rate: rate["count"] > 0),
            "stages": st.just(stages),
            "ends": _ends(stages),
            "max_vus": st.integers(1, 50),
        }
    )
)
_CLOSED = st.lists(st.fixed_dictionaries({"duration_ns": _SPANS, "vus": st.integers(0, 9)}), max_size=3).flatmap(
    lambda stages: st.fixed_dictionaries(
        {
            "model": st.just("closed"),
            "vus": st.integers(1, 9),
            "stages": st.just(stages),
            "ends": _ends(stages),
        }
    )
)


@st.composite
def plans(draw: st.DrawFn, load: st.SearchStrategy[Any] = _OPEN | _CLOSED) -> Plan:
    """Some scenarios that begin at different times, behind a warm-up or not."""
    loads = draw(st.lists(load, min_size=1, max_size=4))
    scenarios = [
        {"name": f"s{number}", "start_ns": draw(st.integers(0, 5)) * S, "steps": [_STEP], "load": each}
        for number, each in enumerate(loads)
    ]
    warmup_ns = draw(st.sampled_from([0, 3 * S]))
    hosts = {"api": {"base_url": "http://127.0.0.1"}}
    return Plan.model_validate({"version": 1, "warmup_ns": warmup_ns, "hosts": hosts, "scenarios": scenarios})


def rate_at(plan: Plan, number: int, at: Fraction, rates: list[RateChange]) -> Fraction:
    """How many iterations a second of a scenario are due at a moment, as its words say."""
    scenario = plan.scenarios[number]
    load = scenario.load
    if load.model == "closed":
        return Fraction(0)
    begin = plan.warmup_ns + scenario.start_ns
    warms_up = scenario.start_ns == 0
    if at < (0 if warms_up else begin) or (load.ends.duration_ns is not None and at >= begin + load.ends.duration_ns):
        return Fraction(0)
    level = Fraction(load.rate.count, load.rate.per_ns) * S
    for stage in load.stages:
        target = Fraction(stage.rate.count, stage.rate.per_ns) * S
        if at < begin + stage.duration_ns:
            level += (target - level) * max(at - begin, Fraction(0)) / stage.duration_ns
            break
        begin, level = begin + stage.duration_ns, target
    for change in rates:
        if change.scenario == number and change.at_ns <= at:
            level = Fraction(change.rate.count, change.rate.per_ns) * S
    return level


def moments(plan: Plan, rates: list[RateChange], from_ns: int) -> set[Fraction]:
    """All at which a rate bends or jumps, and those just beside them."""
    found = {from_ns, *(each.at_ns for each in rates)}
    for scenario in plan.scenarios:
        at = plan.warmup_ns + scenario.start_ns
        found |= {at, at + (scenario.load.ends.duration_ns or 0)}
        for stage in scenario.load.stages:
            at += stage.duration_ns
            found.add(at)
    around = (Fraction(0), Fraction(-1, 10**6), Fraction(1, 10**6))
    return {moment for each in found for shift in around if (moment := each + shift) >= from_ns}


@given(plans(), st.data())
def test_the_peak_is_the_highest_rate_of_any_moment_and_is_reached(plan: Plan, data: st.DataObject) -> None:
    opens = [number for number, each in enumerate(plan.scenarios) if each.load.model == "open"]
    changes = st.builds(
        lambda scenario, at, rate: RateChange(scenario, at, Rate.model_validate(rate)),
        st.sampled_from(opens or [0]),
        st.integers(plan.warmup_ns, plan.warmup_ns + 20 * S),
        _RATES,
    )
    rates = sorted(data.draw(st.lists(changes, max_size=3 if opens else 0)), key=lambda each: each.at_ns)
    from_ns = data.draw(st.sampled_from([0, S, 7 * S, 40 * S]))
    found = demand_of(plan, rates, from_ns).rate_per_s
    highest = max(
        sum((rate_at(plan, number, at, rates) for number in range(len(plan.scenarios))), Fraction(0))
        for at in moments(plan, rates, from_ns)
    )
    # Beside a moment, by a millionth of a nanosecond, it is that much less at the most.
    assert highest <= found <= highest + Fraction(1, 1_000)


@given(plans())
def test_virtual_users_are_those_of_all_scenarios_at_their_highest(plan: Plan) -> None:
    highest = [
        each.load.max_vus
        if each.load.model == "open"
        else max([each.load.vus, *(stage.vus for stage in each.load.stages)])
        for each in plan.scenarios
    ]
    assert demand_of(plan).vus == sum(highest)


@given(plans())
def test_the_duration_reaches_from_the_barrier_to_the_last_planned_end(plan: Plan) -> None:
    ends = [each.load.ends.duration_ns for each in plan.scenarios]
    begins = [plan.warmup_ns + each.start_ns for each in plan.scenarios]
    lasts = max(begin + end for begin, end in zip(begins, ends, strict=True) if end is not None)
    assert demand_of(plan).duration_ns == lasts


def test_a_plan_of_a_number_of_iterations_has_no_duration(document: dict[str, Any]) -> None:
    document["scenarios"][0]["load"] = {"model": "closed", "vus": 3, "ends": {"iterations": 10}}
    assert demand_of(Plan.model_validate(document)).duration_ns is None


def test_two_ramps_that_cross_are_added_where_they_meet(document: dict[str, Any]) -> None:
    up, down = {"count": 100, "per_ns": S}, {"count": 1, "per_ns": S}
    loads = [
        {"model": "open", "rate": down, "stages": [{"duration_ns": 10 * S, "rate": up}]},
        {"model": "open", "rate": up, "stages": [{"duration_ns": 5 * S, "rate": down}]},
    ]
    document["scenarios"] = [{"name": f"s{n}", "steps": [_STEP], "load": load} for n, load in enumerate(loads)]
    # 1 and 100 at the start, 50.5 and 1 after 5 s, 100 and 0 at the end.
    assert demand_of(Plan.model_validate(document)).rate_per_s == 101
