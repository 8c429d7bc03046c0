"""Scripts of Postman, line by line: statuses that are expected, values that are kept, and simple comparisons."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

_PATH = r"((?:\.[A-Za-z_$][\w$]*|\[\d+\]|\[\"[^\"\\]+\"\]|\['[^'\\]+'\])*)"
_STEP = re.compile(r"\.([A-Za-z_$][\w$]*)|\[(\d+)\]|\[\"([^\"\\]+)\"\]|\['([^'\\]+)'\]")
_TEXT = r"[\"'`]([^\"'`\\]+)[\"'`]"
_JSON = r"(?:pm\.response\.json\(\)|JSON\.parse\((?:responseBody|pm\.response\.text\(\))\))"
_DOCUMENT = re.compile(rf"(?:const|let|var)?\s*([A-Za-z_$][\w$]*)\s*=\s*{_JSON}{_PATH}\s*;?")
_SET = r"(?:pm\.(?:environment|collectionVariables|globals|variables)\.set|postman\.set(?:Environment|Global)Variable)"
_KEEP = re.compile(rf"{_SET}\(\s*{_TEXT}\s*,\s*(?:({_JSON})|([A-Za-z_$][\w$]*)){_PATH}\s*\)\s*;?")
_KEEP_HEADER = re.compile(rf"{_SET}\(\s*{_TEXT}\s*,\s*pm\.response\.headers\.get\(\s*{_TEXT}\s*\)\s*\)\s*;?")
_KEEP_TEXT = re.compile(rf"{_SET}\(\s*{_TEXT}\s*,\s*(\"[^\"\\]*\"|'[^'\\]*'|-?\d+|true|false)\s*\)\s*;?")
_STATUS = re.compile(r"(?:pm\.expect\(pm\.response\)|pm\.response)\.to\.have\.status\((\d{3})\)")
_CODE = re.compile(r"pm\.expect\(pm\.response\.code\)\.to\.(?:be\.)?(?:eql|equal|equals|eq)\((\d{3})\)")
_CODES = re.compile(r"pm\.expect\(pm\.response\.code\)\.to\.be\.oneOf\(\[([\d,\s]+)\]\)")
_OK = re.compile(r"pm\.response\.to\.be\.(?:ok|success)\b")
_TEST = re.compile(rf"pm\.test\(\s*{_TEXT}\s*,\s*(?:async\s*)?(?:function\s*\(\)|\(\)\s*=>)\s*\{{?\s*(.*)")
_EQUAL = re.compile(
    rf"pm\.expect\((?:({_JSON})|([A-Za-z_$][\w$]*)){_PATH}\)\.to\.(?:be\.)?(?:eql|equal|equals|eq)\(\s*"
    r"(\"[^\"\\]*\"|'[^'\\]*'|-?\d+|true|false)\s*\)"
)
_NOTHING = re.compile(
    r"\s*(?://.*|/\*.*\*/|[{}()\[\];,\s]*|(?:[\"']use strict[\"'];?)|console\.\w+\(.*\);?|\}\s*else\s*\{)\s*"
)
Keys = tuple[str | int, ...]


@dataclass(slots=True)
class Script:
    """What of a script was read."""

    statuses: list[int] = field(default_factory=list)
    kept: list[tuple[str, Keys]] = field(default_factory=list)
    """Variable, and where in the JSON of the answer its value is."""
    kept_headers: list[tuple[str, str]] = field(default_factory=list)
    kept_texts: list[tuple[str, Any]] = field(default_factory=list)
    equal: list[tuple[str, Keys, Any]] = field(default_factory=list)
    """Name of a check, where in the JSON, and the value that is to be there."""
    takes_rows: bool = False
    """Whether it asks for values of a file of data."""
    others: list[int] = field(default_factory=list)
    """Numbers of lines that were not converted, from 1."""


def read_script(lines: Any) -> Script:
    """The lines of a script, or its text."""
    text = "\n".join(each for each in lines if isinstance(each, str)) if isinstance(lines, list) else lines
    script = Script()
    documents: dict[str, Keys] = {"jsonData": ()}
    name = ""
    for number, line in enumerate(text.split("\n") if isinstance(text, str) else [], 1):
        rest = line[:2_000].strip()
        test = _TEST.match(rest)
        if test is not None:
            name, rest = test[1], test[2]
        rest = (
            re.sub(r"\s*\}?\s*\)\s*;?$", ")", rest) if test is not None and rest.rstrip(";) ").endswith("}") else rest
        )
        if not _NOTHING.fullmatch(rest) and not _line(rest, name, script, documents):
            script.others.append(number)
            script.takes_rows |= "pm.iterationData" in rest
    return script


def _line(line: str, name: str, script: Script, documents: dict[str, Keys]) -> bool:
    if (found := _DOCUMENT.fullmatch(line)) is not None:
        documents[found[1]] = _keys(found[2])
    elif (found := _KEEP_HEADER.fullmatch(line)) is not None:
        script.kept_headers.append((found[1], found[2]))
    elif (found := _KEEP_TEXT.fullmatch(line)) is not None:
        script.kept_texts.append((found[1], _literal(found[2])))
    elif (found := _KEEP.fullmatch(line)) is not None and (found[2] or found[3] in documents):
        script.kept.append((found[1], documents.get(found[3] or "", ()) + _keys(found[4])))
    elif (found := _EQUAL.match(line)) is not None and (found[1] or found[2] in documents):
        keys = documents.get(found[2] or "", ()) + _keys(found[3])
        script.equal.append((name or "check", keys, _literal(found[4])))
    elif (found := _STATUS.match(line) or _CODE.match(line)) is not None:
        script.statuses.append(int(found[1]))
    elif (found := _CODES.match(line)) is not None:
        script.statuses += [int(each) for each in found[1].split(",") if each.strip()]
    else:
        return _OK.match(line) is not None
    return True


def _keys(path: str) -> Keys:
    return tuple(int(step[2]) if step[2] else step[1] or step[3] or step[4] for step in _STEP.finditer(path))


def _literal(text: str) -> Any:
    return text[1:-1] if text[0] in "\"'" else json.loads(text)
