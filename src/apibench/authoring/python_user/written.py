"""
Under which names a user's requests and checks are counted: read from its text before the load, for every row of results
is known by then.
"""

import ast
import dis
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from pydantic import TypeAdapter, ValidationError

from apibench.authoring.python_user.text import Asked, Place, place_of, text_of
from apibench.authoring.python_user.traced_words import refuse_traced_words
from apibench.authoring.tracing.trouble import Spot, not_traceable
from apibench.model.http_text import Method
from apibench.model.part import Name
from apibench.model.step import default_name
from apibench.model.validation import fault_of

if TYPE_CHECKING:
    from apibench.authoring.python_user.scenario import PythonScenario

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
"""Words of a user that send what they are called."""
_AWAITED = (*METHODS, "request", "think")
_WORDS = frozenset((*_AWAITED, "check"))
_NAME, _METHOD = TypeAdapter[str](Name), TypeAdapter[str](Method)
_KEY = re.compile(r"(?!\d)[\w-]+\Z")


@dataclass(frozen=True, slots=True)
class WrittenRequests:
    """What a user in Python sends and checks, as its text has it."""

    requests: tuple[tuple[str, str], ...]
    """Name and method, by number."""
    places: dict[tuple[str, int, int, int, int], int]
    """
    The number of each call: by its file, line and end line from 1, column and end column from 0 in bytes of UTF-8, as
    `co_filename` and `co_positions()` of the code have it.
    """
    checks: tuple[str, ...]
    """By number."""


def written_requests(scenario: "PythonScenario") -> WrittenRequests:
    """
    Those of its function, of the functions of that file that it leads to, and likewise of its helpers. Nothing is run.

    Raises NotTraceable: there is no text, no request in it, or one whose name is not written there.
    """
    requests: dict[tuple[str, str], int] = {}
    places: dict[tuple[str, int, int, int, int], int] = {}
    checks: dict[str, None] = {}
    for asked in _asked((scenario.function, *scenario.helpers)):
        if isinstance(asked.node, ast.Attribute):
            _refuse_handed_on(asked, asked.node)
        if asked.word in _AWAITED and isinstance(asked.within, ast.Expr | ast.Attribute | ast.Subscript):
            message = f"`{asked.word}` is not awaited, and so does nothing"
            raise not_traceable("AB172", asked.spot(), message, f"Write:  await {ast.unparse(asked.node.func)}(...)")
        if asked.word == "check":
            checks[_literal(asked, asked.node, 1, "name", _NAME)] = None
        elif asked.word != "think":
            number = requests.setdefault(_request(asked, asked.node), len(requests))
            for place in _places(asked.node):
                if places.setdefault((asked.file, *place), number) != number:
                    message = "two requests of one f-string can't be told apart"
                    raise not_traceable("AB170", asked.spot(), message, "Send them before it, each in its own line.")
    if not requests:
        message = f"`{scenario.function.__name__}` sends no request, nor does a function that it leads to"
        remedy = 'Write:  await u.get("/products")  or name what sends them:  @python_user(helpers=[browse], ...)'
        raise not_traceable("AB173", scenario.spot, message, remedy)
    return WrittenRequests(tuple(requests), places, tuple(checks))


def _asked(functions: Sequence[Callable[..., object]]) -> Iterator[Asked]:
    """Each place once, also where two of the functions lead to it."""
    known: set[tuple[str, Place, str]] = set()
    for function in functions:
        text = text_of(function)
        refuse_traced_words(text, inspect.unwrap(function).__globals__)
        for each in text.asked(_WORDS):
            if (each.file, each.place, each.word) not in known:
                known.add((each.file, each.place, each.word))
                yield each


def _places(node: ast.Call) -> Iterator[Place]:
    """Where its code says that it stands: as the text has it, or from its word on where that begins a line."""
    yield place_of(node)
    alone = ast.Expression(ast.copy_location(ast.Call(node.func, [], []), node))
    for each in dis.get_instructions(compile(alone, "", "eval")):
        line, end_line, column, end_column = each.positions or (None,) * 4
        if each.opname == "CALL" and line and end_line and column is not None and end_column is not None:
            yield line, end_line, column, end_column


def _refuse_handed_on(asked: Asked, word: ast.Attribute) -> NoReturn:
    written = ast.unparse(word)
    message = f"`{written}` is handed on here, and where it is called it has no name"
    remedy = f"Call it where it stands:  {written}(...)"
    raise not_traceable("AB170", asked.spot(), message, remedy)


