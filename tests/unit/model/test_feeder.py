"""Feeders in a plan: what may stand there, what follows from what, and what is refused."""

from typing import Any

import pytest

from apibench.model.errors import PlanInvalid
from apibench.model.plan import Plan
from apibench.model.redaction import REPLACEMENT
from apibench.model.validation import parse_plan

FEED = {"type": "feed", "feeder": "users"}
OPEN = {"model": "open", "rate": {"count": 1, "per_ns": 1_000_000_000}, "ends": {"duration_ns": 1_000_000_000}}


def planned(feeder: Any, *steps: dict[str, Any], load: dict[str, Any] | None = None) -> Plan:
    request = {"type": "request", "host": "api"}
    scenario = {
        "name": "s",
        "steps": [*(steps or (FEED,)), request],
        "load": load or {"model": "closed", "vus": 1, "ends": {"iterations": 1}},
    }
    hosts = {"api": {"base_url": "http://localhost"}}
    return parse_plan({"version": 1, "hosts": hosts, "feeders": {"users": feeder}, "scenarios": [scenario]})


@pytest.mark.parametrize(
    ("given", "format_", "when_dry"),
    [
        ({"path": "a.csv"}, "csv", "recycle"),
        ({"path": "a.JSONL"}, "jsonl", "recycle"),
        ({"path": "a.ndjson", "order": "unique"}, "jsonl", "fail"),
        ({"path": "a.txt", "order": "unique", "when_dry": "stop"}, "csv", "stop"),
        ({"path": "a.csv", "format": "jsonl", "order": "random"}, "jsonl", "recycle"),
    ],
)
def test_what_is_not_told_follows_from_what_is(given: dict[str, Any], format_: str, when_dry: str) -> None:
    feeder = planned(given).feeders["users"]
    assert (feeder.format, feeder.when_dry) == (format_, when_dry)


@pytest.mark.parametrize(
    ("feeder", "code"),
    [
        ({}, "feeder.which"),
        ({"path": "a.csv", "text": "a\n1"}, "feeder.which"),
        ({"path": "a.csv", "order": "unique", "when_dry": "recycle"}, "feeder.dry"),
        ({"path": "a.csv", "order": "random", "when_dry": "stop"}, "feeder.dry"),
        ({"path": "a.jsonl", "columns": ["a"]}, "feeder.columns"),
        ({"path": "a.csv", "columns": ["a", "b", "a"]}, "feeder.columns"),
        ({"path": "a.csv", "delimiter": '"'}, "feeder.delimiter"),
        ({"path": "a.csv", "delimiter": "é"}, "feeder.delimiter"),
        ({"path": "a.csv", "order": "mixed"}, "choice"),
    ],
)
def test_what_does_not_fit_together_is_refused(feeder: dict[str, Any], code: str) -> None:
    with pytest.raises(PlanInvalid) as caught:
        planned(feeder)
    assert [fault.code for fault in caught.value.faults] == [code]


def test_a_step_takes_from_a_feeder_that_there_is() -> None:
    with pytest.raises(PlanInvalid) as caught:
        planned({"path": "a.csv"}, {"type": "feed", "feeder": "user"})
    (fault,) = caught.value.faults
    assert (fault.code, fault.place) == ("feeder.unknown", "scenarios[0].steps[0].feeder")
    assert "`users`" in fault.remedy


def test_a_row_is_known_by_the_feeder_s_name_unless_told_otherwise() -> None:
    looked_up = {"type": "set", "to": "x", "value": {"type": "variable", "name": "users"}}
    assert planned({"path": "a.csv"}, FEED, looked_up).feeders
    with pytest.raises(PlanInvalid) as caught:
        planned({"path": "a.csv"}, {**FEED, "to": "me"}, looked_up)
    assert [fault.code for fault in caught.value.faults] == ["variable.unset"]


def test_to_stop_when_dry_is_for_loads_of_either_model() -> None:
    feeder = {"path": "a.csv", "order": "unique", "when_dry": "stop"}
    assert planned(feeder).feeders
    assert planned(feeder, load=OPEN).feeders


def test_rows_that_stand_in_a_plan_are_not_shown() -> None:
    plan = planned({"text": "user,password\nann,p-1234\n"})
    assert plan.redacted()["feeders"]["users"]["text"] == REPLACEMENT
    assert "p-1234" in plan.to_engine_json().decode()
