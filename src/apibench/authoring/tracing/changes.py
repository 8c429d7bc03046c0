"""
Values that were made of a variable before it changed. What is written down of them is how they are made, so where they
are used they would have the new value, and in Python they have the old one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from apibench.model.nesting import inner_steps

Document = dict[str, Any]
_Span = tuple[int, int]


def outdated(steps: list[Document], moments: Mapping[int, int]) -> tuple[Document, str] | None:
    """
    The first step that uses such a value, and its variable.

    `moments`: when each step, and each look at a variable, was written down, by the `id` of its document.
    """
    settings: dict[str, list[int]] = {}
    for step in _all_steps(steps):
        if step["type"] == "set":
            settings.setdefault(step["to"], []).append(moments[id(step)])
    return next(_outdated(steps, moments, settings, ()), None)


def _outdated(
    steps: list[Document], moments: Mapping[int, int], settings: Mapping[str, list[int]], loops: tuple[_Span, ...]
) -> Iterator[tuple[Document, str]]:
    """`loops`: from when to when what is around these steps was written, of that which is done several times."""
    for step in steps:
        used = moments.get(id(step), 0)
        for look in _looks({key: value for key, value in step.items() if key not in ("steps", "otherwise", "cases")}):
            made, changes = moments.get(id(look)), settings.get(look["name"], [])
            if made is not None and any(_between(made, used, loops, change) for change in changes):
                yield step, look["name"]
        inner = (*loops, _span(step, moments)) if step["type"] == "repeat" else loops
        for _, steps_inside in inner_steps(step):
            yield from _outdated(steps_inside, moments, settings, inner)


def _between(made: int, used: int, loops: tuple[_Span, ...], change: int) -> bool:
    """Whether the change comes behind the look and before its use, if only in an earlier pass."""
    return made < change < used or any(made < begin < change <= end for begin, end in loops)


def _span(step: Document, moments: Mapping[int, int]) -> _Span:
    inside = [moments.get(id(each), 0) for each in _all_steps([step])]
    return inside[0], max(inside)


def _all_steps(steps: list[Document]) -> Iterator[Document]:
    for step in steps:
        yield step
        for _, inner in inner_steps(step):
            yield from _all_steps(inner)


def _looks(value: Any) -> Iterator[Document]:
    if isinstance(value, dict) and value.get("type") == "variable":
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _looks(each)
    elif isinstance(value, list):
        for each in value:
            yield from _looks(each)
