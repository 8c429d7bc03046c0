"""Files of data in a scenario of Python: what they become in a plan, and what is refused of them."""

from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.any_plan import read_any_plan
from apibench.model.errors import NotTraceable, PlanInvalid
from apibench.model.plan import Plan

HEAD = "from apibench import csv, jsonl, repeat, scenario\n"
SCENARIO = '@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)\n'


def planned(folder: Path, text: str) -> Plan:
    (folder / "users.csv").write_text("user,pass word\nann,p\n")
    (folder / "items.jsonl").write_text('{"id": 1, "at": {"city": "Bern"}}\n')
    path = folder / "shop.py"
    path.write_text(HEAD + text)
    return read_any_plan(str(path))


def steps(plan: Plan, scenario: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plan.document()["scenarios"][scenario]["steps"]
    return found


def test_a_row_is_taken_where_it_is_asked_for_and_its_columns_are_late(tmp_path: Path) -> None:
    body = """
users = csv("users.csv", order="unique", when_dry="stop")
items = jsonl("items.jsonl")
{scenario}def shop(u):
    me = users.next()
    for _ in repeat(2):
        item = items.next()
        u.post(f"/{{me.user}}/{{item.at['city']}}", json={{"password": me["pass word"], "id": item.id}})
    u.get(f"/{{users.next().user}}")
"""
    plan = planned(tmp_path, body.format(scenario=SCENARIO))
    assert {name: (each.order, each.when_dry, each.format) for name, each in plan.feeders.items()} == {
        "users": ("unique", "stop", "csv"),
        "items": ("sequential", "recycle", "jsonl"),
    }
    first, loop, second, last = steps(plan)
    assert (first["feeder"], first["to"], second["feeder"], second["to"]) == ("users", "users", "users", "users_2")
    assert loop["steps"][0]["to"] == "items"
    assert (loop["steps"][1]["name"], last["name"]) == ("POST /{user}/{city}", "GET /{user}")


def test_scenarios_share_a_file_that_they_take_from_in_one_way_and_no_other(tmp_path: Path) -> None:
    body = f"""
users = csv("users.csv")
{SCENARIO}def one(u):
    u.get(f"/{{users.next().user}}")
{SCENARIO}def other(u):
    u.get(f"/{{users.next().user}}")
    u.get(f"/{{csv('users.csv', order='random').next().user}}")
"""
    plan = planned(tmp_path, body)
    assert {name: each.order for name, each in plan.feeders.items()} == {"users": "sequential", "users_2": "random"}
    assert [each["feeder"] for each in steps(plan, 1) if each["type"] == "feed"] == ["users", "users_2"]


def test_a_file_is_named_as_seen_from_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = f'{SCENARIO}def shop(u):\n    u.get(f"/{{csv("users.csv").next().user}}")\n'.replace(
        '"users.csv"', "'users.csv'"
    )
    monkeypatch.chdir(tmp_path)
    assert planned(tmp_path, body).feeders["users"].path == "users.csv"
    monkeypatch.chdir("/")
    assert Path("/", str(planned(tmp_path, body).feeders["users"].path)) == tmp_path / "users.csv"


@pytest.mark.parametrize(
    ("written", "code", "says"),
    [
        ('csv("userz.csv")', "AB140", "there is no file"),
        ("csv(7)", "AB140", "a file's name is text"),
        ('csv("users.csv", delimiter=";;")', "AB140", "can't be read"),
        ('csv("users.csv", order="uniqe")', "AB140", "there is no order 'uniqe'"),
        ('jsonl("items.jsonl", when_dry="again")', "AB140", "there is no when_dry 'again'"),
        ('jsonl("items.jsonl", order=1)', "AB140", "there is no order 1"),
        ('csv("shop.bin")', "AB140", "can't be read"),
        ('csv("users.csv").next().usr', "AB160", "has no column 'usr'"),
        ('csv("users.csv", columns=["a", "b"]).next().user', "AB160", "has no column 'user'"),
    ],
)
def test_what_is_wrong_is_refused_at_its_line(tmp_path: Path, written: str, code: str, says: str) -> None:
    (tmp_path / "shop.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotTraceable) as caught:
        planned(tmp_path, f'{SCENARIO}def shop(u):\n    u.get("/")\n    {written}\n')
    assert (caught.value.kind, caught.value.line) == (code, 5)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ('csv("users.csv", order="unique", when_dry="recycle")', "feeder.dry"),
        ('csv("users.csv", columns=["a", "a"])', "feeder.columns"),
        ('csv("users.csv", delimiter="é")', "feeder.delimiter"),
    ],
)
def test_what_is_wrong_with_a_file_as_a_whole_is_told_at_its_line(tmp_path: Path, written: str, code: str) -> None:
    with pytest.raises(PlanInvalid) as caught:
        planned(tmp_path, f"\nusers = {written}\n{SCENARIO}def shop(u):\n    users.next()\n    u.get('/')\n")
    assert [(fault.code, fault.line) for fault in caught.value.faults] == [(code, 3)]


def test_one_file_is_one_wherever_it_is_named(tmp_path: Path) -> None:
    take = "u.get(f\"/{csv('users.csv').next().user}\")"
    plan = planned(tmp_path, f"{SCENARIO}def shop(u):\n    {take}\n    {take}\n")
    assert list(plan.feeders) == ["users"]
