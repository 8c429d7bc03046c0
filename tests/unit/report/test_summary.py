"""The last screen, kept as text. After a change on purpose: `APIBENCH_REWRITE_SNAPSHOTS=1 pytest`, and look at them."""

import os
from copy import deepcopy
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.unit.report.screens import SCREENS

from apibench.report.equations import violations
from apibench.report.summary import Form, summary

SNAPSHOTS = Path(__file__).with_name("snapshots")
REWRITE = os.environ.get("APIBENCH_REWRITE_SNAPSHOTS") == "1"
DOCUMENTS = {name: run.document() for name, run in SCREENS.items()}
CASES: list[tuple[str, Form, int]] = [
    *((name, "compact", 80) for name in DOCUMENTS),
    ("passed_open", "full", 80),
    ("passed_open", "full", 120),
    ("several_steps", "compact", 120),
    ("aborted", "full", 120),
]


def coloured(document: dict[str, Any], width: int) -> str:
    stream = StringIO()
    console = Console(
        file=stream, force_terminal=True, color_system="standard", width=width, soft_wrap=True, highlight=False
    )
    console.print(summary(document, width=width), end="")
    return stream.getvalue()


@pytest.mark.parametrize(("name", "form", "width"), CASES)
def test_the_screen_is_the_one_that_is_kept(name: str, form: Form, width: int) -> None:
    screen = summary(DOCUMENTS[name], form, width=width, written=["run.json"] if form == "full" else []).plain
    path = SNAPSHOTS / f"{name}.{form}.{width}.txt"
    if REWRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(screen, encoding="utf-8")
    assert screen == path.read_text(encoding="utf-8")


def test_a_rate_is_proposed_only_where_the_command_would_take_it() -> None:
    document = deepcopy(DOCUMENTS["several_steps"])
    assert "--rate" in summary(document).plain
    document["run"]["plan"]["scenarios"] *= 2
    assert "--rate" not in summary(document).plain


def test_where_no_iteration_was_ok_a_look_at_one_is_proposed_and_behind_a_look_nothing() -> None:
    document = deepcopy(DOCUMENTS["several_steps"])
    document["iterations"]["ok"] = 0
    assert "Next        --once --trace shows one iteration" in summary(document).plain
    document["iterations"] |= {"ok": 1, "started": 1}
    assert "Next" not in summary(document).plain


def test_iterations_that_failed_while_their_requests_were_ok_are_in_the_first_line() -> None:
    document = deepcopy(DOCUMENTS["several_steps"])
    document["requests"] |= {"failed": 0, "unfinished": 0}
    told = " ".join(summary(document).plain.split())
    assert "it ran to its end; no threshold judges its 30 failed or unfinished iterations" in told


def test_processor_time_that_others_had_is_told_from_a_hundredth_on() -> None:
    document = deepcopy(DOCUMENTS["passed_open"])
    assert "of its threads' time" not in summary(document).plain
    # Five seconds of four threads.
    document["run"]["host"] |= {"throttled_ns": 0, "steal_ns": 200 * 1_000_000, "waited_ns": 201 * 1_000_000}
    assert "of its threads' time 1.01 % waited for a processor\n" in summary(document).plain
    for name in ("throttled_ns", "steal_ns", "waited_ns"):
        del document["run"]["host"][name]
    assert "of its threads' time" not in summary(document).plain, "a document of an earlier release"


def test_every_kept_screen_has_a_test() -> None:
    known = {f"{name}.{form}.{width}.txt" for name, form, width in CASES}
    assert {path.name for path in SNAPSHOTS.iterdir()} == known


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_runs_on_the_screens_keep_the_equations(name: str) -> None:
    assert violations(DOCUMENTS[name]) == []


@pytest.mark.parametrize("form", ["compact", "full"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_line_is_wider_than_the_terminal(name: str, form: Form) -> None:
    lines = summary(DOCUMENTS[name], form, width=80).plain.splitlines()
    assert [line for line in lines if cell_len(line) > 80] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_colour_changes_no_text(name: str) -> None:
    written = coloured(DOCUMENTS[name], 80)
    assert "\x1b[" in written
    stream = StringIO()
    Console(file=stream, width=80, soft_wrap=True, color_system=None).print(summary(DOCUMENTS[name]), end="")
    assert stream.getvalue() == summary(DOCUMENTS[name]).plain


@pytest.mark.parametrize("name", DOCUMENTS)
def test_ascii_has_the_same_lines_of_the_same_length(name: str) -> None:
    full, plain = summary(DOCUMENTS[name]).plain, summary(DOCUMENTS[name], encoding="ascii").plain
    assert plain.isascii()
    assert [len(line) for line in plain.splitlines()] == [len(line) for line in full.splitlines()]


def test_an_unknown_encoding_is_taken_for_ascii() -> None:
    assert summary(DOCUMENTS["passed_open"], encoding="klingon").plain.isascii()


def test_none_is_no_screen() -> None:
    assert summary(DOCUMENTS["passed_open"], "none").plain == ""


def test_a_busy_generator_prints_its_rate_as_at_least() -> None:
    made = replace(SCREENS["several_steps"], busy=True).document()
    assert made["requests"]["at_least"]
    screen = summary(made).plain
    assert ">= 890/s" in screen
    assert "our processors were busy" in screen
    assert ">= 890/s" not in summary(DOCUMENTS["several_steps"]).plain


def test_the_verdict_comes_first() -> None:
    for document in DOCUMENTS.values():
        assert summary(document).plain.lstrip("\n").startswith(document["verdict"]["status"].upper())


def test_failures_that_no_threshold_judges_are_told() -> None:
    assert "no threshold judges its 30 failed or unfinished" in summary(DOCUMENTS["several_steps"], width=100).plain


def test_a_rate_that_counts_the_warm_up_s_late_ones_says_so(small_document: dict[str, Any]) -> None:
    assert "warm-up: 3 requests before that, counted apart; 1 of them ended later" in summary(small_document).plain
    assert "ended later" not in summary(DOCUMENTS["passed_open"]).plain


def test_a_run_is_told_where_it_can_be_seen_again() -> None:
    document = DOCUMENTS["passed_open"]
    assert "0123456789   (apibench show 0123456789 shows it again)" in summary(document, stored=True).plain
    assert "0123456789   (not kept in the history)" in summary(document, stored=False).plain
    assert "apibench show" not in summary(document).plain


def test_the_generator_s_line_tells_the_floor_and_how_connections_were_kept() -> None:
    screen = summary(DOCUMENTS["passed_open"]).plain
    assert "this host's own timers, the floor of these: late by p50 52.0 µs · p99 181 µs" in screen
    assert "25 connections opened, reuse 99.75 %" in screen


def test_checks_stand_above_the_steps_with_their_shares() -> None:
    checks = [
        {"scenario": "shop", "name": "there is something", "passed": 999, "failed": 1},
        {"scenario": "shop", "name": "extract token", "passed": 1_000, "failed": 0},
    ]
    screen = summary({**DOCUMENTS["several_steps"], "checks": checks}).plain
    assert [" ".join(line.split()) for line in screen[screen.index("Checks") :].splitlines()[:4]] == [
        "Checks passed failed share",
        "there is something 999 1 99.90 %",
        "extract token 1,000 0 100 %",
        "",
    ]
    older = {name: block for name, block in DOCUMENTS["several_steps"].items() if name != "checks"}
    assert "Checks" not in summary(older).plain
