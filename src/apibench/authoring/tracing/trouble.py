"""Where in a scenario something was written; the refusal of what cannot be traced, with its place and its remedy."""

import ast
import contextlib
import linecache
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from apibench.authoring.file_names import as_seen
from apibench.authoring.tracing.codes import CODES
from apibench.model.errors import NotTraceable

_OURS = (str(Path(__file__).parent), str(Path(__file__).parents[1] / "python_user"), contextlib.__file__)
"""Whose frames are between the user's code and what looks for it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file of Python. Lines and columns from 1."""

    file: str
    line: int
    column: int
    end_column: int
    """Behind it, in the same line; equal to `column` where that is not known."""

    def document(self) -> dict[str, str | int]:
        """As a step of a plan tells it."""
        return {"file": self.file, "line": self.line, "column": self.column}


@lru_cache(maxsize=64)
def _positions(code: CodeType) -> tuple[tuple[int | None, int | None, int | None, int | None], ...]:
    """Of each instruction: line, end line, column and end column. A scenario's code is asked at each of its words."""
    return tuple(code.co_positions())


def spot_of(source: dict[str, Any]) -> Spot:
    """The place that a step tells."""
    return Spot(source["file"], source["line"], source["column"], source["column"])


def spot_at(file: str, node: ast.stmt | ast.expr) -> Spot:
    """Where something stands in the text of a file."""
    end = node.end_col_offset if node.end_lineno == node.lineno else None
    return Spot(file, node.lineno, node.col_offset + 1, (node.col_offset if end is None else end) + 1)


def here() -> Spot:
    """What is being run of the user's code."""
    frame = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe is the same, and may be None
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    positions = _positions(frame.f_code)
    line, end_line, column, end_column = positions[frame.f_lasti // 2] if frame.f_lasti >= 0 else (None,) * 4
    line = line or frame.f_lineno
    column = 0 if column is None else column
    one_line = end_line == line and end_column is not None
    return Spot(frame.f_code.co_filename, line, column + 1, (end_column if one_line and end_column else column) + 1)


def names_of_ours() -> list[str]:
    """The names of those functions of ours that the user's code has called, and they one another; the first is last."""
    frame, names = sys._getframe(1), []  # noqa: SLF001 - as above
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


def not_traceable(code: str, spot: Spot, message: str = "", remedy: str = "") -> NotTraceable:
    """What is raised of a code; `message` and `remedy`: what is said instead of the table's own."""
    told = CODES[code]
    message, remedy = message or told.title, remedy or f"Write:  {told.right.replace(chr(10), chr(10) + ' ' * 10)}"
    return NotTraceable(code, message, remedy, line=spot.line, shown=_shown(code, spot, message, remedy))


def _shown(code: str, spot: Spot, message: str, remedy: str) -> str:
    """With the lines around it, as compilers show them."""
    lines = [f"error[{code}]: {message}", f"  --> {as_seen(spot.file)}:{spot.line}:{spot.column}"]
    width = len(str(spot.line))
    lines.append(f"{'':>{width}} |")
    for number in (spot.line - 1, spot.line):
        text = linecache.getline(spot.file, number).rstrip() if number else ""
        if text:
            lines.append(f"{number:>{width}} | {text}")
    if spot.end_column > spot.column:
        marks = "^" * (spot.end_column - spot.column)
        lines.append(f"{'':>{width}} | {'':>{spot.column - 1}}{marks}")
    lines.append(f"{'':>{width}} = {remedy}")
    lines.append(f"{'':>{width}} = more: apibench explain {code}")
    return "\n".join(lines)
