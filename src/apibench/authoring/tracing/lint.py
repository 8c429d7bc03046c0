"""
What only the text of a scenario shows: jumps out of blocks, names that blocks bind anew, `is`, `isinstance`, and `try`
around requests. Of its function, and of those of the same file that it calls.
"""

import ast
import inspect
import linecache
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from apibench.authoring.tracing.rebinding import binds, bound_in, made_in, reads, root_of
from apibench.authoring.tracing.syntax import (
    Function,
    begins,
    is_scenario,
    name_of,
    opens_block,
    parameters,
    surely_passes,
)
from apibench.authoring.tracing.trouble import Spot, not_traceable, spot_at
from apibench.model.errors import NotTraceable

_WORD = re.compile(r"[^\W\d]\w*")
_Behind = tuple[tuple[Sequence[ast.AST], bool], ...]
"""What is carried out behind a statement, and whether it surely is."""


def lint(function: Callable[..., object]) -> None:
    """
    Raises NotTraceable for the first such thing in the text of a function, or of those of its file that it calls.

    One without a text, as at Python's own prompt, is not looked at: what it does when it is run says the rest.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return
    linecache.checkcache(code.co_filename)
    file = _parsed(code.co_filename, "".join(linecache.getlines(code.co_filename)))
    if file is None:
        return
    for node in file.definitions:
        if node.name == code.co_name and begins(node) == code.co_firstlineno:
            file.look(node, frozenset(parameters(node)))


@lru_cache(maxsize=4)
def _parsed(name: str, text: str) -> "_File | None":
    """None: it is no Python, for it has changed since it was loaded. One for all functions of a file."""
    try:
        tree = ast.parse(text, name)
    except SyntaxError:
        return None
    refuse_twice(name, tree)
    return _File(name, tree)


def refuse_twice(file: str, tree: ast.Module) -> None:
    """Of functions of one name Python keeps the last."""
    known: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_scenario(node):
            line = known.setdefault(node.name, node.lineno)
            if line != node.lineno:
                message = f"the function in line {line} is called '{node.name}' too, and would be lost"
                spot = Spot(file, node.lineno, node.col_offset + 1, node.col_offset + 1)
                raise not_traceable("AB140", spot, message, "Give each a name of its own.")


def _functions(node: ast.stmt | ast.Module, *, methods: bool) -> Iterable[Function]:
    """Those in a statement; without the `methods` of classes only those that are called by their names alone."""
    for inner in (statement for body in _bodies(node) for statement in body):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            yield inner
        if methods or not isinstance(inner, ast.ClassDef):
            yield from _functions(inner, methods=methods)


class _File:
    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name = name
        self.functions = {each.name: each for each in _functions(tree, methods=False)}
        self.definitions = [each for each in _functions(tree, methods=True) if isinstance(each, ast.FunctionDef)]
        self.outermost = frozenset(tree.body)
        """Statements that see no names of another function."""
        self._done: set[tuple[str, int, frozenset[str]]] = set()

    def look(self, function: Function, late: frozenset[str]) -> None:
        """`late`: which of its parameters are given what is late."""
        known = (function.name, function.lineno, late)
        if known in self._done:
            return
        self._done.add(known)
        try:
            _Lint(self, function, late).visit_all(function.body, ())
        except NotTraceable:
            self._done.remove(known)  # it is no better the next time
            raise


class _Lint:
    def __init__(self, file: _File, function: Function, late: frozenset[str]) -> None:
        self._file = file
        self._given = late
        self._late = set(late)
        """Names that may hold what is late: the user, and whatever was made of it."""
        outer = (each.names for each in ast.walk(function) if isinstance(each, ast.Global | ast.Nonlocal))
        self._bound = {*parameters(function), *(name for names in outer for name in names)}
        """What is bound by the statements so far."""
        self._repeats: list[ast.For] = []
        """Those that go on, the outermost first."""

    def visit_all(
        self, body: list[ast.stmt], behind: _Behind, *, in_block: bool = False, in_loop: bool = False
    ) -> None:
        """`in_loop`: what leaves or goes on with a loop stays within the innermost block."""
        for at, statement in enumerate(body):
            self._visit(statement, ((body[at + 1 :], True), *behind), in_block=in_block, in_loop=in_loop)
            self._bound.update(bound_in((statement,)))

    def _visit(self, node: ast.stmt, behind: _Behind, *, in_block: bool, in_loop: bool) -> None:
        leaves = isinstance(node, ast.Return) or (isinstance(node, ast.Break | ast.Continue) and not in_loop)
        if in_block and leaves:
            self._refuse("AB106", node)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if self._is_late(node.value):
                self._late |= {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
        if isinstance(node, ast.Try) and self._any_late(_expressions(node.body)):
            self._refuse("AB130", node)
        for expression in _own_expressions(node):
            self._look(expression)
        self._go_into(node, behind, in_block=in_block, in_loop=in_loop)

    def _go_into(self, node: ast.stmt, behind: _Behind, *, in_block: bool, in_loop: bool) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # Looked at where it is called.
            return
        if isinstance(node, ast.For):
            self._bound.update(bound_in((node.target,)))
        if opens_block(node):
            self._look_at_names(node, behind)
            if self._repeats and not surely_passes(node):
                self._look_at_values(node, self._repeats[0], behind)
            in_block, in_loop = True, False
        elif isinstance(node, ast.For | ast.While):
            in_loop, behind = True, (([node], False), *behind)
        repeats = [node] if isinstance(node, ast.For) and opens_block(node) else []
        self._repeats += repeats
        for body in _bodies(node):
            self.visit_all(body, behind, in_block=in_block, in_loop=in_loop)
        del self._repeats[len(self._repeats) - len(repeats) :]

    def _look_at_names(self, block: ast.stmt, behind: _Behind) -> None:
        """Those that were bound before: what the block makes of them is to be seen in its next pass, or behind it."""
        body: list[ast.stmt] = getattr(block, "body", [])
        for name in dict.fromkeys(bound_in(body)):
            root = root_of(name)
            if root not in self._bound or (root != name and root in self._given):
                continue
            read = reads(body, name) if isinstance(block, ast.For) else None
            read = read or _read_behind(name, behind)
            if read is not None:
                self._refuse_name(name, read)

    def _look_at_values(self, block: ast.stmt, repeat: ast.For, behind: _Behind) -> None:
        """
        Those that it binds to what a pass has made outside of it, in a block that not every pass comes by: behind it
        they would be made of the last pass, and Python keeps the last that came by.
        """
        body: list[ast.stmt] = getattr(block, "body", [])
        outside = set(bound_in(repeat.body)) - set(bound_in(body))
        late = self._late.union(name for name, value in made_in(repeat.body) if self._is_drawn(value))
        for name, value in made_in(body):
            used = _names_in(value)
            if name not in self._bound and used & outside & late and not self._is_drawn(value):
                read = _read_behind(name, behind)
                if read is not None:
                    self._refuse_name(name, read)

    def _is_drawn(self, value: ast.expr) -> bool:
        """Whether a step of its own makes it: an answer, a row, a random value."""
        if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
            return False
        return value.func.attr in ("random", "next") or root_of(ast.unparse(value.func)) in {
            "rand",
            "now",
            *self._given,
        }

    def _refuse_name(self, name: str, read: ast.expr) -> None:
        message = f"`{name}` is bound anew in a block, which is read once: here it would keep the value of that reading"
        word = _WORD.findall(name)[-1]
        remedy = f'Write:  {word} = u.var("{word}", ...)  before it, and in it  {word}.set(...)'
        raise not_traceable("AB121", spot_at(self._file.name, read), message, remedy)

    def _look(self, expression: ast.expr) -> None:
        for node in ast.walk(expression):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
                if self._any_late((node.left, *node.comparators)):
                    self._refuse("AB120", node)
            elif isinstance(node, ast.Call) and name_of(node.func) == "isinstance" and self._any_late(node.args[:1]):
                self._refuse("AB120", node)
            elif (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self._file.functions
            ):
                function = self._file.functions[node.func.id]
                self._file.look(function, self._late_parameters(node, function))

    def _late_parameters(self, call: ast.Call, function: Function) -> frozenset[str]:
        by_place = zip(parameters(function), call.args, strict=False)
        by_name = ((each.arg or "", each.value) for each in call.keywords)
        given = {name for name, value in (*by_place, *by_name) if self._is_late(value)}
        seen = set() if function in self._file.outermost else self._late
        # `if token is None` asks there whether anything was given.
        return frozenset(given.union(seen) - _optional(function))

    def _any_late(self, expressions: Iterable[ast.expr]) -> bool:
        return any(self._is_late(each) for each in expressions)

    def _is_late(self, expression: ast.expr) -> bool:
        return not self._late.isdisjoint(_names_in(expression))

    def _refuse(self, code: str, node: ast.stmt | ast.expr) -> None:
        raise not_traceable(code, spot_at(self._file.name, node))


@lru_cache(maxsize=10_000)
def _names_in(expression: ast.expr) -> frozenset[str]:
    """Kept, for each block around it asks again."""
    return frozenset(each.id for each in ast.walk(expression) if isinstance(each, ast.Name))


def _read_behind(name: str, behind: _Behind) -> ast.expr | None:
    """The expression behind a block that reads a name before it is sure to be bound again."""
    for statements, surely in behind:
        read = reads(statements, name)
        if read is not None or (surely and binds(statements, name)):
            return read
    return None


def _optional(function: Function) -> set[str]:
    """Parameters that are None unless they are given."""
    known = function.args
    by_place = zip(reversed((*known.posonlyargs, *known.args)), reversed(known.defaults), strict=False)
    by_name = zip(known.kwonlyargs, known.kw_defaults, strict=True)
    return {each.arg for each, told in (*by_place, *by_name) if isinstance(told, ast.Constant) and told.value is None}


def _bodies(node: ast.stmt | ast.Module) -> Iterable[list[ast.stmt]]:
    """The statements inside of a statement."""
    for words in ("body", "orelse", "finalbody"):
        statements = getattr(node, words, None)
        if isinstance(statements, list):
            yield statements
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body


def _own_expressions(node: ast.stmt) -> list[ast.expr]:
    """The expressions of a statement itself, without those of statements inside of it."""
    inner = [each.context_expr for each in getattr(node, "items", ()) if isinstance(each, ast.withitem)]
    guards = [each.guard for each in getattr(node, "cases", ()) if each.guard is not None]
    return [*(each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)), *inner, *guards]


def _expressions(body: list[ast.stmt]) -> list[ast.expr]:
    return [each for statement in body for each in ast.walk(statement) if isinstance(each, ast.expr)]
