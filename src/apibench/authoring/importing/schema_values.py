"""Valid values made from a schema of OpenAPI (JSON Schema): always the same, examples first, and what must be there."""

import re
from collections.abc import Callable
from typing import Any

Resolve = Callable[[Any], dict[str, Any]]
"""A schema without a reference: what it refers to."""
_MOST_DEPTH = 12
_MOST_ITEMS = 100
_MOST_TEXT = 10_000
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T10:00:00Z",
    "time": "10:00:00Z",
    "duration": "PT1H",
    "uuid": "3f2b8c1e-5d4a-4b6f-9c7d-8e1f0a2b3c4d",
    "email": "ann@example.com",
    "idn-email": "ann@example.com",
    "uri": "https://example.com/a",
    "url": "https://example.com/a",
    "uri-reference": "/a",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "YQ==",
    "binary": "a",
    "password": "a password",
    "json-pointer": "/a",
    "regex": "a",
}
_PATTERN = re.compile(r"\^?((?:\[[^\]\\]+\]|\\d|\\w|[A-Za-z0-9_ -])(?:\{\d+(?:,\d*)?\}|[+*?])?)+\$?")
_PIECE = re.compile(r"(\[[^\]\\]+\]|\\d|\\w|[A-Za-z0-9_ -])(?:\{(\d+)(?:,(\d*))?\}|([+*?]))?")


