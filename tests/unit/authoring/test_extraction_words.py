"""What files and scenarios say of values that are taken out of answers, and what is wrong with it, with its place."""

import textwrap
from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.plan_file import parse_plan_document, read_plan
from apibench.authoring.tracing.python_file import read_python
from apibench.model.errors import PlanInvalid


def plan_of(of: Any) -> dict[str, Any]:
    steps = [{"type": "request"}, {"type": "extract", "of": of, "to": "x"}]
    scenario = {"name": "s", "load": {"vus": 1, "iterations": 1}, "steps": steps}
    return {"version": 1, "hosts": {"it": "http://127.0.0.1:1"}, "scenarios": [scenario]}


def read_of(of: Any) -> dict[str, Any]:
    found: dict[str, Any] = parse_plan_document(plan_of(of)).document()["scenarios"][0]["steps"][1]["of"]
    return found


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("status", {"type": "status"}),
        ({"cookie": "sid"}, {"type": "cookie", "name": "sid"}),
        ("$.items[0].id", {"type": "json", "path": ["items", 0, "id"]}),
        ({"json": "items.0.id"}, {"type": "json", "path": ["items", 0, "id"]}),
        ("$.items[*].id", {"type": "json_path", "path": "$.items[*].id"}),
        ({"json": "$..[?@.price < 10]"}, {"type": "json_path", "path": "$..[?@.price < 10]"}),
        ({"regex": "id=(\\d+)"}, {"type": "regex", "pattern": "id=(\\d+)", "group": None}),
        ({"regex": "(?<id>a)|b", "group": "id"}, {"type": "regex", "pattern": "(?<id>a)|b", "group": "id"}),
        ({"left": "<a>", "right": "</a>"}, {"type": "boundary", "left": "<a>", "right": "</a>"}),
        ({"css": "input"}, {"type": "css", "selector": "input", "attribute": None}),
        ({"css": "a.b > c", "attribute": "href"}, {"type": "css", "selector": "a.b > c", "attribute": "href"}),
    ],
)
def test_short_forms_are_what_they_say(written: Any, expected: dict[str, Any]) -> None:
    assert read_of(written) == expected
    assert read_of(expected) == expected


@pytest.mark.parametrize(
    ("written", "code", "place", "words"),
    [
        ("$.items[", "extract.read", "of", "it ends where"),
        ({"json": "a..b"}, "unit", "of.json", "no path into JSON"),
        ({"regex": "(a"}, "extract.read", "of", "unclosed group"),
        ({"regex": "(?=a)"}, "extract.read", "of", "look-around"),
        ({"regex": "a", "group": 1}, "extract.read", "of", "no group 1"),
        ({"regex": "(a)", "group": "id"}, "extract.read", "of", "no group called 'id'"),
        ({"regex": ""}, "range", "of.regex", "is empty"),
        ({"css": "a + b"}, "extract.read", "of", "combinator"),
        ({"css": "a", "atribute": "href"}, "unknown", "of.atribute", "no word beside `css`"),
        ({"left": "a"}, "missing", "of.right", "is missing"),
        ({"left": "a", "right": ""}, "range", "of.right", "is empty"),
        ({"cookie": "a b"}, "header.name", "of.cookie", ""),
        ({"regexp": "a"}, "choice", "of.regexp", "nothing that can be taken out"),
        ({"regex": "a", "grup": 1}, "unknown", "of.grup", "no word beside `regex`"),
        (5, "choice", "of", "this is nothing that can be taken out"),
        (["$.a"], "choice", "of", "this is nothing that can be taken out"),
        ({}, "choice", "of", "this is nothing that can be taken out"),
        ("stauts", "choice", "of", "`stauts` is nothing that can be taken out"),
        ({"xpath": "//a"}, "not_built", "of.xpath", "`xpath` is not built"),
    ],
)
def test_what_is_wrong_is_told_at_its_word(written: Any, code: str, place: str, words: str) -> None:
    with pytest.raises(PlanInvalid) as caught:
        parse_plan_document(plan_of(written))
    (fault,) = caught.value.faults
    assert (fault.code, fault.place) == (code, f"scenarios[0].steps[1].{place}")
    assert words in fault.message
    assert fault.remedy


