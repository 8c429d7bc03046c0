"""The document: what it says is what happened, and its intervals alone would tell it."""

import copy
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from tests.unit.report.made_up import (
    CENSORED,
    PLANNED_S,
    SCENARIO_OF,
    SECONDS,
    STEPS,
    WARMUP_S,
    Request,
    requests,
    run_of,
)
from tests.unit.report.rebuilding import pick, rebuild
from tests.unit.report.runs import Run, closed_load, open_load, plan
from tests.unit.report.screens import SCREENS

from apibench.model.histogram import from_times, merged
from apibench.report.equations import violations
from apibench.report.schema import result_schema

VALIDATOR = Draft202012Validator(result_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


@given(requests)
@settings(max_examples=60)
def test_every_figure_follows_from_the_intervals_alone(made: list[Request]) -> None:
    document = run_of(made).document()
    assert rebuild(document) == pick(document)


@given(requests)
@settings(max_examples=60)
def test_every_run_keeps_the_equations_and_the_schema(made: list[Request]) -> None:
    document = run_of(made).document()
    assert violations(document) == []
    VALIDATOR.validate(document)


@given(requests)
@settings(max_examples=60)
def test_the_document_says_what_happened(made: list[Request]) -> None:
    document = run_of(made).document()
    for block, phase in ((document, "main"), (document["warmup"], "warmup")):
        mine = [each for each in made if each.phase == phase]
        counts = block["requests"]
        assert counts["started"] == sum(each.started for each in mine)
        assert counts["ok"] == sum(each.outcome == "ok" for each in mine)
        assert counts["failed"] == sum(each.failed for each in mine)
        assert counts["unfinished"] == sum(each.outcome == "unfinished" for each in mine)
        assert sum(counts["by_error"].values()) == counts["failed"]
        kept = [each.response_ns for each in mine if each.outcome in ("ok", *CENSORED)]
        assert block["response_time"]["count"] == len(kept)
        assert block["response_time"]["sum_ns"] == str(sum(kept))
        assert block["response_time"]["censored"] == sum(each.outcome in CENSORED for each in mine)
        assert block["failed_time"]["count"] == sum(each.outcome == "refused" for each in mine)
    assert document["load"]["offered"] == sum(each.phase == "main" for each in made)


@given(requests)
@settings(max_examples=40)
def test_the_slowest_are_those_that_took_longest(made: list[Request]) -> None:
    rows = run_of(made).document()["slowest"]
    expected = sorted((each.response_ns for each in made if each.counts_as_slow), reverse=True)
    assert [row["response_ns"] for row in rows] == expected
    assert all(row["step"] in STEPS[0] + STEPS[1] and row["address"] == "192.0.2.7:8080" for row in rows)
    assert {row["error"] for row in rows} <= {None, "timeout"}


@given(requests)
@settings(max_examples=40)
def test_rates_are_events_inside_the_planned_window_over_its_length(made: list[Request]) -> None:
    document = run_of(made).document()
    window = range(WARMUP_S, WARMUP_S + PLANNED_S)
    ended = sum(each.outcome == "ok" and each.ended_s in window for each in made)
    assert document["requests"]["ok_per_s"] == ended / PLANNED_S
    due = sum(each.due_s in window for each in made)
    assert document["load"]["offered_per_s"] == due / PLANNED_S


@given(requests)
@settings(max_examples=40)
def test_the_run_s_times_are_the_merge_of_its_steps(made: list[Request]) -> None:
    document = run_of(made).document()
    steps = [step for scenario in document["scenarios"] for step in scenario["steps"]]
    for name in ("response_time", "service_time", "failed_time"):
        total = merged(from_times(step[name]) for step in steps)
        assert total.to_payload() == from_times(document[name]).to_payload()
        assert str(total.sum_ns) == document[name]["sum_ns"]


@given(requests)
@settings(max_examples=40)
def test_a_count_falls_into_the_second_of_its_own_event(made: list[Request]) -> None:
    rows = run_of(made).document()["intervals"]
    assert [row["phase"] for row in rows] == ["warmup"] * WARMUP_S + ["main"] * PLANNED_S + ["drain"] * (
        SECONDS - WARMUP_S - PLANNED_S
    )
    ended = Counter((each.ended_s, each.step) for each in made if each.outcome == "ok" and each.phase == "main")
    for second, row in enumerate(rows):
        for step in (step for step in row["steps"] if step["phase"] == "main"):
            number = STEPS[0].index(step["step"]) if step["scenario"] == 0 else 2
            assert SCENARIO_OF[number] == step["scenario"]
            assert step["ok"] == ended[second, number]


@pytest.mark.parametrize("name", SCREENS)
def test_documents_of_all_kinds_are_of_the_published_schema(name: str) -> None:
    VALIDATOR.validate(SCREENS[name].document())


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(result_schema())


def test_the_schema_forbids_nothing_that_is_added(changed: dict[str, Any]) -> None:
    changed["later"] = changed["run"]["later"] = changed["intervals"][0]["later"] = {"a": 1}
    VALIDATOR.validate(changed)


@pytest.mark.parametrize(
    "path", ["schema", "run.plan_sha256", "requests.by_error", "response_time.hdr", "warmup.bytes"]
)
def test_the_schema_misses_what_is_not_there(changed: dict[str, Any], path: str) -> None:
    *parents, key = path.split(".")
    block = changed
    for parent in parents:
        block = block[parent]
    del block[key]
    assert not VALIDATOR.is_valid(changed)


def test_the_schema_refuses_a_count_below_zero(changed: dict[str, Any]) -> None:
    changed["intervals"][1]["steps"][0]["started"] = -1
    assert not VALIDATOR.is_valid(changed)


def test_a_run_without_intervals_is_a_document_too() -> None:
    made = SCREENS["passed_open"]
    document = type(made)(made.plan, [], status="invalid", ended="crashed").document()
    VALIDATOR.validate(document)
    assert violations(document) == []
    assert document["requests"]["ok_per_s"] is None


BROKEN = {
    "the run: offered": ("load", "offered"),
    "the run: started requests": ("requests", "started"),
    "the run: attempts": ("requests", "stale_retries"),
    "the run: response_time that are no lower bounds": ("response_time", "censored"),
    "the second from 1 s: in flight": ("intervals", 1, "in_flight"),
    "the second from 1 s: waiting": ("intervals", 1, "waiting"),
    "the second from 1 s: errors by name": ("intervals", 1, "failed"),
    "the second from 1 s: started of its steps": ("intervals", 1, "steps", 0, "started"),
    "the scenarios: iterations ok": ("scenarios", 0, "iterations", "ok"),
    "the steps: failed": ("scenarios", 0, "steps", 0, "requests", "failed"),
    "the warm-up: started requests": ("warmup", "requests", "ok"),
}


def test_the_smallest_run_keeps_the_equations(small_document: dict[str, Any]) -> None:
    assert violations(small_document) == []


@pytest.mark.parametrize("sentence", BROKEN)
def test_one_more_of_anything_breaks_an_equation(changed: dict[str, Any], sentence: str) -> None:
    *parents, key = BROKEN[sentence]
    block: Any = changed
    for parent in parents:
        block = block[parent]
    block[key] += 1
    assert any(found.startswith(sentence) for found in violations(changed))


def test_more_or_slower_ones_than_there_were_break_an_equation(small_document: dict[str, Any]) -> None:
    times = small_document["response_time"]
    row = {"response_ns": times["max_ns"]}
    for slowest, sentence in (
        ([{"response_ns": times["max_ns"] + 1}], "the slowest: "),
        ([row] * (times["count"] + 1), f"the slowest: {times['count'] + 1} of"),
        ([{"response_ns": times["max_ns"] - 1}, row], "the slowest: not in order"),
    ):
        found = violations({**small_document, "slowest": slowest})
        assert any(each.startswith(sentence) for each in found), found


def test_a_missing_second_breaks_an_equation(changed: dict[str, Any]) -> None:
    del changed["intervals"][1]
    assert any("the row before it ended" in found for found in violations(changed))


def test_something_still_in_flight_at_the_end_breaks_an_equation(small_document: dict[str, Any]) -> None:
    document = copy.deepcopy(small_document)
    last = document["intervals"][-1]
    last["unfinished"] -= 1
    last["in_flight"] += 1
    assert "the last second: in flight: 1 where 0 was due" in violations(document)


def test_the_look_ups_of_names_are_the_phase_that_no_request_waits_for() -> None:
    run = Run(plan([closed_load(1, 1)], [["GET /"]]), [], look_ups_ns=(2_000_000, 5_000_000))
    document = run.document()
    assert (document["phases"]["dns"]["count"], document["phases"]["dns"]["sum_ns"]) == (2, "7000000")
    VALIDATOR.validate(document)


def test_a_load_is_held_to_what_its_plan_owes(changed: dict[str, Any]) -> None:
    scenario = changed["scenarios"][0]
    scenario["load"]["rate"] = changed["run"]["plan"]["scenarios"][0]["load"]["rate"] = {"count": 5, "per_ns": 10**9}
    assert "scenario 'main': offered: 4 where 5 was due" in violations(changed)
    # What fell due before an early end is in no plan.
    changed["run"]["ended"] = "interrupted"
    assert violations(changed) == []


def test_iterations_that_ended_before_they_started_break_an_equation(changed: dict[str, Any]) -> None:
    rows = changed["intervals"]
    for row, change in ((rows[1], 1), (rows[2], -1)):
        row["scenarios"][-1]["unfinished"] += 2 * change
        row["iterations_unfinished"] += 2 * change
    assert any("more iterations ended than had started, by 1" in found for found in violations(changed))


def test_the_iterations_of_each_scenario_keep_the_levels(changed: dict[str, Any]) -> None:
    changed["intervals"][1]["scenarios"][1]["waiting"] += 1
    assert any("scenario 0, main: waiting iterations" in found for found in violations(changed))


@pytest.mark.parametrize(
    ("steps", "load", "words", "expected"),
    [
        (["GET /"], open_load(5, 1), {}, "arrival"),
        (["GET /"], closed_load(5, 1), {}, "ready"),
        # Only the first step of an iteration was due by the schedule.
        (["GET /", "GET /b"], open_load(5, 1), {}, "mixed"),
        (["GET /"], open_load(5, 1), {"hosts": {"api": {"base_url": "http://shop.test", "redirects": 3}}}, "mixed"),
    ],
)
def test_response_times_say_since_when_they_count(
    steps: list[str], load: dict[str, Any], words: dict[str, Any], expected: str
) -> None:
    assert Run(plan([load], [steps], **words), []).document()["intended_from"] == expected


def test_a_busy_generator_s_rate_is_at_least_what_the_document_says() -> None:
    assert Run(plan([closed_load(1, 1)], [["GET /"]]), [], busy=True).document()["requests"]["at_least"]
    assert not Run(plan([closed_load(1, 1)], [["GET /"]]), []).document()["requests"]["at_least"]


def test_rates_of_a_stopped_run_end_before_the_stop() -> None:
    document = SCREENS["aborted"].document()
    assert document["run"]["window_s"] == 4
    # 200 ok in its first 4 s; the half second in which it was stopped counts in nothing but the totals.
    assert document["requests"]["ok_per_s"] == 50
    assert document["scenarios"][0]["iterations"]["ok_per_s"] == 50
    assert rebuild(document) == pick(document)


def test_scenarios_have_rates_and_the_warm_up_has_a_load(small_document: dict[str, Any]) -> None:
    scenario = small_document["scenarios"][0]["iterations"]
    assert (scenario["offered_per_s"], scenario["started_per_s"], scenario["ok_per_s"]) == (4, 3, 2)
    assert small_document["warmup"]["load"] == {
        "offered": 3,
        "started": 3,
        "dropped": {"cap": 0, "deadline": 0, "ended": 0, "dry": 0},
        "lost": 0,
    }


def test_quantiles_that_are_lower_bounds_are_named() -> None:
    document = SCREENS["aborted"].document()
    times = document["response_time"]
    histogram = from_times(times)
    assert times["at_least"] == [name for name in times["quantiles"] if histogram.quantile_is_censored(float(name))]
    assert "0.5" not in times["at_least"]
    assert document["intervals"][3]["response"]["at_least"] == list(times["quantiles"])
