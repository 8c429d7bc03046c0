"""Every refusal: by name, at its place, with a remedy; and all of them at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model import validation
from apibench.model.errors import PlanInvalid
from apibench.model.exit_codes import ExitCode
from apibench.model.fault import Fault
from apibench.model.step import MAX_STEPS, NOT_BUILT_STEPS


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Set `scenarios.0.steps.0.path` in a document."""
    *way, last = [int(word) if word.isdecimal() else word for word in path.split(".")]
    here: Any = document
    for word in way:
        here = here.setdefault(word, {}) if isinstance(here, dict) else here[word]
    here[last] = value


def only(document: dict[str, Any]) -> Fault:
    """The one fault that the document has."""
    faults = validation.faults(document)
    assert len(faults) == 1, [str(fault) for fault in faults]
    assert faults[0].message
    assert faults[0].remedy.endswith((".", "?")) or "://" in faults[0].remedy or ": " in faults[0].remedy
    return faults[0]


STEP = "scenarios.0.steps.0"
LOAD = "scenarios.0.load"
GET = {"type": "request", "host": "api"}


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("hosts.api.http", "2", "http: 2"),
        ("hosts.api.http", "3", "http: 3"),
        ("hosts.api.proxy", "http://p:3128", "proxy"),
        ("scenarios.0.after", "other", "after"),
        (f"{STEP}.method", "CONNECT", "CONNECT"),
    ],
)
def test_a_word_that_is_not_built_is_refused_by_name(
    document: dict[str, Any], path: str, value: Any, word: str
) -> None:
    put(document, path, value)
    fault = only(document)
    assert fault.code == "not_built"
    assert word in fault.message
    assert "not built yet" in fault.message