def test_a_fault_in_a_file_has_its_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        textwrap.dedent("""\
        version: 1
        hosts: {it: "http://127.0.0.1:1"}
        scenarios:
          - name: s
            load: {vus: 1, iterations: 1}
            steps:
              - {type: request}
              - {type: extract, to: x, of: {regex: "(a"}}
              - {type: extract, to: y, of: "$.a["}
        """)
    )
    with pytest.raises(PlanInvalid) as caught:
        read_plan(path)
    assert [(fault.line, fault.column) for fault in caught.value.faults] == [(8, 32), (9, 32)]


def test_scenarios_take_the_same_out_of_answers(tmp_path: Path) -> None:
    path = tmp_path / "scenario.py"
    path.write_text(
        textwrap.dedent("""\
        from apibench import check, scenario

        @scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
        def form(u):
            page = u.get("/login")
            token = page.css("input[name=csrf]", "value")
            number = page.regex("id=(?<id>.)", "id")
            u.post("/login", data=token, headers={"X-Sid": page.cookies["sid"], "X-Id": number})
            ids = page.jsonpath("$.items[?@.price < 10].id")
            check(ids.length() > 0, "some")
            u.get(f"/{ids.random()}/{page.jsonpath('$.a.b')}/{page.boundary('<b>', '</b>')}/{page.css('h1')}")
        """)
    )
    steps = read_python(str(path)).document()["scenarios"][0]["steps"]
    extracts = {step["to"]: step["of"] for step in steps if step["type"] == "extract"}
    assert extracts == {
        "value": {"type": "css", "selector": "input[name=csrf]", "attribute": "value"},
        "sid": {"type": "cookie", "name": "sid"},
        "id": {"type": "regex", "pattern": "id=(?<id>.)", "group": "id"},
        "found": {"type": "json_path", "path": "$.items[?@.price < 10].id"},
        "b": {"type": "json", "path": ["a", "b"]},
        "between": {"type": "boundary", "left": "<b>", "right": "</b>"},
        "element": {"type": "css", "selector": "h1", "attribute": None},
    }


def test_what_is_wrong_in_a_scenario_is_told_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "scenario.py"
    path.write_text(
        textwrap.dedent("""\
        from apibench import scenario

        @scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
        def form(u):
            page = u.get("/login")
            u.get(f"/{page.regex('(a')}/{page.jsonpath('$[')}/{page.css('a + b')}")
        """)
    )
    with pytest.raises(PlanInvalid) as caught:
        read_python(str(path))
    assert [(fault.code, fault.line) for fault in caught.value.faults] == [("extract.read", 5)] * 3


@pytest.mark.parametrize(
    ("step", "place", "message", "remedy"),
    [
        ("{type: extract, of: $.a, too: x}", "too", "`too` is no word of an extract", "Did you mean `to`?"),
        ("{type: extract, off: $.a, to: x}", "off", "`off` is no word of an extract", "Did you mean `of`?"),
        (
            "{type: extract, of: $.a, to: x, zzz: 1}",
            "zzz",
            "is no word of an extract",
            "Known here: `of`, `to`, `type`.",
        ),
        (
            "{type: extract, of: {header: A, group: 1}, to: x}",
            "of.group",
            "no word beside `header`",
            "Known here: `header`.",
        ),
        (
            "{type: extract, of: {regex: a, grop: 1}, to: x}",
            "of.grop",
            "no word beside `regex`",
            "Did you mean `group`?",
        ),
        ("{type: extract, of: {json: $.a, path: 1}, to: x}", "of.path", "no word beside `json`", "Known here: `json`."),
        (
            "{type: extract, of: {left: a, rigth: b}, to: x}",
            "of.rigth",
            "no word beside `left`",
            "Did you mean `right`?",
        ),
        ("{type: think, constnt: 1s}", "constnt", "`constnt` is no word of a think", "Did you mean `constant`?"),
        ("{type: think, zzz: 1s}", "zzz", "is no word of a think", "Known here: `constant`, `type`, `uniform`."),
    ],
)
def test_what_is_no_word_of_a_step_is_told_in_words_of_files(
    step: str, place: str, message: str, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        "version: 1\nhosts: {it: http://127.0.0.1:1}\nscenarios:\n  - name: s\n    load: {vus: 1, iterations: 1}\n"
        f"    steps:\n      - {{type: request}}\n      - {step}\n"
    )
    with pytest.raises(PlanInvalid) as caught:
        read_plan(path)
    fault = next(each for each in caught.value.faults if each.code == "unknown")
    assert (fault.place, fault.line) == (f"scenarios[0].steps[1].{place}", 8)
    assert message in fault.message
    assert fault.remedy == remedy
