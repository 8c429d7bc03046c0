"""References to secrets: what is one, where it may stand, how a value is written, and who learns it."""

import base64
import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model.disclosure import disclosed, nobody_knows
from apibench.model.errors import SecretsUnusable
from apibench.model.plan import Plan
from apibench.model.redaction import REPLACEMENT
from apibench.model.secret import filled_in, is_secret, secrets_named, without_references, written_as
from apibench.model.validation import faults, parse_plan

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def with_headers(document: dict[str, Any], *headers: list[str]) -> Plan:
    document["scenarios"][0]["steps"][0]["headers"] = [*headers]
    return parse_plan(document)


@given(_TEXT)
def test_a_value_is_read_back_from_every_form_that_it_is_written_in(value: str) -> None:
    def written(form: str) -> str:
        return filled_in(f"<${{secret:A{form}}}>", {"A": value}.__getitem__)[1:-1]

    assert written("") == value
    assert json.loads(f'"{written("|json")}"') == value
    assert unquote(written("|url")) == value
    assert base64.b64decode(written("|base64")).decode() == value
    assert base64.b64decode(written("|basic:ann")).decode() == f"ann:{value}"


@given(st.lists(_TEXT.filter(lambda text: "$" not in text), min_size=3, max_size=3))
def test_what_a_value_holds_is_never_looked_into(texts: list[str]) -> None:
    values = {"A": "${secret:B}", "B": "${secret:A|json}"}
    text = "${secret:A}".join(texts[:2]) + "${secret:B}" + texts[2]
    assert filled_in(text, values.__getitem__) == values["A"].join(texts[:2]) + values["B"] + texts[2]
    assert secrets_named(text) == ["A", "B"]
    assert without_references(text) == " ".join(texts)


def test_only_references_that_say_no_form_get_one() -> None:
    assert written_as("${secret:A} ${secret:B|url}", "json") == "${secret:A|json} ${secret:B|url}"
    assert is_secret("${secret:A}")
    assert not any(is_secret(text) for text in ("${secret:A|url}", "${secret:A|basic:u}", "x${secret:A}", "${secret:}"))


@pytest.mark.parametrize(
    "text", ["${secret:}", "${secret:a b}", "${secret:A|xml}", "${secret:A|basic:a:b}", "${secret:A", "${secret:1}"]
)
def test_what_is_no_reference_is_refused_and_never_sent(document: dict[str, Any], text: str) -> None:
    step = document["scenarios"][0]["steps"][0]
    step["headers"], step["body"] = [["X-Key", text]], {"text": f"a ${{secret:A}} {text}"}
    assert [fault.code for fault in faults(document)] == ["secret.name", "secret.name"]


def test_other_places_hold_no_secrets_and_none_a_variable_that_nobody_has_read(document: dict[str, Any]) -> None:
    document["hosts"]["api"]["base_url"] = "http://127.0.0.1/${secret:A}"
    step = document["scenarios"][0]["steps"][0]
    step["path"], step["body"] = "/?key=${secret:A}", {"text": "${secret:A} ${name}"}
    assert [(fault.place, fault.code) for fault in faults(document)] == [
        ("hosts.api.base_url", "secret.place"),
        ("scenarios[0].steps[0].path", "secret.place"),
        ("scenarios[0].steps[0].body.text", "late.place"),
    ]


def test_the_engine_is_told_and_the_plan_stays_as_it_was(document: dict[str, Any]) -> None:
    scenario = document["scenarios"][0]
    scenario["defaults"] = {"headers": [["Authorization", "Bearer ${secret:A}"]]}
    inner = {"type": "request", "host": "api", "method": "POST", "body": {"text": "${secret:B}"}}
    scenario["steps"] = [{"type": "pick", "cases": [{"steps": [inner]}]}]
    # Names become series, which are stored and shown: there the text stays what it is.
    scenario["name"] = inner["name"] = "${secret:A}"
    plan = parse_plan(document)
    sha256 = plan.sha256()
    told = disclosed(plan, {"A": "one", "B": "two"}.get)["scenarios"][0]
    assert told["defaults"]["headers"] == [["Authorization", "Bearer one"]]
    request = told["steps"][0]["cases"][0]["steps"][0]
    assert request["body"]["text"] == "two"
    assert told["name"] == request["name"] == "${secret:A}"
    assert plan.sha256() == sha256 == parse_plan(json.loads(plan.canonical())).sha256()


