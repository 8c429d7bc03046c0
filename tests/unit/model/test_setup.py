"""Set-up and tear-down of a plan: what is refused, what is hidden, and how they become plans of their own."""

import json
from typing import Any

import pytest

from apibench.authoring.plan_file import parse_plan_document, parse_plan_text
from apibench.model import validation
from apibench.model.disclosure import disclosed, nobody_knows
from apibench.model.errand import handed_over, request_names, setup_plan, teardown_plan, unfilled
from apibench.model.plan import Plan
from apibench.model.redaction import REPLACEMENT
from apibench.model.validation import parse_plan

LOAD = {"model": "closed", "vus": 1, "ends": {"iterations": 1}}
ASK: dict[str, Any] = {"type": "request", "host": "h", "path": "/login"}
TAKE = {"type": "extract", "of": {"type": "json", "path": ["token"]}, "to": "token"}
TOKEN = {"type": "variable", "name": "token"}
SHARED = {"type": "shared", "name": "token"}


def document(**words: Any) -> dict[str, Any]:
    scenario = {"name": "s", "load": LOAD, "steps": [{**ASK, "headers": [["Authorization", SHARED]]}]}
    return {
        "version": 1,
        "hosts": {"h": {"base_url": "http://127.0.0.1"}},
        "setup": {"steps": [ASK, TAKE], "values": {"token": TOKEN}},
        "teardown": {"steps": [{**ASK, "path": {"type": "call", "function": "concat", "arguments": [
            {"type": "constant", "value": "/out/"}, SHARED]}}]},
        "scenarios": [scenario],
        **words,
    }  # fmt: skip


def test_words_of_a_file_say_the_same() -> None:
    text = """
version: 1
hosts: {shop: "http://127.0.0.1"}
setup:
  timeout: 5s
  steps:
    - {type: request, method: POST, path: /login}
    - {type: extract, of: $.token, to: token}
  values: {token: token, page: 3}
teardown:
  steps: [{type: request, method: DELETE, path: "/pages/${shared.page}"}]
scenarios:
  - name: s
    load: {vus: 1, iterations: 1}
    steps: [{type: request, path: "/x", headers: {Authorization: "Bearer ${shared.token}"}}]
"""
    plan = parse_plan_text(text.encode(), "yaml")
    assert plan.setup is not None
    assert plan.setup.timeout_ns == 5_000_000_000
    assert plan.setup.values["token"].model_dump() == TOKEN
    assert plan.setup.values["page"].model_dump() == {"type": "constant", "value": 3}
    (header,) = plan.scenarios[0].steps[0].model_dump()["headers"]
    assert header[1]["arguments"][1] == SHARED
    assert plan.teardown is not None
    assert plan.teardown.steps[0].model_dump()["name"] == "DELETE /pages/{page}"


def test_a_plan_with_both_is_one_and_the_same_through_its_own_form() -> None:
    plan = parse_plan(document())
    assert parse_plan(json.loads(plan.to_engine_json())) == plan
    assert parse_plan(json.loads(plan.canonical())).sha256() == plan.sha256()


@pytest.mark.parametrize(
    ("words", "code", "place"),
    [
        ({"setup": None}, "shared.unknown", "teardown.steps[0].path"),
        ({"setup": {"steps": [ASK]}}, "shared.unknown", "teardown.steps[0].path"),
        ({"setup": {"steps": [ASK, TAKE], "values": {"tokn": TOKEN}}}, "shared.unknown", "teardown.steps[0].path"),
        ({"setup": {"steps": [ASK], "values": {"token": TOKEN}}}, "variable.unset", "setup.values.token"),
        ({"setup": {"steps": [{**ASK, "path": {"type": "call", "function": "concat", "arguments": [
            {"type": "constant", "value": "/"}, SHARED]}}, TAKE], "values": {"token": TOKEN}}},
         "shared.early", "setup.steps[0].path"),
        ({"setup": {"steps": [{**ASK, "host": "hh"}, TAKE], "values": {"token": TOKEN}}},
         "host.unknown", "setup.steps[0].host"),
        ({"setup": {"steps": [TAKE], "values": {"token": TOKEN}}}, "extract.place", "setup.steps[0]"),
        ({"setup": {"steps": [], "values": {"token": {"type": "constant", "value": 1}}}}, "range", "setup.steps"),
        ({"setup": {"steps": [ASK, TAKE], "values": {"a b": TOKEN, "token": TOKEN}}},
         "string_pattern_mismatch", 'setup.values["a b"]'),
        ({"setup": {"steps": [ASK, TAKE], "values": {"token": TOKEN}, "timeout_ns": 0}},
         "range", "setup.timeout_ns"),
        ({"setup": {"steps": [ASK, TAKE], "values": {"token": TOKEN}, "tiemout_ns": 5}},
         "unknown", "setup.tiemout_ns"),
        ({"teardown": {"steps": [ASK, {"type": "end"}]}}, "end.place", "teardown.steps[1]"),
        ({"teardown": {"steps": [{"type": "group", "name": "g", "steps": [ASK]}]}},
         "group.place", "teardown.steps[0]"),
        ({"teardown": {"steps": [{"type": "feed", "feeder": "f"}, ASK]}}, "not_built", "teardown.steps[0]"),
        ({"teardown": {"steps": [{"type": "leave"}, ASK]}}, "leave.place", "teardown.steps[0]"),
        ({"teardown": {"steps": [{"type": "think", "constant_ns": 1}]}}, "scenario.silent", "teardown.steps"),
    ],
)  # fmt: skip
def test_what_could_not_be_done_is_refused_at_its_place(words: dict[str, Any], code: str, place: str) -> None:
    found = [(fault.code, fault.place) for fault in validation.faults(document(**words))]
    assert (code, place) in found, found
    assert {each for each, _ in found} <= {code, "scenario.silent"} or code == "extract.place"


