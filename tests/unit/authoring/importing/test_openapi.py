"""Descriptions of APIs become one step for each operation, with data that their schemas take."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from tests.unit.authoring.importing.conftest import Import, Load
from tests.unit.authoring.importing.plans import all_steps

from apibench.authoring.importing.schema_values import Maker
from apibench.model.errors import SourceUnreadable, UsageError

OURS = Path(__file__).parents[4] / "docs" / "openapi.json"
MADE_UP = "values are made up from the schemas: put in ids and names that the target knows"


def described(paths: Any, **more: Any) -> str:
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "Shop"},
            "servers": [{"url": "http://127.0.0.1/v1/"}],
            "paths": paths,
            **more,
        }
    )


def one(operation: dict[str, Any], path: str = "/a", method: str = "get", **more: Any) -> str:
    return described({path: {method: operation}}, **more)


def body(schema: Any, kind: str = "application/json", **more: Any) -> dict[str, Any]:
    return {"requestBody": {"content": {kind: {"schema": schema, **more}}}}


def parameter(name: str, where: str, schema: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "required": True, "schema": schema, **more}


JSON = "[Content-Type: application/json]"
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "oauth": {"type": "oauth2", "flows": {}},
}
OPERATIONS: list[tuple[str, str]] = [
    (one({}), "GET /v1/a"),
    (one({"parameters": [parameter("id", "path", {"type": "integer", "minimum": 5})]}, "/a/{id}/b"), "GET /v1/a/5/b"),
    (
        one({"parameters": [parameter("id", "path", {"type": "string"}, example="x y/z")]}, "/a/{id}"),
        "GET /v1/a/x%20y%2Fz",
    ),
    (
        one(
            {"parameters": [parameter("q", "query", {"enum": ["a b", "c"]}), parameter("X-A", "header", {"const": 7})]}
        ),
        "GET /v1/a?q=a%20b [X-A: 7]",
    ),
    (
        one({"parameters": [parameter("a", "cookie", {"const": "b c"}), parameter("d", "cookie", {"const": 1})]}),
        "GET /v1/a [Cookie: a=b%20c; d=1]",
    ),
    (one({"parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}]}), "GET /v1/a"),
    (
        one(body({"properties": {"n": {"type": "number", "maximum": 1}, "o": {}}, "required": ["n"]}), method="post"),
        f'POST /v1/a {JSON} {{"n": 1}}',
    ),
    (one(body({}, example={"a": [1, None]}), method="put"), f'PUT /v1/a {JSON} {{"a": [1, null]}}'),
    (one(body({}, examples={"x": {"value": "y"}}), method="put"), f'PUT /v1/a {JSON} "y"'),
    (one(body({"type": "null"}), method="put"), f"PUT /v1/a {JSON} null"),
    (
        one(
            body({"properties": {"a": {"const": "b c"}}, "required": ["a"]}, "application/x-www-form-urlencoded"),
            method="post",
        ),
        "POST /v1/a [Content-Type: application/x-www-form-urlencoded] a=b%20c",
    ),
    (one(body({"type": "string"}, "text/plain"), method="post"), "POST /v1/a [Content-Type: text/plain] text"),
    *(
        (one({"security": [{name: []}]}, components={"securitySchemes": SCHEMES}), f"GET /v1/a [{header}]")
        for name, header in (
            ("bearer", "Authorization: Bearer ${secret:BEARER}"),
            ("oauth", "Authorization: Bearer ${secret:OAUTH}"),
            ("basic", "Authorization: Basic ${secret:BASIC|base64}"),
            ("key", "X-Key: ${secret:KEY}"),
            ("cookie", "Cookie: sid=${secret:COOKIE}"),
        )
    ),
    (one({"security": []}, components={"securitySchemes": SCHEMES}, security=[{"key": []}]), "GET /v1/a"),
    (one({"security": [{"key": []}, {}]}, components={"securitySchemes": SCHEMES}), "GET /v1/a"),
]


@pytest.mark.parametrize(("text", "told"), OPERATIONS)
def test_an_operation_becomes_a_request_that_it_takes(text: str, told: str, imported: Import, load: Load) -> None:
    assert all_steps(load(imported("openapi", text))) == [told]


def test_operations_are_drawn_by_weight_and_counted_by_their_templates(imported: Import, load: Load) -> None:
    paths = {
        "/a/{id}": {
            "parameters": [parameter("id", "path", {"type": "integer"})],
            "get": {"operationId": "getA"},
            "delete": {},
        }
    }
    found = imported("openapi", described(paths))
    plan = load(found)
    assert all_steps(plan) == ["pick 1: GET /v1/a/1 | 1: DELETE /v1/a/1"]
    assert [case["steps"][0]["name"] for case in plan["scenarios"][0]["steps"][0]["cases"]] == [
        "GET /a/{id}",
        "DELETE /a/{id}",
    ]
    assert 'with p.weight(1, "getA"):' in found.text
    assert [str(each) for each in found.left] == [MADE_UP]


def test_what_is_made_up_is_no_secret(imported: Import, load: Load) -> None:
    schema = {"properties": {"password": {"type": "string", "format": "password"}}, "required": ["password"]}
    found = imported("openapi", one(body(schema), method="post"))
    assert all_steps(load(found)) == [f'POST /v1/a {JSON} {{"password": "a password"}}']
    assert found.secrets == ()


def test_yaml_says_the_same(imported: Import, load: Load) -> None:
    text = """
