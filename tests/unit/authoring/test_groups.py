"""Groups of steps in a scenario of Python: what is in them, what of it lasts, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.any_plan import read_any_plan
from apibench.model.errors import NotTraceable, PlanInvalid

HEAD = """\
from apibench import group, leave_loop, pick, repeat, scenario, when

@scenario(base_url="http://127.0.0.1:1", iterations=1, thresholds={thresholds})
def shopper(u):
"""


def planned(folder: Path, body: str, thresholds: list[str] | None = None) -> Any:
    path = folder / "shopper.py"
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    path.write_text(HEAD.format(thresholds=thresholds or []) + lines)
    return read_any_plan(str(path)).document()["scenarios"][0]["steps"]


def test_a_group_holds_the_steps_that_are_said_in_it(tmp_path: Path) -> None:
    before, checkout, behind = planned(
        tmp_path,
        """
u.get("/")
with group("checkout"):
    order = u.post("/orders")
    with group("payment"):
        u.post(f"/orders/{order.json['id']}/pay")
u.get("/bye")
""",
    )
    assert (before["name"], behind["name"]) == ("GET /", "GET /bye")
    assert (checkout["type"], checkout["name"]) == ("group", "checkout")
    order, taken, payment = checkout["steps"]
    assert (order["name"], taken["to"], payment["name"]) == ("POST /orders", "id", "payment")
    assert payment["steps"][0]["name"] == "POST /orders/{id}/pay"
    assert checkout["source"]["line"] == 6


def test_what_is_said_in_a_group_holds_behind_it(tmp_path: Path) -> None:
    _, page = planned(
        tmp_path,
        """
with group("log in"):
    login = u.post("/login")
    u.headers["Authorization"] = f"Bearer {login.json['token']}"
    page = login.json["page"]
u.get(f"/{page}")
""",
    )
    assert [name for name, _ in page["headers"]] == ["Authorization"]
    assert page["name"] == "GET /{page}"


def test_a_function_may_return_out_of_a_group(tmp_path: Path) -> None:
    (only,) = planned(tmp_path, 'with group("g"):\n    u.get("/")\n    return\n')
    assert [each["name"] for each in only["steps"]] == ["GET /"]


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ('with group("g"):\n    pass\nu.get("/")', "AB140", "no step stands in a group"),
        ('r = u.get("/")\nwith group(r.json["name"]):\n    u.get("/")', "AB140", "the name of a group is text"),
        ('with group(7):\n    u.get("/")', "AB140", "the name of a group is text"),
        (
            'for _ in repeat(2):\n    with group("g"):\n        u.get("/")\n        break',
            "AB106",
            "a block was left before its end",
        ),
        ('r = u.get("/")\nwith group("g"):\n    if r.status == 200:\n        u.get("/")', "AB101", "branch"),
    ],
)
def test_what_cannot_be_is_refused(body: str, code: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotTraceable) as caught:
        planned(tmp_path, body)
    assert caught.value.kind == code
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("body", "thresholds", "code"),
    [
        ('with group("GET /"):\n    u.get("/")', [], "group.name"),
        ('with group("g"):\n    with group("g"):\n        u.get("/")', [], "group.within"),
        ('with group(""):\n    u.get("/")', [], "range"),
        ('with group("g"):\n    u.get("/")', ["p95 of 'h' < 1s"], "threshold.step"),
        ('with group("g"):\n    u.get("/")', ["service.p95 of 'g' < 1s"], "threshold.group"),
    ],
)
def test_a_group_whose_figures_would_be_unclear_is_refused(
    body: str, thresholds: list[str], code: str, tmp_path: Path
) -> None:
    with pytest.raises(PlanInvalid) as caught:
        planned(tmp_path, body, thresholds)
    assert [fault.code for fault in caught.value.faults] == [code]
    assert caught.value.faults[0].line is not None


def test_thresholds_name_groups_as_they_do_steps(tmp_path: Path) -> None:
    thresholds = ["p95 of 'g' < 1s", "errors of 'g' < 1% for 10s abort", "rate of 'g' > 1/s"]
    assert planned(tmp_path, 'with group("g"):\n    u.get("/")', thresholds)