@pytest.mark.parametrize("kind", sorted(NOT_BUILT_STEPS))
def test_a_step_that_is_not_built_is_refused_by_name(document: dict[str, Any], kind: str) -> None:
    document["scenarios"][0]["steps"].append({"type": kind, "anything": 1})
    fault = only(document)
    assert (fault.code, fault.place) == ("not_built", "scenarios[0].steps[1]")
    assert fault.message == f"`{kind}` is not built yet"


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("nmae", "Did you mean `name`?"),
        ("hosts.api.base_ulr", "Did you mean `base_url`?"),
        ("hosts.api.url", "Call it `base_url`."),
        ("hosts.api.timeouts.conect_ns", "Did you mean `connect_ns`?"),
        (f"{STEP}.heders", "Did you mean `headers`?"),
        (f"{STEP}.expect.stauts", "Did you mean `status`?"),
        (f"{LOAD}.rate", "write `model: open`"),
        (f"{LOAD}.ends.duraton_ns", "Did you mean `duration_ns`?"),
        ("scenarios.0.thresholds", "top of the plan"),
        ("steps", "Steps stand in a scenario"),
        ("load", "A load stands in a scenario"),
        ("scenarios.0.zzz", "Known here: "),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest_known_one(
    document: dict[str, Any], path: str, remedy: str
) -> None:
    put(document, path, 1)
    fault = only(document)
    assert fault.code == "unknown"
    assert remedy in fault.remedy


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("version", 2, "choice"),
        ("seed", -1, "range"),
        ("seed", 2**53, "range"),
        ("seed", 1.0, "type"),
        ("seed", True, "type"),
        ("name", "a\nb", "name.odd"),
        ("name", " a", "name.odd"),
        ("name", "x" * 201, "range"),
        ("warmup_ns", 31 * 86_400 * 10**9, "range"),
        ("warmup_ns", "5s", "type"),
        ("hosts", {}, "range"),
        ("hosts", [], "type"),
        ("hosts.api.base_url", "127.0.0.1:8080", "url.scheme"),
        ("hosts.api.base_url", "ftp://host", "url.scheme"),
        ("hosts.api.base_url", "http://joe:secret@host", "url.credentials"),
        ("hosts.api.base_url", "http://host?a=b", "url.query"),
        ("hosts.api.base_url", "http://host#a", "url.query"),
        ("hosts.api.base_url", "http://host:99999", "url.host"),
        ("hosts.api.base_url", "http://host:", "url.port"),
        ("hosts.api.base_url", "http://host:0", "url.port"),
        ("hosts.api.base_url", "http://", "url.host"),
        ("hosts.api.base_url", "http://a..b", "url.host"),
        ("hosts.api.base_url", "http://[::1", "url.host"),
        ("hosts.api.base_url", "http://[nowhere]", "url.host"),
        ("hosts.api.base_url", "http://ho st", "url.characters"),
        ("hosts.api.base_url", "http://bücher.test", "url.characters"),
        ("hosts.api.base_url", "http://host\r\nX: y", "url.characters"),
        ("hosts.api.timeouts", {"total_ns": 0}, "range"),
        ("hosts.api.connections", {"type": "per_vu", "count": 0}, "range"),
        ("hosts.api.redirects", 51, "range"),
        ("hosts.api.keepalive", "yes", "type"),
        ("hosts.api.resolve", {"addresses": [{"host": "a", "port": 1, "address": "nowhere"}]}, "address"),
        ("hosts.api.resolve", {"addresses": [{"host": "a", "port": 0, "address": "::1"}]}, "range"),
        ("hosts.api.resolve", {"unix_socket": "/s", "connect_to": [{"to_host": "a", "to_port": 1}]}, "resolve.both"),
        ("hosts.api.tls", {"ca_file": "a\0b"}, "text.nul"),
        ("scenarios", [], "range"),
        ("scenarios.0.steps", [], "range"),
        ("scenarios.0.steps", [{"type": "think", "constant_ns": 1}], "scenario.silent"),
        ("scenarios.0.name", "", "range"),
        ("scenarios.0.defaults", {"on_fail": "explode"}, "choice"),
        (STEP, {"type": "request", "host": "apii"}, "host.unknown"),
        (STEP, {"type": "request"}, "missing"),
        (STEP, {"host": "api"}, "missing"),
        (STEP, {"type": "reqest", "host": "api"}, "choice"),
        (STEP, "GET /", "type"),
        (f"{STEP}.method", "get", "method.case"),
        (f"{STEP}.method", "G T", "method.odd"),
        (f"{STEP}.method", "GET\r\n", "method.odd"),
        (f"{STEP}.path", "items", "path.relative"),
        (f"{STEP}.path", "http://host/items", "path.relative"),
        (f"{STEP}.path", "/a b", "path.characters"),
        (f"{STEP}.path", "/ü", "path.characters"),
        (f"{STEP}.path", "/a\r\nX: y", "path.characters"),
        (f"{STEP}.path", "/a\0", "path.characters"),
        (f"{STEP}.path", "/a#b", "path.fragment"),
        (f"{STEP}.path", "/" + "a" * 20_000, "range"),
        (f"{STEP}.headers", [["X A", "b"]], "header.name"),
        (f"{STEP}.headers", [["X-A\r\n", "b"]], "header.name"),
        (f"{STEP}.headers", [["X-A", "b\r\nX-B: c"]], "header.value"),
        (f"{STEP}.headers", [["X-A", "b\0"]], "header.value"),
        (f"{STEP}.headers", [["X-A", "b" * 20_000]], "range"),
        (f"{STEP}.headers", [["Content-Length", "3"]], "header.ours"),
        (f"{STEP}.headers", [["transfer-encoding", "chunked"]], "header.ours"),
        (f"{STEP}.headers", [["Connection", "close"]], "header.ours"),
        (f"{STEP}.headers", [["Host", "a"], ["host", "b"]], "headers.host"),
        (f"{STEP}.headers", [["X-A", "b" * 15_000]] * 5, "headers.size"),
        (f"{STEP}.headers", [["X-A", "b"]] * 101, "range"),
        (f"{STEP}.headers", {"X-A": "b"}, "type"),
        (f"{STEP}.body", {"text": "a", "base64": "YQ=="}, "body.which"),
        (f"{STEP}.body", {}, "body.which"),
        (f"{STEP}.body", {"base64": "a?=="}, "body.base64"),
        (f"{STEP}.body", {"base64": "YQ="}, "body.base64"),
        (f"{STEP}.expect", {"status": []}, "range"),
        (f"{STEP}.expect", {"status": [{"first": 300, "last": 200}]}, "status.order"),
        (f"{STEP}.expect", {"status": [{"first": 99, "last": 200}]}, "range"),
        (f"{STEP}.timeout_ns", 2_000_000_000, "not_built"),
        ("scenarios.0.steps.1", {"type": "think"}, "pause.which"),
        ("scenarios.0.steps.1", {"type": "think", "uniform": {"min_ns": 2, "max_ns": 1}}, "pause.order"),
        ("scenarios.0.steps.1", {"type": "pace", "period_ns": 0}, "range"),
        ("scenarios.0.steps.1", {"type": "pick", "cases": []}, "range"),
        ("scenarios.0.steps.1", {"type": "pick", "cases": [{"weight": 0, "steps": [GET]}]}, "range"),
        ("scenarios.0.steps.1", {"type": "pick", "cases": [{"steps": []}]}, "range"),
        ("scenarios.0.steps.1", {"type": "pick", "cases": [{"weight": 1}]}, "missing"),
        (LOAD, {"vus": 1}, "missing"),
        (LOAD, {"model": "opne"}, "choice"),
        (LOAD, {"model": "closed", "vus": 1}, "load.endless"),
        (LOAD, {"model": "closed", "vus": 0, "ends": {"iterations": 1}}, "load.nobody"),
        (LOAD, {"model": "closed", "vus": 1_000_001, "ends": {"iterations": 1}}, "range"),
        (LOAD, {"model": "closed", "stages": [{"duration_ns": 2_000_000 * 10**9, "vus": 1}] * 2}, "load.long"),
        (LOAD, {"model": "closed", "ends": {"iterations": 0}}, "range"),
        (LOAD, {"model": "open", "rate": {"count": 1, "per_ns": 1}, "ends": {"iterations": 1}}, "rate.high"),
        (LOAD, {"model": "open", "rate": {"count": 0, "per_ns": 5}, "ends": {"iterations": 1}}, "load.nothing"),
        (LOAD, {"model": "open", "rate": {"count": 1, "per_ns": 0}, "ends": {"iterations": 1}}, "range"),
        (LOAD, {"model": "open", "rate": {"count": 1, "per_ns": 1_000}}, "load.endless"),
        ("thresholds", ["p99 < 3"], "threshold"),
        ("thresholds", ["p99 of 'GET /itmes' < 3s"], "threshold.step"),
    ],
)
def test_a_fault_is_refused_at_its_place(document: dict[str, Any], path: str, value: Any, code: str) -> None:
    if path == "scenarios.0.steps.1":
        document["scenarios"][0]["steps"].append(value)
    else:
        put(document, path, value)
    fault = only(document)
    assert fault.code == code
    expected = path.split(".")
    assert [str(word) for word in fault.path][: len(expected)] == expected[: len(fault.path)]


