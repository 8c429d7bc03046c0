"""Imported files, loaded as `apibench run` loads them."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.importing.importer import Imported, import_source
from apibench.authoring.tracing.python_file import read_python

Import = Callable[..., Imported]
Load = Callable[[Imported], dict[str, Any]]
EXPECTED = (
    *(ast.Module, ast.ImportFrom, ast.alias, ast.FunctionDef, ast.arguments, ast.arg, ast.Expr, ast.Assign, ast.Pass),
    *(ast.With, ast.withitem, ast.For, ast.Call, ast.keyword, ast.Name, ast.Attribute, ast.Subscript, ast.Constant),
    *(ast.Dict, ast.List, ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.Compare, ast.UnaryOp, ast.expr_context),
    *(ast.operator, ast.cmpop, ast.unaryop),
)
CALLED = frozenset(
    (
        *("scenario", "status", "think", "between", "pace", "pick", "repeat", "when", "otherwise", "check", "ramp"),
        *("hold", "quote", "each", "leave_loop", "group"),
    )
)
METHODS = frozenset(
    (
        *("get", "head", "post", "put", "patch", "delete", "options", "request", "weight", "int", "choice", "text"),
        *("uuid", "urlquote", "random", "length", "lower", "upper", "strip", "replace", "contains", "startswith"),
        *("endswith", "is_null", "between", "slice", "base64", "number", "end"),
    )
)
MODULES = {"os": {"environ"}, "urllib.parse": {"quote"}}


def check_nodes(text: str) -> None:
    """Whatever stood in the input: the file has nothing in it but the words of a scenario."""
    for node in ast.walk(ast.parse(text)):
        assert isinstance(node, EXPECTED), ast.dump(node)
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name):
                assert function.id in CALLED, ast.dump(function)
            else:
                assert isinstance(function, ast.Attribute)
                assert function.attr in METHODS, ast.dump(function)
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_")
        elif isinstance(node, ast.ImportFrom) and node.module != "apibench":
            assert {each.name for each in node.names} <= MODULES[node.module or ""]


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Import texts, as files of a kind."""

    def run(kind: str, text: str, second: str | None = None, name: str = "shop.txt") -> Imported:
        (tmp_path / name).write_text(text, encoding="utf-8")
        if second is not None:
            (tmp_path / f"second_{name}").write_text(second, encoding="utf-8")
        found = import_source(kind, str(tmp_path / name), None if second is None else str(tmp_path / f"second_{name}"))
        check_nodes(found.text)
        return found

    return run


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """The plan that an imported file becomes."""

    def run(found: Imported) -> dict[str, Any]:
        for name in found.variables:
            monkeypatch.setenv(name, name)
        (tmp_path / "imported.py").write_text(found.text, encoding="utf-8")
        return read_python(str(tmp_path / "imported.py")).document()

    return run
