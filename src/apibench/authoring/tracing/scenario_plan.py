"""A plan of scenarios in Python, whatever file, module or notebook they stand in."""

from collections.abc import Sequence
from typing import Any

from apibench.authoring.tracing.lint import lint
from apibench.authoring.tracing.loads import NO_ENDS, Ends, read_load
from apibench.authoring.tracing.scenario import Scenario
from apibench.authoring.tracing.trouble import not_traceable
from apibench.model.errors import PlanInvalid, UnitInvalid
from apibench.model.fault import Fault
from apibench.model.plan import Plan
from apibench.model.validation import parse_plan


def scenario_plan(name: str, scenarios: Sequence[Scenario], ends: Ends = NO_ENDS) -> Plan:
    """
    Look at the scenarios' text, run their functions twice each, and make one plan of them.

    `ends`: of loads that say none themselves.

    Raises NotTraceable with the place, PlanInvalid with all faults, each at the line of its step.
    """
    for each in scenarios:
        for function in (*each.starting, each.function, *each.stopping):
            lint(function)
    hosts: dict[str, str] = {}
    feeders: dict[str, dict[str, Any]] = {}
    documents: list[dict[str, Any]] = []
    thresholds: list[str] = []
    for each in scenarios:
        host = hosts.setdefault(each.base_url, "target" if not hosts else f"target_{len(hosts) + 1}")
        try:
            load = read_load(each.load, each.duration, each.iterations, ends)
        except UnitInvalid as error:
            raise not_traceable("AB140", each.spot, error.message, error.hint) from error
        thresholds += each.thresholds
        documents.append(
            {
                "name": each.name,
                "defaults": {"on_fail": each.on_fail, "cookies": each.cookies},
                **each.steps(host, feeders),
                "load": load,
            }
        )
    plan = {
        "version": 1,
        "name": name,
        "hosts": {host: {"base_url": url} for url, host in hosts.items()},
        "feeders": feeders,
        "scenarios": documents,
        "thresholds": list(dict.fromkeys(thresholds)),
    }
    try:
        return parse_plan(plan)
    except PlanInvalid as error:
        raise PlanInvalid([_at_its_line(fault, plan, scenarios) for fault in error.faults]) from error


def _at_its_line(fault: Fault, plan: dict[str, Any], scenarios: Sequence[Scenario]) -> Fault:
    """A fault of the plan, at the line of the step or scenario in which it is."""
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
    return fault.at(*spot)


def _inside(value: Any, word: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(word)
    return value[word] if isinstance(value, list) and isinstance(word, int) and word < len(value) else None
