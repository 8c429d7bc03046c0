"""Scenarios in Python become plans, and what cannot be traced is refused at its line, with its code and a remedy."""

import os
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.plan_file import parse_plan_document
from apibench.authoring.tracing.codes import CODES, page
from apibench.authoring.tracing.python_file import read_python
from apibench.model.errors import NotTraceable, PlanInvalid

HEAD = """\
import base64
import html
import json
import random
import time
import uuid
import zlib
from urllib.parse import quote
from apibench import *
from apibench import User, between, check, otherwise, pick, rand, repeat, scenario, status, think, when

KEPT = {}

@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
def journey(u):
    r = u.get("/first")
"""
DOCS = Path(__file__).parents[3] / "docs"


def write(folder: Path, body: str, head: str = HEAD) -> Path:
    path = folder / "journey.py"
    path.write_text(head + textwrap.indent(textwrap.dedent(body), "    "))
    return path


def steps(folder: Path, body: str) -> list[dict[str, Any]]:
    plan = read_python(str(write(folder, body)))
    found: list[dict[str, Any]] = plan.document()["scenarios"][0]["steps"]
    return found[1:]


def refused(folder: Path, body: str) -> NotTraceable:
    with pytest.raises(NotTraceable) as caught:
        read_python(str(write(folder, body)))
    return caught.value


