"""`u.py(function, value, …)`: which functions another process can find by their names, and what stands in the plan."""

import textwrap
from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.any_plan import read_any_plan
from apibench.authoring.tracing.python_file import read_python
from apibench.model.callee import Callee
from apibench.model.errors import NotTraceable, PlanInvalid

HEAD = """\
import functools
import html
import math

from apibench import crypto, rand, repeat, scenario, secret
from tools import Signer, sign as other_sign

def sign(order, total=1, *rest):
    return f"{order}-{total}"

def outer():
    def inner():
        return 1
    return inner

class Shop:
    def method(self):
        return 1
    @staticmethod
    def still():
        return 1
    @classmethod
    def of(cls):
        return 1

@functools.cache
def kept():
    return 1

async def late():
    return 1

def makes():
    yield 1

lost = sign
def sign_two():
    return 2
renamed, sign_two = sign_two, 3

@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
def journey(u):
    r = u.get("/first")
"""
TOOLS = """\
def sign(text):
    return text

class Signer:
    class Inner:
        @staticmethod
        def sign(text):
            return text
"""


def read(folder: Path, body: str) -> tuple[list[dict[str, Any]], dict[str, Callee]]:
    (folder / "tools.py").write_text(TOOLS)
    path = folder / "journey.py"
    path.write_text(HEAD + textwrap.indent(textwrap.dedent(body), "    "))
    callees: dict[str, Callee] = {}
    plan = read_python(str(path), callees=callees)
    steps: list[dict[str, Any]] = plan.document()["scenarios"][0]["steps"]
    return [step for step in steps if step["type"] == "python"], callees


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("u.py(lambda x: x, 1)", "AB141", "a lambda has no name"),
        ("u.py(outer())", "AB141", "`inner` stands within another function"),
        ("u.py(Shop().method)", "AB141", "`Shop.method` is the method of an object"),
        ("u.py(functools.partial(sign, 1))", "AB141", "an object of partial is no function"),
        ("u.py(Shop)", "AB141", "a class is no function"),
        ("u.py(late)", "AB141", "`late` is a coroutine"),
        ("u.py(makes)", "AB141", "`makes` is a generator"),
        ("u.py(renamed)", "AB141", "is not this function"),
        ("u.py()", "AB150", "lacks `function`"),
        ("u.py('sign', 1)", "AB140", "calls a function, and not a str"),
        ("u.py(r.json['sign'], 1)", "AB140", "calls a function, and not a late value"),
        ("u.py(sign)", "AB140", "can't be called like this: missing a required argument: 'order'"),
        ("u.py(other_sign, 1, 2)", "AB140", "`sign(text)` can't be called like this: too many positional"),
        ("u.py(sign, order=1)", "AB140", "hands no argument on by its name, like `order`"),
        ("u.py(sign, {'a': 1})", "AB140", "a dict is no value that a plan can hold"),
        ("u.py(sign, 0.5)", "AB140", "is a fraction"),
    ],
)
def test_what_no_other_process_could_call_is_refused_with_its_line(
    call: str, code: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(NotTraceable) as caught:
        read(tmp_path, call)
    text = str(caught.value)
    assert caught.value.kind == code, text
    assert words in text
    assert call in text, "the line itself is shown"


def test_functions_are_found_by_module_and_name_and_the_file_of_scenarios_by_its_place(tmp_path: Path) -> None:
    body = """
    u.py(sign, 1)
    u.py(Shop.still)
    u.py(Shop.of)
    u.py(kept)
    u.py(other_sign, 1)
    u.py(Signer.Inner.sign, 1)
    u.py(html.escape, "<")
    u.py(math.sqrt, 4)
    u.py(len, "abc")
    u.py(lost, 1)
    """
    steps, callees = read(tmp_path, body)
    found = {name: (each.module.partition("_")[0], each.name) for name, each in callees.items()}
    assert found == {
        "sign": ("apibench", "sign"),
        "Shop.still": ("apibench", "Shop.still"),
        "Shop.of": ("apibench", "Shop.of"),
        "kept": ("apibench", "kept"),
        "sign 2": ("tools", "sign"),
        "Signer.Inner.sign": ("tools", "Signer.Inner.sign"),
        "escape": ("html", "escape"),
        "sqrt": ("math", "sqrt"),
        "len": ("builtins", "len"),
    }
    by_file = {name for name, each in callees.items() if each.file is not None}
    assert by_file == {"sign", "Shop.still", "Shop.of", "kept"}
    assert callees["sign"].file == str(tmp_path / "journey.py")
    assert str(tmp_path) in callees["sign 2"].path, "modules beside the file are found"
    assert [step["function"] for step in steps] == [*found, "sign"]


def test_a_step_has_what_is_given_as_expressions_and_a_variable_of_its_own(tmp_path: Path) -> None:
    body = """
    n = rand.int(1, 6)
    a = u.py(sign, r.json["id"], f"x{n}", 7, None, True, secret("KEY"))
    b = u.py(sign, a)
    u.get(f"/{a}/{b + 1}")
    """
    (first, second), _ = read(tmp_path, body)
    assert [each["type"] for each in first["arguments"]] == ["variable", "call", *["constant"] * 4]
    assert first["arguments"][-1]["value"] == "${secret:KEY}"
    assert (first["to"], second["to"]) == ("sign", "sign_2")
    assert second["arguments"] == [{"type": "variable", "name": "sign"}]
    assert first["source"]["line"] == len(HEAD.splitlines()) + 3


def test_steps_that_are_not_there_yet_are_told_with_the_others(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "version: 1\nhosts: {a: 'http://127.0.0.1:1'}\nscenarios:\n  - name: s\n    load: {vus: 1, iterations: 1}\n"
        "    steps:\n      - {type: python, function: sign, arguments: [order, 'x'], to: proof}\n"
        "      - {type: python, function: '', arguments: [], to: 1a}\n"
        "      - {type: request, path: '/${proof}'}\n"
    )
    with pytest.raises(PlanInvalid) as caught:
        read_any_plan(str(plan))
    text = str(caught.value)
    assert "no step before it sets `order`" in text
    assert "function" in text
    assert "1a" in text or "to" in text
    assert "sets `proof`" not in text


def test_a_plan_file_leads_to_no_function(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "version: 1\nhosts: {a: 'http://127.0.0.1:1'}\nscenarios:\n  - name: s\n    load: {vus: 1, iterations: 1}\n"
        "    steps:\n      - {type: python, function: 'os:system', arguments: [\"'true'\"], to: x}\n"
        "      - {type: request, path: '/${x}'}\n"
    )
    callees: dict[str, Callee] = {}
    assert read_any_plan(str(plan), callees=callees).scenarios
    assert callees == {}


def test_equal_functions_have_one_name_in_several_scenarios(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(TOOLS)
    path = tmp_path / "two.py"
    scenario = "@scenario(base_url='http://127.0.0.1:1', load='1 vu', iterations=1)\n"
    path.write_text(
        "from apibench import scenario\nfrom tools import sign\n"
        f"{scenario}def a(u):\n    u.get(f'/{{u.py(sign, 1)}}')\n"
        f"{scenario}def b(u):\n    u.get(f'/{{u.py(sign, 2)}}')\n"
    )
    callees: dict[str, Callee] = {}
    read_python(str(path), callees=callees)
    assert list(callees) == ["sign"]
