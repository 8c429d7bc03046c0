"""
Expressions of a program as values of a scenario: read from its syntax tree, never worked out by running it.

The tree is Python's own, also for programs of other languages: a reader of theirs makes it. What a program calls is
known to those who read one kind of it, and told here by `called`.
"""

import ast
import re
from collections.abc import Callable

from apibench.authoring.importing.journey import Assign, Journey, Request, Step
from apibench.authoring.importing.names import Names
from apibench.authoring.importing.values import (
    Called,
    Item,
    Joined,
    Known,
    Listing,
    Mapping,
    Member,
    Named,
    Negated,
    Operation,
    Value,
    drawn,
    is_late,
    joined,
    method,
)

_SIGNS: dict[type, str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
}
_PERCENT = re.compile(r"%[sdi]")
_BRACES = re.compile(r"\{(\d*|[A-Za-z_]\w*)\}")
_TEXTS = {
    "lower": "lower",
    "upper": "upper",
    "strip": "strip",
    "toLowerCase": "lower",
    "toUpperCase": "upper",
    "trim": "strip",
}
_MOST_DEPTH = 60


class Unclear(Exception):
    """There is no value of a scenario for an expression. Caught where its statement is put down as not converted."""


OF_A_FILE = "what is read from a file was left out: csv(…).next() and jsonl(…).next() are its rows"


