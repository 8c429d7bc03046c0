"""
A scenario's function carried out as Python, not traced: its blocks become `if` and `for`, its values are there at once.

So it says what a reader of the text expects. It goes on behind whatever fails, and does not count it.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from tests.unit.differential import values
from tests.unit.differential.draws import Draws
from tests.unit.differential.functions import FUNCTIONS as IN_PYTHON
from tests.unit.differential.functions import called
from tests.unit.differential.interpreter import REDIRECTS, Session
from tests.unit.differential.rows import Feeder, OverError
from tests.unit.differential.target import Answer, Answering
from tests.unit.differential.values import NothingThereError, Value
from tests.unit.differential.wire import IN_PATH, followed, target_of, with_cookies

from apibench import __version__, status
from apibench.authoring.tracing.syntax import name_of

NOTHING_TEXT = "\ue123"
"""In a text, for what is not there."""
FUNCTIONS = {
    "int": "integer",
    "startswith": "starts_with",
    "endswith": "ends_with",
    "urlquote": "url_encoded",
    "base64": "base64_encoded",
    "random": "random_item",
}
"""What methods of late values are called in plans, where that is another word."""
RANDOM = {"int": "random_integer", "text": "random_text", "uuid": "random_uuid", "choice": "random_choice"}


class Now:
    """A value that is there, or is not: what a late one is for the tracer."""

    def __init__(self, at_once: "Plain", make: Callable[[], Value]) -> None:
        self._plain = at_once
        self.keep(make)

    def keep(self, make: Callable[[], Value]) -> None:
        try:
            self._value, self.there = make(), True
        except NothingThereError:
            self._value, self.there = None, False

    def get(self) -> Value:
        if not self.there:
            raise NothingThereError
        return self._value

    def _call(self, function: str, *arguments: Any) -> "Now":
        return self._plain.called(function, *arguments)

    def __eq__(self, other: object) -> "Now":  # type: ignore[override]
        return self._call("equal", self, other)

    def __ne__(self, other: object) -> "Now":  # type: ignore[override]
        return self._call("not_equal", self, other)

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Any) -> "Now":
        return self._call("less", self, other)

    def __ge__(self, other: Any) -> "Now":
        return self._call("greater_or_equal", self, other)

    def __le__(self, other: Any) -> "Now":
        return self._call("less_or_equal", self, other)

    def __and__(self, other: Any) -> "Now":
        return self._call("and", self, other)

    def __or__(self, other: Any) -> "Now":
        return self._call("or", self, other)

    def __invert__(self) -> "Now":
        return self._call("not", self)

    def __add__(self, other: Any) -> "Now":
        return self._call("concat" if isinstance(other, str) else "add", self, other)

    def __radd__(self, other: Any) -> "Now":
        return self._call("concat" if isinstance(other, str) else "add", other, self)

    def __sub__(self, other: Any) -> "Now":
        return self._call("subtract", self, other)

    def __mul__(self, other: Any) -> "Now":
        return self._call("multiply", self, other)

    def __rmul__(self, other: Any) -> "Now":
        return self._call("multiply", other, self)

    def __truediv__(self, other: Any) -> "Now":
        return self._call("divide", self, other)

    def __mod__(self, other: Any) -> "Now":
        return self._call("remainder", self, other)

    def __getitem__(self, key: Any) -> "Now":
        return self._call("member", self, key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments: self._call(FUNCTIONS.get(name, name), self, *arguments)

    def between(self, low: Any, high: Any) -> "Now":
        return self._call("and", self >= low, self <= high)

    def __format__(self, _form: str) -> str:
        try:
            return values.as_text(self.get())
        except NothingThereError:
            return NOTHING_TEXT

    def set(self, value: Any) -> None:
        """A variable gets another value."""
        self.keep(lambda: self._plain.value_of(value))


class Row(Now):
    """`row.name` is a column of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]


@dataclass
class Response:
    """An answer, if there is one."""

    plain: "Plain"
    answer: Answer | None

    def _now(self, of: Callable[[Answer], Value]) -> Now:
        def make() -> Value:
            if self.answer is None:
                raise NothingThereError
            return of(self.answer)

        return Now(self.plain, make)

    @property
    def status(self) -> Now:
        return self._now(lambda answer: answer.status)

    @property
    def text(self) -> Now:
        return self._now(lambda answer: answer.body)

    @property
    def json(self) -> Now:
        return self._now(lambda answer: values.at(answer.body, []))

    @property
    def headers(self) -> Mapping[str, Now]:
        response = self

        class Headers(dict[str, Now]):
            def __missing__(self, name: str) -> Now:
                return response._now(lambda answer: _there(answer.header(name)))

        return Headers()


def _there(text: str | None) -> str:
    if text is None:
        raise NothingThereError
    return text.strip()


@dataclass(frozen=True)
class Range:
    """`between(1, 3)`."""

    low: Any
    high: Any


