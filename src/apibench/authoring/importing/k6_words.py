"""What the functions of a k6 script say: requests, checks, pauses, random values."""

import ast
import re
from typing import TypeGuard
from urllib.parse import quote

from apibench.authoring.importing.javascript_nodes import Function
from apibench.authoring.importing.journey import Check, Group, Journey, Request
from apibench.authoring.importing.names import Names, of_path
from apibench.authoring.importing.program_requests import read_address, read_form, read_headers
from apibench.authoring.importing.program_steps import Statements
from apibench.authoring.importing.program_values import Unclear, dotted, is_condition, one_of
from apibench.authoring.importing.values import (
    Called,
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
    environment,
    is_environment,
    is_late,
    joined,
    method,
)

UNKNOWN = "http://localhost:8080"
_WITHOUT_BODY = {"get": "GET", "head": "HEAD"}
_WITH_BODY = {"post": "POST", "put": "PUT", "patch": "PATCH", "del": "DELETE", "delete": "DELETE", "options": "OPTIONS"}
_IGNORED = ("console.log", "console.info", "console.warn", "console.error", "console.debug")
_PATH = re.compile(r"[^.\[\]]+")
_OTHERS = re.compile(r"[^A-Z0-9]+")


class K6Words(Statements):
    """The functions of one script."""

    def __init__(self, journey: Journey, base_url: str = "") -> None:
        super().__init__(journey, Names())
        self.base_url = base_url
        self.functions = {}
        self.json_texts: dict[str, Value] = {}
        """Variables that hold JSON as text: only a body can be made of them."""

    def called(self, node: ast.Call) -> Value | None:
        """Requests, answers, random values."""
        name = dotted(node.func) or ""
        client, _, word = name.rpartition(".")
        if client == "http" and word in _WITHOUT_BODY:
            return self._sent(node, _WITHOUT_BODY[word], node.args[:1], None, node.args[1:2])
        if client == "http" and word in _WITH_BODY:
            return self._sent(node, _WITH_BODY[word], node.args[:1], node.args[1:2], node.args[2:3])
        if name == "http.request" and node.args:
            verb = self.value(node.args[0])
            if not isinstance(verb, Known):
                raise Unclear
            return self._sent(node, str(verb.value).upper(), node.args[1:2], node.args[2:3], node.args[3:4])
        if isinstance(node.func, ast.Attribute) and node.func.attr == "json":
            return self._json(self.of_answer(self.value(node.func.value), "json"), node.args)
        return self._known_function(name, node)

    def member(self, node: ast.Attribute) -> Value | None:
        """Of answers, of the environment, of objects."""
        if dotted(node.value) == "__ENV":
            plain = _OTHERS.sub("_", node.attr.upper()).strip("_")
            return environment(f"VARIABLE_{plain[:50] or 'VALUE'}")
        of = self.value(node.value)
        if self.answer(of) is not None:
            kinds = {"status": "status", "body": "text", "headers": "headers"}
            return self.of_answer(of, kinds[node.attr]) if node.attr in kinds else None
        if node.attr == "length":
            if isinstance(of, Listing):
                return Known(len(of.items))
            return method(of, "length") if is_late(of) else None
        return self.inside(of, Known(node.attr))

    def do(self, node: ast.Call) -> bool:
        """Pauses, checks, groups, batches."""
        match dotted(node.func) or "":
            case "sleep" if len(node.args) == 1:
                self._sleep(node.args[0])
            case "check" if len(node.args) >= 2:
                self._check(node.args[0], node.args[1])
            case "group" if len(node.args) == 2 and isinstance(node.args[1], Function):
                self._group(self.value(node.args[0]), node.args[1])
            case _ if isinstance(node.func, ast.Attribute) and node.func.attr == "forEach" and len(node.args) == 1:
                self._for_each(node.func.value, node.args[0])
            case "http.batch" if len(node.args) == 1:
                self._batch(node)
            case name if name in _IGNORED:
                pass
            case _:
                return False
        return True

    def _subscript(self, node: ast.Subscript) -> Value:
        if isinstance(node.slice, ast.Call) and _is_any(node.slice, node.value):
            return one_of(self.value(node.value))
        return super()._subscript(node)

    def _boolop(self, node: ast.BoolOp) -> Value:
        if isinstance(node.op, ast.Or) and len(node.values) == 2:
            first = self.value(node.values[0])
            if is_environment(first):
                self.leave(node, "what stands for a variable of the environment that is missing stands for it always")
                return self.value(node.values[1])
        return super()._boolop(node)

    def _ifexp(self, node: ast.IfExp) -> Value:
        test = self.value(node.test)
        if not isinstance(test, Known):
            raise Unclear
        return self.value(node.body if test.value else node.orelse)

    def _json(self, value: Value, given: list[ast.expr]) -> Value:
        """`res.json("items.0.id")`"""
        if given:
            path = self.value(given[0])
            if (
                not isinstance(path, Known)
                or not isinstance(path.value, str)
                or any(each in path.value for each in "#*?@")
            ):
                raise Unclear
            for word in _PATH.findall(path.value):
                value = self.inside(value, Known(int(word) if word.isdigit() and len(word) < 7 else word))
        return value

    def _sleep(self, node: ast.expr) -> None:
        if isinstance(node, ast.Call) and dotted(node.func) == "randomIntBetween" and len(node.args) == 2:
            self.pause(self.value(node.args[0]), self.value(node.args[1]))
            return
        spread, base = _spread(node)
        if spread is None:
            length = self.value(node)
            self.pause(length, length)
            return
        low = self.value(base) if base is not None else Known(0)
        more = self.value(spread)
        ends = [each.value if isinstance(each, Known) else None for each in (low, more)]
        if not all(isinstance(each, int | float) for each in ends):
            raise Unclear
        self.pause(low, Known(float(ends[0] or 0) + float(ends[1] or 0)))

    def _check(self, of: ast.expr, checks: ast.expr) -> None:
        value = self.value(of)
        if not isinstance(checks, ast.Dict):
            raise Unclear
        for key, function in zip(checks.keys, checks.values, strict=True):
            name = self.value(key) if key is not None else Known("check")
            told = str(name.value) if isinstance(name, Known) else "check"
            try:
                condition = self._condition(function, value)
            except Unclear:
                self.leave(function, f"a check of this kind was left out: {told[:60]!a}")
                continue
            self.steps.append(Check(condition, told))

    def _condition(self, function: ast.expr, value: Value) -> Value:
        if not isinstance(function, Function) or len(function.statements) != 1 or len(function.names) > 1:
            raise Unclear
        (statement,) = function.statements
        if not isinstance(statement, ast.Return) or statement.value is None:
            raise Unclear
        before = dict(self.known)
        self.known |= dict.fromkeys(function.names, value)
        try:
            condition = self.value(statement.value)
        finally:
            self.known = before
        if is_condition(condition):
            return condition
        if isinstance(condition, Called | Known) or not is_late(condition) or isinstance(condition, Operation):
            raise Unclear
        return Negated(method(condition, "is_null"))  # there is something

    def _group(self, name: Value, function: Function) -> None:
        outside, self.ending = self.ending, None
        try:
            steps = self.block(function.statements)
        finally:
            self.ending = outside
            self.end_of_function()
        self.steps.append(Group(str(name.value) if isinstance(name, Known) else "group", steps))

    def _for_each(self, over: ast.expr, function: ast.expr) -> None:
        """`list.forEach((item) => { … })`"""
        if not isinstance(function, Function) or len(function.names) != 1:
            raise Unclear
        outside, self.ending = self.ending, None
        try:
            self._for(ast.Name(id=function.names[0], ctx=ast.Store()), over, function.statements)
        finally:
            self.ending = outside
            self.end_of_function()

    def _batch(self, node: ast.Call) -> None:
        given = node.args[0]
        asked = given.elts if isinstance(given, ast.List) else given.values if isinstance(given, ast.Dict) else None
        if asked is None:
            raise Unclear
        self.leave(node, "the requests of a batch are sent one behind the other")
        for each in asked:
            if isinstance(each, ast.List) and 2 <= len(each.elts) <= 4:
                verb = self.value(each.elts[0])
                self._sent(node, _verb(verb), each.elts[1:2], each.elts[2:3], each.elts[3:4])
            elif isinstance(each, ast.Dict):
                names = [key.value if isinstance(key, ast.Constant) else None for key in each.keys]
                words = {str(name): [value] for name, value in zip(names, each.values, strict=True)}
                verb = self.value(words["method"][0]) if "method" in words else Known("GET")
                self._sent(node, _verb(verb), words.get("url", []), words.get("body"), words.get("params", []))
            else:
                self._sent(node, "GET", [each], None, [])

    def _sent(
        self, node: ast.Call, verb: str, url: list[ast.expr], body: list[ast.expr] | None, params: list[ast.expr]
    ) -> Value:
        if not url:
            raise Unclear
        request = Request(verb, self._address(self._url(url[0])), f"line {node.lineno}")
        for part, read in ((params, self._params), (body or [], self._body)):
            if part:
                try:
                    read(request, part[0])
                except Unclear:
                    what = "its body" if read == self._body else "of its parameters something"
                    self.leave(part[0], f"{what} was left out: there are no words for it")
        answer = self.names.new(of_path("".join(_texts(request.path))), "answer")
        self.answers[answer] = request
        self.steps.append(request)
        return Named(answer)

    def _url(self, node: ast.expr) -> Value:
        """An address, also one of `http.url`."""
        return self.value(node)

    def _address(self, url: Value) -> Value:
        first = url.parts[0] if isinstance(url, Joined) else url
        if isinstance(first, str) or not is_environment(first):
            return read_address(url, self)
        self.base_url = self.base_url or UNKNOWN
        self.journey.leave("", f"the host is a variable of the environment: {self.base_url} stands for it")
        rest = url.parts[1:] if isinstance(url, Joined) else ()
        return read_address(
            joined("" if rest and isinstance(rest[0], str) else "/", *rest) if rest else Known("/"), self
        )

    def _params(self, request: Request, node: ast.expr) -> None:
        given = self.value(node)
        if given == Known(value=None):
            return
        if not isinstance(given, Mapping):
            raise Unclear
        for name, value in given.pairs:
            if name == "headers":
                request.headers = read_headers(value)
            elif name == "tags" and isinstance(value, Mapping):
                for tag, text in value.pairs:
                    if tag == "name" and isinstance(text, Known):
                        request.name = str(text.value)
                    else:
                        self.leave(node, f"the tag {tag[:40]!a} was left out")
            elif name != "redirects" or value != Known(0):
                self.leave(node, f"{name[:40]!a} of its parameters was left out")

    def _body(self, request: Request, node: ast.expr) -> None:
        if _is_stringified(node):
            request.json = self.value(node.args[0])
        elif isinstance(node, ast.Name) and node.id in self.json_texts:
            request.json = self.json_texts[node.id]
        else:
            value = self.value(node)
            if value != Known(value=None):
                read_form(value, request)
        if request.json is not None:
            wanted = ("Content-Type", Known("application/json"))
            request.headers = [each for each in request.headers if (each[0].title(), each[1]) != wanted]

    def _known_function(self, name: str, node: ast.Call) -> Value | None:
        given = node.args
        match name, len(given):
            case "JSON.parse", 1:
                text = self.value(given[0])
                if isinstance(text, Member) and text.name == "text":
                    return Member(text.of, "json")
                raise Unclear
            case "Math.floor", 1:
                return self._random_whole(given[0])
            case "randomIntBetween", 2:
                return drawn("int", *(self.value(each) for each in given))
            case "randomItem", 1:
                return one_of(self.value(given[0]))
            case "randomString", 1 | 2:
                return drawn("text", self.value(given[0]))
            case "uuidv4", 0 | 1:
                return drawn("uuid")
            case "encodeURIComponent", 1:
                text = self.value(given[0])
                return Known(quote(str(text.value), safe="")) if isinstance(text, Known) else method(text, "urlquote")
            case "String", 1:
                value = self.text(given[0])
                return value if isinstance(value, Joined | Known) else Joined((value,))
            case "parseInt" | "Number", 1 | 2:
                value = self.value(given[0])
                return value if isinstance(value, Known) and isinstance(value.value, int) else method(value, "int")
            case _:
                return self._method_of_text(node)

    def _method_of_text(self, node: ast.Call) -> Value | None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "toString" and not node.args:
            value = self.text(node.func.value)
            return value if isinstance(value, Joined | Known) else Joined((value,))
        return None

    def assign(self, target: ast.expr, node: ast.expr) -> None:
        """JSON as text beside other variables."""
        if isinstance(target, ast.Name) and _is_stringified(node):
            self.json_texts[target.id] = self.value(node.args[0])
            return
        super().assign(target, node)

    def _random_whole(self, node: ast.expr) -> Value:
        """`Math.floor(Math.random() * 10) + 1` and `Math.floor(Math.random() * (b - a + 1) + a)`."""
        spread, base = _spread(node)
        count = self.value(spread) if spread is not None else None
        low = self.value(base) if base is not None else Known(0)
        ends = [each.value if isinstance(each, Known) else None for each in (low, count)]
        if not all(isinstance(each, int) for each in ends) or not isinstance(ends[1], int) or ends[1] < 1:
            raise Unclear
        first = ends[0] if isinstance(ends[0], int) else 0
        return drawn("int", first, first + ends[1] - 1)


