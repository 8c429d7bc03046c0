"""
Writes docs/reference.md, out of the docstrings of the public names, to standard output: `make reference`.

A name that the package gets is on the page without anything being done here; TITLES only orders the sections.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Iterable, Iterator
from enum import Enum
from importlib import import_module
from itertools import pairwise

import apibench

TITLES = {
    "authoring.tracing.scenario": "Scenarios",
    "authoring.python_user.scenario": "Whole users in Python",
    "authoring.python_user.user": "What users in Python have",
    "authoring.python_user.response": "Where no answer comes",
    "authoring.tracing.user": "Virtual users and answers",
    "authoring.tracing.words": "Blocks, checks and pauses",
    "authoring.tracing.generators": "Random values, the time of day, counters",
    "authoring.tracing.late": "Late values",
    "authoring.tracing.signing": "Digests, signatures and secrets",
    "authoring.tracing.data": "Files of data",
    "authoring.tracing.loads": "Loads",
    "authoring.tracing.shapes": "Loads that follow a function",
    "assembly.python_run": "Runs",
    "report.run_result": "Results",
    "model.errors": "Errors",
}
HOLDERS = {
    "Scenario": "shopper",
    "User": "u",
    "PythonUser": "u",
    "Response": "r",
    "Late": "x",
    "Variable": "v",
    "DataFile": "users",
    "Row": "me",
    "Picking": "p",
    "Result": "result",
}
"""What something is called that is one of these, in examples."""
FIRST = ("scenario", "User", "Late", "run")
"""What comes before the rest of its section."""
OURS = {
    *(("Scenario", name) for name in ("steps", "once", "traced", "defaults")),
    ("Response", "take"),
    ("DataFile", "fed"),
    ("PythonUser", "begin"),
}
"""Public only to the rest of the package."""
HIDDEN = {"AnyScenario"}
"""What is derived from these is all that a reader need know."""
INTRODUCTION = """# Reference

Every name of the package `apibench`, as its docstrings have it; `make reference` writes this page. What scenarios are
is told in [scenarios.md](scenarios.md), runs from Python in [python.md](python.md), files of data in
[data.md](data.md), and what is refused, by its code, in [codes.md](codes.md).
"""
WIDTH = 100
_SECTIONS = ("Args:", "Returns:", "Raises:")


def page() -> str:
    """The whole page."""
    known = apibench._WORDS
    ordered = [*(each for each in TITLES if each in known), *(each for each in known if each not in TITLES)]
    return INTRODUCTION + "".join(_section(module, known[module]) for module in ordered)


def _section(module: str, words: tuple[str, ...]) -> str:
    title = TITLES.get(module, module.rpartition(".")[2].replace("_", " ").capitalize())
    found = {name: getattr(import_module(f"apibench.{module}"), name) for name in words}
    names = sorted(found, key=lambda name: (name not in FIRST, not name[0].islower()))
    entries = [_entry(name, found[name]) for name in names]
    more = [_entry(kind.__name__, kind) for kind in _returned(found.values())]
    return f"\n## {title}\n" + "".join((*entries, *more))


def _entry(name: str, found: object) -> str:
    if inspect.isfunction(found):
        return f"\n### `{name}`\n\n{_signature(name, found)}\n{_prose(found)}"
    kind = found if isinstance(found, type) else type(found)
    holder = name if kind is not found else HOLDERS.get(name, name)
    brief, long = [], []
    for member, value in _members(kind):
        told, called = _prose(value), f"{holder}.{member}"
        if isinstance(vars(kind).get(member), classmethod):
            called = f"{name}.{member}"
        if not inspect.isfunction(value):
            brief.append(f"- `{called}`: {_kind(value)}{_line(told)}\n")
        elif "\n\n" in told:
            long.append(f"\n#### `{holder}[]`\n" if member == "__getitem__" else f"\n#### `{called}`\n")
            long.append(f"\n{_signature(_asked(holder, value) or called, value)}\n{told}")
        else:
            brief.append(f"- `{_call(_asked(holder, value) or called, value)}`: {_line(told)}\n")
    known = [each.__name__ for each in kind.__bases__ if each.__module__.startswith("apibench.") ]
    known = [each for each in known if each not in HIDDEN]
    also = [f"\nIt has also what {' and '.join(f'`{each}`' for each in known)} has.\n"] if known else []
    return "".join((f"\n### `{name}`\n\n{_prose(kind)}", *also, *(["\n", *brief] if brief else []), *long))


def _asked(holder: str, function: typing.Any) -> str:
    """How an item is asked for: `result[step]`; empty for all other functions."""
    if function.__name__ != "__getitem__":
        return ""
    return f"{holder}[{', '.join(list(inspect.signature(function).parameters)[1:])}]"


def _members(kind: type) -> Iterator[tuple[str, typing.Any]]:
    """What may be asked of one: fields, properties and methods, but not what belongs to all that it is derived from."""
    is_public = kind.__name__ in apibench.__all__
    for field, (annotation, text) in _fields(kind).items():
        yield field, _Field(annotation, text)
    for name, value in _own(kind).items():
        plain = value.__func__ if isinstance(value, classmethod) else value
        known = isinstance(plain, property | functools.cached_property) or inspect.isfunction(plain)
        hidden = name.startswith("_") if name != "__getitem__" else not plain.__doc__
        makes = isinstance(value, classmethod) and not is_public
        if known and not hidden and not makes and (kind.__name__, name) not in OURS:
            yield name, plain


def _own(kind: type) -> dict[str, typing.Any]:
    """What it has by itself, and by classes of ours that are nobody else's to know."""
    hidden = (each for each in kind.__bases__ if each.__name__ in HIDDEN)
    return {name: value for each in (kind, *hidden) for name, value in vars(each).items()}


