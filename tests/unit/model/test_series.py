"""The series that a plan has are those that the engine counts under."""

from apibench.authoring.plan_file import parse_plan_document
from apibench.engine.rust import RustEngine
from apibench.model.series import series_of

LOAD = {"model": "closed", "vus": 1, "ends": {"iterations": 1}}


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
