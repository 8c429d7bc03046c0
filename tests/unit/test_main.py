"""The command's first instruction."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import apibench

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT / "src")


def test_the_version_is_that_of_the_engine() -> None:
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]
    assert apibench.__version__ == workspace["package"]["version"]


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_printed(flag: str) -> None:
    answer = run("-m", "apibench", flag)
    assert (answer.returncode, answer.stdout) == (0, f"apibench {apibench.__version__}\n")


def test_the_version_is_answered_before_any_library_is_loaded() -> None:
    program = (
        "import sys; sys.argv = ['apibench', '--version']; bare = set(sys.modules)\n"
        "from apibench.__main__ import main\n"
        "main(); print(*sorted(set(sys.modules) - bare))"
    )
    answer = run("-c", program)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[1].split() == ["apibench", "apibench.__main__"]


def test_other_verbs_reach_the_command_line() -> None:
    answer = run("-m", "apibench", "plan")
    assert (answer.returncode, answer.stdout) == (2, "")