class _Field:
    def __init__(self, annotation: str, text: str) -> None:
        self.annotation, self.__doc__ = annotation, text


def _fields(kind: type) -> dict[str, tuple[str, str]]:
    """Those of a class that have a text right below them."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body
    found = {}
    for before, after in pairwise(body):
        has_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(before, ast.AnnAssign) and has_text and not before.target.id.startswith("_"):
            annotation = re.sub(r"^ClassVar\[(.*)\]$", r"\1", ast.unparse(before.annotation).strip("'\""))
            found[before.target.id] = annotation, after.value.value
    return found


def _returned(found: Iterable[object]) -> list[type]:
    """Classes that are not public by name, and come out of members and blocks of those that are, and of one another."""
    waiting = [each if isinstance(each, type) or inspect.isfunction(each) else type(each) for each in found]
    known: list[type] = []
    while waiting:
        each = waiting.pop(0)
        values = [value for _, value in _members(each)] if isinstance(each, type) else [each]
        for value in (one for one in values if not isinstance(one, _Field)):
            for kind in _classes(_returns(value), is_member=isinstance(each, type)):
                ours = kind.__module__.startswith("apibench.") and kind.__module__ != "apibench._engine"
                if ours and kind.__name__ not in apibench.__all__ and kind not in known and any(_members(kind)):
                    known.append(kind)
                    waiting.append(kind)
    return known


def _returns(value: typing.Any) -> typing.Any:
    function = value.fget if isinstance(value, property) else getattr(value, "func", value)
    return inspect.signature(function).return_annotation


def _classes(annotation: typing.Any, *, is_member: bool) -> Iterator[type]:
    """Those that it names. What a word makes is only for other words, but for what it goes through or opens."""
    inside = typing.get_args(annotation)
    if is_member and isinstance(annotation, type) and not inside and not issubclass(annotation, Enum):
        yield annotation
    for inner in inside:
        yield from _classes(inner, is_member=is_member or typing.get_origin(annotation) is Iterator)


def _kind(value: typing.Any) -> str:
    annotation = value.annotation if isinstance(value, _Field) else _returns(value)
    return "" if annotation is inspect.Signature.empty else f"`{_annotation(annotation)}`. "


def _signature(name: str, function: typing.Any) -> str:
    return f"```text\n{_call(name, function)}\n```\n"


def _call(name: str, function: typing.Any) -> str:
    """As it is called: one argument a line where they are many."""
    parameters = [each for each in inspect.signature(function).parameters.values() if each.name not in ("self", "cls")]
    written, named_only = [], False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not named_only:
            named_only = True
            written.append("*")
        written.append(_parameter(each))
    returns = inspect.signature(function).return_annotation
    behind = "" if returns in (inspect.Signature.empty, None) or _is_block(function) else f" -> {_annotation(returns)}"
    begin = f"with {name}" if _is_block(function) else name
    line = f"{begin}({', '.join(written)}){behind}"
    if function.__name__ == "__getitem__":
        return f"{name}{behind}"
    if len(line) <= WIDTH:
        return line
    return f"{begin}(\n" + "".join(f"    {each},\n" for each in written) + f"){behind}"


def _is_block(function: typing.Any) -> bool:
    """Whether it is written behind `with`."""
    while hasattr(function, "__wrapped__"):
        if function.__code__.co_filename == contextlib.__file__:
            return True
        function = function.__wrapped__
    return False


def _parameter(each: inspect.Parameter) -> str:
    stars = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
    kind = "" if each.annotation is each.empty or each.kind is each.VAR_KEYWORD else f": {_annotation(each.annotation)}"
    if each.default is each.empty:
        return f"{stars}{each.name}{kind}"
    default = f'"{each.default}"' if isinstance(each.default, str) else repr(each.default)
    return f"{each.name}{kind} = {default}"


def _annotation(annotation: object) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    short = re.sub(r"\b(?:\w+\.)+(?=\w)", "", text).replace("'", '"').replace("~", "")
    return re.sub(r"^Optional\[(.*)\]$", r"\1 | None", short)


def _line(told: str) -> str:
    return " ".join(told.split())


def _prose(found: typing.Any) -> str:
    """A docstring as Markdown: paragraphs, its arguments as a table, its examples as code."""
    lines = inspect.cleandoc(found.__doc__ or "").splitlines()
    blocks: list[str] = []
    while lines:
        line = lines.pop(0)
        if not line.strip():
            continue
        taken = [line]
        if line in _SECTIONS:
            while lines and (not lines[0] or lines[0].startswith("    ")):
                taken.append(lines.pop(0))
            blocks.append(_table(line, taken[1:]))
        elif line.startswith("    "):
            while lines and (not lines[0] or lines[0].startswith("    ")):
                taken.append(lines.pop(0))
            code = textwrap.dedent("\n".join(taken)).strip()
            blocks.append(f"```python\n{code}\n```")
        else:
            while lines and lines[0].strip() and not lines[0].startswith("    "):
                taken.append(lines.pop(0))
            blocks.append("\n".join(taken))
    return "\n\n".join(blocks) + "\n"


def _table(section: str, lines: list[str]) -> str:
    """What stands below `Args:`, a row each."""
    rows: list[list[str]] = []
    for line in textwrap.dedent("\n".join(lines)).splitlines():
        name, colon, text = line.partition(":")
        if line and not line.startswith(" ") and (colon or section == "Returns:"):
            rows.append([name.strip(), text.strip()] if section != "Returns:" else ["", line])
        elif line.strip():
            rows[-1][1] += f" {line.strip()}"
    if section == "Returns:":
        return f"Returns: {' '.join(text for _, text in rows)}"
    word = {"Args:": "argument", "Raises:": "raises"}[section]
    told = [f"| {', '.join(f'`{each.strip()}`' for each in name.split(','))} | {_cell(text)} |" for name, text in rows]
    return "\n".join((f"| {word} | |", "|---|---|", *told))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
