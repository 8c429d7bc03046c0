"""
The text of a function that takes a user, and of the functions of its file that it leads to: where the user is asked for
something. Nothing of it is run.

A user is known by its name: the function's first parameter, the parameters that it is handed on to, and the attributes
that keep it. What only a text leads to, like `getattr(module, name)`, is not found.
"""

import ast
import inspect
import linecache
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from apibench.authoring.tracing.lint import refuse_twice
from apibench.authoring.tracing.rebinding import bound_in
from apibench.authoring.tracing.syntax import FUNCTIONS, Function, begins, is_of_scenario, name_of, parameters
from apibench.authoring.tracing.trouble import Spot, not_traceable, spot_at

Place = tuple[int, int, int, int]
"""Line and end line from 1, column and end column from 0, in bytes of UTF-8: as code objects have it."""
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Asked:
    """A place at which a user is asked for something."""

    file: str
    """As its code is called."""
    word: str
    """For what: `get`, `check`."""
    node: ast.Call | ast.Attribute
    """The call; or the word alone, where it is handed on."""
    within: ast.AST
    """What the node is a part of."""

    @property
    def place(self) -> Place:
        """Of the node."""
        return place_of(self.node)

    def spot(self, part: ast.expr | None = None) -> Spot:
        """Of the node, or of a part of it."""
        return spot_at(self.file, self.node if part is None else part)


def place_of(node: ast.expr) -> Place:
    """Where it stands."""
    return node.lineno, node.end_lineno or node.lineno, node.col_offset, node.end_col_offset or node.col_offset


def text_of(function: Callable[..., object]) -> "Text":
    """
    The text of a function that takes a user first.

    Raises NotTraceable where there is none.
    """
    code = inspect.unwrap(function).__code__
    spot = Spot(code.co_filename, code.co_firstlineno, 1, 1)
    if all(column is None for *_, column, _ in code.co_positions()):
        message = "this Python keeps no columns of code, and requests are told apart by where they stand"
        remedy = "Start it without -X no_debug_ranges, and unset PYTHONNODEBUGRANGES."
        raise not_traceable("AB173", spot, message, remedy)
    linecache.checkcache(code.co_filename)
    file = _parsed(code.co_filename, "".join(linecache.getlines(code.co_filename)))
    for each in () if file is None else file.functions:
        if file is not None and each.name == code.co_name and begins(each) == code.co_firstlineno:
            return Text(file, each)
    message = f"the text of `{code.co_name}` can't be read, or has changed since it was loaded"
    raise not_traceable("AB173", spot, message, "Write it into a file, and load that again.")


@lru_cache(maxsize=4)
def _parsed(name: str, text: str) -> "_File | None":
    """None: it is no Python any more."""
    try:
        tree = ast.parse(text, name)
    except SyntaxError:
        return None
    refuse_twice(name, tree)
    return _File(name, tree)


class Text:
    """Of a function, and of all of its file that it leads to."""

    def __init__(self, file: "_File", function: Function) -> None:
        self.file = file.name
        """As its code is called."""
        self.statements = file.reached(function)
        """The outermost ones."""
        self._user = parameters(function)[:1]
        self._of = file

    def asked(self, words: frozenset[str]) -> list[Asked]:
        """Where the user is asked for one of these words, in the order of the text."""
        names, kept = frozenset(self._user), frozenset[str]()
        while True:
            look = _Look(self.file, names, kept, words)
            for statement in self.statements:
                look.at(statement, frozenset(), statement)
            before = names, kept
            names, kept = names.union(*(self._of.takers(each) for each in look.handed)), kept | look.kept
            if (names, kept) == before:
                return sorted(look.found, key=lambda each: each.place)