class Plain:
    """What a function sees while it is carried out: the words of scenarios, and `u`."""

    def __init__(
        self, plan: dict[str, Any], answering: Answering, session: Session, feeders: dict[str, Feeder]
    ) -> None:
        self.scenario = plan["scenarios"][0]
        self.host = plan["hosts"]["target"]
        self.answering = answering
        self.session = session
        self.feeders = feeders
        self.draws = Draws(0, 0, 0, 0)
        self.turn = 0
        self.sent: dict[str, tuple[str, str]] = {}
        self.checked: list[tuple[str, bool]] = []
        self.nothing = Row(self, lambda: _row(None))
        self.no_answer = Response(self, None)

    def value_of(self, value: Any) -> Value:
        if isinstance(value, Now):
            return value.get()
        if isinstance(value, str) and NOTHING_TEXT in value:
            raise NothingThereError
        known: Value = value
        return known

    def called(self, function: str, *arguments: Any) -> Now:
        return Now(
            self, lambda: values.call(function, [partial(self.value_of, each) for each in arguments], self.draws)
        )

    def text_of(self, value: Any) -> str:
        return values.as_text(self.value_of(value))

    def holds(self, condition: Any) -> bool:
        try:
            return values.truth(self.value_of(condition))
        except NothingThereError:
            return False

    def times(self, times: Any) -> range:
        if isinstance(times, Range):
            times = self.called("random_integer", times.low, times.high)
        try:
            return range(values.whole(self.value_of(times)))
        except NothingThereError:
            return range(0)

    def way(self, by: str, weights: list[int]) -> int:
        at = self.draws.below(sum(weights)) if by == "weight" else self.turn % sum(weights)
        return next(number for number in range(len(weights)) if at < sum(weights[: number + 1]))

    @contextmanager
    def headers_kept(self) -> Iterator[None]:
        before = dict(self.sent)
        yield
        self.sent = before

    def check(self, condition: Any, name: str) -> None:
        self.checked.append((name, self.holds(condition)))

    def think(self, _pause: Any) -> None:
        self.draws.bits()

    def rows(self, path: str) -> Any:
        plain = self

        class File:
            def next(self) -> Row:
                row = plain.feeders[path.partition(".")[0]].next(plain.draws)
                return Row(plain, lambda: _row(row))

        return File()

    def json_of(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{json.dumps(key)}: {self.json_of(each)}" for key, each in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.json_of, value)) + "]"
        return values.as_json(self.value_of(value))

    def request(self, method: str, path: Any, words: dict[str, Any]) -> Response:
        try:
            request = self._bytes(method, path, words)
        except NothingThereError:
            return Response(self, None)
        mode = self.scenario["defaults"]["cookies"]
        joins = mode != "off" and not any(name.lower() == "cookie" for name in words.get("headers", {}))
        hops = self.host["redirects"]
        while True:
            path = target_of(request).partition("?")[0]
            if joins:
                request = with_cookies(request, self.session.jar.header(path))
            answer = self.answering(request, len(self.session.sent))
            self.session.sent.append(request)
            for name, value in answer.headers if mode != "off" else ():
                if name == "Set-Cookie":
                    self.session.jar.take(value, path)
            location = answer.header("Location")
            if not hops or location is None or answer.status not in REDIRECTS:
                break
            hops -= 1
            request = followed(request, answer.status, location)
        return Response(self, Answer(answer.status, answer.headers) if method == "HEAD" else answer)

    def _bytes(self, method: str, path: Any, words: dict[str, Any]) -> bytes:
        base = urlsplit(self.host["base_url"])
        line = quote(self.text_of(path), safe=IN_PATH)
        for number, (name, value) in enumerate(words.get("params", {}).items()):
            sign = "&" if number or _has_query(path) else "?"
            line += f"{sign}{quote(name, safe='')}={quote(self.text_of(value), safe='')}"
        sent = dict(self.sent)
        for name, value in words.get("headers", {}).items():
            sent[name.lower()] = (name, self.header(value))
        body = None
        if "json" in words:
            body = self.json_of(words["json"]).encode()
            sent.setdefault("content-type", ("Content-Type", "application/json"))
        elif "data" in words:
            body = self.text_of(words["data"]).encode()
        lines = [f"{method} {base.path.rstrip('/')}{line} HTTP/1.1", f"Host: {base.netloc}"]
        lines += [f"User-Agent: apibench/{__version__}", *(["Accept: */*"] if "accept" not in sent else [])]
        if body is not None or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body or b'')}")
        for name, value in sent.values():
            if re.search("[\x00-\x08\x0a-\x1f\x7f]", value) or NOTHING_TEXT in value:
                raise NothingThereError
            lines.append(f"{name}: {value}")
        return "".join(f"{each}\r\n" for each in lines).encode() + b"\r\n" + (body or b"")

    def header(self, value: Any) -> str:
        try:
            return self.text_of(value)
        except NothingThereError:
            return NOTHING_TEXT


