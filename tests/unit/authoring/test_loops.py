"""Loops of a scenario in Python: each item of an array, out of a loop, and out of the iteration."""

from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.any_plan import read_any_plan
from apibench.authoring.plan_file import parse_plan_document
from apibench.model.checks import checks_of
from apibench.model.errors import NotTraceable, PlanInvalid

HEAD = """\
from apibench import each, leave_loop, repeat, scenario, when

@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
def journey(u):
    page = u.get("/products")
"""


def planned(folder: Path, body: str) -> list[dict[str, Any]]:
    path = folder / "journey.py"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    found: list[dict[str, Any]] = read_any_plan(str(path)).document()["scenarios"][0]["steps"]
    return found


def test_each_item_is_a_late_value_of_its_own(tmp_path: Path) -> None:
    body = "for item in each(page.json['items']):\n    u.get(f\"/products/{item['id']}\")"
    _, _, array, length, number, loop = planned(tmp_path, body)
    assert (array["to"], number["to"], loop["type"]) == ("items_2", "number", "repeat")
    assert loop["times"] == {"type": "variable", "name": length["to"]}
    item, onward, request = loop["steps"]
    assert (item["to"], onward["to"], request["name"]) == ("item", "number", "GET /products/{id}")


def test_loops_within_loops_have_items_and_numbers_of_their_own(tmp_path: Path) -> None:
    body = (
        "for one in each(page.json['a']):\n"
        "    for other in each(one['b']):\n"
        "        u.get(f'/{one}/{other}')\n"
        "        with when(other == 7):\n"
        "            leave_loop()\n"
        "    with when(one == 7):\n"
        "        u.end()"
    )
    outer = planned(tmp_path, body)[-1]
    inner = next(step for step in outer["steps"] if step["type"] == "repeat")
    assert inner["steps"][-1]["steps"][0]["type"] == "leave"
    assert outer["steps"][-1]["steps"][0]["type"] == "end"
    assert inner["steps"][2]["name"] == "GET /{item}/{item_2}"


def test_the_check_of_a_loop_says_of_what_there_was_no_length(tmp_path: Path) -> None:
    body = "for item in each(page.json['offers']):\n    u.get('/')\nfor word in each(page.text + ' '):\n    u.get('/')"
    path = tmp_path / "journey.py"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    names = checks_of(read_any_plan(str(path)))[0]
    assert {"set length_of_offers", "set length_of_items"} <= set(names)


def test_out_of_no_loop_nobody_goes(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid) as caught:
        planned(tmp_path, "with when(page.status == 204):\n    leave_loop()")
    (fault,) = caught.value.faults
    assert (fault.code, fault.line) == ("leave.place", 7)


def test_a_loop_is_not_left_by_python(tmp_path: Path) -> None:
    with pytest.raises(NotTraceable) as caught:
        planned(tmp_path, "for item in each(page.json):\n    u.get('/')\n    break")
    assert caught.value.kind == "AB106"


def test_what_is_no_iteration_is_not_ended() -> None:
    request = {"type": "request", "path": "/"}
    plan = {
        "version": 1,
        "hosts": {"api": "http://localhost"},
        "scenarios": [
            {"name": "s", "on_start": [{"type": "end"}], "steps": [request], "load": {"vus": 1, "iterations": 1}}
        ],
    }
    with pytest.raises(PlanInvalid) as caught:
        parse_plan_document(plan)
    assert [fault.code for fault in caught.value.faults] == ["end.place"]
