"""What a plan does while the load runs, for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from apibench.model.figures import human_duration
from apibench.report.figure_text import plural

Document = Mapping[str, Any]


def inspection_lines(inspected: Document) -> Iterator[str]:
    """Set-up; of each scenario a sum, its load, its steps, its names in results; tear-down, feeders and thresholds."""
    hosts = inspected["hosts"]
    yield f"{inspected['plan']}: {', '.join(hosts.values())}"
    yield from _errand("set-up, once before the load", inspected["setup"])
    for scenario in inspected["scenarios"]:
        yield ""
        yield sum_of(scenario)
        starts = f", from {human_duration(scenario['starts_ns'])} on" if scenario["starts_ns"] else ""
        yield f"  {scenario['load']}{starts}"
        yield ""
        yield from _steps(scenario["steps"])
        yield ""
        yield f"  in results: {', '.join(scenario['names'])}"
    yield from _errand("tear-down, once behind the load", inspected["teardown"])
    for feeder in inspected["feeders"]:
        yield ""
        rows = "rows that can't be read here" if feeder["rows"] is None else plural(feeder["rows"], "row")
        yield f"feeder {feeder['name']}: {rows} of {feeder['from']}"
        yield f"  {feeder['format']}, {feeder['order']}; behind the last: {feeder['when_dry']}"
    if inspected["thresholds"]:
        yield ""
        yield "thresholds"
        yield from (f"  {each}" for each in inspected["thresholds"])


def _errand(title: str, errand: Document | None) -> Iterator[str]:
    if errand is None:
        return
    yield ""
    yield title
    yield ""
    yield from _steps(errand["steps"])
    if errand["hands_over"]:
        yield ""
        yield f"  hands over: {', '.join(f'{name} = {value}' for name, value in errand['hands_over'].items())}"


def sum_of(scenario: Document) -> str:
    """`shopper: 9 native steps, 1 Python call: Python is on the path`."""
    native, calls = plural(scenario["native_steps"], "native step"), scenario["python_calls"]
    if not scenario["functions"]:
        return f"{scenario['name']}: {native}, no Python call: no Python is on the path"
    said = [plural(calls, "Python call")] if calls else []
    said += ["a whole user in Python"] if scenario["python_users"] else []
    return f"{scenario['name']}: {native}, {', '.join(said)}: Python is on the path"


def _steps(steps: list[Document]) -> Iterator[str]:
    rows = [(_where(each), f"{'  ' * each['depth']}{each['type']:<8} {each['does']}", each) for each in steps]
    where = max((len(row[0]) for row in rows), default=0)
    does = min(max((len(row[1]) for row in rows), default=0), 60)
    for place, text, each in rows:
        by = "PYTHON" if each["by"] == "python" else "native"
        yield f"  {place:<{where}}  {_cut(text, does):<{does}}  {by}: {each['why']}"


def _where(step: Document) -> str:
    source = step["source"]
    return step["place"] if source is None else f"{source['file'].rpartition('/')[2]}:{source['line']}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
