"""What the words of scenarios look like in the text of a file."""

import ast

_BLOCKS = frozenset(("when", "otherwise", "repeat", "each", "pick", "weight"))
_SCENARIOS = ("scenario", "python_user")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(node: ast.expr) -> str:
    """The last name of what is called or decorates: `weight` of `p.weight`."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def opens_block(node: ast.AST) -> bool:
    """Whether a statement's body is read once, and is carried out as often as the load comes by."""
    if isinstance(node, ast.With):
        return any(_is_block(each.context_expr) for each in node.items)
    return isinstance(node, ast.For) and _is_block(node.iter)


def surely_passes(node: ast.AST) -> bool:
    """Whether a block is a `repeat` of which it is known that it has a pass."""
    times = node.iter if isinstance(node, ast.For) else None
    # Of `repeat(3)`, and of `repeat(between(1, 3))`.
    while isinstance(times, ast.Call) and name_of(times.func) in ("repeat", "between") and times.args:
        times = times.args[0]
    return isinstance(times, ast.Constant) and isinstance(times.value, int) and times.value > 0


def is_scenario(node: ast.AST) -> bool:
    """Whether it is a function under `@scenario` or `@python_user`."""
    return isinstance(node, FUNCTIONS) and any(is_of_scenario(each) for each in node.decorator_list)


def is_of_scenario(decorator: ast.AST) -> bool:
    """Whether a decorator is one of these."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.expr) and name_of(called) in _SCENARIOS


def begins(node: Function) -> int:
    """Its first line, as code objects count: that of its first decorator."""
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def parameters(node: Function | ast.Lambda) -> list[str]:
    """The names of its parameters, as they are written."""
    known = node.args
    written = (*known.posonlyargs, *known.args, known.vararg, *known.kwonlyargs, known.kwarg)
    return [each.arg for each in written if each is not None]


def _is_block(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Call) and name_of(expression.func) in _BLOCKS
