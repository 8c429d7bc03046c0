"""Every example of the page on Python runs, one after the other as they stand there."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from apibench.engine.echo_server import EchoServer

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", page)
    with EchoServer(knobs="delay=1ms:99,5ms:1") as server:
        for number, block in enumerate(BLOCKS):
            path = tmp_path / f"block_{number}.py"
            path.write_text(block.replace("http://127.0.0.1:8089", server.address))
            exec(compile(path.read_text(), str(path), "exec"), vars(page))  # noqa: S102 - that is the test
    assert len(BLOCKS) >= 6
