"""
Where in a file a place of the document stands: line and column, from 1.

A mark points at the key (or at the list item), because that is what a person searches for. A place that
is not in the file (a missing word) is marked where what should hold it stands.
"""

import bisect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from apibench.model.fault import Place

Mark = tuple[int, int]
Locate = Callable[[Place], Mark]
_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[^\s,\]}]+")


def yaml_marks(root: Node) -> Locate:
    """Marks out of a composed YAML document."""

    def locate(path: Place) -> Mark:
        node, mark = root, root.start_mark
        for word in path:
            if isinstance(node, SequenceNode) and isinstance(word, int) and word < len(node.value):
                node = node.value[word]
                mark = node.start_mark
                continue
            pair = None
            if isinstance(node, MappingNode):
                pair = next((each for each in node.value if each[0].value == str(word)), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        return mark.line + 1, mark.column + 1

    return locate


@dataclass(slots=True)
class _Spot:
    """Where a value's key (or the value itself, in a list) begins, and the same for what it holds."""

    offset: int
    inside: "dict[str | int, _Spot]" = field(default_factory=dict)


def json_marks(text: str) -> Locate:
    """
    Marks in a text that `json.loads` has accepted (nothing is checked again here).

    The standard parser tells no positions, so this walks the text once more; only when there is a fault.
    """
    root = _Spot(_after_blank(text, 0))
    _scan(text, root.offset, root)
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def locate(path: Place) -> Mark:
        spot = root
        for word in path:
            if word not in spot.inside:
                break
            spot = spot.inside[word]
        line = bisect.bisect_right(line_starts, spot.offset)
        return line, spot.offset - line_starts[line - 1] + 1

    return locate


def _scan(text: str, at: int, spot: _Spot) -> int:
    """Note the places inside of the value that begins at `at`; returns where it ends."""
    opening = text[at]
    if opening == '"':
        return _DECODER.raw_decode(text, at)[1]
    if opening not in "{[":
        match = _SCALAR.match(text, at)
        return match.end() if match else at + 1
    closing, number = "}" if opening == "{" else "]", 0
    at = _after_blank(text, at + 1)
    while text[at] != closing:
        start, key = at, number
        if opening == "{":
            name, at = _DECODER.raw_decode(text, at)
            at = _after_blank(text, _after_blank(text, at) + 1)  # over the colon
            inner = spot.inside[name] = _Spot(start)
        else:
            inner = spot.inside[key] = _Spot(start)
        at = _after_blank(text, _scan(text, at, inner))
        if text[at] == ",":
            at = _after_blank(text, at + 1)
        number += 1
    return at + 1


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at
