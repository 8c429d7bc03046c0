"""`u.py(...)`: functions of Python in the middle of a load, and whatever they may do to it."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import PATIENCE_S, Command, command_line
from tests.integration.recording import target

from apibench.engine.echo_server import EchoServer
from apibench.model.exit_codes import ExitCode
from apibench.report.schema import result_schema
from apibench.report.schema_check import deviations

DOCS = Path(__file__).parents[2] / "docs"
SCENARIO = """\
import os
import time
from pathlib import Path

from apibench import scenario, secret
from helpers import Signer

KEPT = []


def sign(order, total):
    return f"{order}-{total * 2}"


def raises(number):
    if number % 2:
        raise ValueError(f"no key {os.environ.get('APIBENCH_SECRET_KEY', '')} for {number}")
    return {"even": [number, None, 0.5, "é"]}


def hangs(number):
    if number == 3:
        time.sleep(3600)
    return number


def dies(number):
    if number == 3:
        os.kill(os.getpid(), 11)
    return number


def always_dies():
    os._exit(3)


def leaks():
    KEPT.append(bytearray(8 << 20))
    return os.getpid()


def odd():
    return {1, 2}


@scenario(base_url="ADDRESS", load="1 vu", iterations=20)
def journey(u):
BODY
"""
HELPERS = """\
class Signer:
    @staticmethod
    def sign(text):
        return text[::-1]
"""


def write(folder: Path, address: str, body: str, load: str = '"1 vu", iterations=20') -> Path:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    text = SCENARIO.replace("ADDRESS", address).replace('"1 vu", iterations=20', load).replace("BODY", lines)
    (folder / "helpers.py").write_text(HELPERS)
    path = folder / "journey.py"
    path.write_text(text)
    return path


def ran(path: Path, apibench: Command, *words: str) -> dict[str, Any]:
    finished = apibench("run", str(path), "-o", "json=-", "--progress", "none", *words)
    assert finished.stdout, finished.stderr
    assert not list(deviations(finished.document, result_schema()))
    return finished.document


def by_name(document: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {each["name"]: (each["passed"], each["failed"]) for each in document["checks"]}


def test_a_function_makes_what_is_sent_next(echo: EchoServer, apibench: Command, tmp_path: Path) -> None:
    body = """
order = u.get("/products/7")
u.get(f"/signed/{u.py(sign, order.json['id'], 21)}", headers={"X-Turned": u.py(Signer.sign, "abc")})
"""
    document = ran(write(tmp_path, echo.address, body), apibench)
    assert document["iterations"]["ok"] == 20
    python = document["python"]
    assert (python["calls"], python["failed"], python["replaced"]) == (40, 0, {})
    assert [each["function"] for each in python["functions"]] == ["sign", "Signer.sign"]
    assert python["wait"]["count"] == python["time"]["count"] == 40
    assert python["processes"] == len(os.sched_getaffinity(0))


def test_the_scenario_of_the_page_has_its_function_called(echo: EchoServer, apibench: Command, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "scenarios.md").read_text(), flags=re.DOTALL)
    (page,) = (block for block in blocks if "u.py(" in block)
    path = tmp_path / "payer.py"
    path.write_text(page.replace("http://127.0.0.1:8089", echo.address))
    document = ran(path, apibench)
    assert document["iterations"]["ok"] == 40
    assert by_name(document)["python sign"] == (40, 0)


def test_what_raises_costs_its_own_iterations_by_name_and_tells_no_secret(
    echo: EchoServer, apibench: Command, tmp_path: Path, environment: dict[str, str]
) -> None:
    body = """
n = rand.int(1, 1000)
made = u.py(raises, n)
u.post("/orders", json={"made": made}, headers={"X-Key": secret("KEY")})
"""
    environment["APIBENCH_SECRET_KEY"] = "hunter2hunter2"
    path = write(tmp_path, echo.address, body)
    path.write_text(path.read_text().replace("import scenario", "import rand, scenario"))
    finished = apibench("run", str(path), "-o", "json=-", "--progress", "none", "--seed", "1")
    document = finished.document
    failed = document["iterations"]["failed"]
    assert 0 < failed < 20
    assert document["requests"]["started"] == 20 - failed, "nothing half filled is sent"
    assert document["requests"]["failed"] == 0
    assert by_name(document)["python raises"] == (20 - failed, failed)
    reasons = document["python"]["failures"]
    assert all(each["reason"].startswith("ValueError") for each in reasons)
    assert sum(each["count"] for each in reasons) == failed
    assert "hunter2" not in finished.stdout
    assert "[redacted]" in reasons[0]["reason"]


def test_a_call_that_hangs_is_ended_and_only_its_own_fail(echo: EchoServer, apibench: Command, tmp_path: Path) -> None:
    body = """
