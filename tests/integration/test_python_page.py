"""Every example of the page on Python runs, one after the other as they stand there; that of pytest in pytest."""

import re
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
from tests.integration.conftest import on_a_quiet_moment

import apibench
from apibench.engine.echo_server import EchoServer

pytest_plugins = ["pytester"]
PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
(TESTS,) = (block for block in BLOCKS if "import pytest" in block)
SCRIPTS = [block for block in BLOCKS if block is not TESTS]
FLAGS = [line.split()[1:] for line in re.findall(r"^\$ (pytest .*)$", PAGE, flags=re.MULTILINE)]
TARGET = "http://127.0.0.1:8089"


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", page)
    with EchoServer(knobs="delay=1ms:99,5ms:1") as server:
        for number, block in enumerate(SCRIPTS):
            path = tmp_path / f"block_{number}.py"
            path.write_text(block.replace(TARGET, server.address))
            exec(compile(path.read_text(), str(path), "exec"), vars(page))  # noqa: S102 - that is the test
    assert len(SCRIPTS) >= 6


def test_the_tests_run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(apibench.__file__).parents[1]))
    with EchoServer() as server:
        pytester.makepyfile(TESTS.replace(TARGET, server.address))

        def outcomes(*flags: str) -> dict[str, int]:
            return pytester.runpytest_subprocess("-p", "apibench.testing.plugin", *flags, timeout=50).parseoutcomes()

        def passes(flags: list[str], count: int) -> bool:
            return outcomes(*flags).get("passed") == count

        assert outcomes() == {"skipped": 3}
        # What a busy machine spoils is no fault of the example.
        for flags, passed in zip(FLAGS, (3, 1), strict=True):
            assert on_a_quiet_moment(partial(passes, flags, passed))
