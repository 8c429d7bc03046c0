"""The groups of a plan are those that the engine counts under, and of each it is clear what they are."""

from typing import Any

import pytest

from apibench.authoring.plan_file import parse_plan_document
from apibench.engine.rust import RustEngine
from apibench.model import validation
from apibench.model.group_faults import MAX_DEPTH
from apibench.model.groups import GroupName, groups_of

LOAD = {"model": "closed", "vus": 1, "ends": {"iterations": 1}}
ASK = {"type": "request", "host": "h", "path": "/"}


def group(name: str, *steps: Any) -> dict[str, Any]:
    return {"type": "group", "name": name, "steps": list(steps)}


def document(*scenarios: list[Any], **words: Any) -> dict[str, Any]:
    named = [{"name": f"s{number}", "load": LOAD, "steps": steps} for number, steps in enumerate(scenarios)]
    return {"version": 1, "hosts": {"h": {"base_url": "http://127.0.0.1"}}, "scenarios": named, **words}


def test_groups_are_numbered_as_the_engine_numbers_them() -> None:
    pick = {"type": "pick", "cases": [{"steps": [group("c", ASK)]}, {"steps": [ASK, group("a", ASK)]}]}
    when = {
        "type": "when",
        "condition": {"type": "constant", "value": True},
        "steps": [group("d", group("e", ASK))],
        "otherwise": [group("b", ASK)],
    }
    plan = parse_plan_document(document([group("a", ASK, group("b", ASK)), pick], [when, ASK, group("a", ASK)]))
    assert groups_of(plan) == RustEngine().prepare(plan).groups
    assert [(each.scenario, each.name) for each in groups_of(plan)] == [
        *((0, name) for name in "abc"),
        *((1, name) for name in "deba"),
    ]
    assert groups_of(plan)[0] == GroupName(0, "a")


def test_as_many_groups_as_the_engine_takes_may_stand_within_one_another() -> None:
    steps: Any = ASK
    for depth in range(MAX_DEPTH):
        steps = group(f"g{depth}", steps)
    RustEngine().prepare(parse_plan_document(document([steps])))
    (fault,) = validation.faults(document([group("one more", steps)]))
    assert fault.code == "group.depth"
    assert fault.place.startswith("scenarios[0].steps[0].steps[0]")


@pytest.mark.parametrize(
    ("scenario", "code", "place"),
    [
        ([ASK, group("GET /", ASK)], "group.name", "scenarios[0].steps[1].name"),
        ([group("g", {"type": "repeat", "times": {"type": "constant", "value": 2}, "steps": [group("g", ASK)]})],
         "group.within", "scenarios[0].steps[0].steps[0].steps[0].name"),
        ([group("g")], "range", "scenarios[0].steps[0].steps"),
        ([{"type": "group", "steps": [ASK]}], "missing", "scenarios[0].steps[0].name"),
    ],
)  # fmt: skip
def test_what_would_be_unclear_is_refused_at_its_place(scenario: list[Any], code: str, place: str) -> None:
    found = [fault for fault in validation.faults(document(scenario)) if fault.code != "scenario.silent"]
    assert [(fault.code, fault.place) for fault in found] == [(code, place)]


@pytest.mark.parametrize("metric", ["response.p99", "service.max", "response.mean"])
def test_a_threshold_on_a_group_is_of_its_one_time(metric: str) -> None:
    (fault,) = validation.faults(document([group("g", ASK)], thresholds=[f"{metric} of 'g' < 1s"]))
    assert fault.code == "threshold.group"
    assert fault.remedy == f"Write {metric.partition('.')[2]} of 'g'."
