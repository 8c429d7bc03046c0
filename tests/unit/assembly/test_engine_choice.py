"""How many threads a host gives a plan: as many as it has, but one where something waits for one of a few."""

from typing import Any

import pytest

from apibench.assembly import host
from apibench.assembly.engine_choice import engine_options, queues
from apibench.assembly.preflight import warnings
from apibench.engine.seam import HostFacts
from apibench.model.plan import Plan

FAR = (HostFacts("api", ("192.0.2.1:80",), 0),)


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "processors", lambda: tuple(range(8)))
    monkeypatch.setattr(host, "quota", lambda: None)


def open_load(document: dict[str, Any], when_busy: str) -> Plan:
    document["scenarios"][0]["load"] = {
        "model": "open",
        "rate": {"count": 100, "per_ns": 1_000_000_000},
        "when_busy": when_busy,
        "max_vus": 20,
        "ends": {"duration_ns": 1_000_000_000},
    }
    return Plan.model_validate(document)


@pytest.mark.parametrize(("when_busy", "threads"), [("grow", 8), ("queue", 1), ("drop", 1)])
def test_one_queue_is_one_thread_s(document: dict[str, Any], when_busy: str, threads: int) -> None:
    plan = open_load(document, when_busy)
    assert engine_options(plan, FAR).threads == threads
    assert engine_options(plan, FAR, threads=4).threads == 4


def test_connections_that_all_share_are_one_thread_s(document: dict[str, Any]) -> None:
    document["hosts"]["api"]["connections"] = {"type": "shared", "count": 10}
    plan = Plan.model_validate(document)
    assert queues(plan)
    assert engine_options(plan, FAR).threads == 1


def test_whoever_splits_a_queue_is_told(document: dict[str, Any]) -> None:
    plan = open_load(document, "queue")
    assert "the figures depend on the threads" in warnings(plan, FAR, 4)[0]
    assert warnings(plan, FAR, 1) == []
    assert warnings(open_load(document, "grow"), FAR, 4) == []


def test_a_rule_about_a_name_that_nobody_has_is_told(document: dict[str, Any]) -> None:
    document["hosts"]["api"]["base_url"] = "http://api.test:8080"
    document["hosts"]["api"]["resolve"] = {
        "addresses": [
            {"host": "API.test", "port": 8080, "address": "192.0.2.1"},
            {"host": "other.test", "port": 81, "address": "192.0.2.1"},
            {"host": "api.tset", "port": 8080, "address": "192.0.2.1"},
        ],
        "connect_to": [
            {"host": None, "port": None, "to_host": "other.test", "to_port": 81},
            {"host": "api.test", "port": 80, "to_host": "other.test", "to_port": 81},
        ],
    }
    assert warnings(Plan.model_validate(document), FAR, 1) == [
        "--connect-to api.test:80 does nothing: what is asked is api.test:8080",
        "--resolve API.test:8080 does nothing: what is asked is other.test:81",
        "--resolve api.tset:8080 does nothing: what is asked is other.test:81",
    ]
    document["hosts"]["api"]["resolve"]["connect_to"] = []
    document["hosts"]["api"]["resolve"]["addresses"] = [{"host": "API.test", "port": 8080, "address": "192.0.2.1"}]
    assert warnings(Plan.model_validate(document), FAR, 1) == []
