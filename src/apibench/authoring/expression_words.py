"""
From the words of a plan file to expressions: `${id}`, `status == 409`, `random_integer(1, 20)`, `item["price"] > 0`.

The grammar is Python's own, of which only what the engine can work out is taken: names are variables, `and`, `or`,
`not`, comparisons, arithmetic, `value["member"]` or `value.member`, and calls of the engine's functions.
`shared.name` is what set-up has handed over.
"""

import ast
from typing import Any

from apibench.model.errors import UnitInvalid
from apibench.model.function import ARITY
from apibench.model.suggestion import did_you_mean

_OPENING = "${"
_SECRET = "${secret:"  # noqa: S105 - how a reference to one begins
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.Lt: "less",
    ast.LtE: "less_or_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_or_equal",
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Mod: "remainder",
}
_ELSEWHERE = {
    "int": "random_integer",
    "randint": "random_integer",
    "uuid4": "random_uuid",
    "uuidv4": "random_uuid",
    "street_address": "random_street",
    "phone_number": "random_phone",
    "zipcode": "random_postcode",
    "timestamp": "now_seconds",
}
_REMEDY = 'Write it like status == 409, item["price"] > 0 or random_integer(1, 20).'


def has_late_parts(text: str) -> bool:
    """Whether a text holds a `${...}` that names no secret, or an escaped one."""
    return _OPENING in text.replace(_SECRET, "")


def parse_template(text: str) -> Any:
    """
    A text with `${...}` in it, as an expression of the plan's document; `$${` stands for `${` itself.

    Raises UnitInvalid with what is wrong and a remedy.
    """
    parts: list[Any] = []
    known, at = "", 0
    while at < len(text):
        if text.startswith("$${", at):
            known, at = known + _OPENING, at + 3
        elif text.startswith(_OPENING, at) and not text.startswith(_SECRET, at):
            end = _end(text, at + 2)
            if known:
                parts.append(_constant(known))
            parts.append(parse_expression(text[at + 2 : end]))
            known, at = "", end + 1
        else:
            known, at = known + text[at], at + 1
    if known or not parts:
        parts.append(_constant(known))
    if len(parts) == 1 and parts[0]["type"] == "constant":
        return parts[0]
    return _call("concat", *parts)


def parse_expression(text: str) -> Any:
    """
    A whole expression, as it stands in a condition or within `${...}`.

    Raises UnitInvalid.
    """
    try:
        return _read(ast.parse(text.strip(), mode="eval").body, text)
    except (RecursionError, MemoryError) as error:
        raise UnitInvalid(
            f"'{_short(text)}' is nested too deeply", "Write it in several steps of type `set`."
        ) from error
    except (SyntaxError, ValueError) as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise UnitInvalid(f"'{_short(text)}' is no expression: {what}", _REMEDY) from error


def _end(text: str, at: int) -> int:
    """Where the `}` is that ends what begins there: braces within quotes are text."""
    quote = ""
    for place in range(at, len(text)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "}":
            return place
    raise UnitInvalid(
        f"'{_short(text[at - 2 :])}' has no end", "Close it with }, or write $${ for the signs themselves."
    )


def _read(node: ast.expr, text: str) -> Any:
    match node:
        case (
            ast.Attribute(value=ast.Name(id="shared"), attr=name)
            | ast.Subscript(value=ast.Name(id="shared"), slice=ast.Constant(value=str() as name))
        ):
            return {"type": "shared", "name": name}
        case _:
            return _read_late(node, text)


def _read_late(node: ast.expr, text: str) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | str() | None as value):
            return _constant(value)
        case ast.Name(id=name):
            return _constant(_WORDS[name]) if name in _WORDS else {"type": "variable", "name": name}
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _call("not", _read(operand, text))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return _constant(-value)
        case ast.BoolOp(op=operator, values=values):
            word = "and" if isinstance(operator, ast.And) else "or"
            return _joined(word, [_read(each, text) for each in values])
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
            return _call(_ARITHMETIC[type(operator)], _read(left, text), _read(right, text))
        case ast.Compare(left=left, ops=operators, comparators=others) if all(
            type(op) in _COMPARISONS for op in operators
        ):
            sides = [_read(each, text) for each in (left, *others)]
            pairs = zip(operators, sides, sides[1:], strict=False)
            return _joined("and", [_call(_COMPARISONS[type(op)], one, other) for op, one, other in pairs])
        case ast.Subscript(value=value, slice=key) if not isinstance(key, ast.Slice):
            return _call("member", _read(value, text), _read(key, text))
        case ast.Attribute(value=value, attr=name):
            return _call("member", _read(value, text), _constant(name))
        case ast.Call(keywords=[]):
            return _called(node, text)
        case _:
            raise UnitInvalid(f"'{_short(text)}' is more than the engine works out", _REMEDY)


def _called(node: ast.Call, text: str) -> Any:
    name = ast.unparse(node.func)
    if name in ARITY:
        return _call(name, *(_read(each, text) for each in node.args))
    if name.replace(".", "_").isidentifier():
        raise UnitInvalid(f"there is no function `{name}`", _meant(name))
    raise UnitInvalid(f"'{_short(text)}' is more than the engine works out", _REMEDY)


def _meant(name: str) -> str:
    """A remedy for a function that there is not: it may be called so in a scenario of Python, or by another tool."""
    owner, _, word = name.rpartition(".")
    beginnings = ("now_", "random_") if owner == "now" else ("random_", "now_")
    words = [_ELSEWHERE.get(word.lower(), ""), *(f"{beginning}{word}" for beginning in beginnings)]
    found = next((each for each in words if each in ARITY), None)
    return did_you_mean(word, sorted(ARITY)) if found is None else f"Did you mean `{found}`?"


def _joined(word: str, values: list[Any]) -> Any:
    first, *rest = values
    for value in rest:
        first = _call(word, first, value)
    return first


def _call(function: str, *arguments: Any) -> dict[str, Any]:
    return {"type": "call", "function": function, "arguments": list(arguments)}


def _constant(value: Any) -> dict[str, Any]:
    return {"type": "constant", "value": value}


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