class Program:
    """The expressions of a program, and what its names stand for where it is being read."""

    def __init__(self, journey: Journey, names: Names) -> None:
        self.journey = journey
        self.names = names
        self.known: dict[str, Value] = {}
        """Variables of the program by their names, `self.token` among them."""
        self.answers: dict[str, Request] = {}
        """Requests by the variables that hold their answers."""
        self.steps: list[Step] = []
        """Where steps go that are met on the way."""
        self._depth = 0

    def leave(self, node: ast.AST, what: str) -> None:
        """Put down what was not converted, with its line."""
        self.journey.leave(f"line {getattr(node, 'lineno', 0)}", what)

    def value(self, node: ast.expr) -> Value:
        """What an expression stands for. Raises Unclear."""
        self._depth += 1
        try:
            if self._depth > _MOST_DEPTH:
                raise Unclear
            reader: Callable[[ast.expr], Value] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
            if reader is None:
                raise Unclear
            return reader(node)
        finally:
            self._depth -= 1

    def called(self, node: ast.Call) -> Value | None:
        """What a call stands for that this kind of program knows; None: it knows none. Raises Unclear."""
        raise NotImplementedError

    def function_value(self, node: ast.Call) -> Value:
        """What a function of the program returns. Raises Unclear."""
        raise NotImplementedError

    def member(self, node: ast.Attribute) -> Value | None:  # noqa: ARG002 - for those who know some
        """The same of a member that is no call."""
        return None

    def text(self, node: ast.expr) -> Value:
        """The same as text: numbers as they are written."""
        value = self.value(node)
        return joined(value) if isinstance(value, Known) else value

    def kept(self, wanted: str, value: Value) -> Value:
        """A value under a name, if it is one that is made or worked out: used twice, it is the same twice."""
        if isinstance(value, Known | Named | Mapping | Listing) or not is_late(value):
            return value
        name = self.names.new(wanted)
        self.steps.append(Assign(name, value))
        return Named(name)

    def answer(self, value: Value) -> Request | None:
        """The request whose answer a value is."""
        return self.answers.get(value.name) if isinstance(value, Named) else None

    def of_answer(self, value: Value, name: str) -> Value:
        """`answer.json`, and what else there is of one. Raises Unclear for what is none."""
        request = self.answer(value)
        if request is None or not isinstance(value, Named):
            raise Unclear
        request.answer = value.name
        return Member(value, name)

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, str):
            return Known(node.value.encode("utf-8", "replace").decode())
        if node.value is None or isinstance(node.value, bool | int | float):
            return Known(node.value)
        raise Unclear

    def _name(self, node: ast.Name) -> Value:
        if node.id not in self.known:
            raise Unclear
        return self.known[node.id]

    def _attribute(self, node: ast.Attribute) -> Value:
        name = dotted(node)
        if name is not None and name in self.known:
            return self.known[name]
        value = self.member(node)
        if value is None:
            raise Unclear
        return value

    def _joinedstr(self, node: ast.JoinedStr) -> Value:
        parts: list[str | Value] = []
        for part in node.values:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                parts.append(part.value.encode("utf-8", "replace").decode())
            elif (
                isinstance(part, ast.FormattedValue) and part.format_spec is None and part.conversion in (-1, ord("s"))
            ):
                parts.append(self.text(part.value))
            else:
                raise Unclear
        return self._as_text(parts)

    def _as_text(self, parts: "list[str | Value]") -> Value:
        if any(isinstance(each, Mapping | Listing) for each in parts):
            raise Unclear
        return joined(*parts)

    def _dict(self, node: ast.Dict) -> Value:
        pairs: list[tuple[str, Value]] = []
        for key, each in zip(node.keys, node.values, strict=True):
            if key is None:
                inside = self.value(each)
                if not isinstance(inside, Mapping):
                    raise Unclear
                pairs = [*(pair for pair in pairs if pair[0] not in dict(inside.pairs)), *inside.pairs]
                continue
            name = self.value(key)
            if not isinstance(name, Known):
                raise Unclear
            told = str(name.value)
            pairs = [*(pair for pair in pairs if pair[0] != told), (told, self.value(each))]
        return Mapping(tuple(pairs))

    def _list(self, node: "ast.List | ast.Tuple") -> Value:
        return Listing(tuple(self.value(each) for each in node.elts))

    _tuple = _list

    def _subscript(self, node: ast.Subscript) -> Value:
        return self.inside(self.value(node.value), self.value(node.slice))

    def inside(self, of: Value, key: Value) -> Value:
        """A member of an object or an item of a list, late or known. Raises Unclear."""
        plain = key.value if isinstance(key, Known) else None
        if isinstance(of, Mapping) and isinstance(plain, str):
            found = dict(of.pairs).get(plain)
            if found is None:
                raise Unclear
            return found
        if isinstance(of, Listing) and isinstance(plain, int) and -len(of.items) <= plain < len(of.items):
            return of.items[plain]
        negative = isinstance(plain, int) and plain < 0
        if (
            isinstance(of, Mapping | Listing | Known | Joined)
            or plain is None
            or negative
            or self.answer(of) is not None
        ):
            raise Unclear
        return Item(of, key)

    def _call(self, node: ast.Call) -> Value:
        found = self.called(node)
        if found is not None:
            return found
        if isinstance(node.func, ast.Attribute) and (dotted(node.func) or "").partition(".")[0] != "self":
            return self._method(node.func, node)
        return self.function_value(node)

    def _method(self, function: ast.Attribute, node: ast.Call) -> Value:
        of = self.value(function.value)
        given = [self.value(each) for each in node.args]
        if function.attr == "format" and isinstance(of, Known) and isinstance(of.value, str):
            return self._formatted(
                of.value, given, {word.arg: self.value(word.value) for word in node.keywords if word.arg}
            )
        if function.attr in _TEXTS and not given and is_late(of):
            return method(of, _TEXTS[function.attr])
        if function.attr == "get" and given and (is_late(of) or isinstance(of, Mapping)):
            if len(given) > 1:
                self.leave(node, "what stands for a value that is missing was left out")
            return self.inside(of, given[0])
        if (
            function.attr in ("includes", "startswith", "endswith", "startsWith", "endsWith")
            and len(given) == 1
            and is_late(of)
        ):
            name = {"includes": "contains", "startsWith": "startswith", "endsWith": "endswith"}.get(
                function.attr, function.attr
            )
            return Called(Member(of, name), (given[0],))
        raise Unclear

    def _formatted(self, text: str, given: list[Value], named: "dict[str | None, Value]") -> Value:
        parts: list[str | Value] = []
        at = number = 0
        for place in _BRACES.finditer(text):
            word = place[1]
            if word and not word.isdigit():
                found = named.get(word)
            else:
                index = int(word) if word else number
                number += 1
                found = given[index] if index < len(given) else None
            if found is None:
                raise Unclear
            parts += [text[at : place.start()], found]
            at = place.end()
        rest = text[at:]
        if any("{" in each or "}" in each for each in (*(part for part in parts if isinstance(part, str)), rest)):
            raise Unclear
        return self._as_text([*parts, rest])

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Mod) and isinstance(left, Known) and isinstance(left.value, str):
            given = list(right.items) if isinstance(right, Listing) else [right]
            places = left.value.replace("%%", "")
            if len(_PERCENT.findall(left.value)) != len(given) or "%" in _PERCENT.sub("", places):
                raise Unclear
            pieces = _PERCENT.split(left.value.replace("%%", "%"))
            parts: list[str | Value] = [pieces[0]]
            for piece, each in zip(pieces[1:], given, strict=True):
                parts += [each, piece]
            return self._as_text(parts)
        if isinstance(node.op, ast.Add) and (_is_text(left) or _is_text(right)):
            return self._as_text([left, right])
        if isinstance(left, Known) and isinstance(right, Known):
            return _worked_out(left.value, node.op, right.value)
        if isinstance(node.op, ast.Add) and (shifted := _shifted(left, right) or _shifted(right, left)) is not None:
            return shifted
        sign = _SIGNS.get(type(node.op))
        if sign is None or not all(_is_operand(each) for each in (left, right)):
            raise Unclear
        return Operation(left, sign, right)

    def _compare(self, node: ast.Compare) -> Value:
        if len(node.ops) != 1:
            raise Unclear
        left, right, sign = self.value(node.left), self.value(node.comparators[0]), type(node.ops[0])
        if (
            sign in (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)
            and isinstance(right, Known)
            and right.value is None
            and is_late(left)
        ):
            missing = method(left, "is_null")
            return missing if sign in (ast.Is, ast.Eq) else Negated(missing)
        if sign in (ast.In, ast.NotIn):
            return self._contained(left, right, there=sign is ast.In)
        if isinstance(left, Known) and isinstance(right, Known) and sign in (ast.Eq, ast.NotEq):
            return Known((left.value == right.value) is (sign is ast.Eq))
        if (
            sign not in _SIGNS
            or not all(_is_operand(each) for each in (left, right))
            or not (is_late(left) or is_late(right))
        ):
            raise Unclear
        if not is_late(left):
            swapped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
            return Operation(right, swapped.get(_SIGNS[sign], _SIGNS[sign]), left)
        return Operation(left, _SIGNS[sign], right)

    def _contained(self, one: Value, many: Value, *, there: bool) -> Value:
        if (
            isinstance(many, Listing)
            and many.items
            and all(isinstance(each, Known) for each in many.items)
            and is_late(one)
        ):
            found: Value = Operation(one, "==", many.items[0])
            for each in many.items[1:]:
                found = Operation(found, "|", Operation(one, "==", each))
        elif is_late(many) and _is_text(one):
            found = Called(Member(many, "contains"), (one,))
        else:
            raise Unclear
        return found if there else Negated(found)

    def _boolop(self, node: ast.BoolOp) -> Value:
        values = [self.value(each) for each in node.values]
        if not all(_is_condition(each) for each in values):
            raise Unclear
        found = values[0]
        for each in values[1:]:
            found = Operation(found, "&" if isinstance(node.op, ast.And) else "|", each)
        return found

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            if _is_condition(value):
                return Negated(value)
            if isinstance(value, Known):
                return Known(not value.value)
        if isinstance(node.op, ast.USub) and isinstance(value, Known) and isinstance(value.value, int | float):
            return Known(-value.value)
        raise Unclear


