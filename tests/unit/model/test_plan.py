"""The plan as a value: its one document form, its name, its schema, and what of it may be shown."""

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from apibench.model.canonical import canonical_json
from apibench.model.plan import Plan, plan_schema
from apibench.model.validation import parse_plan

EVERYTHING: dict[str, Any] = {
    "version": 1,
    "name": "shop",
    "seed": 7,
    "warmup_ns": 1_000_000_000,
    "hosts": {
        "api": {
            "base_url": "https://[::1]:8443/v1",
            "tls": {"verify": False, "server_name": "shop.test"},
            "timeouts": {"idle_ns": 1_000_000_000},
            "resolve": {
                "family": "4",
                "addresses": [{"host": "shop.test", "port": 443, "address": "127.0.0.1"}],
                "connect_to": [{"to_host": "127.0.0.1", "to_port": 8443}],
            },
            "connections": {"type": "per_vu", "count": 2},
            "keepalive": False,
            "redirects": 3,
        }
    },
    "scenarios": [
        {
            "name": "browse",
            "start_ns": 5,
            "defaults": {"headers": [["Accept", "text/html"]], "on_fail": "continue"},
            "steps": [
                {"type": "pace", "period_ns": 1_000_000},
                {
                    "type": "pick",
                    "by": "turn",
                    "cases": [
                        {
                            "weight": 3,
                            "steps": [
                                {
                                    "type": "request",
                                    "host": "api",
                                    "method": "POST",
                                    "path": "/a?b=c",
                                    "headers": [["X-A", "1"], ["X-A", "2"]],
                                    "body": {"text": "{}"},
                                    "expect": {"status": [{"first": 201, "last": 201}]},
                                    "source": {"file": "shop.py", "line": 4, "column": 2},
                                }
                            ],
                        },
                        {"steps": [{"type": "think", "uniform": {"min_ns": 0, "max_ns": 9}}]},
                    ],
                },
            ],
            "load": {
                "model": "open",
                "rate": {"count": 500, "per_ns": 1_000_000_000},
                "stages": [{"duration_ns": 30_000_000_000, "rate": {"count": 1_000, "per_ns": 1_000_000_000}}],
                "arrivals": "poisson",
                "when_busy": "drop",
                "max_waiting": 5,
                "max_vus": 10,
            },
        }
    ],
    "thresholds": ["p99<200ms", "errors of 'POST /a' < 1% for 10s abort"],
}


@pytest.fixture
def everything() -> dict[str, Any]:
    return copy.deepcopy(EVERYTHING)


def test_the_document_of_a_plan_is_a_plan_with_the_same_document(everything: dict[str, Any]) -> None:
    plan = parse_plan(everything)
    again = parse_plan(json.loads(plan.to_engine_json()))
    assert again == plan
    assert again.to_engine_json() == plan.to_engine_json()


def test_what_goes_down_to_the_engine_has_every_default_filled_in(document: dict[str, Any]) -> None:
    assert json.loads(parse_plan(document).to_engine_json()) == {
        "version": 1,
        "name": "plan",
        "seed": 0,
        "warmup_ns": 0,
        "drain_ns": 10_000_000_000,
        "hosts": {
            "api": {
                "base_url": "http://127.0.0.1:8080",
                "http": "auto",
                "tls": {"verify": True, "ca_file": None, "server_name": None},
                "timeouts": {
                    "connect_ns": 5_000_000_000,
                    "first_byte_ns": None,
                    "idle_ns": None,
                    "total_ns": 10_000_000_000,
                },
                "proxy": None,
                "resolve": {"family": "any", "addresses": [], "connect_to": [], "unix_socket": None},
                "connections": {"type": "per_vu", "count": 1},
                "keepalive": True,
                "redirects": 0,
            }
        },
        "feeders": {},
        "setup": None,
        "teardown": None,
        "scenarios": [
            {
                "name": "main",
                "start_ns": 0,
                "after": None,
                "defaults": {"headers": [], "cookies": "keep", "on_fail": "end_iteration"},
                "on_start": [],
                "steps": [
                    {
                        "type": "request",
                        "host": "api",
                        "method": "GET",
                        "path": "/items",
                        "name": "GET /items",
                        "headers": [],
                        "body": None,
                        "sign": None,
                        "expect": {"status": [{"first": 100, "last": 399}]},
                        "timeout_ns": None,
                        "source": None,
                    }
                ],
                "on_stop": [],
                "load": {
                    "model": "closed",
                    "vus": 50,
                    "stages": [],
                    "ends": {"duration_ns": 10_000_000_000, "iterations": None},
                },
            }
        ],
        "thresholds": [],
    }


def test_a_rate_is_reduced_and_stages_fill_the_duration(everything: dict[str, Any]) -> None:
    load = parse_plan(everything).document()["scenarios"][0]["load"]
    assert load["rate"] == {"count": 1, "per_ns": 2_000_000}
    assert load["ends"] == {"duration_ns": 30_000_000_000, "iterations": None}