def _is_stringified(node: ast.expr) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and dotted(node.func) == "JSON.stringify" and bool(node.args)


def _spread(node: ast.expr) -> tuple[ast.expr | None, ast.expr | None]:
    """`n` and `base` of `Math.random() * n + base`, in any order."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            spread, base = _spread(one)
            if spread is not None and base is None:
                return spread, other
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if _is_random(one):
                return other, None
    if _is_random(node):
        return ast.Constant(value=1), None
    return None, None


def _is_random(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == "Math.random" and not node.args


def _is_any(index: ast.Call, of: ast.expr) -> bool:
    """`list[Math.floor(Math.random() * list.length)]`"""
    if dotted(index.func) != "Math.floor" or len(index.args) != 1:
        return False
    spread, base = _spread(index.args[0])
    length = isinstance(spread, ast.Attribute) and spread.attr == "length" and ast.dump(spread.value) == ast.dump(of)
    return length and base is None


def _verb(value: Value) -> str:
    if not isinstance(value, Known) or not isinstance(value.value, str):
        raise Unclear
    return "DELETE" if value.value.lower() == "del" else value.value.upper()


def _texts(path: Value) -> list[str]:
    parts = path.parts if isinstance(path, Joined) else (path,)
    known = (each.value if isinstance(each, Known) else each for each in parts)
    return [each if isinstance(each, str) else "{}" for each in known]
