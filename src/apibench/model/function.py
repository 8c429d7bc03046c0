"""
The functions of expressions, and how many arguments each takes.

The engine has the same table (`crates/engine/src/functions.rs`), and a test holds the two together.
"""

from collections.abc import Mapping
from typing import Literal

MAX_ARGUMENTS = 1_000

Function = Literal[
    "equal",
    "not_equal",
    "less",
    "less_or_equal",
    "greater",
    "greater_or_equal",
    "and",
    "or",
    "not",
    "add",
    "subtract",
    "multiply",
    "divide",
    "remainder",
    "concat",
    "text",
    "integer",
    "number",
    "length",
    "lower",
    "upper",
    "strip",
    "slice",
    "contains",
    "starts_with",
    "ends_with",
    "replace",
    "is_null",
    "member",
    "url_encoded",
    "json_encoded",
    "base64_encoded",
    "random_integer",
    "random_choice",
    "random_item",
    "random_text",
    "random_uuid",
]

_ONE = (1, 1)
_TWO = (2, 2)
_THREE = (3, 3)
ARITY: Mapping[str, tuple[int, int]] = {
    "equal": _TWO,
    "not_equal": _TWO,
    "less": _TWO,
    "less_or_equal": _TWO,
    "greater": _TWO,
    "greater_or_equal": _TWO,
    "and": _TWO,
    "or": _TWO,
    "not": _ONE,
    "add": _TWO,
    "subtract": _TWO,
    "multiply": _TWO,
    "divide": _TWO,
    "remainder": _TWO,
    "concat": (0, MAX_ARGUMENTS),
    "text": _ONE,
    "integer": _ONE,
    "number": _ONE,
    "length": _ONE,
    "lower": _ONE,
    "upper": _ONE,
    "strip": _ONE,
    "slice": _THREE,
    "contains": _TWO,
    "starts_with": _TWO,
    "ends_with": _TWO,
    "replace": _THREE,
    "is_null": _ONE,
    "member": _TWO,
    "url_encoded": _ONE,
    "json_encoded": _ONE,
    "base64_encoded": _ONE,
    "random_integer": _TWO,
    "random_choice": (1, MAX_ARGUMENTS),
    "random_item": _ONE,
    "random_text": _ONE,
    "random_uuid": (0, 0),
}
"""The least and the most."""
