"""An engine that is asked to tells what an iteration does, in the order in which it does it, and what stops it."""

from typing import Any

from apibench.authoring.plan_file import parse_plan_document
from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions

PATIENCE_MS = 1_000


def told(steps: list[dict[str, Any]]) -> list[str]:
    """Of one iteration that goes on behind what fails, without what goes over the wire."""
    scenario = {"name": "a", "defaults": {"on_fail": "continue"}, "load": {"users": 1, "iterations": 1}, "steps": steps}
    with EchoServer() as server:
        plan = {"version": 1, "hosts": {"echo": {"url": server.address}}, "scenarios": [scenario]}
        plan["feeders"] = {"users": {"text": "name\nann", "when_dry": "fail"}}
        load = RustEngine().prepare(parse_plan_document(plan)).start(EngineOptions(threads=1, tells="everything"))
        while not load.ended:
            load.next_counts(PATIENCE_MS)
        found = load.told()
    return [_short(each) for each in found if each["what"] not in ("request", "response")]


def _short(each: dict[str, Any]) -> str:
    word = {"value": "value", "check": "passed", "way": "number", "times": "count", "end": "ok"}[each["what"]]
    return f"{each['step'].removeprefix('scenarios[0].')}: {each['what']} {each.get('name', '')} {each[word]}"


REQUEST = {"type": "request", "path": "/health"}
NONE = {"type": "set", "to": "none", "value": "null"}


def test_what_has_no_value_is_told_by_its_check() -> None:
    steps: list[dict[str, Any]] = [
        NONE,
        {"type": "request", "path": "/${none}"},
        {"type": "when", "condition": "none > 3", "steps": [REQUEST]},
        {"type": "repeat", "times": "none", "steps": [REQUEST]},
        {"type": "set", "to": "more", "value": "none + 1"},
    ]
    assert told(steps) == [
        "steps[0]: value none null",
        "steps[1]: check values of GET /{none} False",
        "steps[2]: way  1",
        "steps[2]: check scenarios[0].steps[2].condition False",
        "steps[3]: times  0",
        "steps[3]: check scenarios[0].steps[3].times False",
        "steps[4]: value more None",
        "steps[4]: check set more False",
        "scenarios[0]: end  False",
    ]


def test_a_row_that_is_not_there_is_told_before_what_it_leads_to() -> None:
    feed = {"type": "feed", "feeder": "users"}
    assert told([REQUEST, feed, feed])[:3] == [
        'steps[1]: value users {"name":"ann"}',
        "steps[2]: value users None",
        "steps[2]: check feed users False",
    ]


def test_a_condition_that_holds_is_told_to_hold_also_where_nothing_follows() -> None:
    when = {"type": "when", "condition": "1 < 2", "steps": []}
    assert told([REQUEST, when, when | {"condition": "2 < 1"}])[:2] == ["steps[1]: way  0", "steps[2]: way  1"]
