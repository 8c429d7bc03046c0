"""Users in Python in a plan: a step, the rows before it, what it is given, and where its object is found."""

import sys
from pathlib import Path
from typing import Any

import pytest

import apibench
from apibench.authoring.any_plan import read_any_plan
from apibench.authoring.any_target import read_target
from apibench.authoring.load_words import LoadWords
from apibench.authoring.request_words import RequestWords
from apibench.authoring.tracing.python_file import import_file
from apibench.model.callee import Callee
from apibench.model.errors import PlanInvalid, PlanUnreadable, WordsInvalid
from apibench.model.plan import Plan

USER = """\
@python_user(base_url="{url}"{words})
async def {name}(u{rows}):
    page = await u.get("/products")
    u.check(page.json["n"] > 0, "some")

"""
WORDS = ', load="2 vus", iterations=3'


def user(name: str = "buyer", words: str = WORDS, rows: str = "", url: str = "http://127.0.0.1:1") -> str:
    return USER.format(name=name, words=words, rows=rows, url=url)


def file(folder: Path, *parts: str) -> str:
    (folder / "users.csv").write_text("user\nann\n")
    (folder / "shop.py").write_text("from apibench import csv, jsonl, python_user, scenario\n\n" + "".join(parts))
    return str(folder / "shop.py")


def plan(folder: Path, *parts: str, callees: dict[str, Callee] | None = None) -> Plan:
    return read_any_plan(file(folder, *parts), callees=callees)


def test_it_is_one_step_with_the_names_of_what_it_sends_and_checks(tmp_path: Path) -> None:
    made = plan(tmp_path, user(words=', load="5/s", duration="2s", thresholds=["p99 < 1s"], cookies="off", name="b"'))
    scenario = made.document()["scenarios"][0]
    (step,) = scenario["steps"]
    assert step == {
        "type": "python_user",
        "function": "buyer",
        "host": "target",
        "arguments": [],
        "requests": [{"name": "GET /products", "method": "GET"}],
        "checks": ["some"],
        "source": {"file": str(tmp_path / "shop.py"), "line": 3, "column": 2},
    }
    assert (scenario["name"], scenario["load"]["model"], made.thresholds) == ("b", "open", ("p99 < 1s",))
    assert scenario["defaults"] == {"headers": [], "cookies": "off", "on_fail": "end_iteration"}


def test_it_is_given_a_row_of_each_file_in_the_order_of_its_parameters(tmp_path: Path) -> None:
    data = 'data={"me": csv("users.csv"), "them": csv("users.csv", "shuffle"), "again": csv("users.csv")}'
    made = plan(tmp_path, user(words=f"{WORDS}, {data}", rows=", again, me, them"))
    *feeds, step = made.document()["scenarios"][0]["steps"]
    assert [(each["type"], each["feeder"], each["to"]) for each in feeds] == [
        ("feed", "users", "again"),
        ("feed", "users", "me"),
        ("feed", "users_2", "them"),
    ]
    assert step["arguments"] == [{"type": "variable", "name": name} for name in ("again", "me", "them")]
    assert {each["source"]["line"] for each in (*feeds, step)} == {3}
    buyer = import_file(tmp_path / "shop.py").buyer
    assert (buyer.rows, list(buyer.data)) == (3, ["again", "me", "them"])


def test_a_parameter_may_have_any_name_of_python(tmp_path: Path) -> None:
    made = plan(tmp_path, user(words=f'{WORDS}, data={{"größe": csv("users.csv")}}', rows=", größe"))
    feed, step = made.document()["scenarios"][0]["steps"]
    assert step["arguments"] == [{"type": "variable", "name": feed["to"]}]