def test_a_threshold_may_be_of_the_redirects_that_are_followed_from_a_step(document: dict[str, Any]) -> None:
    name = next(request.name for _, request in validation.parse_plan(document).requests())
    document["thresholds"] = [f"p99 of '{name} → redirect' < 3s"]
    document["hosts"]["api"]["redirects"] = 2
    assert validation.parse_plan(document).thresholds == (f"p99 of '{name} → redirect' < 3s",)
    document["hosts"]["api"]["redirects"] = 0
    assert only(document).code == "threshold.step"


def test_all_faults_are_told_at_once_in_the_document_s_order(document: dict[str, Any]) -> None:
    document["seed"] = "x"
    document["hosts"]["api"]["proxy"] = "http://p"
    document["scenarios"][0]["steps"] += [
        {"type": "request", "host": "apu", "path": "bad", "headers": [["A b", "c\rd"]]},
        {"type": "parallel"},
        {"type": "think"},
    ]
    document["scenarios"].append({**document["scenarios"][0], "steps": [{"type": "request", "host": "api"}]})
    document["thresholds"] = ["p99 < 3", "p99 of 'nothing' < 3s", "p50 < 1s"]
    with pytest.raises(PlanInvalid) as caught:
        validation.parse_plan(document)
    assert [(fault.code, fault.place) for fault in caught.value.faults] == [
        ("not_built", "hosts.api.proxy"),
        ("host.unknown", "scenarios[0].steps[1].host"),
        ("path.relative", "scenarios[0].steps[1].path"),
        ("header.name", "scenarios[0].steps[1].headers[0][0]"),
        ("header.value", "scenarios[0].steps[1].headers[0][1]"),
        ("not_built", "scenarios[0].steps[2]"),
        ("pause.which", "scenarios[0].steps[3]"),
        ("scenario.twice", "scenarios[1].name"),
        ("type", "seed"),
        ("threshold", "thresholds[0]"),
        ("threshold.step", "thresholds[1]"),
    ]
    assert caught.value.exit_code is ExitCode.BAD_PLAN


def test_a_level_of_the_other_model_is_refused_with_a_hint(document: dict[str, Any]) -> None:
    document["scenarios"][0]["load"] = {"model": "open", "rate": {"count": 1, "per_ns": 10}, "vus": 3}
    by_place = {fault.place: fault for fault in validation.faults(document)}
    assert "max_vus" in by_place["scenarios[0].load.vus"].remedy
    assert by_place["scenarios[0].load.rate"].code == "rate.high"


def test_steps_inside_of_others_count_towards_the_limit(document: dict[str, Any]) -> None:
    many = [{"type": "think", "constant_ns": 1}] * (MAX_STEPS - 1)
    document["scenarios"][0]["steps"].append({"type": "pick", "cases": [{"steps": many}]})
    assert only(document).code == "steps.many"


def test_a_header_s_value_is_never_repeated_in_a_fault(document: dict[str, Any]) -> None:
    document["scenarios"][0]["steps"][0]["headers"] = [["Authorization", 271828]]
    assert "271" not in str(only(document))


def test_nesting_is_bounded_before_anything_walks_it(document: dict[str, Any]) -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    document["feeders"] = nested
    assert only(document).code == "plan.deep"


def test_the_number_of_values_is_bounded(document: dict[str, Any]) -> None:
    document["thresholds"] = [0] * (validation.MAX_NODES + 1)
    assert only(document).code == "plan.large"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "steps", "cases", "model", "hosts", "scenarios", "load", "name", "thresholds"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_any_document_is_refused_in_words_and_never_breaks(value: object) -> None:
    faults = validation.faults(value)
    assert faults
    assert all(fault.message and fault.remedy for fault in faults)


@given(JSON)
def test_any_value_in_any_place_is_refused_in_words_or_accepted(value: object) -> None:
    scenario = {"name": "a", "steps": value, "load": value, "defaults": value}
    faults = validation.faults({"version": 1, "hosts": {"a": value}, "scenarios": [scenario], "thresholds": value})
    assert faults
    assert all(fault.message and fault.remedy for fault in faults)
