"""The series that a plan has are those that the engine counts under."""

import json
from typing import Any

from apibench import _engine
from apibench.authoring.plan_file import parse_plan_document
from apibench.engine.rust import RustEngine
from apibench.model.checks import checks_of
from apibench.model.series import series_of

LOAD: dict[str, Any] = {"model": "closed", "vus": 1, "ends": {"iterations": 1}}


def request(host: str, path: str) -> dict[str, str]:
    return {"type": "request", "host": host, "path": path}


def test_series_are_numbered_as_the_engine_numbers_them() -> None:
    pick = {"type": "pick", "cases": [{"steps": [request("b", "/c")]}, {"steps": [request("a", "/d")]}]}
    plan = parse_plan_document(
        {
            "version": 1,
            "hosts": {"a": {"base_url": "http://127.0.0.1", "redirects": 2}, "b": {"base_url": "http://127.0.0.1"}},
            "scenarios": [
                {"name": "x", "load": LOAD, "steps": [request("a", "/a"), request("b", "/b"), request("a", "/a")]},
                {"name": "y", "load": LOAD, "steps": [request("b", "/b"), pick, request("a", "/a")]},
            ],
        }
    )
    assert series_of(plan) == RustEngine().prepare(plan).series
    assert len(series_of(plan)) == 9


def test_what_a_user_in_python_sends_and_checks_is_numbered_as_the_engine_numbers_it() -> None:
    user = {
        "type": "python_user",
        "host": "a",
        "function": "shopper",
        "requests": [
            {"name": "GET /a", "method": "GET"},
            {"name": "b", "method": "PUT"},
            {"name": "b", "method": "GET"},
        ],
        "checks": ["python other", "has a price"],
    }
    steps = [request("b", "/b"), {"type": "group", "name": "all", "steps": [user]}, request("a", "/a"), user]
    plan = parse_plan_document(
        {
            "version": 1,
            "hosts": {"a": {"base_url": "http://127.0.0.1", "redirects": 2}, "b": {"base_url": "http://127.0.0.1"}},
            "scenarios": [{"name": "x", "load": LOAD, "steps": steps}],
        }
    )
    assert series_of(plan) == RustEngine().prepare(plan).series
    assert [series.step for series in series_of(plan)] == [
        "GET /b",
        "GET /a",
        "GET /a → redirect",
        "b",
        "b → redirect",
    ]
    facts = json.loads(_engine.Prepared(plan.to_engine_json().decode()).facts())
    assert [list(names) for names in checks_of(plan)] == facts["checks"]
