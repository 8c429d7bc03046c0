"""Words of scenarios that are traced: in a user in Python, what they say is said in Python."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from apibench.authoring.python_user.text import Text
from apibench.authoring.tracing import generators, words
from apibench.authoring.tracing.rebinding import bound_in
from apibench.authoring.tracing.syntax import FUNCTIONS, parameters
from apibench.authoring.tracing.trouble import not_traceable, spot_at

_INSTEAD = {
    "check": 'u.check(page.json["count"] > 0, "some")',
    "think": 'await u.think("1s")',
    "pace": 'await u.think("1s")',
    "when": "if page.status == 409:",
    "otherwise": "else:",
    "repeat": "for _ in range(3):",
    "each": 'for item in page.json["items"]:',
    "pick": "if u.random.random() < 0.3:",
    "leave_loop": "break",
    "rand": "u.random.randint(1, 20)",
    "now": "time.time()",
}


def refuse_traced_words(text: Text, known: Mapping[str, Any]) -> None:
    """
    Raises NotTraceable where a text uses such a word. `known`: what the names of its file stand for.

    A word that is kept under another name is not found; it raises the same when it is used.
    """
    for statement in text.statements:
        own = {*bound_in(ast.walk(statement))}
        own.update(name for each in ast.walk(statement) if isinstance(each, FUNCTIONS) for name in parameters(each))
        for node in _used(statement):
            word = "" if node.id in own else _word(known.get(node.id))
            if word:
                message = f"`{word}` is a word of scenarios that are traced, and this is Python while the load runs"
                raise not_traceable("AB174", spot_at(text.file, node), message, f"Write:  {_INSTEAD[word]}")


def _used(statement: ast.stmt) -> Iterator[ast.Name]:
    """Names that are called, or of which something is."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            of = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            if isinstance(of, ast.Name):
                yield of


def _word(value: Any) -> str:
    """Which word something is; empty for what is none."""
    names = ((name, getattr(words, name, None) or getattr(generators, name, None)) for name in _INSTEAD)
    return next((name for name, each in names if each is value), "") if value is not None else ""
