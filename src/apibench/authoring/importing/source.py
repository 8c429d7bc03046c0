"""What is to be imported, read within bounds: a file, standard input, or a text in hand."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from apibench.model.errors import SourceUnreadable, UsageError

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
MAX_BYTES = 64 * 1024 * 1024
MAX_PROGRAM = 1024 * 1024
MAX_YAML_BYTES = 4 * 1024 * 1024
"""YAML is read by Python code, at some 70 kB/s: more would look like a hang."""


def read_text(source: str) -> str:
    """
    The text of a file, or of standard input for `-`.

    Raises SourceUnreadable: no such file, larger than 64 MiB, empty, or not UTF-8.
    """
    try:
        if source == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SourceUnreadable(f"{source} can't be read: {why}", "Check name and rights.") from error
    if len(content) > MAX_BYTES:
        raise SourceUnreadable(f"{source} is larger than {MAX_BYTES:,} bytes", "Record less, or split it.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceUnreadable(f"{source} is not UTF-8 (byte {error.start})", "Save it as UTF-8.") from error
    if not text.strip():
        raise SourceUnreadable(f"{source} is empty", "Check the name, or record again.")
    return text


def read_program(source: str) -> str:
    """The text of a program. Raises SourceUnreadable, also for more than 1 MiB: a tree takes a hundred times that."""
    text = read_text(source)
    if len(text) > MAX_PROGRAM:
        raise SourceUnreadable(f"{source} is larger than {MAX_PROGRAM:,} characters", "Take out what is no journey.")
    return text


def one_source(kind: str, second: str | None) -> None:
    """Raises UsageError where a second source was given to a kind that takes one."""
    if second is not None:
        raise UsageError(f"{kind} is imported from one source, not two", f"Leave out {second}.")


def read_json(source: str) -> dict[str, Any]:
    """The object that a file of JSON holds. Raises SourceUnreadable."""
    return _object(_json(read_text(source), source), source)


def read_json_or_yaml(source: str) -> dict[str, Any]:
    """The same of a file of JSON or of YAML, told apart by how it begins. Raises SourceUnreadable."""
    text = read_text(source)
    value = _json(text, source) if text.lstrip().startswith("{") else _yaml(text, source)
    return _object(value, source)


def _object(value: Any, source: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SourceUnreadable(f"{source} holds no object", "Check that it is the file that was exported.")
    return value


def _json(text: str, source: str) -> Any:
    try:
        value = json.loads(text)
        return _whole(value) if _SURROGATE.search(text) else value
    except json.JSONDecodeError as error:
        raise SourceUnreadable(
            f"{source}:{error.lineno}:{error.colno}: no JSON: {error.msg}", "Export it again."
        ) from error
    except (ValueError, RecursionError) as error:
        raise SourceUnreadable(f"{source} is no JSON that we read: {error}", "Make it flatter.") from error


def _whole(value: Any) -> Any:
    """The same with question marks for halves of pairs that stand alone: they are no characters, and can't be sent."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return value


def _yaml(text: str, source: str) -> Any:
    if len(text) > MAX_YAML_BYTES:
        raise SourceUnreadable(f"{source} has more than {MAX_YAML_BYTES:,} bytes of YAML", "Write it as JSON.")
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        what = (error.problem or error.context or "bad syntax").splitlines()[0]
        raise SourceUnreadable(f"{source}{spot}: neither JSON nor YAML: {what}", "Mend it there.") from error
    except (YAMLError, ValueError, RecursionError, TypeError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceUnreadable(f"{source} is neither JSON nor YAML that we read: {what}", "Mend it.") from error
