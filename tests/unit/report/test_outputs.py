"""The files that a result is written to, read back by what would read them."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.unit.report.screens import SCREENS

from apibench.model.histogram import from_times
from apibench.report.outputs import RENDERERS, render
from apibench.report.outputs.csv import HEADER
from apibench.report.outputs.json import interval_line, result_line

DOCUMENTS = {name: run.document() for name, run in SCREENS.items()}


@pytest.mark.parametrize("kind", RENDERERS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_kind_is_made_of_the_document_alone_and_leaves_it_as_it_was(name: str, kind: str) -> None:
    before = json.dumps(DOCUMENTS[name])
    text = render(kind, DOCUMENTS[name])
    assert text.endswith("\n")
    assert json.dumps(DOCUMENTS[name]) == before


@pytest.mark.parametrize("name", DOCUMENTS)
def test_json_reads_back_as_it_was_and_says_first_what_it_is(name: str) -> None:
    text = render("json", DOCUMENTS[name])
    assert json.loads(text) == DOCUMENTS[name]
    assert text.startswith('{"schema": "apibench.result/1"')


def test_ndjson_is_a_line_an_interval_and_one_of_the_rest(small_document: dict[str, Any]) -> None:
    *rows, last = [json.loads(line) for line in render("ndjson", small_document).splitlines()]
    assert [row.pop("type") for row in rows] == ["interval"] * len(small_document["intervals"])
    assert rows == small_document["intervals"]
    assert last.pop("type") == "result"
    assert {**last, "intervals": rows} == small_document


def read_csv(document: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render("csv", document))))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_csv_s_steps_add_up_to_its_whole_and_that_to_the_run(name: str) -> None:
    rows = read_csv(DOCUMENTS[name])
    main = [row for row in rows if row["phase"] != "warmup"]
    for column in ("started", "ok", "failed", "unfinished"):
        wholes = [int(row[column]) for row in main if row["row"] == "all"]
        steps = [int(row[column]) for row in main if row["row"] == "step"]
        assert sum(wholes) == sum(steps) == DOCUMENTS[name]["requests"][column]


def test_csv_tells_the_warm_up_apart_and_its_levels_once(small_document: dict[str, Any]) -> None:
    rows = [row for row in read_csv(small_document) if row["row"] == "all"]
    assert [(row["start_s"], row["phase"]) for row in rows] == [
        ("0.0", "warmup"),
        ("1.0", "warmup"),
        ("1.0", "main"),
        ("2.0", "drain"),
    ]
    assert [row["in_flight"] for row in rows] == ["1", "", "1", "0"]
    assert rows[2]["response_p50_ms"] == "0.005"
    assert rows[3]["dropped"] == "1"


def test_csv_tells_errors_by_their_names_and_how_much_is_a_lower_bound() -> None:
    rows = read_csv(DOCUMENTS["several_steps"])
    wholes = [row for row in rows if row["row"] == "all"]
    assert {row["errors"] for row in wholes} == {"http.5xx=8 timeout=2"}
    assert {row["service_censored"] for row in wholes} == {"2"}
    assert [row["errors"] for row in rows if row["step"] == "GET /items"] == ["", "", ""]


def test_csv_names_the_cells_that_are_lower_bounds_and_keeps_them_numbers() -> None:
    rows = [row for row in read_csv(DOCUMENTS["aborted"]) if row["row"] == "all"]
    assert [row["response_at_least"] for row in rows] == ["", "", "", "p50 p90 p99 p99.9 max", "p50 p90 p99 p99.9 max"]
    assert float(rows[3]["response_p99_ms"]) >= 1_000


def test_ndjson_s_lines_can_be_written_one_by_one(small_document: dict[str, Any]) -> None:
    lines = [*(interval_line(row) for row in small_document["intervals"]), result_line(small_document)]
    assert "".join(lines) == render("ndjson", small_document)


def test_csv_s_header_names_every_unit() -> None:
    assert len(set(HEADER)) == len(HEADER)
    assert all(name.endswith("_ms") for name in HEADER if "p99" in name or "_max" in name)


def plotted(text: str) -> Iterator[tuple[float, float, float]]:
    """What HdrHistogram's plotter takes from a file, lines of four numbers: value, quantile, 1/(1-quantile)."""
    for line in text.splitlines():
        words = line.split()
        if not line.startswith("#") and len(words) == 4 and words[0] != "Value":
            yield float(words[0]), float(words[1]), float(words[3])


