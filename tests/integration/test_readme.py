"""Every example of the README runs."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.integration.conftest import PATIENCE_S, command_line, on_a_quiet_moment

from apibench.engine.echo_server import EchoServer

README = (Path(__file__).parents[2] / "README.md").read_text()
COMMANDS = re.findall(r"^\$ apibench (run .+?)(?:\s+#.*)?$", README, flags=re.MULTILINE)
(PLAN,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)


def test_the_readme_has_examples() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("example", COMMANDS)
def test_an_example_runs(example: str, environment: dict[str, str], tmp_path: Path) -> None:
    with EchoServer(knobs="delay=2ms:99,40ms:1") as server:
        (tmp_path / "plan.yaml").write_text(PLAN.replace("http://127.0.0.1:8089", server.address))
        words = shlex.split(example.replace("http://127.0.0.1:8089", server.address))
        if not any(word in ("-d", "-n", "--stage") for word in words) and "plan.yaml" not in words:
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
            assert "PASSED" in done.stdout or "INVALID" in done.stdout, done.stdout + done.stderr
            return "PASSED" in done.stdout

        assert on_a_quiet_moment(attempt)
        assert server.counts()["requests"] > 0