n = u.var("n", 0)
for _ in repeat(6):
    n.set(n + 1)
    u.py(hangs, n)
u.get("/behind")
"""
    path = write(tmp_path, echo.address, body, '"2 vus", iterations=4')
    path.write_text(path.read_text().replace("import scenario", "import repeat, scenario"))
    document = ran(path, apibench, "--python-timeout", "300ms")
    assert document["iterations"]["failed"] == 4
    # Of the last ones the load was over before others came.
    assert 2 <= document["python"]["replaced"]["hung"] <= 4
    assert document["python"]["failures"] == [
        {"function": "hangs", "reason": "TimeoutError: `hangs` took longer than 300 ms", "count": 4}
    ]


def test_a_process_that_dies_is_replaced_and_the_load_goes_on(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = """
n = u.var("n", 0)
for _ in repeat(4):
    n.set(n + 1)
    u.py(dies, n)
u.get("/behind")
"""
    path = write(tmp_path, echo.address, body, '"1 vu", iterations=3')
    path.write_text(path.read_text().replace("import scenario", "import repeat, scenario"))
    document = ran(path, apibench, "--python-processes", "1")
    assert document["iterations"]["failed"] == 3
    # The last may not have been missed before the end.
    assert document["python"]["replaced"].keys() == {"died by SIGSEGV"}
    assert document["python"]["replaced"]["died by SIGSEGV"] >= 2
    assert document["python"]["failures"] == [{"function": "dies", "reason": "its process died", "count": 3}]


def test_too_many_deaths_in_a_row_end_in_iterations_that_fail_and_never_in_a_hang(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    path = write(tmp_path, echo.address, 'u.py(always_dies)\nu.get("/never")', '"2 vus", iterations=200')
    document = ran(path, apibench, "--python-processes", "1")
    assert document["iterations"]["failed"] == 200
    assert document["python"]["replaced"] == {"died with exit code 3": 4}
    reasons = {each["reason"]: each["count"] for each in document["python"]["failures"]}
    assert sum(reasons.values()) == 200
    assert "RuntimeError: the last 5 processes of Python ended without an answer" in reasons


def test_a_process_that_leaks_is_replaced_behind_its_calls_and_none_of_them_fails(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = """
for _ in repeat(20):
    u.py(leaks)
    think("20ms")
