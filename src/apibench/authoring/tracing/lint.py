"""What only the text of a scenario shows: jumps out of blocks, `is`, `isinstance` and `try` around requests."""

import ast
from collections.abc import Iterable
from pathlib import Path

from apibench.authoring.tracing.trouble import Spot, not_traceable

_BLOCKS = frozenset(("when", "otherwise", "repeat", "pick", "weight"))


def lint(path: Path) -> None:
    """Raises NotTraceable for the first such thing in the functions of a file that are scenarios."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(_is_scenario(each) for each in node.decorator_list):
            _Lint(str(path), {argument.arg for argument in node.args.args}).visit_all(node.body, in_block=False)


def _is_scenario(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return _name(called) == "scenario"


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Lint:
    def __init__(self, file: str, users: set[str]) -> None:
        self._file = file
        self._late = set(users)
        """Names that may hold what is late: the user, and whatever was made of it."""

    def visit_all(self, body: list[ast.stmt], *, in_block: bool) -> None:
        for statement in body:
            self._visit(statement, in_block=in_block)

    def _visit(self, node: ast.stmt, *, in_block: bool) -> None:
        if in_block and isinstance(node, ast.Return | ast.Break | ast.Continue):
            self._refuse("AB106", node)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if self._is_late(node.value):
                self._late |= {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
        if isinstance(node, ast.Try) and self._any_late(_expressions(node.body)):
            self._refuse("AB130", node)
        for expression in _own_expressions(node):
            self._look(expression)
        inner = in_block or _opens_block(node)
        for words in ("body", "orelse", "finalbody"):
            statements = getattr(node, words, None)
            if isinstance(statements, list):
                self.visit_all(statements, in_block=inner)
        for handler in getattr(node, "handlers", ()):
            self.visit_all(handler.body, in_block=inner)

    def _look(self, expression: ast.expr) -> None:
        for node in ast.walk(expression):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
                if self._any_late((node.left, *node.comparators)):
                    self._refuse("AB120", node)
            elif isinstance(node, ast.Call) and _name(node.func) == "isinstance" and self._any_late(node.args[:1]):
                self._refuse("AB120", node)

    def _any_late(self, expressions: Iterable[ast.expr]) -> bool:
        return any(self._is_late(each) for each in expressions)

    def _is_late(self, expression: ast.expr) -> bool:
        return any(isinstance(each, ast.Name) and each.id in self._late for each in ast.walk(expression))

    def _refuse(self, code: str, node: ast.stmt | ast.expr) -> None:
        one_line = node.end_lineno == node.lineno and node.end_col_offset is not None
        end = node.end_col_offset if one_line and node.end_col_offset is not None else node.col_offset
        raise not_traceable(code, Spot(self._file, node.lineno, node.col_offset + 1, end + 1))


def _opens_block(node: ast.stmt) -> bool:
    if isinstance(node, ast.With):
        return any(
            isinstance(each.context_expr, ast.Call) and _name(each.context_expr.func) in _BLOCKS for each in node.items
        )
    return isinstance(node, ast.For) and isinstance(node.iter, ast.Call) and _name(node.iter.func) in _BLOCKS


def _own_expressions(node: ast.stmt) -> list[ast.expr]:
    """The expressions of a statement itself, without those of statements inside of it."""
    return [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)] + [
        item.context_expr for item in getattr(node, "items", ()) if isinstance(item, ast.withitem)
    ]


def _expressions(body: list[ast.stmt]) -> list[ast.expr]:
    return [each for statement in body for each in ast.walk(statement) if isinstance(each, ast.expr)]
