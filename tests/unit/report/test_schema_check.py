"""Our check of result documents says what a library says that knows all of JSON Schema."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.unit.report.screens import SCREENS

from apibench.report.schema import result_schema
from apibench.report.schema_check import deviations

SCHEMA = result_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
DOCUMENT = SCREENS["several_steps"].document()
KNOWN = {
    *("$schema", "$id", "title", "description", "$defs", "$ref", "allOf", "anyOf", "type", "required", "properties"),
    *("additionalProperties", "items", "enum", "const", "pattern", "minimum", "format"),
}
anything = st.sampled_from([None, True, -1, 0, 1.5, 2.0, "", "x", "5", [], {}, [1], {"a": 1}, {"a": "b"}])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, each in members:
        yield (*path, key)
        yield from places(each, (*path, key))


PLACES = list(places(DOCUMENT))


@given(st.sampled_from(PLACES), st.none() | anything.map(lambda value: (value,)))
def test_both_find_something_or_neither_does(place: tuple[Any, ...], instead: tuple[Any] | None) -> None:
    changed: Any = copy.deepcopy(DOCUMENT)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    if instead is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = instead[0]
    assert (not list(deviations(changed, SCHEMA))) == VALIDATOR.is_valid(changed)


def test_a_deviation_is_told_with_its_place() -> None:
    changed = copy.deepcopy(DOCUMENT)
    del changed["run"]["id"]
    changed["scenarios"][0]["steps"][1]["name"] = 3
    assert list(deviations(changed, SCHEMA)) == ["run.id: is missing", "scenarios[0].steps[1].name: is no string"]


def test_the_check_knows_every_word_that_the_schema_uses() -> None:
    def words(schema: Any, *, names: bool = False) -> Iterator[str]:
        if isinstance(schema, list):
            for each in schema:
                yield from words(each)
        elif isinstance(schema, dict):
            for word, inner in schema.items():
                if not names:
                    yield word
                yield from words(inner, names=not names and word in ("properties", "$defs"))

    # `format` says nothing to validators by itself.
    assert set(words(SCHEMA)) <= KNOWN