def _has_query(path: Any) -> bool:
    return isinstance(path, str) and "?" in path


def _row(row: values.Value) -> values.Value:
    if row is None:
        raise NothingThereError
    return row


class User:
    """`u` of the function."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain
        self.headers = _Headers(plain)

    def __getattr__(self, method: str) -> Any:
        return lambda path, **words: self._plain.request(method.upper(), path, words)

    def py(self, function: Callable[..., Any], *arguments: Any) -> Now:
        plain = self._plain
        return Now(plain, lambda: called(function.__name__, [plain.value_of(each) for each in arguments]))

    def var(self, _name: str, start: Any) -> Now:
        return Now(self._plain, lambda: self._plain.value_of(start))


class _Headers:
    def __init__(self, plain: Plain) -> None:
        self._plain = plain

    def __setitem__(self, name: str, value: Any) -> None:
        self._plain.sent[name.lower()] = (name, self._plain.header(value))


class _Random:
    def __init__(self, plain: Plain) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self._plain.called(RANDOM[name], *arguments)


class _Blocks(ast.NodeTransformer):
    """Blocks as statements of Python. Headers that are set in one hold in it, so each is within `headers_kept`."""

    def visit_For(self, node: ast.For) -> ast.stmt:
        node = self._inside(node)
        assert isinstance(node.iter, ast.Call)
        node.iter.func = ast.parse("plain.times", mode="eval").body
        node.body = [_kept(node.body)]
        return node

    def _inside(self, node: Any) -> Any:
        node.body = self._together(node.body)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        node.decorator_list = []
        return self._inside(node)  # type: ignore[no-any-return]

    def visit_With(self, node: ast.With) -> ast.stmt:
        call = node.items[0].context_expr
        assert isinstance(call, ast.Call)
        if name_of(call.func) == "when":
            test = ast.Call(ast.parse("plain.holds", mode="eval").body, call.args, [])
            return ast.If(test, [_kept(self._together(node.body))], [])
        if name_of(call.func) == "group":
            return ast.If(ast.Constant(value=True), self._together(node.body), [])
        told = [*call.args, *(each.value for each in call.keywords)]
        by = told[0] if told else ast.Constant("weight")
        weights, cases = [], []
        for case in node.body:
            assert isinstance(case, ast.With)
            assert isinstance(case.items[0].context_expr, ast.Call)
            weights.append(case.items[0].context_expr.args[0])
            cases.append(_kept(self._together(case.body)))
        way = ast.Call(ast.parse("plain.way", mode="eval").body, [by, ast.List(weights, ast.Load())], [])
        numbered = [ast.match_case(ast.MatchValue(ast.Constant(at)), None, [case]) for at, case in enumerate(cases)]
        return ast.Match(way, numbered)

    def _together(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """With `otherwise` at its `when`."""
        found: list[ast.stmt] = []
        for each in body:
            if (
                isinstance(each, ast.With)
                and name_of(getattr(each.items[0].context_expr, "func", each.items[0].context_expr)) == "otherwise"
            ):
                before = found[-1]
                assert isinstance(before, ast.If)
                before.orelse = [_kept(self._together(each.body))]
            else:
                found.append(self.visit(each))
        return found


def _kept(body: list[ast.stmt]) -> ast.stmt:
    context = ast.Call(ast.parse("plain.headers_kept", mode="eval").body, [], [])
    return ast.With([ast.withitem(context)], body)


def compiled(text: str) -> Callable[[Plain], None]:
    """A file's function `journey`, to be carried out. Names that it never came by hold nothing."""
    tree = _Blocks().visit(ast.parse(text))
    function = next(each for each in tree.body if isinstance(each, ast.FunctionDef))
    names = {each.id for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    answers = {name for name in names if re.fullmatch("r[0-9]+", name)}
    unset = [f"{name} = {'plain.no_answer' if name in answers else 'plain.nothing'}" for name in sorted(names)]
    function.body[:0] = ast.parse("\n".join(unset)).body
    tree.body = [each for each in tree.body if not isinstance(each, ast.ImportFrom)]
    code = compile(ast.fix_missing_locations(tree), "journey", "exec")

    def run(plain: Plain) -> None:
        words: dict[str, Any] = {
            **IN_PYTHON,
            "plain": plain,
            "check": plain.check,
            "think": plain.think,
            "pace": lambda _period: None,
            "between": Range,
            "status": status,
            "rand": _Random(plain),
            "csv": lambda path, *_, **__: plain.rows(path),
            "jsonl": lambda path, *_, **__: plain.rows(path),
        }
        exec(code, words)  # noqa: S102 - it is ours
        try:
            words["journey"](User(plain))
        except OverError:
            return

    return run