REFUSED = [
    ("AB101", "if r.status == 200:\n    u.get('/a')  # <-", 0),
    ("AB101", "while r.status == 200:\n    pass", 0),
    ("AB101", "x = r.json['a'] and r.json['b']", 0),
    ("AB101", "x = not r.json['a']", 0),
    ("AB101", "x = 'a' in r.text", 0),
    ("AB101", "check(1 < r.status < 5, 'between')", 0),
    ("AB101", "match r.status:\n    case 200:\n        u.get('/a')", 1),
    ("AB101", "assert r.status == 200", 0),
    ("AB101", "if r:\n    u.get('/a')", 0),
    ("AB101", "me = csv('users.csv').next()\nif me:\n    u.get('/a')", 1),
    ("AB102", "for item in r.json['items']:\n    u.get(f'/{item}')", 0),
    ("AB102", "a, b = r.json['items']", 0),
    ("AB102", "x = list(r.json['items'])", 0),
    ("AB103", "x = len(r.json['items'])", 0),
    ("AB103", "x = int(r.json['n'])", 0),
    ("AB103", "x = float(r.json['n'])", 0),
    ("AB103", "x = [1, 2][r.json['n']]", 0),
    ("AB103", "x = {r.json['n']: 1}", 0),
    ("AB103", "u.post('/a', json={f\"{r.json['n']}\": 1})", 0),
    ("AB104", "u.get('/' + str(r.json['id']))", 0),
    ("AB104", "u.get('/%s' % r.json['id'])", 0),
    ("AB104", "print(r.json['id'])", 0),
    ("AB104", "u.post('/a', json={'x': f'{r}'})", 0),
    ("AB104", "me = csv('users.csv').next()\nu.get(f'/{me}')", 1),
    ("AB105", "u.get(f\"/{r.json['id']}\"[:6])", 0),
    ("AB105", "u.get(f\"/{r.json['id']}\".upper())", 0),
    *(
        ("AB105", f"u.get(f\"/{{r.json['id']}}\".{change})", 0)
        for change in (
            *("lower()", "casefold()", "swapcase()", "title()", "capitalize()", "strip()", "rstrip()"),
            *("replace('-', '')", "split('-')[0]", "split()[0]", "partition('.')[0]", "replace('a', '')"),
            *("removeprefix('/')[:1]", "encode().hex()"),
        )
    ),
    ("AB105", "u.get('/' + base64.b64encode(f\"{r.json['id']}\".encode()).decode())", 0),
    ("AB105", "if f\"{r.json['id']}\" == 'a':\n    pass", 0),
    ("AB105", "x = f\"{r.json['id']}\" in {'a': 1}", 0),
    ("AB105", "u.get(f\"/{len(f'{r.json[0]}')}\")", 0),
    ("AB105", "with when(f\"{r.json['id']}\" == 'a'):\n    pass", 0),
    ("AB105", "u.get('/' + quote(f\"{r.json['id']}\"))", 0),
    ("AB105", "u.post('/a', data=json.dumps({'id': f\"{r.json['id']}\"}))", 0),
    ("AB105", "u.get(f\"/{r.json['id']!r}\")", 0),
    ("AB105", "u.get(f\"/{r.json['id']:>10}\")", 0),
    ("AB106", "for _ in repeat(3):\n    u.get('/a')\n    break", 2),
    ("AB106", "for _ in repeat(3):\n    continue", 1),
    ("AB106", "with when(r.status == 200):\n    return", 1),
    ("AB106", "with pick() as p:\n    with p.weight(1):\n        return", 2),
    ("AB110", "u.get(f'/{uuid.uuid4()}')", 0),
    ("AB110", "text = f\"/{r.json['id']}\"\nu.get(text)\nu.get(f'/{len(text)}')", 2),
    ("AB110", "text = f\"/{r.json['id']}\"\nu.get(text)\nu.get(f'/{zlib.crc32(text.encode())}')", 2),
    ("AB110", "KEPT.setdefault('x', f\"/{r.json['id']}\")\nu.get(KEPT['x'])", 1),
    ("AB110", "u.get(f'/{random.random()}')", 0),
    ("AB110", "with when(r.status == 200):\n    u.get(f'/{time.time_ns()}')", 1),
    ("AB111", "n = u.var('n', 1)\npath = f'/{n}'\nn.set(n + 1)\nu.get(path)", 3),
    ("AB111", "n = u.var('n', 1)\nmore = n + 1\nfor _ in repeat(2):\n    u.get(f'/{more}')\n    n.set(5)", 3),
    ("AB111", "n = u.var('n', 1)\nbig = n > 3\nn.set(5)\nwith when(big):\n    u.get('/a')", 3),
    ("AB120", "x = r.json['next'] is None", 0),
    ("AB120", "if isinstance(r.json['id'], str):\n    pass", 0),
    ("AB121", "x = ''\nfor _ in repeat(3):\n    r = u.get(f'/{x}')\n    x = r.json['next']", 2),
    ("AB130", "try:\n    u.get('/a')\nexcept Exception:\n    pass", 0),
    ("AB140", "think('a while')", 0),
    ("AB141", "u.py(lambda text: text, r.text)", 0),
    ("AB140", "think(3)", 0),
    ("AB140", "u.get('/a', expect=status('ok'))", 0),
    ("AB140", "secret('a b')", 0),
    ("AB140", "crypto.sha256('a', 'HEX')", 0),
    ("AB140", "crypto.jwt_hs256('{}', 'k')", 0),
    ("AB140", "u.var(f\"{r.json['n']}\", 1)", 0),
    ("AB140", "u.var(r.json['n'], 1)", 0),
    ("AB140", "check(r.json['n'] > 0.5, 'half')", 0),
    ("AB140", "u.get('/a', name=f\"{r.json['n']}\")", 0),
    ("AB140", "u.get('/a', params={f\"{r.json['n']}\": 1})", 0),
    ("AB140", "u.headers[f\"{r.json['n']}\"] = 1", 0),
    ("AB140", "check(r.status == 200, f\"{r.json['n']}\")", 0),
    ("AB140", "u.post('/a', json={'x': object()})", 0),
    ("AB140", "u.post('/a', json={}, data='x')", 0),
    ("AB140", "x = r.json['id'][1:3]", 0),
    ("AB140", "with otherwise():\n    u.get('/a')", 0),
    ("AB140", "with pick() as p:\n    u.get('/a')", 0),
    ("AB140", "with pick() as p:\n    with p.weight(0):\n        u.get('/a')", 1),
    ("AB140", "with pick() as p:\n    with p.weight(1):\n        pass", 1),
    (
        "AB140",
        "with pick() as p, p.weight(1):\n    with pick() as p:\n        pass\n    with p.weight(1):\n        pass",
        3,
    ),
    ("AB140", "with pick() as p:\n    with when(r.status == 200):\n        with p.weight(1):\n            pass", 2),
    ("AB140", "x = r.json['n']\nfor _ in range(500):\n    x = x + 1\nu.get(f'/{x}')", 3),
    ("AB140", "x = r.json['n']\nfor _ in range(15):\n    x = x + x + x\nu.get(f'/{x}')", 3),
    ("AB140", "me = csv('users.csv', columns='name').next()", 0),
    ("AB150", "u.get(pathh)", 0),
    ("AB150", "raise SystemExit(3)", 0),
    ("AB150", "u.get('/a', timeout=3)", 0),
    ("AB150", "check(r.status == 200)", 0),
    ("AB160", "users = csv('users.csv')\nu.get('/' + users.next().nmae)  # <-", 1),
]