openapi: 3.0.3
servers: [{url: "http://{host}/v1", variables: {host: {default: 127.0.0.1}}}]
paths:
  /days/{day}:
    get: {parameters: [{$ref: "#/components/parameters/Day"}]}
components: {parameters: {Day: {name: day, in: path, required: true, schema: {type: string, example: 2026-01-15}}}}
"""
    assert all_steps(load(imported("openapi", text))) == ["GET /v1/days/2026-01-15"]


def test_our_own_description_is_one_that_can_be_loaded(imported: Import, load: Load) -> None:
    found = imported("openapi", OURS.read_text(encoding="utf-8"))
    (picked,) = load(found)["scenarios"][0]["steps"]
    paths = json.loads(OURS.read_text(encoding="utf-8"))["paths"]
    assert len(picked["cases"]) == sum(
        method in path for path in paths.values() for method in ("get", "put", "post", "delete", "patch")
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (one({}, servers=[]), "servers: no server with an address of HTTP: http://localhost:8080 stands for it"),
        (one({}, servers=[{"url": "http://a"}, {"url": "http://b"}]), "servers: only the first server is used"),
        (one(body({"$ref": "other.yaml#/A"}), method="post"), "POST /a: references to other files were left out"),
        (one(body({}, "image/png"), method="post"), "POST /a: its body was left out: nothing is made for image/png"),
        (
            one(body({"type": "string", "pattern": "^(?=x)"}), method="post"),
            "POST /a: texts that have to be of a pattern were made without it",
        ),
        (one({"security": [{"none": []}]}), "GET /a: the security scheme 'none' was left out"),
    ],
)
def test_what_is_not_converted_is_told_with_its_place(text: str, told: str, imported: Import, load: Load) -> None:
    found = imported(
        "openapi", text if "image/png" not in text else text.replace('"schema": {}', '"schema": {"type": "object"}')
    )
    assert told in [str(each) for each in found.left]
    assert load(found)["scenarios"]


def test_a_schema_that_holds_itself_is_cut_off(imported: Import, load: Load) -> None:
    node = {"properties": {"next": {"$ref": "#/components/schemas/Node"}}, "required": ["next"], "type": "object"}
    text = one(body({"$ref": "#/components/schemas/Node"}), method="post", components={"schemas": {"Node": node}})
    found = imported("openapi", text)
    assert "POST /a: schemas that hold themselves are cut off" in [str(each) for each in found.left]
    assert load(found)["scenarios"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("openapi: 3.1.0", "has no request that can be sent"),
        ("swagger: '2.0'", "says a Swagger of version 2. Descriptions of OpenAPI 3.0 and 3.1 are read."),
        ("openapi: 4.0.0", "says version 4.0.0"),
        ("{}", "says no version"),
        ("a: [", "neither JSON nor YAML: "),
        ("- a", "holds no object"),
        ("openapi: 3.1.0\npaths: [1]", "has no request that can be sent"),
    ],
)
def test_what_is_no_description_is_refused(text: str, told: str, imported: Import) -> None:
    with pytest.raises(SourceUnreadable) as refused:
        imported("openapi", text)
    assert told in str(refused.value)


def test_a_second_source_is_refused(imported: Import) -> None:
    with pytest.raises(UsageError, match="openapi is imported from one source, not two"):
        imported("openapi", one({}), one({}))


BOUND = st.integers(-50, 50)
NUMBERS = st.builds(
    lambda kind, low, span, over, under, step: {
        "type": kind,
        **({"exclusiveMinimum": low} if over else {"minimum": low}),
        **({"exclusiveMaximum": low + span} if under else {"maximum": low + span}),
        **({"multipleOf": step} if step else {}),
    },
    *(st.sampled_from(["integer", "number"]), BOUND, st.integers(10, 60), st.booleans(), st.booleans()),
    st.none() | st.integers(1, 4),
)
TEXTS = st.one_of(
    st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    st.sampled_from(["date", "date-time", "uuid", "email", "uri", "ipv4", "ipv6", "hostname"]).map(
        lambda form: {"type": "string", "format": form}
    ),
    st.sampled_from([r"^[A-Z]{3}-\d{4}$", r"^[a-f0-9]{8}$", r"\w+", r"^a?b*c$"]).map(
        lambda pattern: {"type": "string", "pattern": pattern}
    ),
)
SCHEMAS = st.recursive(
    NUMBERS
    | TEXTS
    | st.sampled_from([{"type": "boolean"}, {"type": ["null", "string"]}, {"enum": [3, "x"]}, {"const": None}, {}]),
    lambda inner: st.one_of(
        st.builds(lambda of, least: {"type": "array", "items": of, "minItems": least}, inner, st.integers(0, 3)),
        st.builds(
            lambda known, must: {"type": "object", "properties": known, "required": sorted(known)[:must]},
            *(st.dictionaries(st.sampled_from("abcd"), inner), st.integers(0, 4)),
        ),
        st.builds(
            lambda first, second: {"oneOf": [first, {"$comment": "never"}]} if second else {"anyOf": [first]},
            inner,
            st.just(0),
        ),
        st.dictionaries(st.sampled_from("abcd"), inner, min_size=1).map(
            lambda known: {"allOf": [{"properties": {key: each}, "required": [key]} for key, each in known.items()]}
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(SCHEMAS)
def test_what_is_made_of_a_schema_is_valid_and_always_the_same(schema: dict[str, Any]) -> None:
    made = [Maker(lambda each: each if isinstance(each, dict) else {}).value(schema) for _ in range(2)]
    assert made[0] == made[1]
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(made[0])


@pytest.mark.parametrize(
    "items",
    [
        {"type": "integer"},
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "maxLength": 4},
        {"enum": [1, 2, 3]},
        {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "example": 7}}},
    ],
)
def test_items_that_have_to_differ_do(items: dict[str, Any]) -> None:
    schema = {"type": "array", "items": items, "minItems": 3, "uniqueItems": True}
    made = Maker(lambda each: each if isinstance(each, dict) else {}).value(schema)
    Draft202012Validator(schema).validate(made)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(['")\nimport os#', "${secret:X}", "{a}", "#/paths", "\ud800", "string"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "$ref",
                        "type",
                        "properties",
                        "required",
                        "items",
                        "allOf",
                        "oneOf",
                        "enum",
                        "example",
                        "examples",
                        "parameters",
                    ),
                    *(
                        "name",
                        "in",
                        "schema",
                        "content",
                        "application/json",
                        "requestBody",
                        "security",
                        "minItems",
                        "minimum",
                        "pattern",
                    ),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)
@given(operation=ANYTHING, components=ANYTHING, schema=ANYTHING, path=st.text(max_size=8))
def test_whatever_a_description_holds_it_is_loaded_or_refused_in_words(
    *, operation: Any, components: Any, schema: Any, path: str, imported: Import, load: Load
) -> None:
    content = {
        "requestBody": {"content": {"application/json": {"schema": schema}}},
        "parameters": [parameter(path, "path", schema)],
    }
    text = described(
        {f"/{path}": {"get": operation, "post": content}},
        components={"schemas": components, "securitySchemes": components},
    )
    try:
        found = imported("openapi", text)
    except SourceUnreadable:
        return
    assert load(found)["scenarios"]
