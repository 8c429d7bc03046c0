"""Words of a file become words of the document; what can't be read is a fault in the file's own words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.authoring.plan_file import parse_plan_document
from apibench.authoring.plan_words import read_words
from apibench.model import validation
from apibench.model.errors import PlanInvalid

WRITTEN: dict[str, Any] = {
    "version": 1,
    "warmup": "5s",
    "drain": "0",
    "hosts": {"api": {"url": "http://127.0.0.1:8080", "timeouts": {"connect": "1s", "total": "1m"}, "http": 1.1}},
    "slo": "p99 < 200ms",
    "scenarios": [
        {
            "name": "main",
            "start": "1s",
            "steps": [
                {"type": "request", "path": "/", "headers": {"Accept": "a/b"}, "body": "hi"},
                {"type": "request", "expect": {"status": ["2xx", 304, "400-404"]}},
                {"type": "think", "uniform": {"min": "1ms", "max": "2ms"}},
                {"type": "think", "constant": "1ms"},
                {"type": "pace", "period": "1s"},
                {"type": "pick", "cases": [{"steps": [{"type": "request", "expect": {"status": 200}}]}]},
            ],
            "load": {"rate": "500/s", "stages": [{"duration": "30s", "rate": "1k/s"}], "max_users": "1k"},
        }
    ],
}


def test_text_with_units_becomes_integers() -> None:
    document = parse_plan_document(WRITTEN).document()
    assert (document["warmup_ns"], document["drain_ns"]) == (5_000_000_000, 0)
    host = document["hosts"]["api"]
    assert host["base_url"] == "http://127.0.0.1:8080"
    assert (host["timeouts"]["connect_ns"], host["timeouts"]["total_ns"]) == (1_000_000_000, 60_000_000_000)
    assert document["thresholds"] == ["p99 < 200ms"]
    scenario = document["scenarios"][0]
    assert scenario["start_ns"] == 1_000_000_000
    first, second, uniform, constant, pace, pick = scenario["steps"]
    assert (first["host"], first["headers"]) == ("api", [["Accept", "a/b"]])
    assert first["body"] == {"text": "hi", "base64": None}
    ranges = [(each["first"], each["last"]) for each in second["expect"]["status"]]
    assert ranges == [(200, 299), (304, 304), (400, 404)]
    assert uniform["uniform"] == {"min_ns": 1_000_000, "max_ns": 2_000_000}
    assert (constant["constant_ns"], pace["period_ns"]) == (1_000_000, 1_000_000_000)
    assert pick["cases"][0]["steps"][0]["host"] == "api"
    assert scenario["load"] == {
        "model": "open",
        "rate": {"count": 1, "per_ns": 2_000_000},
        "stages": [{"duration_ns": 30_000_000_000, "rate": {"count": 1, "per_ns": 1_000_000}}],
        "arrivals": "constant",
        "when_busy": "grow",
        "max_waiting": None,
        "max_wait_ns": None,
        "max_vus": 1_000,
        "max_catchup": None,
        "ends": {"duration_ns": 30_000_000_000, "iterations": None},
    }


@pytest.mark.parametrize(
    ("load", "ends", "vus"),
    [
        ({"users": 50, "duration": "30s"}, {"duration_ns": 30_000_000_000, "iterations": None}, 50),
        ({"vus": "1k", "iterations": "10k"}, {"duration_ns": None, "iterations": 10_000}, 1_000),
        ({"model": "closed", "ends": {"duration": "1s"}}, {"duration_ns": 1_000_000_000, "iterations": None}, 1),
        ({"users": 1, "ends": {"duration": "1s"}, "iterations": 2}, {"duration_ns": 10**9, "iterations": 2}, 1),
    ],
)
def test_a_load_may_be_written_short(load: dict[str, Any], ends: dict[str, Any], vus: int) -> None:
    scenario = {**WRITTEN["scenarios"][0], "load": load}
    read = parse_plan_document({**WRITTEN, "scenarios": [scenario]}).document()["scenarios"][0]["load"]
    assert (read["model"], read["ends"], read["vus"]) == ("closed", ends, vus)


def test_a_document_in_its_own_words_is_left_as_it_is() -> None:
    document = parse_plan_document(WRITTEN).document()
    words = read_words(document)
    assert words.document == document
    assert words.faults == []


def fault_of(change: dict[str, Any]) -> tuple[str, str, str]:
    with pytest.raises(PlanInvalid) as caught:
        parse_plan_document({**WRITTEN, **change})
    assert len(caught.value.faults) == 1, str(caught.value)
    fault = caught.value.faults[0]
    return fault.code, fault.place, fault.remedy


@pytest.mark.parametrize(
    ("change", "code", "place", "remedy"),
    [
        ({"warmup": 5}, "unit", "warmup", "5s if you mean seconds"),
        ({"warmup": "5"}, "unit", "warmup", "5s if you mean seconds"),
        ({"warmup": "40d"}, "range", "warmup", "The most is 30d."),
        ({"warmup_ns": 5, "warmup": "5s"}, "twice", "warmup", "Keep one"),
        ({"hosts": {"api": "nowhere"}}, "url.scheme", "hosts.api", "http://nowhere"),
        ({"hosts": {"api": {"url": "ftp://a"}}}, "url.scheme", "hosts.api.url", "http://"),
        (
            {"hosts": {"api": {"url": "http://a", "connections": {"per_vu": 0}}}},
            "range",
            "hosts.api.connections.per_vu",
            "The least is 1.",
        ),
        ({"hosts": {"api": {"url": "http://a", "http": 2}}}, "not_built", "hosts.api.http", "Leave it out"),
        ({"slo": "p99 < 3"}, "threshold", "slo", "3ms if milliseconds"),
        ({"slo": ["p50 < 1s", "p99 < 3"]}, "threshold", "slo[1]", "3ms if milliseconds"),
    ],
)
def test_faults_are_told_in_the_words_of_the_file(change: dict[str, Any], code: str, place: str, remedy: str) -> None:
    base = {key: value for key, value in WRITTEN.items() if not (key == "warmup" and "warmup_ns" in change)}
    with pytest.raises(PlanInvalid) as caught:
        parse_plan_document({**base, **change})
    (fault,) = caught.value.faults
    assert (fault.code, fault.place) == (code, place)
    assert remedy in fault.remedy


@pytest.mark.parametrize(
    ("load", "place", "remedy"),
    [
        ({"rate": 500, "duration": "1s"}, "load.rate", "Write 500/s"),
        ({"rate": "500/s", "duration": 30}, "load.duration", "30s if you mean seconds"),
        ({"users": "many", "duration": "1s"}, "load.users", "Write it like 1000"),
        ({"rate": "500/s", "stages": [{"duration": "1", "rate": "1/s"}]}, "load.stages[0].duration", "1s if"),
    ],
)
def test_a_unit_that_is_missing_is_told_once(load: dict[str, Any], place: str, remedy: str) -> None:
    scenario = {**WRITTEN["scenarios"][0], "load": load}
    code, where, what = fault_of({"scenarios": [scenario]})
    assert (code, where) == ("unit", f"scenarios[0].{place}")
    assert remedy in what


@pytest.mark.parametrize(("status", "where"), [("6xx", ""), (["2xx", "lots"], "[1]")])
def test_a_status_that_is_none_is_refused(status: object, where: str) -> None:
    steps = [{"type": "request", "expect": {"status": status}}]
    code, place, remedy = fault_of({"scenarios": [{**WRITTEN["scenarios"][0], "steps": steps}]})
    assert (code, place) == ("unit", f"scenarios[0].steps[0].expect.status{where}")
    assert "2xx" in remedy


def test_a_header_in_a_mapping_is_told_by_its_name() -> None:
    steps = [{"type": "request", "headers": {"Accept": "a", "X-A": "b\nc"}}]
    _, place, _ = fault_of({"scenarios": [{**WRITTEN["scenarios"][0], "steps": steps}]})
    assert place == "scenarios[0].steps[0].headers.X-A"


def test_requests_must_name_their_host_where_there_are_two() -> None:
    hosts = {"a": "http://a", "b": "http://b"}
    steps = [{"type": "request", "path": "/"}]
    code, place, _ = fault_of({"hosts": hosts, "scenarios": [{**WRITTEN["scenarios"][0], "steps": steps}]})
    assert (code, place) == ("missing", "scenarios[0].steps[0].host")


WORDS = st.sampled_from(["type", "steps", "cases", "load", "rate", "users", "duration", "headers", "status", "body"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["30s", "5/s"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=25,
)


@given(JSON)
def test_any_value_in_any_place_is_translated_or_left_for_validation_to_refuse(value: object) -> None:
    step = {"type": "request", "headers": value, "body": value, "expect": {"status": value}, "timeout": value}
    scenarios = [{"name": "a", "steps": [step, value], "load": value}, value]
    document = {"version": 1, "warmup": value, "hosts": {"a": value}, "scenarios": scenarios, "slo": value}
    for each in (value, document):
        words = read_words(each)
        assert words.faults or validation.faults(words.document)


@pytest.mark.parametrize("value", [None, 3, [], "text", {"scenarios": 3}, {1: 2}])
def test_what_is_no_plan_at_all_is_refused(value: object) -> None:
    with pytest.raises(PlanInvalid):
        parse_plan_document(value)
