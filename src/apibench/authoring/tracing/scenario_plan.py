"""A plan of scenarios in Python, whatever file, module or notebook they stand in."""

from collections.abc import Callable, Sequence
from typing import Any

from apibench.authoring.file_names import as_seen
from apibench.authoring.tracing.any_scenario import AnyScenario
from apibench.authoring.tracing.errands import Hosted, Kind, traced_setup, traced_teardown
from apibench.authoring.tracing.lint import lint
from apibench.authoring.tracing.loads import NO_ENDS, Ends, read_duration, read_load
from apibench.authoring.tracing.trace import without_source
from apibench.authoring.tracing.trouble import not_traceable
from apibench.model.callee import Callee
from apibench.model.errors import PlanInvalid, UnitInvalid
from apibench.model.fault import Fault
from apibench.model.plan import Plan
from apibench.model.validation import parse_plan


def scenario_plan(
    name: str, scenarios: Sequence[AnyScenario], ends: Ends = NO_ENDS, callees: dict[str, Callee] | None = None
) -> Plan:
    """
    Look at the scenarios' text, run the functions twice each that are traced, and make one plan of them.

    Args:
        name: of the plan.
        scenarios: in their order.
        ends: of loads that say none themselves.
        callees: takes the functions that they have called while the load runs, by their names in the plan.

    Raises NotTraceable with the place, PlanInvalid with all faults, each at the line of its step.
    """
    for each in scenarios:
        for function in each.traced:
            lint(function)
    hosts: dict[str, str] = {}
    feeders: dict[str, dict[str, Any]] = {}
    called = {} if callees is None else callees
    documents: list[dict[str, Any]] = []
    thresholds: list[str] = []
    for each in scenarios:
        hosts.setdefault(each.base_url, "target" if not hosts else f"target_{len(hosts) + 1}")
    setup = traced_setup(_hosted(scenarios, hosts, lambda each: each.errands.setup))
    shared = tuple(setup["values"]) if setup is not None else ()
    for each in scenarios:
        try:
            load = read_load(each.load, each.duration, each.iterations, ends)
        except UnitInvalid as error:
            raise not_traceable("AB140", each.spot, error.message, error.hint) from error
        thresholds += each.thresholds
        start_ns = _start_ns(each, scenarios, documents)
        documents.append(
            {
                "name": each.name,
                "start_ns": start_ns,
                "defaults": each.defaults,
                **each.steps(hosts[each.base_url], feeders, called, shared),
                "load": load,
            }
        )
    plan = {
        "version": 1,
        "name": name,
        "hosts": {host: {"base_url": url} for url, host in hosts.items()},
        "feeders": {name: without_source(feeder) for name, feeder in feeders.items()},
        "setup": setup,
        "teardown": traced_teardown(_hosted(scenarios, hosts, lambda each: each.errands.teardown), shared),
        "scenarios": documents,
        "thresholds": list(dict.fromkeys(thresholds)),
    }
    try:
        return parse_plan(plan)
    except PlanInvalid as error:
        written = plan | {"feeders": feeders}
        raise PlanInvalid([_at_its_line(fault, written, scenarios) for fault in error.faults]) from error


def _hosted(
    scenarios: Sequence[AnyScenario], hosts: dict[str, str], kind: Callable[[AnyScenario], Kind]
) -> list[Hosted]:
    """The errands of a kind, of all scenarios, each with its host."""
    return [(hosts[each.base_url], errand) for each in scenarios for errand in kind(each).errands]


def _start_ns(each: AnyScenario, scenarios: Sequence[AnyScenario], before: Sequence[dict[str, Any]]) -> int:
    """When a scenario begins. `before`: the documents of those that stand before it."""
    try:
        start_ns = read_duration(each.start)
    except UnitInvalid as error:
        raise not_traceable("AB140", each.spot, error.message, error.hint) from error
    if each.after is None:
        return start_ns
    known = next((place for place, other in enumerate(scenarios) if other is each.after), None)
    if known is None or known >= len(before):
        message = "`after` names no scenario of this run that stands before it"
        raise not_traceable("AB140", each.spot, message, "Write it below the scenario that it follows.")
    other = before[known]
    load = other["load"]
    length_ns = load["ends"].get("duration_ns") or sum(stage["duration_ns"] for stage in load.get("stages", ()))
    if not length_ns:
        message = f"nobody knows beforehand when '{each.after.name}' ends"
        raise not_traceable("AB140", each.spot, message, 'Give that one a duration, or this one start="30s".')
    return int(other["start_ns"]) + int(length_ns) + start_ns


def _at_its_line(fault: Fault, plan: dict[str, Any], scenarios: Sequence[AnyScenario]) -> Fault:
    """A fault of the plan, at the line of the step, the feeder or the scenario in which it is."""
    spot: tuple[str, int, int] | None = None
    value: Any = plan
    for depth, word in enumerate(fault.path):
        value = _inside(value, word)
        if depth == 1 and fault.path[0] == "scenarios" and isinstance(word, int):
            written = scenarios[word].spot
            spot = written.file, written.line, written.column
        if isinstance(value, dict) and isinstance(value.get("source"), dict):
            source = value["source"]
            spot = source["file"], source["line"], source["column"]
    if spot is None:
        spot = scenarios[0].spot.file, scenarios[0].spot.line, scenarios[0].spot.column
    file, line, column = spot
    return fault.at(as_seen(file), line, column)


def _inside(value: Any, word: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(word)
    return value[word] if isinstance(value, list) and isinstance(word, int) and word < len(value) else None
