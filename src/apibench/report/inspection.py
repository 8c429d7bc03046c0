"""
What a plan does while the load runs: of each step whether the engine does it or Python, and why; what is counted under
which name; what is done once, before the load and behind it; where rows come from; how much load there is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apibench.model.fault import Place, place_text
from apibench.model.nesting import inner_steps, steps_of
from apibench.report.figure_text import plural
from apibench.report.verdict_words import load_text

Document = dict[str, Any]
SCHEMA = "apibench.inspection/1"
LEFT_OPEN_NS = 35_999_999_000_000
"""Stands for the length of a load that is left to whoever runs it: ten hours less a moment, which nobody plans."""
WHY = {
    "request": "the engine writes and sends it",
    "extract": "the engine takes it out of the answer",
    "set": "the engine works it out",
    "check": "the engine works it out",
    "when": "the engine works its condition out",
    "repeat": "the engine counts",
    "group": "the engine counts and times it as a whole",
    "feed": "the engine hands rows out",
    "think": "the engine waits",
    "pace": "the engine waits",
    "pick": "the engine chooses",
    "leave": "the engine goes on elsewhere",
    "end": "the engine goes on elsewhere",
    "python": "u.py has the function called, by a process",
    "python_user": "a whole user in Python",
}
_PYTHON = ("python", "python_user")


def inspection(plan: Document, rows: Mapping[str, int | None]) -> Document:
    """
    What there is to say of a plan.

    Args:
        plan: its redacted document.
        rows: how many rows each of its feeders has; None where they can't be read here.
    """
    scenarios = [_scenario(at, each) for at, each in enumerate(plan["scenarios"])]
    return {
        "schema": SCHEMA,
        "plan": plan["name"],
        "python": any(each["functions"] for each in scenarios),
        "hosts": {name: host["base_url"] for name, host in plan["hosts"].items()},
        "setup": _errand(plan["setup"], "setup"),
        "scenarios": scenarios,
        "teardown": _errand(plan["teardown"], "teardown"),
        "feeders": [
            {
                "name": name,
                "from": "the plan itself" if feeder["path"] is None else feeder["path"],
                "format": feeder["format"],
                "order": feeder["order"],
                "when_dry": feeder["when_dry"],
                "rows": rows.get(name),
            }
            for name, feeder in plan["feeders"].items()
        ],
        "thresholds": list(plan["thresholds"]),
    }


def _errand(errand: Document | None, word: str) -> Document | None:
    if errand is None:
        return None
    values = {name: _value(value) for name, value in errand.get("values", {}).items()}
    return {"steps": list(_rows(errand["steps"], (word, "steps"), 0)), "hands_over": values}


def _scenario(number: int, scenario: Document) -> Document:
    steps = [row for word, each in steps_of(scenario) for row in _rows(each, ("scenarios", number, word), 0)]
    counts = {kind: sum(row["type"] == kind for row in steps) for kind in _PYTHON}
    return {
        "name": scenario["name"],
        "load": _load(scenario["load"]),
        "starts_ns": scenario["start_ns"],
        "native_steps": len(steps) - sum(counts.values()),
        "python_calls": counts["python"],
        "python_users": counts["python_user"],
        "functions": list(dict.fromkeys(row["name"] for row in steps if row["by"] == "python")),
        "names": list(dict.fromkeys(name for row in steps for name in row["counted"])),
        "steps": steps,
    }


def _load(load: Document) -> str:
    if load["ends"]["duration_ns"] != LEFT_OPEN_NS:
        return load_text(load)
    endless = load_text({**load, "ends": {**load["ends"], "duration_ns": None}}).rstrip()
    return f"{endless}, for as long as whoever runs it says"


def _rows(steps: Sequence[Document], place: Place, depth: int) -> Iterator[Document]:
    for number, step in enumerate(steps):
        here = (*place, number)
        source = step.get("source")
        yield {
            "place": place_text(here),
            "source": None if source is None else {"file": source["file"], "line": source["line"]},
            "depth": depth,
            "type": step["type"],
            "name": step.get("name") or step.get("function") or step.get("to") or step.get("feeder") or "",
            "does": _does(step),
            "counted": _counted(step),
            "by": "python" if step["type"] in _PYTHON else "native",
            "why": _why(step),
        }
        for inner, inner_list in inner_steps(step):
            yield from _rows(inner_list, (*here, *inner), depth + 1)


def _counted(step: Document) -> list[str]:
    """Under which names it has rows in results."""
    if step["type"] == "python_user":
        return [request["name"] for request in step["requests"]]
    return [step["name"]] if step["type"] in ("request", "group") else []


def _why(step: Document) -> str:
    why = WHY[step["type"]]
    if step["type"] == "python_user":
        return f"{why}: {step['function']}, {plural(len(step['requests']), 'request')}"
    return why


def _does(step: Document) -> str:
    match step["type"]:
        case "request" | "group":
            return str(step["name"])
        case "check":
            return f"{step['name']}: {_value(step['condition'])}"
        case "extract":
            return f"{step['to']} = {_extraction(step['of'])}"
        case "set":
            return f"{step['to']} = {_value(step['value'])}"
        case "python_user":
            # Beside what is handed over its name is given, which tells nothing.
            given = (each for each in step["arguments"] if each["type"] != "constant")
            return f"{step['function']}({', '.join(_value(each) for each in given)})"
        case "python":
            return f"{step['function']}({', '.join(_value(each) for each in step['arguments'])})"
        case "feed":
            return f"{step['to']} = a row of {step['feeder']}"
        case "when":
            return f"where {_value(step['condition'])}"
        case "repeat":
            return f"{_value(step['times'])} times"
        case "pick":
            return f"one of {len(step['cases'])}, by {step['by']}"
        case other:
            return str(other)


def _extraction(of: Document) -> str:
    match of["type"]:
        case "json":
            return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in of["path"])
        case "json_path":
            return str(of["path"])
        case "header" | "cookie":
            return f"{of['type']} {of['name']}"
        case "regex":
            return f"regex {of['pattern']}"
        case "css":
            return f"css {of['selector']}"
        case "boundary":
            return f"between {of['left']!r} and {of['right']!r}"
        case other:
            return str(other)


_SIGNS = {
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_or_equal": "<=",
    "greater": ">",
    "greater_or_equal": ">=",
    "and": "and",
    "or": "or",
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "remainder": "%",
}


def _value(expression: Document) -> str:
    """An expression as the words of plan files would have it."""
    match expression["type"]:
        case "constant":
            known = expression["value"]
            words = {True: "true", False: "false", None: "null"}
            return words[known] if known is None or isinstance(known, bool) else repr(known)
        case "variable":
            return str(expression["name"])
        case "shared":
            return f"shared.{expression['name']}"
        case _:
            pass
    function, arguments = expression["function"], [_value(each) for each in expression["arguments"]]
    if function in _SIGNS and len(arguments) == 2:
        return f"{arguments[0]} {_SIGNS[function]} {arguments[1]}"
    if function == "member":
        return f"{arguments[0]}[{arguments[1]}]"
    return f"{function}({', '.join(arguments)})"
