"""Files of scenarios: which scenarios they have, how they are loaded, and what is left behind."""

import sys
from pathlib import Path

import pytest

from apibench.authoring.file_names import as_seen
from apibench.authoring.tracing.python_file import read_python
from apibench.model.errors import NotTraceable, PlanInvalid, PlanUnreadable
from apibench.model.plan import Plan

SCENARIO = '@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1{more})\ndef {name}(u):\n    {body}\n\n'


def scenario(name: str, body: str = "u.get('/a')", more: str = "") -> str:
    return SCENARIO.format(name=name, body=body, more=more)


def file(folder: Path, *parts: str, name: str = "shop.py") -> str:
    path = folder / name
    path.write_text("from apibench import scenario\n" + "".join(parts))
    return str(path)


def test_a_file_has_several_scenarios_and_one_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "two.py"
    path.write_text(
        """
from apibench import scenario
from helper import PATH

@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1, slo=["p99 < 1s"])
def browse(u):
    u.get(PATH)

@scenario(base_url="http://127.0.0.1:2", load="2/s", duration="1s", thresholds=["p99 < 1s"], on_fail="continue")
def buy(u):
    u.post("/buy")
"""
    )
    (tmp_path / "helper.py").write_text("PATH = '/from/helper'\n")
    plan = read_python(str(path))
    assert [each.name for each in plan.scenarios] == ["browse", "buy"]
    assert {name: host.base_url for name, host in plan.hosts.items()} == {
        "target": "http://127.0.0.1:1",
        "target_2": "http://127.0.0.1:2",
    }
    assert plan.thresholds == ("p99 < 1s",)
    chosen: Plan = read_python(f"{path}:buy")
    assert [(each.name, each.defaults.on_fail) for each in chosen.scenarios] == [("buy", "continue")]
    for target in (f"{path}:sell", str(tmp_path / "none.py")):
        with pytest.raises(PlanUnreadable):
            read_python(target)
    empty = tmp_path / "empty.py"
    empty.write_text("x = 1\n")
    broken = tmp_path / "broken.py"
    broken.write_text("def x(:\n")
    for each in (empty, broken):
        with pytest.raises(PlanUnreadable):
            read_python(str(each))
    failing = tmp_path / "failing.py"
    failing.write_text("\nx = 1 / 0\n")
    with pytest.raises(NotTraceable) as caught:
        read_python(str(failing))
    assert (caught.value.kind, caught.value.line) == ("AB150", 2)


def test_a_scenario_under_two_names_is_one(tmp_path: Path) -> None:
    plan = read_python(file(tmp_path, scenario("browse"), "default = browse\n"))
    assert [each.name for each in plan.scenarios] == ["browse"]


@pytest.mark.parametrize(
    "second", [scenario("browse"), scenario("other", more=", name='browse'")], ids=["function", "name"]
)
def test_two_scenarios_of_one_name_are_refused_at_the_second(second: str, tmp_path: Path) -> None:
    target = file(tmp_path, scenario("browse"), second)
    for each in (target, f"{target}:browse"):
        with pytest.raises(NotTraceable, match="'browse' too") as caught:
            read_python(each)
        assert caught.value.line in (6, 7)


def test_a_file_is_a_module_while_its_functions_run_and_what_is_beside_it_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("PATH = '/from/beside'\n")
    classes = (
        "from __future__ import annotations\nimport pickle\nfrom dataclasses import dataclass, field\n"
        "from typing import ClassVar\nfrom apibench import scenario\n"
        "@dataclass\nclass Item:\n    known: ClassVar[int] = 1\n    path: str = field(default='/b')\n"
    )
    body = "from beside_it import PATH\n    u.get(PATH)\n    u.get(pickle.loads(pickle.dumps(Item())).path)"
    path = tmp_path / "shop.py"
    path.write_text(classes + scenario("browse", body))
    before = list(sys.path)
    plan = read_python(str(path))
    assert [request.path for _, request in plan.requests()] == ["/from/beside", "/b"]
    assert sys.path == before


@pytest.mark.parametrize(
    "fails", ["1 / 0\n", "raise SystemExit(3)\n", "u = (\n", "from apibench import think\nthink('1s')\n"]
)
def test_a_file_that_cannot_be_loaded_leaves_nothing_behind(fails: str, tmp_path: Path) -> None:
    before = list(sys.path), set(sys.modules)
    with pytest.raises((NotTraceable, PlanUnreadable, SystemExit)):
        read_python(file(tmp_path, fails, name="failing.py"))
    assert sys.path == before[0]
    assert not [name for name in set(sys.modules) - before[1] if "failing" in name]


def test_an_error_of_a_file_that_is_named_from_its_folder_is_told_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file(tmp_path, "\nx = 1 / 0\n", name="failing.py")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotTraceable) as caught:
        read_python("failing.py")
    assert (caught.value.kind, caught.value.line) == ("AB150", 3)


def test_messages_name_files_as_seen_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenarios").mkdir()
    monkeypatch.chdir(tmp_path)
    wrong = (
        scenario("browse", "u.get('/a', heders={})"),
        scenario("browse", "u.get('/a b')"),
        "x = 1 / 0\n",
        "def x(:\n",
    )
    for text in wrong:
        file(tmp_path / "scenarios", text)
        with pytest.raises((NotTraceable, PlanInvalid, PlanUnreadable)) as caught:
            read_python("scenarios/shop.py")
        assert "scenarios/shop.py" in str(caught.value)
        assert str(tmp_path) not in str(caught.value)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert as_seen(str(tmp_path / "shop.py")) == "../../shop.py"
    assert as_seen("/a.py") == "/a.py"
    assert as_seen("<stdin>") == "<stdin>"
