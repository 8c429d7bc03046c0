"""Steps that call Python: found wherever they stand, refused by name, and silent about secrets."""

from typing import Any

import pytest

from apibench.model.checks import checks_of
from apibench.model.disclosure import disclosed
from apibench.model.errors import PlanInvalid
from apibench.model.plan import Plan
from apibench.model.python_steps import python_steps, refuse_python
from apibench.model.validation import parse_plan


def constant(value: Any) -> dict[str, Any]:
    return {"type": "constant", "value": value}


def python(function: str, to: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "python", "function": function, "arguments": list(arguments), "to": to}


def plan(*steps: dict[str, Any]) -> Plan:
    request = {"type": "request", "host": "h", "path": "/a"}
    load = {"model": "closed", "vus": 1, "ends": {"iterations": 1}}
    return parse_plan(
        {
            "version": 1,
            "hosts": {"h": {"base_url": "http://127.0.0.1:1"}},
            "scenarios": [{"name": "s", "steps": [request, *steps], "load": load}],
        }
    )


YES: Any = True
NESTED = (
    {"type": "when", "condition": constant(YES), "steps": [python("a", "a")], "otherwise": [python("b", "b")]},
    {"type": "repeat", "times": constant(2), "steps": [python("c", "c")]},
    {"type": "pick", "cases": [{"weight": 1, "steps": [python("d", "d")]}]},
    python("a", "e"),
)


def test_they_are_found_in_every_block_each_with_its_place() -> None:
    places = ["1.steps.0", "1.otherwise.0", "2.steps.0", "3.cases.0.steps.0", "4"]
    found = [(".".join(map(str, place[3:])), step.function) for place, step in python_steps(plan(*NESTED))]
    assert found == list(zip(places, "abcda", strict=True))


def test_a_plan_that_may_have_none_is_refused_with_all_of_them() -> None:
    with pytest.raises(PlanInvalid) as caught:
        refuse_python(plan(*NESTED), "may not be", "Leave it out.")
    assert [fault.message for fault in caught.value.faults] == [f"`{name}` may not be" for name in "abcda"]
    refuse_python(plan(), "may not be", "Leave it out.")


def test_each_function_has_a_check() -> None:
    assert [name for name in checks_of(plan(*NESTED))[0] if name.startswith("python")] == [
        "python a",
        "python b",
        "python c",
        "python d",
    ]


def test_a_threshold_may_be_of_its_check() -> None:
    document = {**plan(python("sign", "x")).document(), "thresholds": ["checks of 'python sign' > 99%"]}
    assert parse_plan(document).thresholds
    with pytest.raises(PlanInvalid):
        parse_plan({**document, "thresholds": ["checks of 'python sing' > 99%"]})


def test_a_secret_may_be_given_whole_and_is_filled_in_only_for_the_engine() -> None:
    given = plan(python("sign", "x", constant("${secret:KEY}")))
    assert "hunter2" not in str(given.document())
    assert disclosed(given, {"KEY": "hunter2"}.get)["scenarios"][0]["steps"][1]["arguments"] == [constant("hunter2")]
    with pytest.raises(PlanInvalid):
        plan(python("sign", "x", constant("a ${secret:KEY}")))


def test_what_a_secret_is_made_of_is_not_shown() -> None:
    token = plan(python("make", "token", constant("hunter2"), constant("ann")))
    assert "hunter2" not in str(token.redacted())
    sent = {
        "type": "request",
        "host": "h",
        "path": "/b",
        "headers": [["Authorization", {"type": "variable", "name": "made"}]],
    }
    assert "hunter2" not in str(plan(python("make", "made", constant("hunter2")), sent).redacted())
    shown = plan(python("make", "made", constant("hunter2")))
    assert "hunter2" in str(shown.redacted())