def test_what_set_up_hands_over_it_is_given_by_name_behind_its_rows(tmp_path: Path) -> None:
    setup = "@buyer.setup\ndef prepare(u):\n    r = u.post('/login')\n    return {'token': r.json['t'], 'n': 3}\n"
    made = plan(tmp_path, user(words=f'{WORDS}, data={{"me": csv("users.csv")}}', rows=", me"), setup)
    step = made.document()["scenarios"][0]["steps"][-1]
    assert step["arguments"][1:] == [
        {"type": "constant", "value": "token"},
        {"type": "shared", "name": "token"},
        {"type": "constant", "value": "n"},
        {"type": "shared", "name": "n"},
    ]
    assert made.setup is not None


def test_a_plan_has_both_kinds_of_scenarios(tmp_path: Path) -> None:
    traced = '@scenario(base_url="http://127.0.0.1:2", load="1 vu", duration="1s", after=buyer)\ndef plain(u):\n'
    other = user("seller", f"{WORDS}, after=plain")
    made = plan(tmp_path, user(words=', load="1 vu", duration="3s"'), f"{traced}    u.get('/x')\n\n", other)
    assert [each.name for each in made.scenarios] == ["buyer", "plain", "seller"]
    assert [each.start_ns for each in made.scenarios] == [0, 3 * 10**9, 4 * 10**9]
    assert [sent.host for _, sent in made.sent()] == ["target", "target_2", "target"]


def test_its_place_beside_the_plan_is_that_of_its_object(tmp_path: Path) -> None:
    callees: dict[str, Callee] = {}
    more = "\nother = python_user(base_url='http://127.0.0.1:2', load='1 vu', iterations=1, name='o')(buyer.function)\n"
    made = plan(tmp_path, user(), more, callees=callees)
    assert [each.steps[0].function for each in made.scenarios] == ["buyer", "other"]  # type: ignore[union-attr]
    path = tmp_path / "shop.py"
    assert {name: (each.file, each.name) for name, each in callees.items()} == {
        "buyer": (str(path), "buyer"),
        "other": (str(path), "other"),
    }


def test_faults_of_the_plan_are_told_at_its_decorator(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid) as caught:
        plan(tmp_path, "\n", user(words=f"{WORDS}, thresholds=[\"p95 of 'GET /product' < 1s\"]"))
    (fault,) = caught.value.faults
    assert (fault.code, fault.line) == ("threshold.step", 4)
    assert "`GET /products`" in fault.remedy


def test_it_can_be_run_as_any_scenario_can(tmp_path: Path) -> None:
    file(tmp_path, user(words=', load="1 vu"'))
    buyer = import_file(tmp_path / "shop.py").buyer
    read = read_target([buyer], RequestWords(), LoadWords(duration="5s", vus=3), base_url="http://127.0.0.1:9")
    made = read.plan(str)
    assert list(read.callees) == ["buyer"]
    assert made.hosts["target"].base_url == "http://127.0.0.1:9"
    assert made.scenarios[0].load.vus == 3  # type: ignore[union-attr]


def test_a_coroutine_function_that_is_no_scenario_can_not_be_run() -> None:
    async def buyer(u: Any) -> None:
        await u.get("/a")

    with pytest.raises(WordsInvalid, match="Put @python_user"):
        apibench.run(buyer)  # type: ignore[arg-type]


def test_of_a_file_it_is_found_by_its_name_and_missed_by_another(tmp_path: Path) -> None:
    path = file(tmp_path, user())
    assert [each.name for each in read_any_plan(f"{path}:buyer").scenarios] == ["buyer"]
    with pytest.raises(PlanUnreadable, match="Did you mean `buyer`"):
        read_any_plan(f"{path}:buyr")


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="is called 'b' too"):
        plan(tmp_path, user(words=f'{WORDS}, name="b"'), user("b"))


def test_nothing_of_it_is_run_before_the_load(tmp_path: Path) -> None:
    text = user().replace("    page =", "    raise SystemExit\n    page =")
    assert plan(tmp_path, text).scenarios
    assert "apibench_scenarios_shop" in sys.modules
