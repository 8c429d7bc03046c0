"""`apibench inspect`: each step once, in its order, by whom it is done and why."""

from typing import Any, get_args

from apibench.model.plan import Plan
from apibench.model.step import Step
from apibench.model.validation import parse_plan
from apibench.report.inspection import LEFT_OPEN_NS, WHY, inspection
from apibench.report.inspection_text import inspection_lines


def constant(value: Any) -> dict[str, Any]:
    return {"type": "constant", "value": value}


def variable(name: str) -> dict[str, Any]:
    return {"type": "variable", "name": name}


def call(function: str, *arguments: Any) -> dict[str, Any]:
    return {"type": "call", "function": function, "arguments": list(arguments)}


STEPS: list[dict[str, Any]] = [
    {"type": "feed", "feeder": "users", "to": "me"},
    {"type": "request", "host": "h", "path": "/a", "source": {"file": "/x/shop.py", "line": 7, "column": 1}},
    {"type": "extract", "of": {"type": "json", "path": ["items", 0, "id"]}, "to": "id"},
    {"type": "extract", "of": {"type": "header", "name": "X-Id"}, "to": "head"},
    {"type": "set", "to": "n", "value": call("random_integer", constant(1), constant(6))},
    {"type": "check", "name": "some", "condition": call("greater", variable("n"), constant(0))},
    {
        "type": "when",
        "condition": call("equal", call("member", variable("me"), constant("name")), constant("ann")),
        "steps": [
            {"type": "python", "function": "sign", "arguments": [variable("id"), constant(None)], "to": "proof"},
            {"type": "request", "host": "h", "path": "/b"},
        ],
        "otherwise": [{"type": "think", "constant_ns": 1_000}],
    },
    {"type": "repeat", "times": constant(3), "steps": [{"type": "leave"}]},
    {"type": "pick", "cases": [{"weight": 2, "steps": [{"type": "pace", "period_ns": 5}]}]},
    {"type": "end"},
]


def plan(*steps: dict[str, Any], **load: Any) -> Plan:
    closed = {"model": "closed", "vus": 1, "ends": {"iterations": 1}, **load}
    return parse_plan(
        {
            "version": 1,
            "name": "shop",
            "hosts": {"h": {"base_url": "http://127.0.0.1:1"}},
            "feeders": {"users": {"path": "users.csv", "order": "unique"}},
            "scenarios": [{"name": "buyer", "steps": steps or STEPS, "load": closed}],
            "thresholds": ["p99 < 1s"],
        }
    )


def test_every_step_is_there_once_with_who_does_it() -> None:
    found = inspection(plan().redacted(), {"users": 3})
    (scenario,) = found["scenarios"]
    kinds = ["feed", "request", "extract", "extract", "set", "check", "when", "python", "request", "think"]
    kinds += ["repeat", "leave", "pick", "pace", "end"]
    assert [each["type"] for each in scenario["steps"]] == kinds
    assert [each["type"] for each in scenario["steps"] if each["by"] == "python"] == ["python"]
    assert all(each["why"] for each in scenario["steps"])
    assert (scenario["native_steps"], scenario["python_calls"], scenario["functions"]) == (14, 1, ["sign"])
    assert scenario["names"] == ["GET /a", "GET /b"]
    assert found["feeders"][0]["rows"] == 3
    assert found["python"] is True
    depths = {each["place"]: each["depth"] for each in scenario["steps"]}
    assert depths["scenarios[0].steps[6].steps[0]"] == 1


def test_people_read_a_sum_lines_and_what_steps_do() -> None:
    lines = list(inspection_lines(inspection(plan().redacted(), {"users": None})))
    text = "\n".join(lines)
    assert "buyer: 14 native steps, 1 Python call: Python is on the path" in lines
    assert any(line.startswith("  shop.py:7 ") for line in lines)
    for words in ("id = $.items[0].id", "head = header X-Id", "n > 0", "where me['name'] == 'ann'", "sign(id, null)"):
        assert words in text
    assert "feeder users: rows that can't be read here of users.csv" in lines
    assert "  in results: GET /a, GET /b" in lines
    assert "  p99 < 1s" in lines


