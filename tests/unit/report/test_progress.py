"""A run while it goes on. The blocks are kept as text, like the last screens."""

import json
import os
from pathlib import Path

import pytest
from rich.cells import cell_len
from tests.unit.report.runs import SECOND_NS, Run, closed_load, open_load, plan, scenario, series, times
from tests.unit.report.runs import interval as interval_of
from tests.unit.report.screens import SCREENS, judged

from apibench.model.verdict import ThresholdResult
from apibench.report.progress import LiveState

SNAPSHOTS = Path(__file__).with_name("snapshots_live")
REWRITE = os.environ.get("APIBENCH_REWRITE_SNAPSHOTS") == "1"
NO_DATA = (judged("p99 of 'GET /basket' < 1s", None, passed=False),)


def state(run: Run) -> LiveState:
    made = LiveState(run.plan)
    for interval in run.intervals:
        made.add(interval)
    return made


CASES: list[tuple[str, int, float]] = [
    ("passed_open", 80, 4.2),
    ("passed_open", 120, 4.2),
    ("failed_threshold", 80, 3.1),
    ("aborted", 80, 4.4),
    ("several_steps", 80, 3.5),
]


@pytest.mark.parametrize(("name", "width", "elapsed_s"), CASES)
def test_the_live_block_is_the_one_that_is_kept(name: str, width: int, elapsed_s: float) -> None:
    run = SCREENS[name]
    block = state(run).block(round(elapsed_s * SECOND_NS), run.results, width=width).plain + "\n"
    path = SNAPSHOTS / f"{name}.{width}.txt"
    if REWRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(block, encoding="utf-8")
    assert block == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_block_fits_the_terminal_and_is_short(name: str, width: int) -> None:
    run = SCREENS[name]
    lines = state(run).block(SECOND_NS, (*run.results, *NO_DATA * 9), width=width).plain.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= 12


def first_line(run_plan: dict[str, object], elapsed_s: float, **words: int) -> str:
    made = plan([run_plan], [["GET /"]], name="shop", **words)
    return LiveState(made).block(round(elapsed_s * SECOND_NS)).plain.splitlines()[0]


def test_the_first_line_tells_the_part_of_the_run() -> None:
    load = open_load(10, 10)
    assert "warming up, 00:02 left" in first_line(load, 1, warmup_ns=3 * SECOND_NS)
    assert first_line(load, 5).count("━") == 10
    assert "00:05 left of 10 s" in first_line(load, 5)
    assert "draining" in first_line(load, 10.1)
    counted = {"model": "closed", "vus": 1, "ends": {"iterations": 5}}
    assert "running for 00:07" in first_line(counted, 7)


def test_the_first_line_names_the_stage() -> None:
    stages = [{"duration_ns": 5 * SECOND_NS, "vus": vus} for vus in (20, 5)]
    load = {**closed_load(1, 10), "stages": stages}
    assert "stage 1 of 2: to 20 VUs" in first_line(load, 4)
    assert "stage 2 of 2: to 5 VUs" in first_line(load, 6)


def test_a_stop_is_told_with_what_the_next_one_does() -> None:
    assert "Ctrl-C again" in state(SCREENS["aborted"]).block(SECOND_NS, stopping=True).plain


def test_failing_thresholds_come_first_and_those_without_data_are_no_failures() -> None:
    results: tuple[ThresholdResult, ...] = (*SCREENS["passed_open"].results, *SCREENS["aborted"].results, *NO_DATA)
    lines = [line for line in state(SCREENS["aborted"]).block(SECOND_NS, results).plain.splitlines() if "<" in line]
    assert "✗ p99 < 1s for 2s abort" in lines[0]
    assert "no data yet" not in lines[0]


def test_the_warm_up_is_not_in_the_run_s_figures() -> None:
    run = SCREENS["passed_open"]
    early = LiveState(run.plan)
    early.add(run.intervals[0])
    lines = early.block(SECOND_NS).plain.splitlines()
    whole = next(line for line in lines if "the run" in line)
    recent = next(line for line in lines if "last" in line)
    assert "ms" not in whole
    assert "ms" in recent


def test_before_the_first_second_there_is_nothing_to_say() -> None:
    empty = LiveState(SCREENS["passed_open"].plan)
    assert empty.plain_line() == ""
    assert empty.json_line() == ""
    assert "waiting for the first second" in empty.block(0).plain


def test_a_line_of_json_is_the_last_second() -> None:
    moment = json.loads(state(SCREENS["aborted"]).json_line())
    assert moment["end_s"] == 4.5
    assert moment["ok"] == moment["in_flight"] == 0
    assert moment["dropped"] == 50
    assert moment["quantiles"]["0.5"] >= 2 * SECOND_NS
    assert moment["at_least"] == ["0.5", "0.9", "0.99", "0.999", "1"]
    assert state(SCREENS["aborted"]).json_line().count("\n") == 1


def test_a_line_of_json_names_no_lower_bounds_where_all_ended() -> None:
    assert json.loads(state(SCREENS["passed_open"]).json_line())["at_least"] == []


def test_a_plain_line_is_one_line_and_names_its_part() -> None:
    run = SCREENS["passed_open"]
    made = LiveState(run.plan)
    made.add(run.intervals[0])
    assert made.plain_line() == (
        "00:01  warm-up  asked 500/s  ok 500/s  p50 12.0 ms  p99 37.8 ms  max 56.3 ms  in flight 0  failed 0\n"
    )
    made.add(run.intervals[1])
    assert made.plain_line().startswith("00:02  asked")


def test_ascii_terminals_get_ascii() -> None:
    run = SCREENS["aborted"]
    block = state(run).block(SECOND_NS, run.results, encoding="ascii").plain
    assert block.isascii()
    assert len(block) == len(state(run).block(SECOND_NS, run.results).plain)


def test_a_frozen_target_is_seen_by_the_age_of_what_is_in_flight() -> None:
    run = SCREENS["aborted"]
    made = LiveState(run.plan)
    for interval in run.intervals[:3]:
        made.add(interval)
    assert "oldest 1.50 s" not in made.block(3 * SECOND_NS).plain
    ages = times([], [1_500_000_000, 20_000])
    stuck = series(in_flight=2, times={"pending": ages})
    made.add(interval_of(3, 1, [scenario()], [stuck]))
    assert "oldest 1.50 s" in made.block(4 * SECOND_NS).plain