u.get("/behind")
"""
    path = write(tmp_path, echo.address, body, '"1 vu", iterations=3')
    path.write_text(path.read_text().replace("import scenario", "import repeat, scenario, think"))
    document = ran(path, apibench, "--python-processes", "1", "--python-memory", "120MiB")
    assert document["python"]["failed"] == 0
    assert document["iterations"]["ok"] == 3
    assert document["python"]["replaced"]["too large"] >= 1


def test_who_waits_for_a_pool_that_is_full_waits_by_that_name_and_the_verdict_names_who_fills_it(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = "u.py(sign, 1, 2)\nu.get('/products/7')\nu.py(fills, 1)"
    path = write(tmp_path, echo.address, body, '"8 vus", iterations=80')
    function = "def fills(number):\n    time.sleep(0.03)\n    return number\n\n\n@scenario("
    path.write_text(path.read_text().replace("@scenario(", function))
    document = ran(path, apibench, "--python-processes", "1")
    python = document["python"]
    # A process that takes 30 ms for each of eight users lets the others wait.
    assert python["wait"]["quantiles"]["0.5"] > 30_000_000
    assert document["service_time"]["count"] == document["iterations"]["ok"] == 80
    (finding,) = (each for each in document["verdict"]["findings"] if each["code"] == "python")
    assert "`fills`" in finding["message"]
    assert "`fills`" in finding["remedy"]
    assert document["verdict"]["exit_code"] == 112
    times = {each["function"]: each["time_ns"] for each in python["functions"]}
    assert times["fills"] > 80 * 30_000_000 > times["sign"]


def test_what_is_no_value_of_json_fails_its_call(echo: EchoServer, apibench: Command, tmp_path: Path) -> None:
    path = write(tmp_path, echo.address, 'u.py(odd)\nu.get("/never")', '"1 vu", iterations=2')
    (failure,) = ran(path, apibench)["python"]["failures"]
    assert failure["count"] == 2
    assert failure["reason"].startswith("TypeError")


def test_a_file_that_processes_cannot_load_is_refused_before_the_first_request(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    path = write(tmp_path, echo.address, "u.py(sign, 1, 2)\nu.get('/a')")
    once = "import sys\nif 'import sys; sys.path' in ' '.join(sys.orig_argv):\n    raise OSError('no licence here')\n"
    path.write_text(once + path.read_text())
    finished = apibench("run", str(path), "--progress", "none")
    assert finished.code == 104
    assert "no licence here" in finished.stderr
    assert echo.counts()["requests"] == 0


def test_a_plan_file_never_leads_to_code(echo: EchoServer, apibench: Command, tmp_path: Path) -> None:
    path = write(tmp_path, echo.address, "u.py(sign, 1, 2)\nu.get('/a')")
    plan = tmp_path / "plan.json"
    plan.write_text(apibench("plan", str(path)).stdout)
    assert json.loads(plan.read_text())["scenarios"][0]["steps"][0]["function"] == "sign"
    finished = apibench("run", str(plan), "--progress", "none")
    assert finished.code == 104
    assert "`sign` is Python, and only a scenario in Python can have that called" in finished.stderr
    assert echo.counts()["requests"] == 0


def test_a_controller_gets_no_plan_that_calls_python_which_nobody_has_signed(apibench: Command, tmp_path: Path) -> None:
    path = write(tmp_path, "http://127.0.0.1:1", "u.py(sign, 1, 2)\nu.get('/a')")
    finished = apibench("run", str(path), "--controller", "http://127.0.0.1:1")
    assert finished.code == 104
    assert "`sign` is Python, and workers call only what somebody has signed" in finished.stderr


def test_one_iteration_shows_the_call_its_values_and_its_line(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    path = write(tmp_path, echo.address, 'a = u.py(sign, "o\\"1", 4)\nu.get(f"/{a}")\nu.py(raises, 3)')
    finished = apibench("run", str(path), "--once", "--trace")
    assert finished.code == 99
    shown = [line.strip() for line in finished.stdout.splitlines()]
    line = path.read_text().splitlines().index('    a = u.py(sign, "o\\"1", 4)') + 1
    at = shown.index(f'journey.py:{line}  a = u.py(sign, "o\\"1", 4)')
    assert shown[at + 1 : at + 3] == ['calls sign("o\\"1",4)', 'sign = "o\\"1-8"']
    assert "has no value: ValueError: no key  for 3".replace("  ", " ") in shown
    assert "✗ python raises" in shown


def test_words_of_python_are_refused_where_nothing_is_called(echo: EchoServer, apibench: Command) -> None:
    finished = apibench("run", echo.address, "--python-processes", "2", "--python-timeout", "nonsense")
    assert finished.code == 2
    assert "--python-processes" in finished.stderr
    assert "--python-timeout" in finished.stderr


def test_what_functions_print_is_no_output_of_the_command(echo: EchoServer, apibench: Command, tmp_path: Path) -> None:
    path = write(tmp_path, echo.address, 'u.py(print, "hello")\nu.get("/a")', '"1 vu", iterations=2')
    finished = apibench("run", str(path), "-o", "json=-", "--progress", "none")
    assert finished.document["iterations"]["ok"] == 2
    assert "hello" in finished.stderr


def test_a_script_runs_its_own_functions_and_its_processes_run_no_load(echo: EchoServer, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import apibench\nfrom apibench import scenario\n\n"
        "def double(x):\n    return 2 * x\n\n"
        f"@scenario(base_url='{echo.address}', load='1 vu', iterations=3)\n"
        "def s(u):\n    u.get(f'/{u.py(double, 4)}')\n\n"
        "if __name__ == '__main__':\n"
        "    result = apibench.run(s, python_processes=1)\n"
        "    print(result.document['python']['calls'], result.document['iterations']['ok'])\n"
    )
    words = command_line()[:1]
    done = subprocess.run([*words, str(script)], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.stdout == "3 3\n", done.stderr
    unguarded = script.read_text().replace("if __name__ == '__main__':", "if True:")
    script.write_text(unguarded)
    done = subprocess.run([*words, str(script)], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode != 0
    assert "__main__" in done.stderr


def test_no_process_outlives_the_command(echo: EchoServer, environment: dict[str, str], tmp_path: Path) -> None:
    body = "for _ in repeat(1000000):\n    u.py(hangs, 3)\nu.get('/never')"
    path = write(tmp_path, echo.address, body, '"2 vus", duration="1h"')
    pids = tmp_path / "pids"
    text = path.read_text().replace("import scenario", "import repeat, scenario")
    notes = f"Path({str(pids)!r}).open('a').write(f'{{os.getpid()}}\\n')"
    path.write_text(text.replace("        time.sleep(3600)", f"        {notes}\n        time.sleep(3600)"))
    command = command_line("run", str(path), "--progress", "none", "--python-processes", "2")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while not pids.exists() or len(pids.read_text().split()) < 2:
            assert running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.wait(PATIENCE_S)
    for pid in map(int, pids.read_text().split()):
        while Path(f"/proc/{pid}").exists():
            pass


@pytest.mark.parametrize("kind", ["yaml", "py"])
def test_inspect_says_what_is_python_and_what_is_not(apibench: Command, tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, "http://127.0.0.1:1", 'a = u.py(sign, "x", 4)\nu.get(f"/{a}")', '"1 vu"')
    if kind == "yaml":
        path = tmp_path / "plan.yaml"
        path.write_text(
            "version: 1\nhosts: {a: 'http://127.0.0.1:1'}\nscenarios:\n  - name: journey\n"
            "    load: {vus: 1, iterations: 1}\n"
            "    steps:\n      - {type: python, function: sign, arguments: [\"'x'\", 4], to: sign}\n"
            "      - {type: request, path: '/${sign}'}\n"
        )
    shown = apibench("inspect", str(path)).stdout
    assert "journey: 1 native step, 1 Python call: Python is on the path" in shown
    assert "sign('x', 4)" in shown
    assert "PYTHON" in shown
    assert "GET /{sign}" in shown
    document = json.loads(apibench("inspect", str(path), "--json").stdout)
    assert [each["by"] for each in document["scenarios"][0]["steps"]] == ["python", "native"]
    assert document["python"]


def test_what_set_up_hands_over_is_given_to_functions_within_a_group_and_its_secrets_are_in_no_reason(
    apibench: Command, tmp_path: Path
) -> None:
    body = """