def test_all_that_is_not_known_is_told_at_once_with_its_place_and_without_a_value(document: dict[str, Any]) -> None:
    document["scenarios"][0]["steps"][0]["body"] = {"text": "${secret:C} ${secret:C}"}
    plan = with_headers(document, ["X-A", "${secret:A}${secret:B}"], ["X-D", "${secret:D}"], ["X-E", "${secret:E|url}"])
    with pytest.raises(SecretsUnusable) as refused:
        disclosed(plan, {"B": "b", "C": "", "D": "hidden\r\nX-More: 1", "E": "a\nb"}.get)
    assert [(fault.place, fault.message) for fault in refused.value.faults] == [
        ("scenarios[0].steps[0].headers.X-A", "nobody here knows the secret 'A'"),
        ("scenarios[0].steps[0].headers.X-D", "the secret 'D' holds a control character"),
        ("scenarios[0].steps[0].body", "the secret 'C' is empty"),
    ]
    assert "hidden" not in str(refused.value)
    assert all(fault.message in refused.value.message for fault in refused.value.faults)
    assert "APIBENCH_SECRET_A," in refused.value.hint


def test_a_plan_that_would_grow_without_bound_is_refused_before_it_grows(document: dict[str, Any]) -> None:
    document["scenarios"][0]["steps"][0]["body"] = {"text": "${secret:A}" * 1_000}
    with pytest.raises(SecretsUnusable, match="longer than 8,388,608 characters"):
        disclosed(parse_plan(document), {"A": "x" * 64 * 1024}.get)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Bearer ${secret:A}", "Bearer ${secret:A}"),
        ("${secret:A}", "${secret:A}"),
        ("Basic ${secret:A|basic:ann}", "Basic ${secret:A|basic:ann}"),
        ("Bearer x${secret:A}", REPLACEMENT),
        ("Bearer hidden", REPLACEMENT),
        ("Bearer", REPLACEMENT),
    ],
)
def test_what_only_names_a_secret_is_shown(document: dict[str, Any], value: str, shown: str) -> None:
    plan = with_headers(document, ["Authorization", value])
    assert plan.redacted()["scenarios"][0]["steps"][0]["headers"] == [["Authorization", shown]]


def test_a_function_that_hides_what_it_is_given_is_given_secrets_wherever_it_stands(document: dict[str, Any]) -> None:
    def proof(key: str) -> dict[str, Any]:
        arguments = [{"type": "constant", "value": each} for each in (key, "text")]
        return {"type": "call", "function": "hmac_sha256", "arguments": arguments}

    def of(key: str) -> list[dict[str, Any]]:
        request = {**document["scenarios"][0]["steps"][0], "headers": [["X", proof(key)]], "body": {"text": proof(key)}}
        request["path"] = {
            "type": "call",
            "function": "concat",
            "arguments": [{"type": "constant", "value": "/"}, proof(key)],
        }
        check = {"type": "check", "name": "c", "condition": proof(key)}
        return [request, {"type": "when", "condition": proof(key), "steps": [check]}]

    document["scenarios"][0]["steps"] = of("${secret:A|base64}")
    plan = parse_plan(document)
    filled = disclosed(plan, {"A": "key"}.get)
    document["scenarios"][0]["steps"] = of("a2V5")
    assert filled == parse_plan(document).document()
    with pytest.raises(SecretsUnusable) as caught:
        disclosed(plan, nobody_knows)
    assert {fault.place for fault in caught.value.faults} == {
        "scenarios[0].steps[0].path",
        "scenarios[0].steps[0].headers.X",
        "scenarios[0].steps[0].body",
        "scenarios[0].steps[1].condition",
        "scenarios[0].steps[1].steps[0].condition",
    }


def test_a_signature_is_given_its_keys_and_shows_none(document: dict[str, Any]) -> None:
    sign = {"type": "aws_sigv4", "region": "r", "service": "s3", "access_key": "${secret:ID}", "secret_key": "hunter2"}
    document["scenarios"][0]["steps"][0]["sign"] = sign
    plan = parse_plan(document)
    filled = disclosed(plan, {"ID": "AKID"}.get)["scenarios"][0]["steps"][0]["sign"]
    assert (filled["access_key"], filled["secret_key"]) == ("AKID", "hunter2")
    shown = plan.redacted()["scenarios"][0]["steps"][0]["sign"]
    assert (shown["access_key"], shown["secret_key"]) == ("${secret:ID}", REPLACEMENT)
    with pytest.raises(SecretsUnusable) as caught:
        disclosed(plan, {"ID": "a\nb"}.get)
    assert [fault.place for fault in caught.value.faults] == ["scenarios[0].steps[0].sign.access_key"]