def test_a_plan_without_python_says_so() -> None:
    lines = list(inspection_lines(inspection(plan({"type": "request", "host": "h"}).redacted(), {"users": 1})))
    assert "buyer: 1 native step, no Python call: no Python is on the path" in lines
    assert "feeder users: 1 row of users.csv" in lines


def test_a_load_that_is_left_to_whoever_runs_it_has_no_length() -> None:
    found = inspection(plan(ends={"duration_ns": LEFT_OPEN_NS}).redacted(), {})
    assert found["scenarios"][0]["load"] == "closed model, 1 VU, for as long as whoever runs it says"


def test_secrets_are_not_shown() -> None:
    hidden = plan(
        {"type": "request", "host": "h"},
        {"type": "python", "function": "make", "arguments": [constant("hunter2")], "to": "token"},
    )
    assert "hunter2" not in "\n".join(inspection_lines(inspection(hidden.redacted(), {})))


def test_groups_are_names_in_results_and_what_is_done_once_is_shown_apart() -> None:
    request = {"type": "request", "host": "h", "path": "/a"}
    login = [
        {"type": "request", "host": "h", "method": "POST", "path": "/login"},
        {"type": "extract", "of": {"type": "json", "path": ["id"]}, "to": "id"},
        {"type": "extract", "of": {"type": "json", "path": ["token"]}, "to": "token"},
    ]
    known = plan({"type": "group", "name": "checkout", "steps": [request, {**request, "path": "/b"}]}).document()
    known["setup"] = {"steps": login, "values": {"order": variable("id"), "token": variable("token")}}
    shared = {"type": "shared", "name": "order"}
    known["teardown"] = {"steps": [{**request, "path": call("concat", constant("/x/"), shared)}]}
    found = inspection(parse_plan(known).redacted(), {})
    (scenario,) = found["scenarios"]
    assert scenario["names"] == ["checkout", "GET /a", "GET /b"]
    assert [each["depth"] for each in scenario["steps"]] == [0, 1, 1]
    assert [each["type"] for each in found["setup"]["steps"]] == ["request", "extract", "extract"]
    lines = list(inspection_lines(found))
    assert lines.index("set-up, once before the load") < lines.index("tear-down, once behind the load")
    assert any(line.startswith("  hands over: order = id, token = ") for line in lines)


def test_a_whole_user_in_python_is_shown_with_all_that_it_is_counted_under() -> None:
    requests = [{"name": name, "method": "GET"} for name in ("GET /a", "GET /b", "GET /a")]
    given = [variable("me"), constant("token"), constant("x")]
    user = {"type": "python_user", "function": "shopper", "host": "h", "arguments": given, "requests": requests}
    found = inspection(plan(STEPS[0], user).redacted(), {"users": 1})
    (scenario,) = found["scenarios"]
    assert scenario["names"] == ["GET /a", "GET /b"]
    assert (scenario["native_steps"], scenario["python_calls"], scenario["python_users"]) == (1, 0, 1)
    assert (scenario["functions"], found["python"]) == (["shopper"], True)
    text = "\n".join(inspection_lines(found))
    assert "buyer: 1 native step, a whole user in Python: Python is on the path" in text
    assert "python_user shopper(me)" in text
    assert "PYTHON: a whole user in Python: shopper, 3 requests" in text
    both = inspection(plan(*STEPS, user).redacted(), {})
    assert "14 native steps, 1 Python call, a whole user in Python: Python" in "\n".join(inspection_lines(both))


def test_there_is_a_reason_for_every_type_of_step() -> None:
    union = get_args(get_args(Step)[0])
    assert set(WHY) == {get_args(each.model_fields["type"].annotation)[0] for each in union}