def dotted(node: ast.AST) -> str | None:
    """`self.client.get` of the nodes that it is made of; None where there is something else in it."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(words)]) if isinstance(node, ast.Name) else None


def reads_a_file(node: ast.AST) -> bool:
    """Whether a file is opened somewhere in it."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and dotted(each.func) in ("open", "io.open"):
            return True
        if any(reads_a_file(inner) for inner in getattr(each, "statements", ())):
            return True
    return False


def one_of(value: Value) -> Value:
    """One of the items of a list. Raises Unclear."""
    if isinstance(value, Listing):
        if not value.items or not all(
            isinstance(each, Known) and not isinstance(each.value, float) for each in value.items
        ):
            raise Unclear
        return drawn("choice", *value.items)
    if isinstance(value, Item | Named | Member):
        return method(value, "random")
    raise Unclear


def is_condition(value: Value) -> bool:
    """Whether it is one that late values decide."""
    return _is_condition(value)


def _is_condition(value: Value) -> bool:
    called = isinstance(value, Called) and isinstance(value.function, Member)
    of_text = ("contains", "startswith", "endswith", "is_null")
    if called and isinstance(value, Called) and isinstance(value.function, Member):
        return value.function.name in of_text
    return isinstance(value, Negated) or (isinstance(value, Operation) and value.sign not in ("+", "-", "*", "/", "%"))


def _is_text(value: Value) -> bool:
    if isinstance(value, Called) and value.function in (Named("rand.uuid"), Named("rand.text")):
        return True
    return isinstance(value, Joined) or (isinstance(value, Known) and isinstance(value.value, str))


def _is_operand(value: Value) -> bool:
    if isinstance(value, Known):
        return not isinstance(value.value, float)
    return not isinstance(value, Mapping | Listing)


def _shifted(one: Value, by: Value) -> Value | None:
    """`rand.int(0, 9) + 1` as `rand.int(1, 10)`."""
    match one, by:
        case Called(Named("rand.int"), (Known(int() as low), Known(int() as high))), Known(int() as more):
            return drawn("int", low + more, high + more)
        case _:
            return None


def _worked_out(left: object, sign: ast.operator, right: object) -> Value:
    if isinstance(left, bool) or isinstance(right, bool):
        raise Unclear
    if not isinstance(left, int | float) or not isinstance(right, int | float) or max(abs(left), abs(right)) > 1e15:
        raise Unclear
    match sign:
        case ast.Add():
            return Known(left + right)
        case ast.Sub():
            return Known(left - right)
        case ast.Mult():
            return Known(left * right)
        case ast.Div() if right:
            found = left / right
            return Known(int(found) if found == int(found) else found)
        case _:
            raise Unclear
