"""What loading a scenario costs grows as its length does."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from benchmarks.long_scenario import FILES, long_scenario

from apibench.authoring.any_plan import read_any_plan
from apibench.model.plan import Plan

MOST_CALLS_A_LINE = 1_000


def calls(file: Path) -> tuple[int, Plan]:
    """How many functions of Python are called until there is a plan: no clock, and the same on every machine."""
    count = 0

    def called(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        plan = read_any_plan(str(file))
    finally:
        sys.setprofile(before)
    return count, plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Scenarios of three lengths, with their data."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    for lines in (100, 250, 500):
        (tmp_path / f"of_{lines}.py").write_text(long_scenario(lines))
    return tmp_path


def test_twice_as_long_costs_twice_as_much(folder: Path) -> None:
    read_any_plan(str(folder / "of_100.py"))  # what is worked out once is there
    (half, _), (whole, plan) = calls(folder / "of_250.py"), calls(folder / "of_500.py")
    lines = [(folder / f"of_{each}.py").read_text().count("\n") for each in (250, 500)]
    assert lines[1] > 450
    assert len(plan.scenarios) > 10
    assert whole / lines[1] < 1.1 * half / lines[0]
    assert whole < MOST_CALLS_A_LINE * lines[1]
