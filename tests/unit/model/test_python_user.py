"""Whole users in Python as steps of a plan: what they count under, what they may not be, and what of them is shown."""

from typing import Any

import pytest

from apibench.authoring.plan_file import parse_plan_document
from apibench.model import validation
from apibench.model.checks import checks_of
from apibench.model.disclosure import disclosed
from apibench.model.errors import PlanInvalid
from apibench.model.plan import Plan
from apibench.model.python_steps import python_steps, refuse_python
from apibench.model.series import series_of
from apibench.model.step import MAX_STEPS
from apibench.report.intended import intended_from

LOAD = {"model": "closed", "vus": 1, "ends": {"iterations": 1}}
FEED = {"type": "feed", "feeder": "users", "to": "me"}
CHECK = {"type": "check", "name": "last", "condition": {"type": "constant", "value": True}}


def user(*names: str, **words: Any) -> dict[str, Any]:
    requests = [{"name": name, "method": name.partition(" ")[0]} for name in names or ("GET /a", "POST /b")]
    return {"type": "python_user", "function": "shopper", "host": "h", "requests": requests, **words}


def document(*steps: dict[str, Any], **words: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "hosts": {"h": {"base_url": "http://127.0.0.1:1"}, "r": {"base_url": "http://127.0.0.1:1", "redirects": 2}},
        "feeders": {"users": {"text": "name\nann\n"}},
        "scenarios": [{"name": "s", "steps": list(steps), "load": LOAD}],
        **words,
    }


def plan(*steps: dict[str, Any], **words: Any) -> Plan:
    return validation.parse_plan(document(*steps, **words))


def codes(raw: dict[str, Any]) -> list[tuple[str, str]]:
    return [(fault.code, fault.place) for fault in validation.faults(raw)]


def test_each_of_its_requests_is_a_series_and_has_its_redirects_behind_it() -> None:
    request = {"type": "request", "host": "h", "path": "/b", "method": "POST"}
    found = series_of(plan(request, user("GET /a", "POST /b", host="r")))
    assert [each.step for each in found] == ["POST /b", "GET /a", "GET /a → redirect", "POST /b → redirect"]


def test_its_own_check_comes_before_those_that_it_makes() -> None:
    made = plan(FEED, user(checks=["has a price", "last"]), CHECK)
    assert checks_of(made) == (("feed users", "python shopper", "has a price", "last"),)


def test_thresholds_may_be_of_its_requests_and_checks() -> None:
    held = ["p95 of 'POST /b' < 1s", "checks of 'has a price' > 99%", "checks of 'python shopper' > 99%"]
    assert plan(user(checks=["has a price"]), thresholds=held).thresholds
    unknown = document(user(), thresholds=["p95 of 'POST /c' < 1s", "checks of 'has a prize' > 99%"])
    assert codes(unknown) == [("threshold.step", "thresholds[0]"), ("threshold.checks", "thresholds[1]")]


@pytest.mark.parametrize(
    ("step", "code", "place"),
    [
        (user(host="k"), "host.unknown", "host"),
        (user(requests=[]), "range", "requests"),
        (user(requests=[{"name": "x"}]), "missing", "requests[0].method"),
        (user(requests=[{"name": "x", "method": "get"}]), "method.case", "requests[0].method"),
        (user(requests=[{"name": "", "method": "GET"}]), "range", "requests[0].name"),
        (user(requests=[{"name": "x", "method": "GET", "path": "/"}]), "unknown", "requests[0].path"),
        (user(checks=[" x"]), "name.odd", "checks[0]"),
        (user(arguments=[{"type": "variable", "name": "me"}]), "variable.unset", "arguments"),
        (user(to="x"), "unknown", "to"),
    ],
)
def test_what_it_can_not_be_is_refused_at_its_place(step: dict[str, Any], code: str, place: str) -> None:
    assert codes(document(step)) == [(code, f"scenarios[0].steps[0].{place}")]


def test_it_is_given_rows_and_what_set_up_hands_over() -> None:
    shared = {"type": "shared", "name": "token"}
    name = {"type": "constant", "value": "token"}
    request = {"type": "request", "host": "h", "path": "/login"}
    setup = {"steps": [request], "values": {"token": {"type": "constant", "value": "x"}}}
    made = plan(FEED, user(arguments=[{"type": "variable", "name": "me"}, name, shared]), setup=setup)
    step = disclosed(made, lambda _: None, {"token": '"hunter2"'})["scenarios"][0]["steps"][1]
    assert step["arguments"][1:] == [name, {**shared, "json": '"hunter2"'}]
    assert "hunter2" not in str(made.redacted())
    assert codes(document(user(arguments=[shared]))) == [("shared.unknown", "scenarios[0].steps[0]")]


def test_headers_of_its_scenario_are_refused() -> None:
    raw = document(user())
    raw["scenarios"][0]["defaults"] = {"headers": [["X", "1"]]}
    assert codes(raw) == [("python_user.headers", "scenarios[0].defaults.headers")]


@pytest.mark.parametrize("word", ["setup", "teardown"])
def test_it_is_refused_where_something_is_done_once(word: str) -> None:
    raw = document(user(), **{word: {"steps": [user()]}})
    assert codes(raw) == [("not_built", f"{word}.steps[0]")]


def test_a_plan_has_so_many_requests_whoever_writes_them() -> None:
    names = [f"GET /{number}" for number in range(MAX_STEPS)]
    assert len(series_of(plan(user(*names)))) == MAX_STEPS
    assert codes(document(FEED, user(*names))) == [("steps.many", "scenarios")]
    assert codes(document(user(*names, "GET /more")))[1:] == [("range", "scenarios[0].steps[0].requests")]


def test_it_is_python_whatever_block_it_stands_in() -> None:
    nested = {"type": "repeat", "times": {"type": "constant", "value": 2}, "steps": [user()]}
    assert [step.function for _, step in python_steps(plan(nested))] == ["shopper"]
    with pytest.raises(PlanInvalid) as caught:
        refuse_python(plan(nested), "may not be", "Leave it out.")
    assert [fault.place for fault in caught.value.faults] == ["scenarios[0].steps[0].steps[0]"]


def test_how_many_requests_an_iteration_has_nobody_knows_before() -> None:
    rate = {"count": 1, "per_ns": 10**9}
    raw = document(user("GET /a"))
    raw["scenarios"][0]["load"] = {"model": "open", "rate": rate, "ends": {"duration_ns": 10**9}}
    assert intended_from(validation.parse_plan(raw)) == "mixed"


def test_what_stands_in_its_names_is_shown_without_secrets() -> None:
    step = user(checks=["GET /a?token=hunter2"], requests=[{"name": "GET /a?token=hunter2", "method": "GET"}])
    made = plan(step)
    assert "hunter2" in str(made.document())
    assert "hunter2" not in str(made.redacted())


def test_a_file_with_one_host_need_not_name_it() -> None:
    raw = document({key: value for key, value in user().items() if key != "host"})
    del raw["hosts"]["r"]
    assert [sent.host for _, sent in parse_plan_document(raw).sent()] == ["h", "h"]


def test_nothing_can_be_taken_out_of_an_answer_behind_it() -> None:
    extract = {"type": "extract", "of": {"type": "status"}, "to": "x"}
    assert codes(document(user(), extract)) == [("extract.place", "scenarios[0].steps[1]")]
