"""
Names that a block binds anew. Its body is read once, so what it says of a name is what Python keeps: in every pass, and
behind the block, whether or not it was done.

A name is told by its text: `cursor`, or `state["cursor"]` of what a name holds.
"""

import ast
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache, lru_cache

from apibench.authoring.tracing.syntax import opens_block, parameters

_KEPT = 10_000
"""Of nodes what they bind is kept, for it is asked of each again by every block around it: a file of 1,000 lines."""
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class _Bound(Enum):
    FIRST = "bound before it is read"


_Use = ast.expr | _Bound | None
"""The expression that reads a name, that it is bound first, or that neither is sure to happen."""


def bound_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What these statements bind, by its text; not what belongs to functions and comprehensions in them."""
    for node in nodes:
        yield from _bound_by(node)


@lru_cache(maxsize=_KEPT)
def _bound_by(node: ast.AST) -> tuple[str, ...]:
    own: tuple[str, ...] = ()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        own = (node.name,)
    elif isinstance(node, ast.Name | ast.Subscript | ast.Attribute):
        own = (ast.unparse(node),) if isinstance(node.ctx, ast.Store) else ()
    elif isinstance(node, ast.alias):
        own = (node.asname or node.name.partition(".")[0],)
    elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name:
        own = (node.name,)
    inside = () if isinstance(node, (*_SCOPES, *_COMPREHENSIONS)) else ast.iter_child_nodes(node)
    return (*own, *(name for each in inside for name in _bound_by(each)))


def made_in(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """The names that statements bind to a value, each with that; not in functions and comprehensions in them."""
    for node in nodes:
        yield from _made_by(node)


@lru_cache(maxsize=_KEPT)
def _made_by(node: ast.AST) -> tuple[tuple[str, ast.expr], ...]:
    own: tuple[tuple[str, ast.expr], ...] = ()
    if isinstance(node, ast.Assign):
        own = tuple((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name) and node.value:
        own = ((node.target.id, node.value),)
    inside = () if isinstance(node, (*_SCOPES, *_COMPREHENSIONS)) else ast.iter_child_nodes(node)
    return (*own, *(made for each in inside for made in _made_by(each)))


@cache
def root_of(text: str) -> str:
    """The name that holds it: `state` of `state["cursor"]`."""
    node = ast.parse(text, mode="eval").body
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else text


def reads(nodes: Iterable[ast.AST], name: str) -> ast.expr | None:
    """The expression that reads a name before these statements are sure to have bound it."""
    use = _first_use(nodes, name)
    return None if isinstance(use, _Bound) else use


def binds(nodes: Iterable[ast.AST], name: str) -> bool:
    """Whether these statements are sure to bind a name before they read it."""
    return _first_use(nodes, name) is _Bound.FIRST


def _first_use(nodes: Iterable[ast.AST], name: str) -> _Use:
    """Of nodes that are carried out one behind the other."""
    return next((use for node in nodes if (use := _use(node, name)) is not None), None)


def _use(node: ast.AST, name: str) -> _Use:
    match node:
        case ast.Name(id=found):
            return _of_target(node) if found in (name, root_of(name)) else None
        case ast.Subscript() | ast.Attribute():
            return _use_of_part(node, name)
        case ast.Assign(targets=targets, value=value):
            return _first_use((value, *targets), name)
        case ast.AugAssign(target=target, value=value):
            return target if ast.unparse(target) == name else _first_use((value, target), name)
        case ast.AnnAssign(target=target, value=written):
            return _first_use((written, target), name) if written is not None else None
        case ast.NamedExpr(target=target, value=value):
            return _first_use((value, target), name)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            return _use_of_function(node, name)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return _use_of_comprehension(node, name)
        case ast.MatchAs(pattern=pattern, name=found):
            inner = _first_use((pattern,), name) if pattern is not None else None
            return inner or (_Bound.FIRST if found == name else None)
        case ast.alias():
            return _Bound.FIRST if name in bound_in((node,)) else None
        case _:
            return _use_of_compound(node, name)


def _use_of_compound(node: ast.AST, name: str) -> _Use:
    """Of a statement that holds others, or of what has no order of its own."""
    match node:
        case ast.For(iter=items, target=target, body=body, orelse=orelse):
            return _first_use((items,), name) or _perhaps((target, *body), name) or _perhaps(orelse, name)
        case ast.While(test=test, body=body, orelse=orelse):
            return _first_use((test,), name) or _perhaps(body, name) or _perhaps(orelse, name)
        case ast.If(test=test, body=body, orelse=orelse):
            return _first_use((test,), name) or _one_of((body, orelse), name)
        case ast.Match(subject=subject, cases=cases):
            return _first_use((subject,), name) or _one_of(((each,) for each in cases), name, perhaps=True)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=last):
            perhaps = _perhaps((*body, *orelse), name) or _one_of(((each,) for each in handlers), name, perhaps=True)
            return perhaps or _first_use(last, name)
        case ast.With(items=items, body=body):
            return _first_use(items, name) or (_perhaps(body, name) if opens_block(node) else _first_use(body, name))
        case _:
            return _first_use(ast.iter_child_nodes(node), name)


def _of_target(node: ast.Name | ast.Subscript | ast.Attribute) -> _Use:
    return node if isinstance(node.ctx, ast.Load) else _Bound.FIRST


def _use_of_part(node: ast.Subscript | ast.Attribute, name: str) -> _Use:
    if ast.unparse(node) == name:
        return _of_target(node)
    if isinstance(node, ast.Attribute) and name.startswith(f"{ast.unparse(node.value)}["):
        # `state.items()` sees all that it holds.
        return _of_target(node)
    if isinstance(node.value, ast.Name) and node.value.id != name:
        # Another part of what the same name holds.
        return _use(node.slice, name) if isinstance(node, ast.Subscript) else None
    return _first_use(ast.iter_child_nodes(node), name)


def _use_of_function(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> _Use:
    """It may be called from where it stands on, and see what is outside of it."""
    known = node.args
    defaults = [each for each in (*known.defaults, *known.kw_defaults) if each is not None]
    outside = _first_use(defaults, name)
    if outside is None and root_of(name) not in parameters(node):
        outside = _perhaps(node.body if isinstance(node.body, list) else (node.body,), name)
    if outside is None and not isinstance(node, ast.Lambda) and node.name == name:
        return _Bound.FIRST
    return outside


def _use_of_comprehension(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, name: str) -> _Use:
    own = {found for each in node.generators for found in bound_in((each.target,))}
    outer = _first_use((each.iter for each in node.generators), name)
    if outer is not None or root_of(name) in own:
        return outer
    written = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
    return _first_use((*(test for each in node.generators for test in each.ifs), *written), name)


def _perhaps(nodes: Iterable[ast.AST], name: str) -> _Use:
    """Of what may be left out: it is not sure to bind anything."""
    return reads(nodes, name)


def _one_of(ways: Iterable[Iterable[ast.AST]], name: str, *, perhaps: bool = False) -> _Use:
    """Of ways that exclude one another; `perhaps`: none of them may be gone."""
    uses = [_first_use(way, name) for way in ways]
    read = next((use for use in uses if isinstance(use, ast.expr)), None)
    bound = not perhaps and uses and all(use is _Bound.FIRST for use in uses)
    return read or (_Bound.FIRST if bound else None)
