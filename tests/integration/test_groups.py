"""Groups of steps, as a user runs them: in the document, on the last screen, in thresholds, and request for request."""

import re
import subprocess
from pathlib import Path

from tests.integration.conftest import PATIENCE_S, Finished, command_line

from apibench.engine.echo_server import EchoServer
from apibench.report.run_result import Result

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = [
    block
    for language in ("python", "yaml")
    for page in ("scenarios.md", "journeys.md")
    for block in re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)
]
SCENARIO = """\
from apibench import group, scenario, think

GOALS = ["p95 of 'checkout' < 10s", "errors of 'pay' < 1%"]

@scenario(base_url="ADDRESS", load="2 vus", iterations=20, thresholds=GOALS)
def shopper(u):
    u.get("/products")
    with group("checkout"):
        u.get("/products/7")
        think("20ms")
        with group("pay"):
            u.get("/products/8")
"""


def run(folder: Path, environment: dict[str, str], *words: str) -> Finished:
    done = subprocess.run(
        command_line("run", *words),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=folder,
        env=environment,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def test_a_group_is_a_row_of_its_own_and_no_request(environment: dict[str, str], tmp_path: Path) -> None:
    with EchoServer() as server:
        (tmp_path / "shopper.py").write_text(SCENARIO.replace("ADDRESS", server.address))
        finished = run(tmp_path, environment, "shopper.py", "-o", "json=run.json", "-o", "csv=run.csv")
        counted = server.counts()["requests"]
    result = Result.load(tmp_path / "run.json")
    assert result.requests == counted == 60
    checkout, pay = result.group("checkout"), result.group("pay")
    assert (checkout.passes, checkout.ok, checkout.failed, checkout.unfinished) == (20, 20, 0, 0)
    assert (pay.passes, pay.errors) == (20, 0.0)
    assert pay.max <= checkout.max
    assert "Groups" in finished.stdout
    (row,) = (line for line in finished.stdout.splitlines() if line.strip().startswith("pay "))
    assert row.split()[1] == "20"
    assert all(each.passed for each in result.thresholds)


def test_a_group_that_its_iteration_ends_in_has_failed(environment: dict[str, str], tmp_path: Path) -> None:
    text = SCENARIO.replace('u.get("/products/8")', 'u.get("/?status=500")')
    with EchoServer() as server:
        (tmp_path / "shopper.py").write_text(text.replace("ADDRESS", server.address))
        finished = run(tmp_path, environment, "shopper.py", "-o", "json=run.json")
    result = Result.load(tmp_path / "run.json")
    assert finished.code == 99
    assert (result.group("checkout").failed, result.group("pay").failed) == (20, 20)


def test_one_iteration_is_told_within_its_groups(environment: dict[str, str], tmp_path: Path) -> None:
    with EchoServer() as server:
        (tmp_path / "shopper.py").write_text(SCENARIO.replace("ADDRESS", server.address))
        finished = run(tmp_path, environment, "shopper.py", "--once", "--trace")
    assert finished.code == 0
    assert 'u.get("/products/8")' in finished.stdout


def test_the_groups_of_the_pages_run(environment: dict[str, str], tmp_path: Path) -> None:
    blocks = [
        block for block in EXAMPLES if "group" in block and "http://127.0.0.1:8089" in block and "regex" not in block
    ]
    assert len(blocks) == 2
    with EchoServer() as server:
        for block in blocks:
            name = "page.py" if "import" in block else "page.yaml"
            (tmp_path / name).write_text(block.replace("http://127.0.0.1:8089", server.address))
            assert run(tmp_path, environment, name, "-o", "json=run.json").code in (0, 99, 112)
            assert Result.load(tmp_path / "run.json").group("checkout").passes > 0
