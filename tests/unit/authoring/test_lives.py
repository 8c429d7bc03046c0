"""What virtual users do once in a scenario of Python: what of it lasts, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.any_plan import read_any_plan
from apibench.authoring.load_words import LoadWords
from apibench.authoring.plan_override import read_override
from apibench.model.errors import NotTraceable

SCENARIO = """\
from apibench import rand, repeat, scenario

@scenario(base_url="http://127.0.0.1:1", load="2 vus", iterations=4)
def shopper(u):
{body}

@shopper.on_start
def log_in(u):
{start}

@shopper.on_stop
def log_out(u):
{stop}
"""
LOG_IN = """\
    login = u.post("/login")
    u.headers["Authorization"] = f"Bearer {login.json['token']}"
    u.id = login.json["id"]"""


def planned(
    folder: Path, start: str = LOG_IN, body: str = "    u.get(f'/{u.id}')", stop: str = "    u.delete('/')"
) -> Any:
    path = folder / "shopper.py"
    path.write_text(SCENARIO.format(start=start, body=body, stop=stop))
    return read_any_plan(str(path)).document()["scenarios"][0]


def test_what_is_set_before_the_iterations_holds_in_them_and_behind_them(tmp_path: Path) -> None:
    scenario = planned(tmp_path)
    login, token, number = scenario["on_start"]
    assert (login["name"], token["to"], number["to"]) == ("POST /login", "token", "id")
    (page,), (out,) = scenario["steps"], scenario["on_stop"]
    assert page["name"] == "GET /{id}"
    assert out["headers"] == page["headers"]
    assert page["headers"][0][0] == "Authorization"


def test_a_variable_of_the_user_counts_through_its_iterations(tmp_path: Path) -> None:
    scenario = planned(
        tmp_path, start='    u.n = u.var("n", 0)', body="    u.get(f'/{u.n}')\n    u.n.set(u.n + 1)", stop="    pass"
    )
    assert [each["type"] for each in scenario["on_start"]] == ["set"]
    assert [each["type"] for each in scenario["steps"]] == ["request", "set"]
    assert scenario["on_stop"] == []


def test_headers_of_an_iteration_hold_in_it_and_those_from_before_behind_it(tmp_path: Path) -> None:
    body = "    u.headers['X-Page'] = u.get('/').json['id']\n    u.get(f'/{u.id}')"
    scenario = planned(tmp_path, body=body)
    (out,) = scenario["on_stop"]
    assert [name for name, _ in scenario["steps"][-1]["headers"]] == ["Authorization", "X-Page"]
    assert [name for name, _ in out["headers"]] == ["Authorization"]


@pytest.mark.parametrize(
    ("start", "body", "code"),
    [
        ("    r = u.get('/')\n    if r.status == 200:\n        pass", "    u.get('/')", "AB101"),
        ("    import time\n    u.get(f'/{time.time_ns()}')", "    u.get('/')", "AB110"),
        ("    x = ''\n    for _ in repeat(2):\n        u.get(f'/{x}')\n        x = 'a'", "    u.get('/')", "AB121"),
    ],
)
def test_what_cannot_be_traced_is_refused_there_too(start: str, body: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(NotTraceable) as caught:
        planned(tmp_path, start, body)
    assert caught.value.kind == code


def test_users_start_and_stop_in_loads_of_either_model(tmp_path: Path) -> None:
    path = tmp_path / "shopper.py"
    text = SCENARIO.format(start=LOG_IN, body="    u.get('/')", stop="    pass")
    path.write_text(text.replace('load="2 vus", iterations=4', 'load="5/s", duration="1s"'))
    assert read_any_plan(str(path)).scenarios[0].on_start
    path.write_text(text)
    plan = read_any_plan(str(path))
    for words in (LoadWords(rate="5/s", duration="1s"), LoadWords(stages=("1s:5/s",)), LoadWords(vus=5)):
        assert read_override(plan, words).faults() == []