@pytest.mark.parametrize(("code", "body", "line"), REFUSED)
def test_what_cannot_be_traced_is_refused_at_its_line(code: str, body: str, line: int, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("name,password\nann,secret\n")
    trouble = refused(tmp_path, body)
    text = str(trouble)
    assert trouble.kind == code, text
    assert trouble.line == len(HEAD.splitlines()) + 1 + line, text
    assert f"error[{code}]" in text
    assert body.splitlines()[line].strip() in text, "the line itself is shown"
    assert f"apibench explain {code}" in text


def test_what_the_function_catches_is_refused_all_the_same(tmp_path: Path) -> None:
    body = "try:\n    x = 1 if some else 2\nexcept Exception:\n    x = 3\nu.get('/a')"
    head = HEAD.replace('    r = u.get("/first")\n', '    some = u.get("/first").status == 200\n')
    with pytest.raises(NotTraceable) as caught:
        read_python(str(write(tmp_path, body, head)))
    assert caught.value.kind in ("AB101", "AB130")


def test_words_outside_of_a_scenario_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "loose.py"
    path.write_text("from apibench import think\nthink('1s')\n")
    with pytest.raises(NotTraceable) as caught:
        read_python(str(path))
    assert (caught.value.kind, caught.value.line) == ("AB107", 2)


TRACED = {code for code in CODES if not code.startswith("AB17")}
"""The others are of users in Python, which are not traced; tests/unit/authoring/python_user has them."""


def test_every_code_has_a_test() -> None:
    assert {code for code, _, _ in REFUSED} | {"AB107"} == TRACED


@pytest.mark.parametrize("code", sorted(TRACED - {"AB107"}))
def test_what_a_code_says_to_write_instead_can_be_traced(code: str, tmp_path: Path) -> None:
    known = 'page, path, item, name = r, "/a", r.json["item"], r.json["name"]\nusers = csv("users.csv")\n'
    (tmp_path / "users.csv").write_text("name,password\nann,secret\n")
    read_python(str(write(tmp_path, known + CODES[code].right)))


def test_the_page_of_codes_is_made_of_the_table() -> None:
    path = DOCS / "codes.md"
    if os.environ.get("APIBENCH_REWRITE_SNAPSHOTS") == "1":
        path.write_text(page(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == page()


def test_a_value_is_taken_out_right_behind_its_request_and_once(tmp_path: Path) -> None:
    body = """
    u.get("/between")
    u.get(f"/{r.json['a']['id']}?n={r.json['a']['id']}", headers={"X": r.headers["X-Id"]})
    """
    found = steps(tmp_path, body)
    assert [(each["type"], each.get("to") or each["path"]) for each in found[:3]] == [
        ("extract", "id"),
        ("extract", "x_id"),
        ("request", "/between"),
    ]
    assert found[3]["name"] == "GET /{id}"
    assert found[3]["headers"][0][1]["arguments"] == [{"type": "variable", "name": "x_id"}]


def test_what_is_drawn_is_drawn_where_it_is_written_and_the_same_wherever_it_is_used(tmp_path: Path) -> None:
    found = steps(tmp_path, "n = rand.int(1, 6)\nu.get(f'/{n}')\nu.get(f'/again/{n}')")
    assert [each["type"] for each in found] == ["set", "request", "request"]
    drawn = {"type": "variable", "name": "number"}
    assert [each["path"]["arguments"][1] for each in found[1:]] == [drawn, drawn]


def test_headers_of_the_user_hold_from_there_on_and_those_of_a_block_in_it(tmp_path: Path) -> None:
    body = """
    u.headers["Authorization"] = "Bearer a"
    with when(r.status == 200):
        u.headers["X-Block"] = 1
        u.get("/inside", headers={"authorization": "Bearer b"})
    u.get("/behind")
    """
    extract, when, behind = steps(tmp_path, body)
    assert extract["type"] == "extract"
    assert when["steps"][0]["headers"] == [["authorization", "Bearer b"], ["X-Block", "1"]]
    assert behind["headers"] == [["Authorization", "Bearer a"]]


def test_a_header_of_the_user_is_the_value_that_was_given(tmp_path: Path) -> None:
    body = """
    u.headers["X"] = r.json["id"]
    u.headers["Y"] = f"a {u.headers['X']}"
    u.headers["Z"] = f"{u.headers['y']}!"
    u.headers["N"] = 1
    u.headers["N"] = u.headers["N"] + 1
    u.get("/a")
    """
    headers = dict(steps(tmp_path, body)[1]["headers"])
    constant, variable = {"type": "constant", "value": "a "}, {"type": "variable", "name": "id"}
    assert headers["X"]["arguments"] == [variable]
    assert headers["Y"]["arguments"] == [constant, variable]
    assert headers["Z"]["arguments"] == [constant, variable, {"type": "constant", "value": "!"}]
    assert headers["N"] == "2"


def test_a_body_of_json_is_known_where_it_is_known(tmp_path: Path) -> None:
    body = """
    u.post("/a", json={"a": [1, None, "é"], "b": {"c": True}})
    u.post("/b", json={"id": r.json["id"], "text": f"x {r.json['id']}"})
    """
    extract, known, late = steps(tmp_path, body)
    assert extract["to"] == "id"
    assert known["body"]["text"] == '{"a": [1, null, "é"], "b": {"c": true}}'
    texts = [each.get("value", each.get("function")) for each in late["body"]["text"]["arguments"]]
    assert texts == ['{"id": ', "json_encoded", ', "text": ', "json_encoded", "}"]


def test_a_variable_is_set_where_it_is_written_and_has_its_new_value_from_there_on(tmp_path: Path) -> None:
    body = """
    cursor, total = u.var("cursor", ""), u.var("total", 0)
    for _ in repeat(3):
        page = u.get(f"/pages/{total}", params={"from": cursor})
        cursor.set(page.json["next"])
        total.set(total + page.json["items"].length())
    check(total > 0, "some")
    """
    first, second, repeat, check = steps(tmp_path, body)
    assert [(each["to"], each["value"]["value"]) for each in (first, second)] == [("cursor", ""), ("total", 0)]
    assert [(each["type"], each.get("to")) for each in repeat["steps"]] == [
        ("request", None),
        ("extract", "next"),
        ("extract", "items"),
        ("set", "cursor"),
        ("set", "total"),
    ]
    assert repeat["steps"][0]["name"] == "GET /pages/{total}"
    assert repeat["steps"][4]["value"]["arguments"][0] == {"type": "variable", "name": "total"}
    assert check["condition"]["arguments"][0] == {"type": "variable", "name": "total"}


def test_text_that_plan_files_would_read_as_an_expression_is_sent_as_it_stands(tmp_path: Path) -> None:
    body = """
    u.get("/${price}", params={"q": "${x}"}, headers={"X": "$${a}", "Authorization": "Bearer ${secret:SHOP}"})
    u.post("/a", json={"a": "${b}"})
    u.post("/a", data="${b")
    u.post("/a", data=f"${{b}}{r.json['id']}")
    """
    plan = read_python(str(write(tmp_path, body)))
    assert parse_plan_document(plan.document()) == plan, "an installation reads it as it is"
    _, extract, first, *rest = plan.document()["scenarios"][0]["steps"]
    assert extract["type"] == "extract"
    assert first["path"] == {"type": "constant", "value": "/${price}?q=%24%7Bx%7D"}
    assert first["headers"] == [
        ["X", {"type": "constant", "value": "$${a}"}],
        ["Authorization", "Bearer ${secret:SHOP}"],
    ]
    texts = [each["body"]["text"] for each in rest]
    assert texts[:2] == [{"type": "constant", "value": '{"a": "${b}"}'}, {"type": "constant", "value": "${b"}]
    assert texts[2]["arguments"][0] == {"type": "constant", "value": "${b}"}


def test_a_path_may_be_put_together_with_plus(tmp_path: Path) -> None:
    extract, request = steps(tmp_path, "u.get('/items/' + r.json['id'] + '/parts?a=1', params={'b': 2})")
    assert extract["type"] == "extract"
    assert request["name"] == "GET /items/{id}/parts"
    assert [each.get("value") for each in request["path"]["arguments"]] == ["/items/", None, "/parts?a=1&b=2"]


@pytest.mark.parametrize("head", ["async def journey(u):", "def journey(u):\n    yield"])
def test_a_scenario_is_a_plain_function(head: str, tmp_path: Path) -> None:
    with pytest.raises(NotTraceable, match="plain function"):
        read_python(str(write(tmp_path, "", HEAD.replace("def journey(u):", head))))


def test_a_secret_beside_what_is_late_is_refused_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid) as caught:
        read_python(str(write(tmp_path, "u.get('/a')\nu.get('/b', headers={'X': f\"${{secret:A}}{r.json['id']}\"})")))
    assert [(fault.code, fault.line) for fault in caught.value.faults] == [("secret.place", len(HEAD.splitlines()) + 2)]


def test_a_file_is_read_in_the_encoding_that_it_says(tmp_path: Path) -> None:
    path = tmp_path / "latin.py"
    text = f"# coding: latin-1\n{HEAD}    u.post('/a', data='é' + 'Grüße')\n"
    path.write_bytes(text.encode("latin-1"))
    assert read_python(str(path)).document()["scenarios"][0]["steps"][1]["body"]["text"] == "éGrüße"


def test_python_unrolls_what_it_knows(tmp_path: Path) -> None:
    found = steps(tmp_path, "for page in range(3):\n    if page != 1:\n        u.get(f'/pages/{page}')")
    assert [each["path"] for each in found] == ["/pages/0", "/pages/2"]


def test_faults_of_the_plan_are_told_at_the_line_of_their_step(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid) as caught:
        read_python(str(write(tmp_path, "u.get('/a b')\nu.get('/fine')\nu.get('relative')")))
    first = len(HEAD.splitlines()) + 1
    assert [(fault.code, fault.line) for fault in caught.value.faults] == [
        ("path.characters", first),
        ("path.relative", first + 2),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ('load="200"', "is no load"),
        ('load="5/s"', "when the load ends"),
        ('load=[ramp("5 vus", over="1s"), ramp("5/s", over="1s")]', "mixed"),
        ('load=[hold("1s")]', "no stage says a level"),
        ('load="5/s", duration="long"', "long"),
        ("load=[]", "neither text nor stages"),
        ("load=50", "neither text nor stages"),
        ('load=["5/s"]', "neither text nor stages"),
        ('load="5/s", duration=30', "30 is no duration"),
        ('load="5/s", iterations=[]', "[]"),
        ("load=[hold(5)]", "no stage says a level"),
        ('load=[ramp("5/s", over=5)]', "5 is no duration"),
        ('load=[ramp(50, over="1s")]', "50 is no load"),
        ("base_url=['http://a']", "base_url is text"),
        ("name=5", "name is text"),
        ('thresholds="p99 < 1s"', 'thresholds=["p99 < 200ms"]'),
        ("slo=[5]", "slo is a list of text"),
    ],
)
def test_a_load_that_cannot_be_is_refused_at_its_scenario(words: str, message: str, tmp_path: Path) -> None:
    head = HEAD.replace('load="1 vu", iterations=1', words).replace("rand, ", "rand, ramp, hold, ")
    if words.startswith("base_url"):
        head = head.replace('base_url="http://127.0.0.1:1", ', "")
    with pytest.raises(NotTraceable) as caught:
        read_python(str(write(tmp_path, "", head)))
    assert message in str(caught.value)
    assert HEAD.splitlines()[caught.value.line - 1].startswith("@scenario(")


def load_of(tmp_path: Path, words: str) -> dict[str, Any]:
    head = HEAD.replace('load="1 vu", iterations=1', words).replace("rand, ", "rand, ramp, hold, ")
    found: dict[str, Any] = read_python(str(write(tmp_path, "", head))).document()["scenarios"][0]["load"]
    return found


def test_loads_are_those_of_plans(tmp_path: Path) -> None:
    ramped = load_of(tmp_path, 'load=[ramp("200/s", over="1s"), hold("2s"), ramp("0/s", over="1s")]')
    assert (ramped["model"], ramped["rate"]["count"], ramped["ends"]["duration_ns"]) == ("open", 0, 4_000_000_000)
    assert [stage["rate"]["count"] for stage in ramped["stages"]] == [1, 1, 0]
    jumped = load_of(tmp_path, 'load=[ramp("5 vus", over="0s"), hold("2s")]')
    assert (jumped["model"], jumped["vus"], len(jumped["stages"])) == ("closed", 5, 1)
    flat = load_of(tmp_path, 'load="50 users", duration="1m", iterations="1k"')
    assert (flat["vus"], flat["ends"]) == (50, {"duration_ns": 60_000_000_000, "iterations": 1_000})


def test_digests_signatures_and_times_are_written_down_as_calls(tmp_path: Path) -> None:
    text = """
    at = now.iso()
    proof = crypto.hmac_sha256(secret("KEY"), f"{at}:{r.json['id']}", form="base64")
    token = crypto.jwt_hs256({"sub": r.json["id"], "exp": now.seconds() + 60}, secret("JWT"))
    u.get("/b", headers={"X-At": at, "X-Proof": proof, "Authorization": f"Bearer {token}", "X-Key": secret("KEY")})
    u.get(f"/c/{crypto.md5('a')}/{r.text.base64url()}/{r.text.from_base64()}")
    """
    found = steps(tmp_path, text)
    requests = {step["name"]: step for step in found if step["type"] == "request"}
    headers = dict(requests["GET /b"]["headers"])
    assert headers["X-Key"] == "${secret:KEY}"
    assert "'function': 'hmac_sha256'" in str(headers["X-Proof"])
    sets = {step["to"]: step["value"]["function"] for step in found if step["type"] == "set"}
    assert sets == {"time": "now_iso", "seconds": "now_seconds"}
    functions = ("md5", "base64url_encoded", "base64_decoded")
    assert all(f"'function': '{each}'" in str(requests["GET /c/{md5}/{body}/{body}"]["path"]) for each in functions)


def test_a_signature_is_said_once_and_sent_with_whatever_has_it(tmp_path: Path) -> None:
    text = """
    keys = u.post("/keys")
    signed = aws_sigv4("eu-west-1", "s3", secret("ID"), keys.json["key"], session_token=f"{keys.json['token']}")
    u.put("/a", data="x", sign=signed)
    u.get("/b", sign=signed)
    """
    put, get = (step["sign"] for step in steps(tmp_path, text) if step["type"] == "request" and step["path"] != "/keys")
    assert put == get
    assert (put["region"], put["service"], put["access_key"]) == ("eu-west-1", "s3", "${secret:ID}")
    assert put["session_token"]["arguments"] == [{"type": "variable", "name": "token"}]


def test_what_the_page_of_scenarios_writes_can_be_traced(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "scenarios.md").read_text(), flags=re.DOTALL)
    whole, *others = (block for block in blocks if "@scenario(" in block)
    parts = [block for block in blocks if "@scenario(" not in block]
    lives = [part for part in parts if "@shopper." in part]
    inside = [part for part in parts if part not in lives]
    assert lives
    assert len(list(read_python(str(write(tmp_path, "\n".join(inside)))).requests())) > len(inside)
    (tmp_path / "whole.py").write_text(whole)
    assert read_python(str(tmp_path / "whole.py")).scenarios[0].name == "shopper"
    for number, block in enumerate(others):
        (tmp_path / f"other_{number}.py").write_text(block)
        assert read_python(str(tmp_path / f"other_{number}.py")).scenarios
    closed = re.sub(r"load=\[[^]]*\]", 'load="2 vus", iterations=2', whole)
    (tmp_path / "lives.py").write_text("\n".join([closed, *lives]))
    assert read_python(str(tmp_path / "lives.py")).scenarios[0].on_start
