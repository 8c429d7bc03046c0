"""`apibench run PLAN --once --trace`: one iteration, shown step by step; nothing else is sent."""

import subprocess
from pathlib import Path

import pytest
from tests.integration.conftest import PATIENCE_S, command_line

from apibench.engine.echo_server import EchoServer

SCENARIO = """\
from apibench import check, pick, scenario, status, when

@scenario(base_url="ADDRESS", load="200/s", duration="1h", thresholds=["p99 < 1ns"])
def buyer(u):
    login = u.post("/login", json={"user": "ann"})
    u.headers["Authorization"] = f"Bearer {login.json['token']}"
    with pick(by="turn") as p:
        with p.weight(1):
            item = u.get("/products/7")
    check(item.json["id"] == 7, "seven")
    check(item.json["id"] == 8, "eight")
    with when(item.json["price_cents"] > 1_000_000):
        u.get("/never")
    u.get(f"/colours/{item.json['colour']}")
"""


def once(folder: Path, environment: dict[str, str], *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        command_line("run", *words),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=folder,
        env=environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_load_that_leaves_its_end_to_others_can_be_done_once(environment: dict[str, str], tmp_path: Path) -> None:
    with EchoServer() as server:
        scenario = SCENARIO.replace("ADDRESS", server.address).replace(', duration="1h"', "")
        (tmp_path / "buyer.py").write_text(scenario)
        _, shown, _ = once(tmp_path, environment, "buyer.py", "--once", "--trace")
    assert "buyer.py:5" in shown


def test_a_request_whose_values_are_not_there_is_said_to_be_the_end(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with EchoServer() as server:
        head = "from apibench import each, jsonl, scenario\nrows = jsonl('rows.jsonl')\n"
        loads = f"@scenario(base_url='{server.address}', load='1 vu', iterations=1)\ndef "
        first = "first(u):\n    u.get(f'/products/{rows.next().id}')\n"
        second = (
            "second(u):\n    page = u.get('/products')\n    for item in each(page.json['page']):\n        u.get('/a')\n"
        )
        (tmp_path / "rows.jsonl").write_text('{"idd": 1}\n')
        (tmp_path / "two.py").write_text(f"{head}{loads}{first}{loads}{second}")
        code, shown, _ = once(tmp_path, environment, "two.py", "--once", "--trace")
    assert code == 99
    lines = [line.strip() for line in shown.splitlines()]
    assert "✗ values of GET /products/{id}" in lines
    assert sum(line.startswith("✗") for line in lines) == 2


def test_an_iteration_is_shown_beside_its_lines_and_nothing_else_is_sent(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with EchoServer() as server:
        (tmp_path / "buyer.py").write_text(SCENARIO.replace("ADDRESS", server.address))
        code, shown, _ = once(tmp_path, environment, "buyer.py", "--once", "--trace")
        assert server.counts()["requests"] == 2
    lines = [line.strip() for line in shown.splitlines()]
    assert lines[0] == "buyer"
    expected = [
        'buyer.py:5  login = u.post("/login", json={"user": "ann"})',
        "> POST /login HTTP/1.1",
        '> {"user": "ann"}',
        "token = [redacted]",
        "case 1 of 1",
        "> Authorization: [redacted]",
        "✓ seven",
        "✗ eight",
        "colour is not there",
    ]
    places = [lines.index(line) for line in expected if not line.startswith(("✓", "✗"))]
    assert places == sorted(places)
    assert any(line.startswith("< HTTP/1.1 200 OK  in ") for line in lines)
    assert lines[-1].startswith("failed after ")
    assert "Bearer" not in shown
    assert code == 99


def test_what_is_ok_passes_and_a_plan_s_steps_are_shown_by_their_places(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with EchoServer() as server:
        plan = f"""
            version: 1
            hosts: {{shop: "{server.address}"}}
            scenarios:
              - name: s
                load: {{vus: 50, duration: 1h}}
                steps:
                  - {{type: request, path: /products/7}}
                  - {{type: extract, of: $.id, to: id}}
                  - type: when
                    condition: id == 7
                    steps: [{{type: request, path: "/products/${{id}}"}}]
                  - {{type: repeat, times: 2, steps: [{{type: think, constant: 1ms}}]}}
            """
        (tmp_path / "plan.yaml").write_text(plan)
        code, shown, _ = once(tmp_path, environment, "plan.yaml", "--once", "--trace")
        assert server.counts()["requests"] == 2
    assert code == 0
    lines = [line.strip() for line in shown.splitlines()]
    for line in ("scenarios[0].steps[2]  when", "holds", "2 times", "id = 7", "> GET /products/7 HTTP/1.1"):
        assert line in lines, shown
    assert lines[-1].startswith("ok after ")


def test_once_alone_does_each_scenario_once(environment: dict[str, str], tmp_path: Path) -> None:
    with EchoServer() as server:
        code, shown, said = once(tmp_path, environment, server.address, "--once")
        assert server.counts()["requests"] == 1
    assert code == 0, said
    assert "PASSED" in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--trace",), "--trace: shows every step"),
        (("--once", "--trace", "--controller", "http://127.0.0.1:1"), "--trace"),
    ],
)
def test_a_trace_is_of_one_iteration_here(
    words: tuple[str, ...], says: str, environment: dict[str, str], tmp_path: Path
) -> None:
    code, _, said = once(tmp_path, environment, "http://127.0.0.1:1/", *words)
    assert code == 2
    assert says in said
