"""
Whether a document is what the published schema says, without a library for it.

Only the words that our own schema uses; a test holds it to a library that knows all.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}


def deviations(document: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    """What is not as the schema has it, each with its place: `run.id: is missing`."""
    return _Check(schema.get("$defs", {})).against(document, schema, "")


class _Check:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def against(self, value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
        if "$ref" in schema:
            yield from self.against(value, self._definitions[schema["$ref"].removeprefix("#/$defs/")], place)
        for each in schema.get("allOf", ()):
            yield from self.against(value, each, place)
        if "anyOf" in schema and not any(self._holds(value, each, place) for each in schema["anyOf"]):
            yield f"{place}: is none of what may stand there"
        if "type" in schema and not _TYPES[schema["type"]](value):
            yield f"{place}: is no {schema['type']}"
            return
        yield from _plain(value, schema, place)
        if isinstance(value, dict):
            yield from self._members(value, schema, place)
        elif isinstance(value, list) and "items" in schema:
            for number, each in enumerate(value):
                yield from self.against(each, schema["items"], f"{place}[{number}]")

    def _holds(self, value: Any, schema: Mapping[str, Any], place: str) -> bool:
        return next(self.against(value, schema, place), None) is None

    def _members(self, value: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> Iterator[str]:
        inside = f"{place}." if place else ""
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{inside}{name}: is missing"
        properties = schema.get("properties", {})
        for name, member in value.items():
            expected = properties.get(name, schema.get("additionalProperties"))
            if expected is not None:
                yield from self.against(member, expected, f"{inside}{name}")


def _plain(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if "const" in schema and value != schema["const"]:
        yield f"{place}: is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: is none of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place}: has not the form that it should have"
    if "minimum" in schema and _TYPES["number"](value) and value < schema["minimum"]:
        yield f"{place}: is less than {schema['minimum']}"
