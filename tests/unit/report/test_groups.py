"""Groups of steps in a document: they add up, stand on the last screen, and are read back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.report.runs import SECOND_NS, Run, interval, open_load, plan, scenario, series, times

from apibench.model.interval import GroupInterval
from apibench.model.plan import Plan
from apibench.report.data_table import NoSuchName
from apibench.report.equations import group_violations, violations
from apibench.report.notebook.result_html import result_html
from apibench.report.run_result import Result
from apibench.report.schema import result_schema
from apibench.report.schema_check import deviations
from apibench.report.summary import summary

MS = 1_000_000


def grouped() -> Plan:
    """Two scenarios, each with a group `pay`, the first with another around it."""
    document = plan([open_load(2, 2)] * 2, [["GET /a"], ["GET /b"]]).document()
    for place, (each, around) in enumerate(zip(document["scenarios"], (True, False), strict=True)):
        pay = {"type": "group", "name": "pay" if place else "checkout", "steps": each["steps"]}
        each["steps"] = [{"type": "group", "name": "all", "steps": [pay]}] if around else [pay]
    return Plan.model_validate(document)


def passes(number: int, phase: str = "main", **counts: Any) -> GroupInterval:
    words: dict[str, Any] = {
        "ok": 2,
        "failed": 0,
        "unfinished": 0,
        "times": {"time": times([7 * MS, 9 * MS])},
        **counts,
    }
    return GroupInterval(group=number, phase=phase, **words)  # type: ignore[arg-type]


def second(number: int, *groups: GroupInterval) -> Any:
    block = {name: times([MS, MS]) for name in ("response_time", "service_time")}
    done: dict[str, Any] = {"started": 2, "ok": 2}
    made = interval(
        number,
        1,
        [scenario(place, offered=2, times={"time": times([MS, MS])}, **done) for place in (0, 1)],
        [series(place, times=block, by_status={"200": 2}, **done) for place in (0, 1)],
    )
    return replace(made, groups=groups)


@pytest.fixture
def document() -> dict[str, Any]:
    cut = passes(1, ok=0, failed=1, unfinished=1, times={"time": times([], [SECOND_NS]), "pending": times([5])})
    return Run(grouped(), [second(0, passes(0), passes(1)), second(1, passes(0), cut, passes(2))]).document()


def test_each_group_has_its_counts_and_times_and_no_request_knows_of_it(document: dict[str, Any]) -> None:
    first, other = ({group["name"]: group for group in each["groups"]} for each in document["scenarios"])
    assert {name: (each["passes"], each["ok"]) for name, each in first.items()} == {"all": (4, 4), "checkout": (4, 2)}
    assert (first["checkout"]["failed"], first["checkout"]["unfinished"]) == (1, 1)
    assert (first["checkout"]["time"]["count"], first["checkout"]["time"]["censored"]) == (3, 1)
    assert first["all"]["ok_per_s"] == 2
    assert other["pay"]["passes"] == 2
    assert document["requests"]["started"] == 8
    rows = document["intervals"][1]["groups"]
    assert [(each["group"], each["scenario"], each["pending"]) for each in rows] == [
        ("all", 0, 0),
        ("checkout", 0, 1),
        ("pay", 1, 0),
    ]
    assert violations(document) == []
    assert list(deviations(document, result_schema())) == []


@pytest.mark.parametrize(
    ("name", "said"), [("passes", "passes"), ("ok", "that are no lower bounds"), ("failed", "failed of its intervals")]
)
def test_groups_that_do_not_add_up_are_told(document: dict[str, Any], name: str, said: str) -> None:
    document["scenarios"][0]["groups"][0][name] += 1
    assert any(said in each for each in group_violations(document))


def test_they_stand_on_the_last_screen_and_in_a_notebook(document: dict[str, Any]) -> None:
    shown = summary(document, width=100).plain
    (line,) = (line for line in shown.splitlines() if "scenario 0: checkout" in line)
    assert line.split()[3:6] == ["4", "50.00", "%"]
    assert "scenario 1: pay" in result_html(document, ())


def test_a_result_has_them_by_name(document: dict[str, Any]) -> None:
    result = Result(document)
    assert result.group("checkout").errors == 0.5
    assert result.group("all").p50 == pytest.approx(0.007, rel=0.01)
    assert result.group("all").rate == 2
    assert result.scenarios["scenario 1"].groups["pay"].passes == 2
    assert "4 passes" in repr(result.group("all"))
    with pytest.raises(NoSuchName, match="checkout"):
        result.group("chekout")


def test_a_document_of_a_release_without_groups_is_read(document: dict[str, Any]) -> None:
    old = json.loads(json.dumps(document))
    for each in (*old["scenarios"], *old["intervals"]):
        del each["groups"]
    assert violations(old) == []
    assert "Groups" not in summary(old).plain
    assert Result(old).scenarios["scenario 0"].groups == {}
