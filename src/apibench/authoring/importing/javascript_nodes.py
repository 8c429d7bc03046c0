"""Syntax trees of Python for what scripts in JavaScript have: what there is no node for, and how nodes are made."""

import ast
from typing import TypeVar

from apibench.authoring.importing.javascript_tokens import NoJavaScript, Token

Node = TypeVar("Node", bound=ast.stmt | ast.expr | ast.ExceptHandler)


class NotRead(ast.stmt):
    """A statement that is none of the subset."""


class Function(ast.Lambda):
    """An expression that is a function: its parameters, and its statements."""

    names: list[str]
    statements: list[ast.stmt]


def placed(node: Node, token: Token) -> Node:
    """A node, at the line of a token."""
    node.lineno = node.end_lineno = token.line
    node.col_offset = node.end_col_offset = 0
    return node


def _arguments(names: list[str]) -> ast.arguments:
    given = [ast.arg(arg=name) for name in names]
    return ast.arguments(posonlyargs=[], args=given, kwonlyargs=[], kw_defaults=[], defaults=[])


def function(name: str, names: list[str], body: list[ast.stmt]) -> ast.FunctionDef:
    """A function with a name."""
    return ast.FunctionDef(name=name, args=_arguments(names), body=body, decorator_list=[])


def expression(names: list[str], body: list[ast.stmt]) -> Function:
    """A function without one."""
    made = Function(args=_arguments(names), body=ast.Constant(value=None))
    made.names, made.statements = names, body
    return made


def range_of(first: ast.expr, test: ast.expr, target: Token) -> ast.expr:
    """`i = 0; i < n` as `range(n)`. Raises NoJavaScript for other loops."""
    begins = isinstance(first, ast.Constant) and first.value == 0
    below = isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Lt)
    if not begins or not below or not isinstance(test, ast.Compare):
        raise NoJavaScript(target.line, "a loop of this form is not read")
    if not isinstance(test.left, ast.Name) or test.left.id != target.text:
        raise NoJavaScript(target.line, "a loop of this form is not read")
    function = placed(ast.Name(id="range", ctx=ast.Load()), target)
    made: ast.expr = placed(ast.Call(func=function, args=[test.comparators[0]], keywords=[]), target)
    return made


def number(text: str, line: int) -> int | float:
    """The number that a word is. Raises NoJavaScript."""
    plain = text.replace("_", "")
    if len(plain) > 40:
        raise NoJavaScript(line, "a number is too long")
    if plain[:2] in ("0x", "0X"):
        return int(plain, 16)
    number = float(plain)
    if number - number != 0:
        raise NoJavaScript(line, "a number is too large")
    return int(number) if number == int(number) and abs(number) < 1e15 and "." not in plain else number