def test_each_is_a_plan_of_one_iteration_of_one_virtual_user() -> None:
    plan = parse_plan(document(thresholds=["p99 < 1s"], warmup_ns=7))
    setup, teardown = setup_plan(plan), teardown_plan(plan)
    assert setup is not None
    assert teardown is not None
    for errand in (setup, teardown):
        assert (errand.setup, errand.teardown, errand.thresholds, errand.warmup_ns) == (None, None, (), 0)
        assert errand.scenarios[0].load.model_dump()["ends"]["iterations"] == 1
    assert handed_over({"token": '"a"', setup.scenarios[0].steps[-1].model_dump()["to"]: '"b"'}) == {"token": '"b"'}
    assert request_names(setup) == {"scenarios[0].steps[0]": "GET /login"}
    assert request_names(teardown) == {"scenarios[0].steps[0]": "GET /out/{token}"}
    bare = parse_plan({**document(), "setup": None, "teardown": None, "scenarios": [
        {"name": "s", "load": LOAD, "steps": [ASK]}]})  # fmt: skip
    assert (setup_plan(bare), teardown_plan(bare), unfilled(bare)) == (None, None, {})


def test_what_is_handed_over_is_filled_in_for_the_engine_and_nowhere_else() -> None:
    plan = parse_plan(document())
    filled = disclosed(plan, nobody_knows, {"token": '"t-1"'})
    assert filled["scenarios"][0]["steps"][0]["headers"] == [["Authorization", {**SHARED, "json": '"t-1"'}]]
    assert (filled["setup"], filled["teardown"]) == (None, None)
    shown = (plan.canonical(), plan.to_engine_json(), json.dumps(plan.redacted()).encode(), repr(plan).encode())
    assert not [each for each in shown if b"t-1" in each]


def test_no_value_that_is_handed_over_names_a_secret() -> None:
    plan = parse_plan(document())
    filled = disclosed(plan, {"PIN": "1234"}.get, {"token": '"${secret:PIN}"'})
    assert "1234" not in json.dumps(filled)


def test_secrets_in_both_are_hidden_where_a_plan_is_shown() -> None:
    words = document(
        setup={
            "steps": [{**ASK, "headers": [["Authorization", "Bearer hunter2"]], "path": "/in?api_key=hunter2"}],
            "values": {"token": {"type": "constant", "value": "hunter2"}, "page": {"type": "constant", "value": 3}},
        },
        teardown={"steps": [{**ASK, "headers": [["Cookie", "hunter2"]]}]},
    )
    shown = parse_plan(words).redacted()
    assert "hunter2" not in json.dumps(shown)
    assert shown["setup"]["values"]["token"]["value"] == REPLACEMENT
    assert shown["setup"]["values"]["page"]["value"] == 3


def test_a_plan_without_them_is_what_it_was() -> None:
    plan = parse_plan_document(
        {"version": 1, "hosts": {"h": "http://127.0.0.1"}, "scenarios": [
            {"name": "s", "load": {"vus": 1, "iterations": 1}, "steps": [{"type": "request", "path": "/"}]}]}
    )  # fmt: skip
    assert isinstance(plan, Plan)
    assert plan.document()["setup"] is None
