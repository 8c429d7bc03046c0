"""
Scripts in JavaScript as syntax trees of Python, so that one reader serves both: the subset that load tests are
written in.

A statement beyond it becomes a `NotRead` of its line, and what stands behind it is read on.
"""

import ast
from collections.abc import Callable
from typing import Any

from apibench.authoring.importing.javascript_nodes import (
    Function,
    NotRead,
    expression,
    function,
    number,
    placed,
    range_of,
)
from apibench.authoring.importing.javascript_tokens import NoJavaScript, Token, tokens

_MOST_DEPTH = 60
_LEVELS: tuple[dict[str, Any], ...] = (
    {"||": ast.Or, "??": ast.Or},
    {"&&": ast.And},
    {"===": ast.Eq, "==": ast.Eq, "!==": ast.NotEq, "!=": ast.NotEq},
    {"<": ast.Lt, ">": ast.Gt, "<=": ast.LtE, ">=": ast.GtE, "in": ast.In},
    {"+": ast.Add, "-": ast.Sub},
    {"*": ast.Mult, "/": ast.Div, "%": ast.Mod},
)
_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}


def parse_script(text: str) -> ast.Module:
    """
    The statements of a script. `export default` makes a function called `default`.

    Raises NoJavaScript where not even its words can be told apart.
    """
    parser = _Parser(tokens(text))
    return ast.Module(body=parser.statements("end"), type_ignores=[])


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._closing = _pairs(found)
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, text: str = "") -> Token:
        token = self._next
        if text and (token.text != text or token.kind not in ("sign", "name")):
            raise NoJavaScript(token.line, f"'{text}' was expected")
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _is(self, *texts: str) -> bool:
        return self._next.kind in ("sign", "name") and self._next.text in texts

    def _had(self, text: str) -> bool:
        if self._is(text):
            self._take()
            return True
        return False

    def statements(self, closing: str) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        while self._next.kind != "end" and not (closing != "end" and self._is(closing)):
            begin = self._at
            try:
                found += self._statement()
            except (NoJavaScript, RecursionError):
                found.append(placed(NotRead(), self._tokens[begin]))
                self._at = begin
                self._skip_statement()
        return found

    def _skip_statement(self) -> None:
        """Behind the end of a statement that is not read."""
        first = True
        while self._next.kind != "end":
            token = self._next
            if not first and (token.breaks or self._is("}")):
                return
            first = False
            if token.kind == "sign" and token.text in _CLOSED_BY:
                self._at = self._closing.get(self._at, len(self._tokens) - 2)
            self._take()
            if token.kind == "sign" and token.text in (";", "}", "{"):
                return

    def _block(self) -> list[ast.stmt]:
        if not self._is("{"):
            return self._statement()
        self._take("{")
        found = self.statements("}")
        self._take("}")
        return found

    def _statement(self) -> list[ast.stmt]:
        self._depth += 1
        try:
            if self._depth > _MOST_DEPTH:
                raise NoJavaScript(self._next.line, "statements are nested too deep")
            return self._one()
        finally:
            self._depth -= 1

    def _one(self) -> list[ast.stmt]:  # noqa: C901, PLR0912 - a kind of statement a case
        token = self._next
        word = token.text if token.kind in ("name", "sign") else ""
        following = self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else token
        if word == ";":
            self._take()
            return []
        if word == "{":
            return self._block()
        if word == "import" and following.text != "(":
            return self._import()
        if word == "export":
            return self._export()
        if word in ("const", "let", "var"):
            self._take()
            found = self._declarations()
            self._had(";")
            return found
        if word == "async" and following.text == "function":
            self._take()
            return [self._function()]
        if word == "function":
            return [self._function()]
        if word == "if":
            return [self._if()]
        if word == "for":
            return [self._for()]
        if word == "while":
            self._take()
            test = self._in_parentheses()
            return [placed(ast.While(test=test, body=self._block(), orelse=[]), token)]
        if word == "return":
            self._take()
            value = None if self._is(";", "}") or self._next.breaks or self._next.kind == "end" else self.expression()
            self._had(";")
            return [placed(ast.Return(value=value), token)]
        if word == "try":
            return [self._try()]
        if word == "break" and (following.text in (";", "}") or following.breaks):
            self._take()
            self._had(";")
            return [placed(ast.Break(), token)]
        if word in ("throw", "switch", "do", "class", "break", "continue", "debugger"):
            raise NoJavaScript(token.line, f"'{word}' is not read")
        return self._expression_statement()

    def _expression_statement(self) -> list[ast.stmt]:
        token = self._next
        value = self.expression()
        found: ast.stmt
        if self._had("="):
            found = ast.Assign(targets=[value], value=self.expression())
        elif self._is("+=", "-=", "*=", "/=", "++", "--"):
            sign = self._take().text
            one: ast.expr = placed(ast.Constant(value=1), token) if sign in ("++", "--") else self.expression()
            found = ast.AugAssign(target=value, op=ast.Add(), value=one)  # type: ignore[arg-type]
        else:
            found = ast.Expr(value=value)
        if not self._had(";") and not (self._is("}", ")") or self._next.breaks or self._next.kind == "end"):
            raise NoJavaScript(self._next.line, "a statement does not end here")
        return [placed(found, token)]

    def _import(self) -> list[ast.stmt]:
        """What is imported keeps its names: modules are told apart by what is called."""
        token = self._take("import")
        names: list[ast.alias] = []
        while self._next.kind not in ("text", "end"):
            self._take()
        self._take()
        self._had(";")
        return [placed(ast.Import(names=names), token)]

    def _export(self) -> list[ast.stmt]:
        token = self._take("export")
        if not self._had("default"):
            return self._statement()
        self._had("async")
        if self._is("function"):
            made = self._function("default")
        else:
            value = self.expression()
            self._had(";")
            if not isinstance(value, Function):
                raise NoJavaScript(token.line, "what is exported by default is no function")
            made = function("default", value.names, value.statements)
        return [placed(made, token)]

    def _declarations(self) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        while True:
            token = self._take()
            if token.kind != "name":
                raise NoJavaScript(token.line, "names that are taken out of an object are not read")
            if self._had("="):
                value = self.expression()
                if isinstance(value, Function):
                    found.append(placed(function(token.text, value.names, value.statements), token))
                else:
                    target = placed(ast.Name(id=token.text, ctx=ast.Store()), token)
                    found.append(placed(ast.Assign(targets=[target], value=value), token))
            if not self._had(","):
                return found

    def _function(self, name: str = "") -> ast.FunctionDef:
        token = self._take("function")
        if self._next.kind == "name":
            name = name or self._next.text
            self._take()
        return placed(function(name or "anonymous", self._parameters(), self._block()), token)

    def _parameters(self) -> list[str]:
        self._take("(")
        names = []
        while not self._had(")"):
            token = self._take()
            if token.kind != "name":
                raise NoJavaScript(token.line, "parameters of this form are not read")
            names.append(token.text)
            if self._is("="):
                raise NoJavaScript(token.line, "parameters of this form are not read")
            if not self._is(")"):
                self._take(",")
        return names

    def _if(self) -> ast.stmt:
        token = self._take("if")
        test = self._in_parentheses()
        body = self._block()
        otherwise = self._block() if self._had("else") else []
        return placed(ast.If(test=test, body=body or [placed(ast.Pass(), token)], orelse=otherwise), token)

    def _in_parentheses(self) -> ast.expr:
        self._take("(")
        value = self.expression()
        self._take(")")
        return value

    def _for(self) -> ast.stmt:
        """`for (const x of y)`, and `for (let i = 0; i < n; i++)` as a loop over a range."""
        token = self._take("for")
        self._take("(")
        if not (self._had("let") or self._had("const") or self._had("var")):
            raise NoJavaScript(token.line, "a loop of this form is not read")
        target = self._take()
        name = placed(ast.Name(id=target.text, ctx=ast.Store()), target)
        if self._had("of"):
            over = self.expression()
        else:
            self._take("=")
            first = self.expression()
            self._take(";")
            test = self.expression()
            self._take(";")
            if self._had("++"):
                self._take()
            else:
                self._take()
                self._take("++")
            over = range_of(first, test, target)
        self._take(")")
        return placed(ast.For(target=name, iter=over, body=self._block(), orelse=[]), token)

    def _try(self) -> ast.stmt:
        token = self._take("try")
        body = self._block()
        handlers = []
        if self._is("catch"):
            caught = self._take()
            if self._had("("):
                self._take()
                self._take(")")
            handlers.append(placed(ast.ExceptHandler(type=None, name=None, body=self._block()), caught))
        last = self._block() if self._had("finally") else []
        return placed(ast.Try(body=body, handlers=handlers, orelse=[], finalbody=last), token)

    def expression(self) -> ast.expr:
        self._depth += 1
        try:
            if self._depth > _MOST_DEPTH:
                raise NoJavaScript(self._next.line, "expressions are nested too deep")
            return self._conditional()
        finally:
            self._depth -= 1

    def _conditional(self) -> ast.expr:
        token = self._next
        if (arrow := self._arrow()) is not None:
            return arrow
        test = self._binary(0)
        if not self._had("?"):
            return test
        body = self.expression()
        self._take(":")
        return placed(ast.IfExp(test=test, body=body, orelse=self.expression()), token)

    def _binary(self, level: int) -> ast.expr:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._next.kind in ("sign", "name") and self._next.text in _LEVELS[level]:
            token = self._take()
            sign = _LEVELS[level][token.text]()
            right = self._binary(level + 1)
            made: ast.expr
            if isinstance(sign, ast.boolop):
                made = ast.BoolOp(op=sign, values=[left, right])
            elif isinstance(sign, ast.cmpop):
                made = ast.Compare(left=left, ops=[sign], comparators=[right])
            else:
                made = ast.BinOp(left=left, op=sign, right=right)
            left = placed(made, token)
        return left

    def _unary(self) -> ast.expr:
        token = self._next
        if self._is("!", "-", "+"):
            self._take()
            sign = {"!": ast.Not, "-": ast.USub, "+": ast.UAdd}[token.text]()
            return placed(ast.UnaryOp(op=sign, operand=self._deeper(self._unary)), token)
        if self._is("await"):
            self._take()
            return self._deeper(self._unary)
        if self._is("typeof", "void", "delete", "yield", "++", "--", "~"):
            raise NoJavaScript(token.line, f"'{token.text}' is not read")
        self._had("new")
        return self._behind(self._primary())

    def _deeper(self, read: Callable[[], ast.expr]) -> ast.expr:
        self._depth += 1
        try:
            if self._depth > _MOST_DEPTH:
                raise NoJavaScript(self._next.line, "expressions are nested too deep")
            return read()
        finally:
            self._depth -= 1

    def _behind(self, value: ast.expr) -> ast.expr:
        """Members, items and calls."""
        while True:
            token = self._next
            if self._had(".") or self._had("?."):
                name = self._take()
                if name.kind != "name":
                    raise NoJavaScript(name.line, "a member has a name")
                value = placed(ast.Attribute(value=value, attr=name.text, ctx=ast.Load()), token)
            elif self._had("["):
                key = self.expression()
                self._take("]")
                value = placed(ast.Subscript(value=value, slice=key, ctx=ast.Load()), token)
            elif self._had("("):
                value = placed(ast.Call(func=value, args=self._list(")"), keywords=[]), token)
            elif token.kind == "template":
                raise NoJavaScript(token.line, "templates of functions are not read")
            else:
                return value

    def _list(self, closing: str) -> list[ast.expr]:
        found = []
        while not self._had(closing):
            if self._is("..."):
                raise NoJavaScript(self._next.line, "'...' is not read here")
            found.append(self.expression())
            if not self._is(closing):
                self._take(",")
        return found

    def _primary(self) -> ast.expr:
        token = self._take()
        made: ast.expr
        match token.kind, token.text:
            case "text", text:
                made = ast.Constant(value=text)
            case "number", text:
                made = ast.Constant(value=number(text, token.line))
            case "template", _:
                return self._templated(token)
            case "pattern", _:
                made = ast.Constant(value=...)
            case "name", "function":
                self._at -= 1
                made = self._function_expression()
            case "name", word if word in _WORDS:
                made = ast.Constant(value=_WORDS[word])
            case "name", word:
                made = ast.Name(id=word, ctx=ast.Load())
            case "sign", "(":
                value = self.expression()
                self._take(")")
                return value
            case "sign", "[":
                made = ast.List(elts=self._list("]"), ctx=ast.Load())
            case "sign", "{":
                return self._object(token)
            case _:
                raise NoJavaScript(token.line, f"'{token.text}' is not read here")
        return placed(made, token)

    def _templated(self, token: Token) -> ast.expr:
        values: list[ast.expr] = []
        for piece in token.pieces:
            if isinstance(piece, str):
                values.append(placed(ast.Constant(value=piece), token))
                continue
            inner = _Parser(piece)
            inner._depth = self._depth + 1
            value = inner.expression()
            if inner._next.kind != "end":
                raise NoJavaScript(token.line, "a template is not read")
            values.append(placed(ast.FormattedValue(value=value, conversion=-1, format_spec=None), token))
        return placed(ast.JoinedStr(values=values), token)

    def _object(self, token: Token) -> ast.expr:
        keys: list[ast.expr | None] = []
        values: list[ast.expr] = []
        while not self._had("}"):
            key = self._take()
            if key.text == "..." and key.kind == "sign":
                keys.append(None)
                values.append(self.expression())
            elif key.text == "[" and key.kind == "sign":
                keys.append(self.expression())
                self._take("]")
                self._take(":")
                values.append(self.expression())
            elif key.kind in ("name", "text", "number"):
                keys.append(placed(ast.Constant(value=key.text), key))
                if key.kind == "name" and self._is(",", "}"):
                    values.append(placed(ast.Name(id=key.text, ctx=ast.Load()), key))
                elif self._is("("):
                    values.append(placed(expression(self._parameters(), self._block()), key))
                else:
                    self._take(":")
                    values.append(self.expression())
            else:
                raise NoJavaScript(key.line, "an object of this form is not read")
            if not self._is("}"):
                self._take(",")
        return placed(ast.Dict(keys=keys, values=values), token)

    def _function_expression(self) -> ast.expr:
        made = self._function()
        return expression([each.arg for each in made.args.args], made.body)

    def _arrow(self) -> ast.expr | None:
        """`x => …`, `(a, b) => { … }`; None where something else stands."""
        begin, token = self._at, self._next
        self._had("async")
        if self._next.kind == "name" and self._tokens[min(self._at + 1, len(self._tokens) - 1)].text == "=>":
            names = [self._take().text]
        elif self._is("(") and self._is_arrow():
            names = self._parameters()
        else:
            self._at = begin
            return None
        self._take("=>")
        if self._is("{"):
            return placed(expression(names, self._block()), token)
        value = self.expression()
        return placed(expression(names, [placed(ast.Return(value=value), token)]), token)

    def _is_arrow(self) -> bool:
        closing = self._closing.get(self._at)
        return closing is not None and self._tokens[closing + 1].text == "=>"


def _pairs(found: list[Token]) -> dict[int, int]:
    """Where parentheses and their like close, by where they open. There is a token behind each: the last is no sign."""
    waiting: list[int] = []
    pairs = {}
    for at, token in enumerate(found):
        if token.kind == "sign" and token.text in _CLOSED_BY:
            waiting.append(at)
        elif token.kind == "sign" and waiting and token.text == _CLOSED_BY[found[waiting[-1]].text]:
            pairs[waiting.pop()] = at
    return pairs
