"""Plans with values that are known only while the load runs: what is wrong is told, and what is shown of them."""

import copy
import json
from typing import Any

import pytest

from apibench import _engine
from apibench.authoring.plan_file import parse_plan_document
from apibench.model.checks import checks_of
from apibench.model.errors import PlanInvalid
from apibench.model.function import ARITY, MOMENTS, OFFSETS
from apibench.model.plan import Plan, engine_json
from apibench.model.redaction import redacted
from apibench.report.intended import intended_from

LOGIN = {"type": "request", "method": "POST", "path": "/login", "body": '{"user": "ann"}'}
SIGN = {"type": "aws_sigv4", "region": "r", "service": "s3", "access_key": "a", "secret_key": "b"}
PLAN: dict[str, Any] = {
    "version": 1,
    "hosts": {"shop": {"url": "http://127.0.0.1:1"}},
    "feeders": {"users": {"text": "name\nann\n"}},
    "scenarios": [
        {
            "name": "buyer",
            "load": {"rate": "5/s", "duration": "1s"},
            "steps": [
                LOGIN,
                {"type": "extract", "of": "$.token", "to": "token"},
                {"type": "extract", "of": {"header": "X-Id"}, "to": "id"},
                {"type": "extract", "of": "status", "to": "status"},
                {"type": "feed", "feeder": "users"},
                {"type": "check", "name": "there", "condition": "status == 200"},
                {
                    "type": "repeat",
                    "times": "random_integer(2, 6)",
                    "steps": [
                        {"type": "set", "to": "n", "value": 1},
                        {
                            "type": "when",
                            "condition": "n < 2",
                            "steps": [{"type": "request", "path": "/items/${id}?n=${n}"}],
                            "otherwise": [{"type": "request", "headers": {"Authorization": "Bearer ${token}"}}],
                        },
                    ],
                },
                {"type": "request", "path": "/end"},
                {"type": "extract", "of": "body", "to": "body"},
            ],
        }
    ],
    "thresholds": ["p99 of 'GET /items/{id}' < 1s", "checks > 90%", "checks of 'there' > 95%"],
}


def steps_with(*steps: dict[str, Any]) -> dict[str, Any]:
    plan = copy.deepcopy(PLAN)
    plan["scenarios"][0]["steps"] = list(steps)
    plan["thresholds"] = []
    return plan


def faults_of(document: Any) -> list[tuple[str, str]]:
    with pytest.raises(PlanInvalid) as caught:
        parse_plan_document(document)
    return [(fault.code, fault.place) for fault in caught.value.faults]


def test_checks_are_numbered_as_the_engine_numbers_them() -> None:
    plan = parse_plan_document(PLAN)
    facts = json.loads(_engine.Prepared(plan.to_engine_json().decode()).facts())
    assert [list(names) for names in checks_of(plan)] == facts["checks"]
    assert "scenarios[0].steps[6].steps[1].condition" in facts["checks"][0]


def test_every_function_takes_as_many_arguments_here_as_in_the_engine() -> None:
    for function, (least, most) in ARITY.items():
        for count in {max(least - 1, 0), least, most, most + 1}:
            known = "1s" if function in OFFSETS else "2024-02-29" if function in MOMENTS else "hex"
            arguments = [{"type": "constant", "value": known}] * count
            value = {"type": "call", "function": function, "arguments": arguments}
            document = parse_plan_document(steps_with(LOGIN, {"type": "set", "to": "x", "value": 1})).document()
            document["scenarios"][0]["steps"][1]["value"] = value
            fits = least <= count <= most
            if fits:
                _engine.Prepared(engine_json(document).decode())
                Plan.model_validate(document)
                continue
            with pytest.raises(_engine.EngineError):
                _engine.Prepared(engine_json(document).decode())
            with pytest.raises(ValueError, match=r"takes|at most"):
                Plan.model_validate(document)