class _File:
    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name = name
        self.functions = [each for each in ast.walk(tree) if isinstance(each, FUNCTIONS)]
        self._statements = [(each, frozenset(bound_in([each]))) for each in tree.body]
        """The outermost ones, each with the names that it binds."""
        classes = (each for each in ast.walk(tree) if isinstance(each, ast.ClassDef))
        self._class_of = {id(each): of.name for of in classes for each in of.body}

    def reached(self, function: Function) -> list[ast.stmt]:
        """Its outermost statement, and those that bind a name that reached ones have."""
        reached = [each for each, _ in self._statements if any(inner is function for inner in ast.walk(each))]
        known = set(reached)
        for each in reached:
            named = set(_names_in(each))
            others = [other for other, bound in self._statements if other not in known and not named.isdisjoint(bound)]
            reached += others
            known.update(others)
        return reached

    def takers(self, handed: "_Handed") -> Iterator[str]:
        """The names of the parameters that are given a user."""
        for function in self.functions:
            of_class = self._class_of.get(id(function))
            if handed.to == function.name or (handed.to == of_class and function.name == "__init__"):
                is_bound = of_class is not None and "staticmethod" not in map(name_of, function.decorator_list)
                takes = parameters(function)[is_bound:]
                yield from (takes[at] for at in handed.places if at < len(takes))
                yield from handed.names.intersection(takes)


@dataclass(frozen=True, slots=True)
class _Handed:
    """A call that is given the user."""

    to: str
    places: tuple[int, ...]
    names: frozenset[str]


class _Look:
    """One reading of statements, in which the user has some names."""

    def __init__(self, file: str, names: frozenset[str], kept: frozenset[str], words: frozenset[str]) -> None:
        """`names`: of parameters that are the user; `kept`: of attributes."""
        self._file = file
        self._names = names
        self._kept = kept
        self._words = words
        self.found: list[Asked] = []
        self.handed: list[_Handed] = []
        self.kept: set[str] = set()
        """Attributes that the user is kept under."""

    def at(self, node: ast.AST, known: frozenset[str], within: ast.AST) -> None:
        """`known`: the names that are the user's here. `within`: what the node is a part of."""
        if isinstance(node, ast.Attribute) and node.attr in self._words and self._is_user(node.value, known):
            is_call = isinstance(within, ast.Call) and within.func is node
            if isinstance(node.ctx, ast.Load) and not is_call:
                self.found.append(Asked(self._file, node.attr, node, within))
        if isinstance(node, ast.Call):
            self._at_call(node, known, within)
        elif isinstance(node, ast.Assign) and self._is_user(node.value, known):
            self.kept.update(each.attr for each in node.targets if isinstance(each, ast.Attribute))
        for inner in ast.iter_child_nodes(node):
            self.at(inner, self._known_in(node, inner, known), node)

    def _at_call(self, node: ast.Call, known: frozenset[str], within: ast.AST) -> None:
        word = node.func
        if isinstance(word, ast.Attribute) and word.attr in self._words and self._is_user(word.value, known):
            self.found.append(Asked(self._file, word.attr, node, within))
        places = tuple(at for at, value in enumerate(node.args) if self._is_user(value, known))
        names = frozenset(each.arg for each in node.keywords if each.arg and self._is_user(each.value, known))
        if places or names:
            self.handed.append(_Handed(name_of(node.func), places, names))

    def _is_user(self, node: ast.expr, known: frozenset[str]) -> bool:
        if isinstance(node, ast.Attribute):
            return node.attr in self._kept
        return isinstance(node, ast.Name) and node.id in known

    def _known_in(self, node: ast.AST, inner: ast.AST, known: frozenset[str]) -> frozenset[str]:
        """Which names are the user's in a part of a node."""
        if isinstance(node, _COMPREHENSIONS):
            return known.difference(bound_in(each.target for each in node.generators))
        if isinstance(node, ast.Lambda) and inner is node.body:
            body: list[ast.AST] = [inner]
        elif isinstance(node, FUNCTIONS) and inner in node.body:
            body = [*node.body]
        else:
            return known
        takes = parameters(node)
        return known.difference(bound_in(body), takes) | self._names.intersection(takes)


def _names_in(node: ast.AST) -> Iterator[str]:
    """The names in a statement, but those beside the functions of scenarios: what these follow they do not call."""
    if isinstance(node, ast.Name):
        yield node.id
    for inner in ast.iter_child_nodes(node):
        if not (isinstance(node, FUNCTIONS) and inner in node.decorator_list and is_of_scenario(inner)):
            yield from _names_in(inner)