class Maker:
    """Makes values, and notes what it could not be sure of."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self.doubts: list[str] = []

    def value(self, schema: Any, depth: int = 0, number: int = 0) -> Any:
        """A value that a schema takes; `number` tells apart those of a list."""
        told = self._resolve(schema)
        for word in ("example", "const", "default"):
            if word in told and not number:
                return told[word]
        examples = told.get("examples")
        if isinstance(examples, list) and examples and not number:
            return examples[0]
        if isinstance(told.get("enum"), list) and told["enum"]:
            return told["enum"][number % len(told["enum"])]
        if depth > _MOST_DEPTH:
            self.doubts.append("schemas that hold themselves are cut off")
            return None
        merged = self._merged(told, depth)
        return self._of_kind(merged, depth, number)

    def _merged(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """With `allOf`, and the first of `oneOf` and `anyOf`, taken in."""
        merged = {key: value for key, value in schema.items() if key not in ("allOf", "oneOf", "anyOf")}
        parts = list(schema["allOf"]) if isinstance(schema.get("allOf"), list) else []
        for word in ("oneOf", "anyOf"):
            ways = schema.get(word)
            if isinstance(ways, list) and ways:
                wanted = (each for each in ways if self._resolve(each).get("type") != "null")
                parts.append(next(wanted, ways[0]))
        for part in parts if depth <= _MOST_DEPTH else []:
            inside = self._merged(self._resolve(part), depth + 1)
            for key, value in inside.items():
                if key == "properties" and isinstance(value, dict) and isinstance(merged.get(key), dict):
                    merged[key] = {**merged[key], **value}
                elif key == "required" and isinstance(value, list) and isinstance(merged.get(key), list):
                    merged[key] = [*merged[key], *value]
                else:
                    merged.setdefault(key, value)
        return merged

    def _of_kind(self, schema: dict[str, Any], depth: int, number: int) -> Any:
        for word in ("example", "const"):
            if word in schema and not number:
                return schema[word]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return schema["enum"][number % len(schema["enum"])]
        match _kind(schema):
            case "object":
                return self._object(schema, depth, number)
            case "array":
                return self._array(schema, depth)
            case "integer":
                return _integer(schema, number)
            case "number":
                return _number(schema, number)
            case "boolean":
                return number % 2 == 0
            case "null":
                return None
            case _:
                return self._text(schema, number)

    def _object(self, schema: dict[str, Any], depth: int, number: int) -> dict[str, Any]:
        properties = schema["properties"] if isinstance(schema.get("properties"), dict) else {}
        required = schema["required"] if isinstance(schema.get("required"), list) else []
        names = list(dict.fromkeys(name for name in required if isinstance(name, str)))
        least = schema.get("minProperties", 0)
        others = (name for name in properties if name not in names)
        while isinstance(least, int) and len(names) < least and (name := next(others, None)) is not None:
            names.append(name)
        return {
            name: self.value(properties.get(name, {}), depth + 1, number)
            for name in names
            if not self._only_read(properties.get(name))
        }

    def _only_read(self, schema: Any) -> bool:
        return self._resolve(schema).get("readOnly") is True

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        count = min(max(least if isinstance(least, int) else 0, 0 if schema.get("maxItems") == 0 else 1), _MOST_ITEMS)
        prefix = schema["prefixItems"] if isinstance(schema.get("prefixItems"), list) else []
        if depth >= _MOST_DEPTH and not least:
            return []
        unique = schema.get("uniqueItems") is True
        kinds = [*prefix[:count], *(schema.get("items", {}) for _ in range(count - len(prefix)))]
        return [self.value(kind, depth + 1, at if unique else 0) for at, kind in enumerate(kinds)]

    def _text(self, schema: dict[str, Any], number: int) -> str:
        pattern = schema.get("pattern")
        least, most = (
            value if isinstance(value, int) else None for value in (schema.get("minLength"), schema.get("maxLength"))
        )
        text = _FORMATS.get(str(schema.get("format")), "text")
        if isinstance(pattern, str):
            made = _of_pattern(pattern)
            if made is None:
                self.doubts.append("texts that have to be of a pattern were made without it")
            text = text if made is None else made
        elif "format" not in schema or schema["format"] not in _FORMATS or schema["format"] in ("password", "binary"):
            text = (text if least is None else text.ljust(min(least, _MOST_TEXT), "x"))[
                : most if most is not None else None
            ]
        return f"{text[: len(text) - len(str(number))]}{number}" if number and isinstance(text, str) else text


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema else "number" if "minimum" in schema or "maximum" in schema else "string"


def _bounds(schema: dict[str, Any]) -> tuple[float | None, float | None, bool, bool]:
    """Least and most, and whether they are excluded themselves; of versions 3.0 and 3.1."""

    def bound(word: str, excluded: str) -> tuple[float | None, bool]:
        value, other = schema.get(word), schema.get(excluded)
        if isinstance(other, int | float) and not isinstance(other, bool):
            return other, True
        return (value if isinstance(value, int | float) and not isinstance(value, bool) else None), other is True

    least, over = bound("minimum", "exclusiveMinimum")
    most, under = bound("maximum", "exclusiveMaximum")
    return least, most, over, under


def _integer(schema: dict[str, Any], number: int) -> int:
    least, most, over, under = _bounds(schema)
    step = schema.get("multipleOf")
    step = step if isinstance(step, int) and step > 0 else 1
    first = None if least is None else int(least // 1) + (1 if over or least % 1 else 0)
    last = None if most is None else int(most // 1) - (1 if under and not most % 1 else 0)
    start = first if first is not None else (min(1, last) if last is not None else 1)
    value = -(-start // step) * step + number * step
    return value if last is None or value <= last else last // step * step


def _number(schema: dict[str, Any], number: int) -> float:
    least, most, over, under = _bounds(schema)
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and not isinstance(step, bool) and step > 0:
        start = 0 if least is None else -(-least // step)
        value: float = (start + (1 if over and start * step == least else 0) + number) * step
        return value if most is None or value <= most else (most // step) * step
    if least is None:
        return (1.5 if most is None or most > 1.5 else most - 1 if under else most) + number
    if most is None:
        return least + (0.5 if over else 0) + number
    return (least + most) / 2 if over or under else least + (most - least) * (number / _MOST_ITEMS)


def _of_pattern(pattern: str) -> str | None:
    """The shortest text of a simple pattern; None for any other."""
    if _PATTERN.fullmatch(pattern) is None:
        return None
    text = ""
    for piece, least, _, sign in _PIECE.findall(pattern):
        count = int(least) if least else 0 if sign in ("*", "?") else 1
        character = {"\\d": "1", "\\w": "a"}.get(piece) or (piece[1] if piece.startswith("[") else piece)
        if piece.startswith("[^") or count > _MOST_TEXT:
            return None
        text += character * count
    return text if len(text) <= _MOST_TEXT else None
