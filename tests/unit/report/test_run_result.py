"""A result as Python reads it: the document's figures, in seconds and shares, and never a wrong one for a missing."""

import json
import math
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.report.runs import Run, closed_load, open_load, plan
from tests.unit.report.screens import SCREENS

from apibench import ApibenchError, Result, RunFailed
from apibench.model.errors import ResultUnreadable, UsageError
from apibench.model.exit_codes import ExitCode
from apibench.model.histogram import from_times
from apibench.report.data_table import NoSuchName
from apibench.report.summary import summary

RESULTS = {name: Result(run.document()) for name, run in SCREENS.items()}


@pytest.mark.parametrize("name", RESULTS)
def test_every_figure_is_the_documents_in_seconds(name: str) -> None:
    result = RESULTS[name]
    document = result.document
    block = document["service_time" if document["load"]["model"] == "closed" else "response_time"]
    times = from_times(dict(block))
    for shown, quantile in (
        (result.p50, 0.5),
        (result.p90, 0.9),
        (result.p95, 0.95),
        (result.p99, 0.99),
        (result.p999, 0.999),
        (result.p(99.9), 0.999),
        (result.p(99.99), 0.9999),
    ):
        value_ns = times.quantile(quantile)
        assert math.isnan(shown) if value_ns is None else shown == value_ns / 1e9
    assert math.isnan(result.max) if not times.count else result.max == times.max_ns / 1e9
    assert result.requests == document["requests"]["started"]
    assert result.rate == document["requests"]["ok_per_s"]
    assert (result.verdict, result.exit_code) == (document["verdict"]["status"], document["verdict"]["exit_code"])
    assert result.passed == (result.exit_code == ExitCode.PASSED)


@pytest.mark.parametrize("name", RESULTS)
def test_tables_add_up_to_the_whole(name: str) -> None:
    result = RESULTS[name]
    requests = result.document["requests"]
    for column in ("started", "ok", "failed", "unfinished"):
        assert sum(row[column] for row in result.endpoints) == requests[column]  # type: ignore[misc]
        in_main = (row[column] for row in result.series if row["phase"] == "main")
        assert sum(in_main) == requests[column]  # type: ignore[arg-type]
        assert sum(each.block["requests"][column] for each in result.scenarios.values()) == requests[column]
    assert sum(result.errors_by_name["requests"]) == requests["failed"]  # type: ignore[arg-type]
    assert sum(result.histogram()["count"]) == result.total.times.count  # type: ignore[arg-type]


def test_a_scenarios_times_are_those_of_its_steps_merged() -> None:
    result = RESULTS["several_steps"]
    (scenario,) = result.scenarios.values()
    assert scenario.p99 == result.p99
    assert scenario.response.mean == pytest.approx(result.response.mean)
    assert scenario.steps == result.steps
    assert scenario.iterations["started"] == result.document["iterations"]["started"]


def test_a_step_is_found_by_its_name_and_a_slip_is_told() -> None:
    result = RESULTS["several_steps"]
    step = result.steps[0]
    assert result[step.name] is step
    assert result.scenarios[step.scenario][step.name] is step
    for place in (result, result.scenarios[step.scenario]):
        with pytest.raises(KeyError) as caught:
            _ = place[step.name[:-1]]
        assert f"Did you mean `{step.name}`?" in str(caught.value)
    with pytest.raises(NoSuchName, match="Did you mean `response_p99_s`"):
        _ = result.endpoints["response_p9_s"]


def test_a_name_that_several_scenarios_have_is_not_guessed() -> None:
    made = Run(plan([open_load(1, 1), open_load(1, 1)], [["GET /a"], ["GET /a"]]), [])
    result = Result(made.document())
    first, _ = result.scenarios
    with pytest.raises(NoSuchName, match="several scenarios have a step 'GET /a'"):
        _ = result["GET /a"]
    assert result.scenarios[first]["GET /a"].requests == 0


def test_what_was_not_measured_holds_no_comparison() -> None:
    result = Result(Run(plan([closed_load(1, 1)], [["GET /a"]]), []).document())
    for figure in (result.p99, result.max, result.errors, result["GET /a"].response.mean, result.service.min):
        assert math.isnan(figure)
    assert result.endpoints["response_p99_s"] == [None]
    assert result.endpoints["errors"] == [None]
    assert len(result.series) == len(result.histogram("GET /a")) == 0
    assert repr(result).startswith("<Result passed: 0 requests")


def test_shares_and_errors_are_counted_by_name(small_document: dict[str, Any]) -> None:
    result = Result(small_document)
    assert result.errors == 2 / 3  # one failed, one never ended
    assert result.total.by_error == {"http.5xx": 1}
    assert result.total.by_status == {"200": 1, "503": 1}
    assert list(result.errors_by_name) == [
        {"scenario": result.steps[0].scenario, "step": "GET /", "error": "http.5xx", "requests": 1}
    ]
    assert result.response.is_at_least(99)
    assert not result.response.is_at_least(1)


def test_thresholds_are_told_in_seconds_and_shares() -> None:
    thresholds = {each.expression: each for each in RESULTS["failed_threshold"].thresholds}
    assert {each.unit for each in thresholds.values()} <= {"s", "per_s", "share"}
    for expression, each in thresholds.items():
        if "ms" in expression:
            assert each.limit == pytest.approx(float(expression.split("< ")[1].removesuffix("ms")) / 1_000)


@pytest.mark.parametrize("name", RESULTS)
def test_who_asks_hears_why_it_did_not_pass_in_the_words_of_the_last_screen(name: str) -> None:
    result = RESULTS[name]
    if result.passed:
        assert result.raise_if_failed() is result
        return
    with pytest.raises(RunFailed) as caught:
        result.raise_if_failed()
    screen = summary(result.document, width=100).plain
    assert all(line in screen for line in str(caught.value).splitlines())
    for each in result.thresholds:
        assert each.expression in str(caught.value)


def test_a_printed_result_is_the_last_screen_without_words_of_the_command() -> None:
    text = str(RESULTS["passed_open"])
    assert text in summary(RESULTS["passed_open"].document, width=100).plain + text[-1:]
    assert "-o json" not in text


def test_a_percentile_that_is_none_is_refused() -> None:
    for percentile in (-1, 100.1, math.nan):
        with pytest.raises(UsageError):
            RESULTS["passed_open"].p(percentile)


def test_a_result_can_not_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        RESULTS["passed_open"].document = {}  # type: ignore[misc]


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    for name, result in RESULTS.items():
        result.save(tmp_path / "run.json")
        assert Result.load(str(tmp_path / "run.json")).document == json.loads(json.dumps(result.document)), name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no JSON"),
        (b"\x00\xff\xfe", "is no text"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "says of no schema"),
        (b"{}", "says of no schema"),
        (b'{"schema": "apibench.result/2"}', "is by the schema 'apibench.result/2'"),
        (b'{"schema": "apibench.result/1"}', "run: is missing; verdict: is missing; load: is missing, and "),
    ],
)
def test_a_file_that_is_no_result_is_refused_in_words(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(ResultUnreadable, match=r"run\.json") as caught:
        Result.load(tmp_path / "run.json")
    assert said in str(caught.value)
    with pytest.raises(ApibenchError, match="No such file"):
        Result.load(tmp_path / "none.json")


def test_times_that_contradict_themselves_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    changed["scenarios"][0]["steps"][0]["response_time"]["hdr"] = "HISTFAAAA"
    replace(Result(changed)).save(tmp_path / "run.json")
    with pytest.raises(ResultUnreadable, match="GET /: response_time"):
        Result.load(tmp_path / "run.json")