with group("checkout"):
    u.py(tells, u.shared["token"])
    u.get(f"/signed/{u.py(sign, u.shared['order'], 21)}")
"""
    once = """

@journey.setup
def prepare(u):
    made = u.post("/login")
    return {"token": made.json["token"], "order": made.json["order"]}


@journey.teardown
def clear(u):
    u.delete(f"/orders/{u.shared['order']}")
"""
    tells = "def tells(token):\n    raise ValueError(token)\n\n\n@scenario("
    with target() as told:
        told.answers["/login"] = ({}, b'{"token": "hunter2hunter2", "order": 7}')
        path = write(tmp_path, told.address, body, '"2 vus", iterations=6, on_fail="continue"')
        text = path.read_text().replace("import scenario", "import group, scenario").replace("@scenario(", tells)
        path.write_text(text + once)
        finished = apibench("run", str(path), "-o", "json=-", "--progress", "none")
        shown = apibench("run", str(path), "--once", "--trace")
    document = finished.document
    assert by_name(document)["python sign"] == (6, 0), finished.stderr
    assert [each["reason"] for each in document["python"]["failures"]] == ["ValueError: [redacted]"]
    (group,) = document["scenarios"][0]["groups"]
    assert (group["name"], group["passes"], group["failed"]) == ("checkout", 6, 6)
    assert [document["run"][word]["state"] for word in ("setup", "teardown")] == ["ok", "ok"]
    assert "calls tells([redacted])" in shown.stdout
    assert "has no value: ValueError: [redacted]" in shown.stdout
    assert "hunter2" not in finished.stdout + finished.stderr + shown.stdout + shown.stderr
    sent = [f"{each.method} {each.path}" for each in told.received]
    assert sent == [
        *("POST /login", *["GET /signed/7-42"] * 6, "DELETE /orders/7"),
        *("POST /login", "GET /signed/7-42", "DELETE /orders/7"),
    ]


def test_set_up_and_tear_down_call_nothing_yet_and_that_is_said_at_the_line(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    path = write(tmp_path, echo.address, 'u.get("/a")')
    once = """

@journey.setup
def prepare(u):
    u.post("/login", data=u.py(sign, 1, 2))
"""
    path.write_text(path.read_text() + once)
    refused = apibench("run", str(path))
    assert refused.code == ExitCode.BAD_PLAN
    line = path.read_text()[: path.read_text().index("u.post")].count("\n") + 1
    assert f"journey.py:{line}:" in refused.stderr
    assert "calls of Python in `setup` are not built yet" in refused.stderr


def test_a_file_that_no_process_can_load_is_refused_before_anything_is_sent_by_set_up(
    apibench: Command, tmp_path: Path
) -> None:
    once = """

@journey.setup
def prepare(u):
    u.post("/login")


if "LOADED" in os.environ:
    raise RuntimeError("not again")
os.environ["LOADED"] = "1"
"""
    with target() as told:
        path = write(tmp_path, told.address, 'u.get(f"/{u.py(sign, 1, 2)}")')
        path.write_text(path.read_text() + once)
        refused = apibench("run", str(path))
    assert "a process of Python could not load the file" in refused.stderr
    assert "not again" in refused.stderr
    assert told.received == []