def _request(asked: Asked, call: ast.Call) -> tuple[str, str]:
    """Name and method of a request."""
    if asked.word in METHODS:
        method, path_at = asked.word.upper(), 0
    else:
        method, path_at = _literal(asked, call, 0, "method", _METHOD), 1
    if any(each.arg == "name" for each in call.keywords):
        return _literal(asked, call, None, "name", _NAME), method
    path = _argument(call, path_at, "path")
    pattern = None if path is None else _pattern(path)
    if pattern is None or not pattern.startswith("/"):
        _refuse_path(asked, call, path)
    name = default_name(method, pattern)
    _hold(name, "name of this request", _NAME, asked.spot(path))
    return name, method


def _refuse_path(asked: Asked, call: ast.Call, path: ast.expr | None) -> NoReturn:
    called = ast.unparse(call.func)
    if path is None and not any(isinstance(each, ast.Starred) for each in call.args):
        raise not_traceable("AB150", asked.spot(), f"`{called}` lacks `path`", f'Write:  {called}("/products")')
    if isinstance(path, ast.Constant):
        remedy = "Put scheme and host into `base_url`, and begin with /."
        raise not_traceable("AB170", asked.spot(path), "a path begins with /", remedy)
    message = "this path is made elsewhere, so what its requests are counted under is not known from the text"
    shown = [ast.unparse(each) for each in call.args] or ["path=..."]
    remedy = f'Write it here:  f"/products/{{item}}"  or give it a name:  {called}({", ".join(shown)}, name="...")'
    raise not_traceable("AB170", asked.spot(path), message, remedy)


def _argument(call: ast.Call, at: int | None, name: str) -> ast.expr | None:
    """What is given by that place or name; None where nothing is, or nobody sees what."""
    by_name = next((each.value for each in call.keywords if each.arg == name), None)
    before = call.args if at is None else call.args[: at + 1]
    if by_name is not None or at is None or any(isinstance(each, ast.Starred) for each in before):
        return by_name
    return call.args[at] if at < len(call.args) else None


def _literal(asked: Asked, call: ast.Call, at: int | None, name: str, rule: TypeAdapter[str]) -> str:
    """A text that stands in a call itself, and is as the plan has it."""
    given = _argument(call, at, name)
    of_check = asked.word == "check"
    told = f"{name} of this {'check' if of_check else 'request'}"
    if isinstance(given, ast.Constant) and isinstance(given.value, str) and given.value:
        _hold(given.value, told, rule, asked.spot(given))
        return given.value
    message = f"the {told} does not stand here as text"
    example = '"PURGE"' if name == "method" else '"has a price"' if of_check else 'name="GET next page"'
    raise not_traceable("AB170", asked.spot(given), message, f"Write it in quotes, and none of it made:  {example}")


def _hold(text: str, told: str, rule: TypeAdapter[str], spot: Spot) -> None:
    """Raises NotTraceable where a plan could not have it."""
    try:
        rule.validate_python(text)
    except ValidationError as error:
        wrong = fault_of(error.errors()[0], (), None)
        raise not_traceable("AB170", spot, f"the {told}: {wrong.message}", wrong.remedy) from error


def _pattern(path: ast.expr) -> str | None:
    """A path as readers know it, `/products/{id}`; None for what is made elsewhere."""
    if isinstance(path, ast.Constant):
        return path.value if isinstance(path.value, str) else None
    if not isinstance(path, ast.JoinedStr) or not isinstance((path.values or [path])[0], ast.Constant):
        return None
    return "".join(_text_of(each) for each in path.values)


def _text_of(part: ast.expr) -> str:
    """What stands in a part of an f-string, or in braces the name of what comes there."""
    return str(part.value) if isinstance(part, ast.Constant) else f"{{{_last_name(part)}}}"


def _last_name(part: ast.expr) -> str:
    """Of a part of an f-string: `id` of `{item['id']}`, `number` of `{order.number}`; `value` where it has none."""
    name = "value"
    for each in _names(part.value if isinstance(part, ast.FormattedValue) else part):
        name = each
    return name


def _names(node: ast.AST) -> Iterator[str]:
    """The names in an expression and the keys that are asked for, in their order."""
    if isinstance(node, ast.Name):
        yield node.id
    for inner in ast.iter_child_nodes(node):
        yield from _names(inner)
    if isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        key = node.slice.value
        yield from (key,) if isinstance(key, str) and _KEY.match(key) else ()
