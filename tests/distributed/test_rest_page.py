"""What the pages show of the REST face is answered as they say, by an installation, one command after another."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.distributed.processes import TOKEN, Processes, open_plan
from tests.integration.pages import ROOT, Block, blocks_of

from apibench.engine.echo_server import EchoServer

pytestmark = pytest.mark.timeout(180)


def shown(page: str) -> list[Block]:
    return [block for block in blocks_of(ROOT / "docs" / page) if any("curl" in each for each in block.commands)]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Processes]:
    """An installation with two workers in Europe."""
    made = Processes(tmp_path, f"sqlite:///{tmp_path}/store.sqlite")
    made.start("serve", "serve", "--http", made.http, "--grpc", made.grpc, "--allow-proven")
    for name in ("one", "other"):
        made.start_worker(name, "--region", "eu")
    made.until_idle(3)
    yield made
    made.close()


def typed(here: Processes, command: str, **known: str) -> str:
    """What a command answers. `known`: what stands for words in capitals."""
    for word, value in known.items():
        command = command.replace(word, value)
    rest = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
    (exports,) = re.findall(r"```sh\n(export API=.*?)```", rest, flags=re.DOTALL)
    exports = exports.replace("http://127.0.0.1:8090", f"http://{here.http}")
    script = f"export APIBENCH_TOKEN={TOKEN}\n{exports}\n{command.replace('curl ', 'curl -sS --fail-with-body -m 60 ')}"
    (here.folder / "apibench").write_text(f'#!/bin/sh\nexec {sys.executable} -m apibench "$@"\n')
    (here.folder / "apibench").chmod(0o755)
    environment = {**os.environ, "PATH": f"{here.folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=90,
        cwd=here.folder,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_commands_of_the_pages_are_answered(here: Processes) -> None:
    commands = [command for page in ("rest.md", "security.md") for block in shown(page) for command in block.commands]
    answers: dict[str, Any] = {}
    with EchoServer(http="127.0.0.1:0") as target:
        plan = open_plan(target.address, 100, 60)
        plan["scenarios"][0]["name"] = "buyers"
        (here.folder / "plan.json").write_text(json.dumps(plan))
        for command in commands:
            text = typed(here, command, TEST_ID=answers.get("test", ""), RUN_ID=answers.get("run", ""))
            if command.rpartition("$API")[2].startswith("/v1/runs -d"):
                answers["run"] = json.loads(text)["id"]
                here.until_running(answers["run"])
                here.until("ten seconds are measured", lambda: target.counts()["requests"] > 1_100)
            elif "/v1/tests" in command:
                answers["test"] = json.loads(text)["id"]
            elif command.endswith("/stop"):
                here.result(answers["run"])
            elif "/v1/kill" in command:
                assert json.loads(text)["killed"]
                here.ask("DELETE", "/v1/kill")
            elif "/v1/quota" in command:
                assert json.loads(text)["runs"] == 4
    assert len(commands) >= 9