def test_thresholds_are_kept_as_canonical_text(everything: dict[str, Any]) -> None:
    plan = parse_plan(everything)
    assert plan.thresholds[0] == "p99 < 200ms"
    assert [str(each) for each in plan.parsed_thresholds()] == list(plan.thresholds)


def _spell_out_a_default(plan: dict[str, Any]) -> None:
    plan["drain_ns"] = 10_000_000_000


def _write_the_rate_otherwise(plan: dict[str, Any]) -> None:
    plan["scenarios"][0]["load"]["rate"] = {"count": 30_000, "per_ns": 60_000_000_000}


def _turn_the_keys_round(plan: dict[str, Any]) -> None:
    plan["hosts"]["api"] = dict(reversed(plan["hosts"]["api"].items()))


def _move_the_step_in_its_file(plan: dict[str, Any]) -> None:
    plan["scenarios"][0]["steps"][1]["cases"][0]["steps"][0]["source"]["line"] = 99


@pytest.mark.parametrize(
    "change", [_spell_out_a_default, _write_the_rate_otherwise, _turn_the_keys_round, _move_the_step_in_its_file]
)
def test_plans_that_do_the_same_have_the_same_sha256(
    everything: dict[str, Any], change: Callable[[dict[str, Any]], None]
) -> None:
    before = parse_plan(everything).sha256()
    change(everything)
    assert parse_plan(everything).sha256() == before


def test_plans_that_differ_have_another_sha256(everything: dict[str, Any]) -> None:
    before = parse_plan(everything).sha256()
    everything["seed"] += 1
    assert parse_plan(everything).sha256() != before


def test_the_canonical_form_is_rfc_8785_of_the_document(document: dict[str, Any]) -> None:
    plan = parse_plan(document)
    expected = plan.document()
    del expected["scenarios"][0]["steps"][0]["source"]
    assert plan.canonical() == canonical_json(expected)


@given(st.integers(0, 2**53 - 1), st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=9))
def test_any_seed_and_name_survive_the_way_down(seed: int, name: str) -> None:
    plan = parse_plan({**copy.deepcopy(EVERYTHING), "seed": seed, "name": name})
    assert parse_plan(json.loads(plan.to_engine_json())) == plan


def test_a_plan_is_frozen(document: dict[str, Any]) -> None:
    plan = parse_plan(document)
    with pytest.raises(ValidationError, match="frozen"):
        plan.seed = 3  # type: ignore[misc]


def test_a_plan_built_by_hand_is_cross_checked_too(document: dict[str, Any]) -> None:
    document["scenarios"][0]["steps"][0]["host"] = "nowhere"
    with pytest.raises(ValidationError, match="no host is called `nowhere`"):
        Plan.model_validate(document)


def test_the_schema_is_valid_and_accepts_plans_and_their_documents(
    everything: dict[str, Any], document: dict[str, Any]
) -> None:
    schema = plan_schema()
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    for each in (everything, document, parse_plan(everything).document()):
        validator(schema).validate(each)


@pytest.mark.parametrize(
    "wrong", [{"version": 2}, {"seed": -1}, {"hosts": {}}, {"scenarios": []}, {"nmae": "x"}, {"feeders": [1]}]
)
def test_the_schema_refuses_what_the_plan_refuses(document: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(plan_schema()).is_valid({**document, **wrong})


def test_secrets_are_redacted_and_the_rest_is_not(everything: dict[str, Any]) -> None:
    request = everything["scenarios"][0]["steps"][1]["cases"][0]["steps"][0]
    request["path"] = "/a?token=hunter2&page=3&next=http://joe:hunter2@shop.test/"
    request["headers"] = [
        *(["Authorization", "Bearer hunter2"], ["cookie", "sid=hunter2"], ["X-Api-Key", "hunter2"]),
        *(["X-Auth-Token", "hunter2"], ["Proxy-Authorization", "hunter2"], ["Referer", "http://joe:hunter2@a/"]),
        ["Accept", "text/html"],
    ]
    everything["scenarios"][0]["defaults"]["headers"] = [["X-Access-Token", "hunter2"]]
    everything["thresholds"] = []
    shown = parse_plan(everything).redacted()
    assert "hunter2" not in json.dumps(shown)
    step = shown["scenarios"][0]["steps"][1]["cases"][0]["steps"][0]
    assert step["headers"][-1] == ["Accept", "text/html"]
    assert step["path"] == "/a?token=[redacted]&page=3&next=http://[redacted]@shop.test/"
    assert step["body"] == {"text": "{}", "base64": None}


def test_requests_are_found_at_any_depth(everything: dict[str, Any]) -> None:
    found = [(scenario.name, request.name) for scenario, request in parse_plan(everything).requests()]
    assert found == [("browse", "POST /a")]