@pytest.mark.parametrize("name", ["passed_open", "several_steps"])
def test_a_plotter_reads_the_headline_s_quantiles_from_hgrm(name: str) -> None:
    document = DOCUMENTS[name]
    times = document["service_time" if document["load"]["model"] == "closed" else "response_time"]
    points = list(plotted(render("hgrm", document)))
    histogram = from_times(times)
    assert points == sorted(points)
    for value_ms, quantile, factor in points:
        expected = histogram.quantile(quantile)
        assert expected is not None
        assert value_ms >= expected / 1e6
        assert factor == pytest.approx(1 / (1 - quantile), abs=0.01)
    assert len(points) > 10
    assert f"Total count    = {times['count']:12d}" in render("hgrm", document)


def test_hgrm_holds_the_other_time_where_plotters_do_not_look() -> None:
    text = render("hgrm", DOCUMENTS["passed_open"])
    first, second = text.split("#[service_time, milliseconds]\n")
    assert first.startswith("#[response_time, milliseconds]\n")
    assert all(line.startswith("#") for line in second.splitlines())


def test_hgrm_says_how_many_values_are_lower_bounds() -> None:
    text = render("hgrm", DOCUMENTS["aborted"])
    assert "#[At least = 200 values from 1000.000000 on never ended: each is its age then]" in text
    assert "At least" not in render("hgrm", DOCUMENTS["passed_open"])


def test_hgrm_of_nothing_has_no_points() -> None:
    assert list(plotted(render("hgrm", DOCUMENTS["nothing_succeeded"]))) == []


def suite(name: str) -> ET.Element:
    found = ET.fromstring(render("junit", DOCUMENTS[name])).find("testsuite")  # noqa: S314 - our own text
    assert found is not None
    return found


def outcomes(name: str) -> dict[str, str | None]:
    cases = suite(name).findall("testcase")
    return {case.attrib["name"]: next((child.tag for child in case), None) for case in cases}


def test_junit_has_a_case_for_the_measurement_and_one_a_threshold() -> None:
    assert outcomes("passed_open") == {"the measurement is valid": None, "p99 < 200ms": None, "errors < 0.1%": None}
    assert outcomes("failed_threshold") == {
        "the measurement is valid": None,
        "p99 < 30ms": "failure",
        "errors < 0.1%": None,
        "p99 of 'GET /basket' < 1s": "failure",
    }


def test_junit_fails_a_run_in_which_nothing_succeeded() -> None:
    assert outcomes("nothing_succeeded") == {"the measurement is valid": None, "the run succeeded": "failure"}


def test_junit_calls_a_limited_generator_an_error() -> None:
    assert outcomes("limited_generator") == {"the measurement is valid": "error"}


def test_junit_judges_no_threshold_of_an_invalid_measurement() -> None:
    document = {**DOCUMENTS["failed_threshold"]}
    document["verdict"] = {**document["verdict"], "status": "invalid"}
    root = ET.fromstring(render("junit", document))  # noqa: S314 - our own text
    assert len(root.findall(".//skipped")) == len(document["thresholds"])
    assert root.findall(".//failure") == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_junit_s_counts_are_those_of_its_cases(name: str) -> None:
    found = suite(name)
    kinds = list(outcomes(name).values())
    assert int(found.attrib["tests"]) == len(kinds)
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(found.attrib[attribute]) == kinds.count(kind)


def test_junit_tells_a_lower_bound() -> None:
    message = suite("aborted").find(".//failure")
    assert message is not None
    assert message.attrib["message"] == "measured at least 2.00 s"
