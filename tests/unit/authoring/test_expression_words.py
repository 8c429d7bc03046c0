"""Expressions as files write them become the trees that a plan has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.authoring.expression_words import has_late_parts, parse_expression, parse_template
from apibench.authoring.json_path import extraction_of, parse_json_path
from apibench.model.errors import UnitInvalid


def constant(value: Any) -> dict[str, Any]:
    return {"type": "constant", "value": value}


def variable(name: str) -> dict[str, Any]:
    return {"type": "variable", "name": name}


def call(function: str, *arguments: Any) -> dict[str, Any]:
    return {"type": "call", "function": function, "arguments": list(arguments)}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("id", variable("id")),
        ("-5", constant(-5)),
        ("'a}b'", constant("a}b")),
        ("null", constant(None)),
        ("status == 409", call("equal", variable("status"), constant(409))),
        (
            "not (a < 1 or b) and true",
            call(
                "and",
                call("not", call("or", call("less", variable("a"), constant(1)), variable("b"))),
                constant(True),  # noqa: FBT003
            ),
        ),
        (
            "1 <= n < 5",
            call(
                "and",
                call("less_or_equal", constant(1), variable("n")),
                call("less", variable("n"), constant(5)),
            ),
        ),
        (
            'items[0]["a b"].id',
            call(
                "member",
                call("member", call("member", variable("items"), constant(0)), constant("a b")),
                constant("id"),
            ),
        ),
        (
            "random_integer(1, n % 3)",
            call("random_integer", constant(1), call("remainder", variable("n"), constant(3))),
        ),
    ],
)
def test_an_expression_becomes_a_tree(text: str, tree: Any) -> None:
    assert parse_expression(text) == tree


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a = 1",
        "x if y else z",
        "[1, 2]",
        "f'{x}'",
        "1.5",
        "lambda: 1",
        "a in b",
        "a[1:2]",
        "x.y()",
        "nope(1)",
    ],
)
def test_more_than_the_engine_works_out_is_refused(text: str) -> None:
    with pytest.raises(UnitInvalid) as caught:
        parse_expression(text)
    assert caught.value.hint


def test_a_misspelt_function_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(UnitInvalid) as caught:
        parse_expression("randm_uuid()")
    assert "random_uuid" in caught.value.hint


def test_a_text_is_known_and_late_by_turns() -> None:
    assert parse_template("/items/${item.id}?q=${'}'}") == call(
        "concat", constant("/items/"), call("member", variable("item"), constant("id")), constant("?q="), constant("}")
    )
    assert parse_template("price: $${x}") == constant("price: ${x}")
    assert not has_late_parts("Bearer ${secret:SHOP}")
    for text in ("/${id", "/${}", "/${'a}"):
        with pytest.raises(UnitInvalid):
            parse_template(text)


@given(st.text(max_size=40))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    for parse in (parse_expression, parse_template, parse_json_path):
        try:
            parse(text)
        except UnitInvalid as error:
            assert error.hint


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("$", []),
        ("$.items[0].id", ["items", 0, "id"]),
        ("""$["a b"]['c.d'][10]""", ["a b", "c.d", 10]),
        ("items.0.id", ["items", 0, "id"]),
    ],
)
def test_a_json_path_leads_to_one_value(text: str, keys: list[Any]) -> None:
    assert parse_json_path(text) == keys


@pytest.mark.parametrize("text", ["$..id", "$.items[*]", "$.items[?@.a]", "$[1:2]", "$.items[-1]", "$[01]", "$x"])
def test_a_path_that_is_more_than_names_and_numbers_is_left_to_the_engine(text: str) -> None:
    assert parse_json_path(text) is None
    assert extraction_of(text) == {"type": "json_path", "path": text}


@pytest.mark.parametrize("text", ["a..b", "", "a[0]"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(UnitInvalid):
        parse_json_path(text)


@pytest.mark.parametrize("text", ["1" + "+1" * 5_000, "(" * 500 + "1" + ")" * 500, "-" * 50_000 + "1"])
def test_an_expression_that_is_nested_too_deeply_is_refused_in_words(text: str) -> None:
    with pytest.raises(UnitInvalid):
        parse_expression(text)
