"""What is done once in a run, in scenarios of Python: what it hands over, to whom, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.any_plan import read_any_plan
from apibench.model.errors import NotTraceable, PlanInvalid

SCENARIO = """\
from apibench import csv, rand, scenario

@scenario(base_url="http://127.0.0.1:1", iterations=1)
def shopper(u):
{body}

@shopper.setup{how}
def prepare(u):
{setup}

@shopper.teardown
def clean(u):
{teardown}
"""
LOG_IN = """\
    login = u.post("/login")
    u.headers["Authorization"] = "Bearer x"
    cart = u.post("/carts")
    return {"token": login.json["token"], "cart": f"cart-{cart.json['id']}", "page": 3}"""


def planned(
    folder: Path,
    setup: str = LOG_IN,
    body: str = "    u.get(f\"/{u.shared['cart']}\", headers={'Authorization': f\"Bearer {u.shared['token']}\"})",
    teardown: str = "    u.delete(f\"/carts/{u.shared['cart']}\")",
    how: str = "",
) -> Any:
    path = folder / "shopper.py"
    path.write_text(SCENARIO.format(setup=setup, body=body, teardown=teardown, how=how))
    return read_any_plan(str(path)).document()


def test_what_set_up_returns_is_shared_by_all_that_comes_behind_it(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    login, token, cart, number = plan["setup"]["steps"]
    assert (login["name"], token["to"], cart["name"], number["to"]) == ("POST /login", "token", "POST /carts", "id")
    assert cart["headers"] == [["Authorization", "Bearer x"]]
    values = plan["setup"]["values"]
    assert values["token"] == {"type": "variable", "name": "token"}
    assert values["cart"]["arguments"][1] == {"type": "variable", "name": "id"}
    assert values["page"] == {"type": "constant", "value": 3}
    (page,) = plan["scenarios"][0]["steps"]
    assert page["name"] == "GET /{cart}"
    assert page["headers"][0][1]["arguments"][1] == {"type": "shared", "name": "token"}
    assert plan["teardown"]["steps"][0]["name"] == "DELETE /carts/{cart}"
    assert plan["setup"]["timeout_ns"] == plan["teardown"]["timeout_ns"] == 60_000_000_000


def test_headers_of_set_up_are_its_own(tmp_path: Path) -> None:
    plan = planned(tmp_path, body='    u.get("/")', teardown='    u.delete("/")')
    assert plan["scenarios"][0]["steps"][0]["headers"] == plan["teardown"]["steps"][0]["headers"] == []


def test_how_long_it_may_take_is_said_where_it_is(tmp_path: Path) -> None:
    assert planned(tmp_path, how='(timeout="5m")')["setup"]["timeout_ns"] == 300_000_000_000


def test_shared_values_are_late_values_like_others(tmp_path: Path) -> None:
    body = "    item = u.shared['token']['items'].random()\n"
    body += "    u.get(f\"/{item['id']}\", json={'n': u.shared['page'] + 1})"
    first, page = planned(tmp_path, body=body)["scenarios"][0]["steps"]
    assert first["value"]["function"] == "random_item"
    assert page["name"] == "GET /{id}"


def test_one_set_up_of_several_scenarios_is_done_once(tmp_path: Path) -> None:
    text = SCENARIO.format(
        setup=LOG_IN, body="    u.get(f\"/{u.shared['cart']}\")", teardown='    u.delete("/")', how=""
    )
    text += """
@scenario(base_url="http://127.0.0.1:1", iterations=1)
def browser(u):
    u.get(f"/{u.shared['cart']}")

browser.setup(prepare)

@browser.setup
def more(u):
    return {"other": u.get("/other").json["id"]}
"""
    (tmp_path / "two.py").write_text(text)
    plan = read_any_plan(str(tmp_path / "two.py")).document()
    names = [step["name"] for step in plan["setup"]["steps"] if step["type"] == "request"]
    assert names == ["POST /login", "POST /carts", "GET /other"]
    assert set(plan["setup"]["values"]) == {"token", "cart", "page", "other"}
    assert plan["setup"]["timeout_ns"] == 120_000_000_000
    alone = read_any_plan(f"{tmp_path / 'two.py'}:browser").document()
    assert (alone["teardown"], len(alone["setup"]["values"])) == (None, 4)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ({"body": "    u.get(f\"/{u.shared['crt']}\")"}, "AB140", "no set-up of this run hands over 'crt'"),
        ({"setup": "    u.get(f\"/{u.shared['cart']}\")"}, "AB140", "no set-up of this run hands over 'cart'"),
        ({"body": "    u.get(f'/{u.shared.cart}')"}, "AB140", 'Write:  u.shared["cart"]'),
        ({"setup": "    return u.get('/').json['id']"}, "AB140", "set-up returns values by name"),
        ({"setup": "    u.get('/')\n    return 'token'"}, "AB140", "set-up returns values by name, and no str"),
        ({"setup": "    return {'a b': u.get('/').json['id']}"}, "AB140", "'a b' is none"),
        ({"setup": "    return {'a': [u.get('/').json['id']]}"}, "AB140", "'a' is put together here"),
        ({"setup": "    return {'a': 1.5}"}, "AB140", "is a fraction"),
        ({"setup": "    return {'cart': u.get('/').json['id'] == 1 and 2}"}, "AB101", "branch"),
        (
            {"setup": "    import time\n    u.get(f'/{time.time_ns()}')\n    return {'cart': 1, 'token': 2}"},
            "AB110",
            "",
        ),
        ({"setup": "    import time\n    u.get('/')\n    return {'cart': time.time_ns(), 'token': 2}"}, "AB110", ""),
        ({"setup": "    u.get(pathh)"}, "AB150", "NameError"),
        ({"how": '(timeout="a while")'}, "AB140", "a while"),
        ({"how": "(7)"}, "AB140", "no int"),
    ],
)
def test_what_cannot_be_is_refused(words: dict[str, str], code: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotTraceable) as caught:
        planned(tmp_path, **words)
    assert caught.value.kind == code
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("setup", "code"),
    [
        ("    u.get('/')\n    u.end()\n    return {'cart': 1, 'token': 2}", "end.place"),
        ("    me = csv('users.csv').next()\n    u.get(f'/{me.id}')\n    return {'cart': 1, 'token': 2}", "not_built"),
        ("    return {'cart': rand.int(1, 2), 'token': 2}", "scenario.silent"),
    ],
)
def test_steps_that_have_no_meaning_there_are_refused_at_their_line(setup: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id\n1\n")
    with pytest.raises(PlanInvalid) as caught:
        planned(tmp_path, setup)
    assert [fault.code for fault in caught.value.faults] == [code]
    assert caught.value.faults[0].line is not None
