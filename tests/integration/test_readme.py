"""Every example of the README runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.conftest import PATIENCE_S, command_line, on_a_quiet_moment
from tests.ports import free_port

from apibench.engine.echo_server import EchoServer

README = (Path(__file__).parents[2] / "README.md").read_text()
COMMANDS = [
    command
    for command in re.findall(r"^\$ apibench (run .+?)(?:\s+#.*)?$", README, flags=re.MULTILINE)
    if "--controller" not in command
]
(INSTALLATION,) = (
    block for block in re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL) if "apibench controller" in block
)
(PLAN,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
(SCENARIO,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_readme_has_examples() -> None:
    assert len(COMMANDS) >= 5


def test_the_second_example_is_a_scenario_of_a_dozen_lines() -> None:
    assert README.index("$ apibench run http") < README.index(SCENARIO) < README.index(PLAN)
    assert len([line for line in SCENARIO.splitlines() if line]) <= 12


@pytest.mark.parametrize("example", COMMANDS)
def test_an_example_runs(example: str, environment: dict[str, str], tmp_path: Path) -> None:
    with EchoServer(knobs="delay=2ms:99,40ms:1") as server:
        (tmp_path / "plan.yaml").write_text(PLAN.replace("http://127.0.0.1:8089", server.address))
        (tmp_path / "shopper.py").write_text(SCENARIO.replace("http://127.0.0.1:8089", server.address))
        words = shlex.split(example.replace("http://127.0.0.1:8089", server.address))
        if not any(word in ("-d", "-n", "--stage") for word in words) and words[1] not in ("plan.yaml", "shopper.py"):
            words += ["-d", "1s"]

        def attempt() -> bool:
            done = subprocess.run(
                command_line(*words),
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                cwd=tmp_path,
                env=environment,
                check=False,
            )
            # Invalid by a busy machine is no fault of the example; anything else is.
            passed = "\n  ok after " in done.stdout if "--trace" in words else "PASSED" in done.stdout
            assert passed or "INVALID" in done.stdout, done.stdout + done.stderr
            return passed

        assert on_a_quiet_moment(attempt)
        assert server.counts()["requests"] > 0


@pytest.mark.timeout(3 * PATIENCE_S)
def test_the_installation_of_three_processes_runs(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "apibench").write_text(f'#!/bin/sh\nexec {sys.executable} -m apibench "$@"\n')
    (tmp_path / "apibench").chmod(0o755)
    http, grpc, results = (f"127.0.0.1:{free_port()}" for _ in range(3))
    with EchoServer() as server:
        script = INSTALLATION.replace("$ ", "").replace("http://127.0.0.1:8089", server.address)
        # The ports of the README may be somebody's here.
        script = script.replace("http://127.0.0.1:8090", f"http://{http}")
        script = script.replace("apibench controller", f"apibench controller --http {http} --grpc {grpc}")
        script = script.replace("apibench aggregator", f"apibench aggregator --controller {grpc} --grpc {results}")
        script = script.replace("apibench worker ", f"apibench worker --controller {grpc} ")
        script = script.replace("apibench workers", f"apibench workers --controller http://{http}")
        done = subprocess.run(
            ["bash", "-c", f"trap 'kill $(jobs -p); wait' EXIT\n{script}"],
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            cwd=tmp_path,
            env={**environment, "PATH": f"{tmp_path}:{environment['PATH']}"},
            check=False,
        )
        counted = server.counts()["requests"]
    assert "2,500" in done.stdout, done.stdout + done.stderr
    assert "2 workers" in done.stdout
    assert counted == 2_500
    assert done.returncode == 0, done.stdout + done.stderr
