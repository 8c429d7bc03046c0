"""What is done once in a run, by the command: before the load and behind it, whatever becomes of that."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.canary import Canary
from tests.integration.conftest import PATIENCE_S, Finished, command_line
from tests.integration.recording import Target, target

import apibench
from apibench.model.errors import SetUpFailed
from apibench.report.run_result import Result

DOCS = Path(__file__).parents[2] / "docs"
SCENARIO = """\
from apibench import check, scenario, think

@scenario(base_url="ADDRESS", load="2 vus", iterations=6)
def shopper(u):
    u.get(f"/carts/{u.shared['cart']}", headers={"Authorization": f"Bearer {u.shared['token']}"})

@shopper.setup
def prepare(u):
    login = u.post("/login", json={"user": "admin"})
    cart = u.post("/carts", headers={"Authorization": f"Bearer {login.json['token']}"})
    check(cart.json["id"] > 0, "has a cart")
    return {"token": login.json["token"], "cart": cart.json["id"]}

@shopper.teardown
def clean(u):
    u.delete(f"/carts/{u.shared['cart']}", headers={"Authorization": f"Bearer {u.shared['token']}"})
"""


def answering(told: Target, token: str = "t-1") -> None:  # noqa: S107 - it opens nothing
    told.answers["/login"] = ({}, json.dumps({"token": token}).encode())
    told.answers["/carts"] = told.answers["/orders"] = ({}, b'{"id": 7}')


def run(folder: Path, environment: dict[str, str], text: str, *words: str) -> Finished:
    (folder / "shopper.py").write_text(text)
    done = subprocess.run(
        command_line("run", "shopper.py", *words),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=folder,
        env=environment,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def paths(told: Target) -> list[str]:
    return [f"{each.method} {each.path}" for each in told.received]


def test_it_is_done_once_before_the_load_and_once_behind_it(environment: dict[str, str], tmp_path: Path) -> None:
    with target() as told:
        answering(told)
        finished = run(tmp_path, environment, SCENARIO.replace("ADDRESS", told.address), "-o", "json=run.json")
    assert paths(told) == ["POST /login", "POST /carts", *["GET /carts/7"] * 6, "DELETE /carts/7"]
    assert {each.headers["Authorization"] for each in told.received[1:]} == {"Bearer t-1"}
    assert finished.code in (0, 112), finished.stderr
    result = Result.load(tmp_path / "run.json")
    assert (result.requests, result.document["iterations"]["started"]) == (6, 6), "neither is in the figures"
    block = result.document["run"]
    assert (block["setup"]["state"], block["setup"]["requests"]) == ("ok", 2)
    assert (block["teardown"]["state"], block["teardown"]["requests"]) == ("ok", 1)
    lines = finished.stdout.splitlines()
    assert any(line.startswith("Set-up      2 requests in") for line in lines)
    assert any(line.startswith("Tear-down   1 request in") for line in lines)
    assert "set-up: 2 requests in" in finished.stderr


def test_what_is_handed_over_is_sent_and_stays_nowhere(environment: dict[str, str], tmp_path: Path) -> None:
    canary = Canary()
    token = canary.value.replace("é", "")
    outputs = [word for kind in ("json", "ndjson", "csv", "hgrm", "junit") for word in ("-o", f"{kind}=result.{kind}")]
    with target() as told:
        answering(told, token)
        text = SCENARIO.replace("ADDRESS", told.address)
        said = [run(tmp_path, environment, text, *outputs, "--summary", "full", "--progress", "json")]
        told.statuses["/carts/7"] = 500
        said.append(run(tmp_path, environment, text))
        told.statuses["/carts"] = 500
        said += [run(tmp_path, environment, text), run(tmp_path, environment, text, "--once", "--trace")]
        told.statuses.clear()
        said.append(run(tmp_path, environment, text, "--once", "--trace"))
    assert f"Bearer {token}" in {each.headers.get("Authorization") for each in told.received}
    assert [each.code for each in said[1:]] == [99, 107, 107, 0]
    assert not [each for each in said if canary.is_in((each.stdout + each.stderr).encode())]
    assert canary.places(tmp_path) == []
    assert canary.places(Path(environment["APIBENCH_DATA_DIR"])) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"/login": 401}, "set-up failed: POST /login was answered with 401 (http.4xx)"),
        ({"/carts": 503}, "set-up failed: POST /carts was answered with 503 (http.5xx)"),
    ],
)
def test_where_it_fails_there_is_no_load(
    broken: dict[str, int], said: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with target() as told:
        answering(told)
        told.statuses.update(broken)
        finished = run(tmp_path, environment, SCENARIO.replace("ADDRESS", told.address))
    assert finished.code == 107
    assert said in finished.stderr
    assert not [path for path in paths(told) if path.startswith(("GET", "DELETE"))]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"{}", "`token` is not there in the answer of POST /login (status 200)"),
        (b"no json", "`token` is not there in the answer of POST /login (status 200)"),
    ],
)
def test_an_answer_that_is_not_what_it_looks_for_fails_it_by_name(
    answer: bytes, said: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with target() as told:
        answering(told)
        told.answers["/login"] = ({}, answer)
        finished = run(tmp_path, environment, SCENARIO.replace("ADDRESS", told.address))
    assert finished.code == 107
    assert said in finished.stderr


def test_a_check_of_it_that_does_not_hold_fails_it(environment: dict[str, str], tmp_path: Path) -> None:
    with target() as told:
        answering(told)
        told.answers["/carts"] = ({}, b'{"id": 0}')
        finished = run(tmp_path, environment, SCENARIO.replace("ADDRESS", told.address))
    assert finished.code == 107
    assert "a check does not hold: has a cart" in finished.stderr
    assert paths(told) == ["POST /login", "POST /carts"]


def test_one_that_takes_too_long_ends_by_that_name(environment: dict[str, str], tmp_path: Path) -> None:
    text = SCENARIO.replace("@shopper.setup", '@shopper.setup(timeout="200ms")').replace(
        "    login =", '    think("30s")\n    login ='
    )
    with target() as told:
        answering(told)
        finished = run(tmp_path, environment, text.replace("ADDRESS", told.address))
    assert finished.code == 100
    assert "set-up failed: it was not over within 200 ms" in finished.stderr
    assert paths(told) == []


@pytest.mark.parametrize(("timeout", "code"), [("60s", 107), ("200ms", 101)])
def test_a_tear_down_that_goes_wrong_changes_no_figure_and_is_told(
    timeout: str, code: int, environment: dict[str, str], tmp_path: Path
) -> None:
    text = SCENARIO.replace("@shopper.teardown", f'@shopper.teardown(timeout="{timeout}")')
    text = text.replace("    u.delete(f", '    think("300ms")\n    u.delete("/gone")\n    u.delete(f')
    with target() as told:
        answering(told)
        told.statuses["/gone"] = 404
        finished = run(tmp_path, environment, text.replace("ADDRESS", told.address), "-o", "json=run.json")
    result = Result.load(tmp_path / "run.json")
    assert result.requests == 6
    assert result.document["run"]["teardown"]["state"] == ("failed" if code == 107 else "timeout")
    assert "Tear-down   FAILED" in finished.stdout
    assert "tear-down: FAILED" in finished.stderr
    if result.verdict == "passed":
        assert finished.code == code


def test_behind_a_stop_it_is_torn_down(environment: dict[str, str], tmp_path: Path) -> None:
    text = SCENARIO.replace("iterations=6", 'duration="10m"').replace("    u.get(", '    think("50ms")\n    u.get(')
    with target() as told:
        answering(told)
        (tmp_path / "shopper.py").write_text(text.replace("ADDRESS", told.address))
        running = subprocess.Popen(
            command_line("run", "shopper.py"), cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + PATIENCE_S
        while len(told.received) < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(running.pid, signal.SIGINT)
        shown, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 105
    assert paths(told)[-1] == "DELETE /carts/7"
    assert paths(told).count("DELETE /carts/7") == 1
    assert "Tear-down   1 request" in shown


def test_a_threshold_that_aborts_is_followed_by_it(environment: dict[str, str], tmp_path: Path) -> None:
    text = SCENARIO.replace("iterations=6", 'duration="10m", thresholds=["p50 < 1ns abort"]')
    with target() as told:
        answering(told)
        finished = run(tmp_path, environment, text.replace("ADDRESS", told.address))
    assert finished.code in (99, 112)
    assert paths(told).count("DELETE /carts/7") == 1


def test_a_trace_shows_all_three(environment: dict[str, str], tmp_path: Path) -> None:
    with target() as told:
        answering(told)
        finished = run(tmp_path, environment, SCENARIO.replace("ADDRESS", told.address), "--once", "--trace")
    assert finished.code == 0
    shown = finished.stdout
    assert shown.index("set-up\n") < shown.index("shopper\n") < shown.index("tear-down\n")
    assert 'login = u.post("/login"' in shown
    assert "t-1" not in shown
    assert len(told.received) == 4


def test_from_python_a_set_up_that_fails_is_raised(tmp_path: Path) -> None:
    with target() as told:
        answering(told)
        told.statuses["/login"] = 401
        (tmp_path / "shopper.py").write_text(SCENARIO.replace("ADDRESS", told.address))
        with pytest.raises(SetUpFailed, match="POST /login was answered with 401"):
            apibench.run(str(tmp_path / "shopper.py"))


def test_values_that_are_handed_over_stand_where_they_are_put(environment: dict[str, str], tmp_path: Path) -> None:
    """Percent-encoded in a path, never out of a header's line, and as JSON in a body."""
    text = SCENARIO.replace(
        '    u.get(f"/carts/{u.shared[\'cart\']}", headers={"Authorization": f"Bearer {u.shared[\'token\']}"})',
        "    u.post(f\"/a/{u.shared['token']}\", json={'t': u.shared['token'], 'n': u.shared['cart'] + 1})\n"
        "    u.get('/b', headers={'X-T': u.shared['token']})",
    )
    text = text[: text.index("@shopper.teardown")].replace(
        'headers={"Authorization": f"Bearer {login.json[\'token\']}"}', "json={}"
    )
    with target() as told:
        answering(told, 'a b\r\nX-Smuggled: "ü')
        finished = run(tmp_path, environment, text.replace("ADDRESS", told.address), "-o", "json=run.json")
        plain = [each for each in told.received if each.path.startswith("/a/")]
    assert len(plain) == 6
    assert plain[0].path == "/a/a%20b%0D%0AX-Smuggled:%20%22%C3%BC"
    assert json.loads(plain[0].body) == {"t": 'a b\r\nX-Smuggled: "ü', "n": 8}
    assert not [each for each in told.received if each.path == "/b"]
    checks = {each.name: each.failed for each in Result.load(tmp_path / "run.json").checks}
    assert checks["values of GET /b"] == 6
    assert finished.code == 99, "no iteration was ok"


def test_the_examples_of_the_pages_run(environment: dict[str, str], tmp_path: Path) -> None:
    text = (DOCS / "scenarios.md").read_text() + (DOCS / "journeys.md").read_text()
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", text, flags=re.DOTALL)
    blocks = [block for block in blocks if "@shopper.setup" in block[1] or "\nsetup:" in block[1]]
    assert [language for language, _ in blocks] == ["python", "yaml"]
    with target() as told:
        answering(told)
        for language, block in blocks:
            name = "page.py" if language == "python" else "page.yaml"
            (tmp_path / name).write_text(block.replace("http://127.0.0.1:8089", told.address))
            before = len(told.received)
            done = subprocess.run(
                command_line("run", name), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode in (0, 112), done.stdout + done.stderr
            mine = paths(told)[before:]
            assert (mine[0], mine[-1].split("/")[0]) == ("POST /login", "DELETE ")
