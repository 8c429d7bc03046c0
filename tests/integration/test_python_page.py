"""The tests that the page on Python shows run as it says. Its scripts are among those of test_pages.py."""

import re
from functools import partial
from pathlib import Path

import pytest
from tests.integration.conftest import on_a_quiet_moment

import apibench
from apibench.engine.echo_server import EchoServer

pytest_plugins = ["pytester"]
PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
(TESTS,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL) if "import pytest" in block)
FLAGS = [line.split()[1:] for line in re.findall(r"^\$ (pytest .*)$", PAGE, flags=re.MULTILINE)]
TARGET = "http://127.0.0.1:8089"


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