def test_a_late_plan_is_one_document_with_one_name() -> None:
    plan = parse_plan_document(PLAN)
    again = parse_plan_document(plan.document())
    assert again == plan
    assert again.sha256() == plan.sha256()
    repeat = plan.document()["scenarios"][0]["steps"][6]
    assert repeat["steps"][1]["steps"][0]["name"] == "GET /items/{id}"
    assert intended_from(plan) == "mixed"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([{"type": "request", "path": "/${id}"}], [("variable.unset", "scenarios[0].steps[0].path")]),
        (
            [LOGIN, {"type": "check", "name": "c", "condition": "x > 1"}],
            [("variable.unset", "scenarios[0].steps[1].condition")],
        ),
        ([{"type": "extract", "of": "status", "to": "s"}, LOGIN], [("extract.place", "scenarios[0].steps[0]")]),
        (
            [LOGIN, {"type": "think", "constant": "1s"}, {"type": "extract", "of": "status", "to": "s"}],
            [("extract.place", "scenarios[0].steps[2]")],
        ),
        (
            [{"type": "request", "path": "/${random_uuid(1)}"}],
            [("call.arguments", "scenarios[0].steps[0].path.arguments[1]")],
        ),
        ([{"type": "request", "path": "${random_uuid()}"}], [("path.relative", "scenarios[0].steps[0].path")]),
        ([{"type": "request", "path": "/a b${random_uuid()}"}], [("path.characters", "scenarios[0].steps[0].path")]),
        ([{"type": "request", "path": "/${1 +}"}], [("unit", "scenarios[0].steps[0].path")]),
        (
            [{"type": "request", "headers": {"X": "${secret:A} ${random_uuid()}"}}],
            [("secret.place", "scenarios[0].steps[0].headers.X.arguments[0].value")],
        ),
        (
            [{"type": "request", "headers": {"X": "${upper('${secret:A}')}"}}],
            [("secret.place", "scenarios[0].steps[0].headers.X.arguments[0]")],
        ),
        (
            [LOGIN, {"type": "set", "to": "x", "value": "'${secret:A}'"}],
            [("secret.place", "scenarios[0].steps[1].value")],
        ),
        (
            [LOGIN, {"type": "set", "to": "x", "value": "sha256('a ${secret:A}')"}],
            [("secret.place", "scenarios[0].steps[1].value.arguments[0].value")],
        ),
        (
            [{"type": "request", "sign": SIGN, "headers": {"X-Amz-Date": "now"}}],
            [("sign.header", "scenarios[0].steps[0].headers.X-Amz-Date")],
        ),
        (
            [{"type": "request", "sign": {**SIGN, "region": "EU West", "secret_key": "${x}"}}],
            [
                ("variable.unset", "scenarios[0].steps[0].sign"),
                ("string_pattern_mismatch", "scenarios[0].steps[0].sign.region"),
            ],
        ),
        (
            [LOGIN, {"type": "set", "to": "x", "value": "hmac_sha256('k', 'a', 'HEX')"}],
            [("call.form", "scenarios[0].steps[1].value")],
        ),
        (
            [{"type": "request", "headers": {"X": "a\r\nb ${random_uuid()}"}}],
            [("header.value", "scenarios[0].steps[0].headers.X")],
        ),
        ([LOGIN, {"type": "repeat", "times": 2, "steps": []}], [("range", "scenarios[0].steps[1].steps")]),
        ([{"type": "set", "to": "x", "value": 1}], [("scenario.silent", "scenarios[0].steps")]),
        ([LOGIN, {"type": "set", "to": "1x", "value": 1}], [("string_pattern_mismatch", "scenarios[0].steps[1].to")]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(steps: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    assert faults_of(steps_with(*steps)) == expected


def test_a_threshold_on_checks_names_one_that_there_is() -> None:
    plan = copy.deepcopy(PLAN)
    plan["thresholds"] = ["checks of 'their' > 95%"]
    assert faults_of(plan) == [("threshold.checks", "thresholds[0]")]
    silent = steps_with(LOGIN)
    silent["thresholds"] = ["checks > 95%"]
    assert faults_of(silent) == [("threshold.checks", "thresholds[0]")]


def test_what_is_set_on_one_way_counts_as_set_behind_it() -> None:
    sets = {"type": "set", "to": "x", "value": 1}
    parse_plan_document(
        steps_with(
            LOGIN, {"type": "when", "condition": "1 == 1", "steps": [sets]}, {"type": "request", "path": "/${x}"}
        )
    )


def test_secrets_in_what_is_known_of_a_late_text_are_not_shown() -> None:
    plan = parse_plan_document(
        steps_with(
            {
                "type": "request",
                "path": "/a?token=abc&n=${random_uuid()}",
                "headers": {"Authorization": "Bearer abc${random_uuid()}", "X-Own": "shown${random_uuid()}"},
            }
        )
    )
    shown = str(plan.redacted())
    assert "abc" not in shown
    assert "shown" in shown


SHOWN_AND_HIDDEN: list[tuple[str, list[dict[str, Any]]]] = [
    ("by its name", [LOGIN, {"type": "set", "to": "password", "value": '"hunter2"'}]),
    (
        "by the header that sends it",
        [
            {"type": "set", "to": "x", "value": '"Bearer " + "hunter2"'},
            {"type": "request", "headers": {"Authorization": "${x}"}},
        ],
    ),
    (
        "by the parameter that sends it",
        [{"type": "set", "to": "x", "value": '"hunter2"'}, {"type": "request", "path": "/a?n=1&token=${lower(x)}"}],
    ),
    (
        "by what is made of it",
        [
            {"type": "set", "to": "x", "value": '"hunter2"'},
            {"type": "set", "to": "y", "value": "upper(x)"},
            {"type": "request", "headers": {"X-Api-Key": "${y}"}},
        ],
    ),
    (
        "in a comparison",
        [
            LOGIN,
            {"type": "extract", "of": "$.token", "to": "token"},
            {"type": "extract", "of": "$", "to": "all"},
            {"type": "check", "name": "c", "condition": 'random_uuid() == "shown" and token == "hunter2"'},
            {"type": "when", "condition": 'all["password"] == lower("hunter2")', "steps": [LOGIN]},
        ],
    ),
    ("in an argument", [{"type": "request", "path": '/a?token=${lower("hunter2")}&n=${lower("shown")}'}]),
    ("in another piece", [{"type": "request", "path": "/a?token=${random_uuid()}hunter2${random_uuid()}&n=shown"}]),
    ("behind an ampersand", [{"type": "request", "path": '/a?token=${replace(random_uuid(), "&", "-")}hunter2'}]),
    ("of a user", [{"type": "request", "path": "/a?to=http://ann:hunter2@${random_uuid()}"}]),
    ("as a number", [{"type": "request", "headers": {"X-Auth-Token": "${2718281828}"}}]),
    ("of the scenario's own headers", [{"type": "set", "to": "own", "value": '"hunter2"'}, LOGIN]),
]


@pytest.mark.parametrize(("where", "steps"), SHOWN_AND_HIDDEN, ids=[where for where, _ in SHOWN_AND_HIDDEN])
def test_a_secret_of_a_late_plan_is_not_shown(where: str, steps: list[dict[str, Any]]) -> None:
    document = steps_with(*steps)
    if where == "of the scenario's own headers":
        document["scenarios"][0]["defaults"] = {"headers": {"Cookie": "sid=${own}"}}
    plan = parse_plan_document(document)
    shown = str(plan.redacted())
    assert "hunter2" not in shown
    assert "2718281828" not in shown
    assert ("shown" in shown) == ("shown" in str(document)), "what is no secret is"


def test_what_tells_nothing_of_a_secret_is_shown() -> None:
    steps: list[dict[str, Any]] = [
        {"type": "set", "to": "token", "value": "random_text(16)"},
        {"type": "set", "to": "page", "value": 7},
        {"type": "request", "path": "/a?page=${page}", "headers": {"Authorization": "Bearer ${token}"}},
        {"type": "check", "name": "c", "condition": 'length(token) > 3 and page != 9 and token["id"] == 5'},
    ]
    plan = parse_plan_document(steps_with(*steps))
    shown = plan.redacted()["scenarios"][0]["steps"]
    written = plan.document()["scenarios"][0]["steps"]
    assert shown[:3] == written[:3]
    told = str(shown[3]["condition"])
    assert all(each in told for each in ("3", "9", "'id'"))
    assert "5" not in told
    assert redacted(plan.redacted()) == plan.redacted(), "what is shown again is as it was"


def test_a_key_is_a_secret_wherever_it_is_used_and_whatever_it_is_called() -> None:
    sign = "${hmac_sha256('shown-never', path_of)}/${hmac_sha1(second, path_of)}/${jwt_hs256('{}', '${secret:A}')}"
    plan = parse_plan_document(
        steps_with(
            {"type": "set", "to": "path_of", "value": "'/shown'"},
            {"type": "set", "to": "second", "value": "'never-this'"},
            {"type": "request", "path": f"/{sign}", "headers": {"X-Proof": sign}, "body": sign},
        )
    )
    shown = json.dumps(redacted(plan.document()))
    assert "never" not in shown
    assert shown.count("/shown") == 1
    assert shown.count("${secret:A}") == 3


def test_a_signed_request_follows_no_redirects() -> None:
    plan = steps_with({"type": "request", "sign": SIGN})
    plan["hosts"]["shop"]["redirects"] = 3
    assert faults_of(plan) == [("not_built", "scenarios[0].steps[0].sign")]
