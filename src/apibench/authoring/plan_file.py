"""
A plan from a file: JSON, YAML 1.2 or TOML, told apart by the name's ending.

A file may come from a stranger (a pull request, an upload), so its size, its depth and what its YAML
aliases unfold to are bounded before anything walks it.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from apibench.authoring.marks import Locate, json_marks, yaml_marks
from apibench.authoring.plan_languages import LANGUAGES
from apibench.authoring.plan_words import read_words
from apibench.model import validation
from apibench.model.errors import PlanInvalid, PlanUnreadable
from apibench.model.fault import Fault, place_text
from apibench.model.plan import Plan

MAX_BYTES = 16 * 1024 * 1024
MAX_YAML_BYTES = 512 * 1024
"""YAML is read by Python code, at some 70 kB/s: more would look like a hang. JSON has no such limit."""
_MEND = "Mend the syntax."


@dataclass(frozen=True, slots=True)
class _Document:
    value: Any
    locate: Locate | None
    """`None` where the format tells no places (TOML)."""


def read_plan(path: Path) -> Plan:
    """
    Read and validate a plan file.

    Raises:
        PlanUnreadable: no such file, too large, not UTF-8, or bad syntax.
        PlanInvalid: with all faults; those of YAML and JSON with line and column.
    """
    language = LANGUAGES.get(path.suffix.lower())
    if language is None:
        raise PlanUnreadable(f"{path} has no ending of a plan", "Call it .json, .yaml or .toml.")
    limit = MAX_YAML_BYTES if language == "yaml" else MAX_BYTES
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise PlanUnreadable(f"{path} can't be read: {error.strerror or error}", "Check name and rights.") from error
    if len(content) > limit:
        raise PlanUnreadable(f"{path} is larger than {limit:,} bytes", "Split it, or write it as JSON.")
    return parse_plan_text(content, language, str(path))


def parse_plan_text(content: bytes, language: str, file: str | None = None) -> Plan:
    """The same from bytes in hand; `language` is `json`, `yaml` or `toml`, `file` is for messages only."""
    name = file or "the plan"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanUnreadable(f"{name} is not UTF-8 (byte {error.start})", "Save it as UTF-8.") from error
    document = {"json": _json, "yaml": _yaml, "toml": _toml}[language](text, name)
    return _plan(document, file)


def parse_plan_document(value: object) -> Plan:
    """The same from objects in hand (a request body, a test): file words allowed, faults without lines."""
    return _plan(_Document(value, None), None)


def _plan(document: _Document, file: str | None) -> Plan:
    # First, because reading the words walks the document recursively.
    excess = validation.too_much(document.value)
    if excess is not None:
        raise PlanInvalid([excess.at(file, None, None)])
    words = read_words(document.value)
    _place_feeders(words.document, file)
    faults = list(words.faults)
    plan, found = validation.validated(words.document)
    for fault in found:
        if not words.tells(fault.path):
            path = words.as_written(fault.path)
            faults.append(Fault(fault.code, place_text(path), fault.message, fault.remedy, path=path))
    if plan is not None and not faults:
        return plan
    located = [_located(fault, document.locate, file) for fault in faults]
    raise PlanInvalid(sorted(located, key=lambda fault: (fault.line or 0, fault.column or 0)))


def _place_feeders(document: Any, file: str | None) -> None:
    """Files of rows are named as seen from the plan's own file."""
    feeders = document.get("feeders") if isinstance(document, dict) and file is not None else None
    for feeder in feeders.values() if isinstance(feeders, dict) else ():
        if isinstance(feeder, dict) and isinstance(feeder.get("path"), str) and feeder["path"]:
            feeder["path"] = str(Path(file or "").parent / feeder["path"])


def _located(fault: Fault, locate: Locate | None, file: str | None) -> Fault:
    line, column = locate(fault.path) if locate is not None else (None, None)
    return fault.at(file, line, column)


def _json(text: str, name: str) -> _Document:
    try:
        value = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise PlanUnreadable(f"{name}:{error.lineno}:{error.colno}: {error.msg}", _MEND) from error
    except (ValueError, RecursionError) as error:
        raise PlanUnreadable(f"{name} is no JSON we read: {error}", _MEND) from error
    marks: list[Locate] = []

    def locate(path: tuple[str | int, ...]) -> tuple[int, int]:
        if not marks:
            marks.append(json_marks(text))
        return marks[0](path)

    return _Document(value, locate)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        message = f"the key `{twice}` stands twice in one object"
        raise ValueError(message)
    return value


def _no_constant(word: str) -> NoReturn:
    message = f"{word} is no number"
    raise ValueError(message)


def _yaml(text: str, name: str) -> _Document:
    reader = YAML(typ="safe", pure=True)
    try:
        root = reader.compose(text)
        if root is None:
            return _Document(None, None)
        _refuse_bomb(root, name)
        value = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        what = (error.problem or error.context or "bad syntax").splitlines()[0]
        raise PlanUnreadable(f"{name}{spot}: {what}", _MEND) from error
    except (YAMLError, ValueError, RecursionError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PlanUnreadable(f"{name} is no YAML we read: {what}", _MEND) from error
    return _Document(value, yaml_marks(root))


def _refuse_bomb(root: Node, name: str) -> None:
    """
    Count what the document unfolds to. Nine lines of aliases to aliases make a billion values.

    Sizes are noted per node, so the count itself takes one visit a node, however much it unfolds to.
    """
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Node, depth: int) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_nodes or depth > validation.MAX_DEPTH:
            message = f"{name} holds itself, or is nested deeper than {validation.MAX_DEPTH} levels"
            raise PlanUnreadable(message, "Make it flatter.")
        open_nodes.add(id(node))
        children: list[Node] = []
        if isinstance(node, MappingNode):
            children = [each for pair in node.value for each in pair]
        elif isinstance(node, SequenceNode):
            children = node.value
        total = 1 + sum(size(child, depth + 1) for child in children)
        open_nodes.discard(id(node))
        sizes[id(node)] = total
        return total

    if size(root, 1) > validation.MAX_NODES:
        raise PlanUnreadable(f"{name} unfolds to more than {validation.MAX_NODES:,} values", "Use fewer aliases.")


def _toml(text: str, name: str) -> _Document:
    try:
        return _Document(tomllib.loads(text), None)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PlanUnreadable(f"{name}: {error}", _MEND) from error
