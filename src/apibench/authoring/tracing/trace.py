"""
One run of a scenario's function: the steps that it leaves behind, and the late values in its texts.

In a text a late value is a mark of characters that nobody else uses. A text that is read has whole marks or none, and
every mark is read once at least: what was done to the text in between is found and refused. So a mark has letters of
both cases, separators, and white space at its ends; and it is of another length in the next run of the function.
"""

import itertools
import re
import secrets
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from apibench.authoring.tracing.changes import outdated
from apibench.authoring.tracing.trouble import Spot, here, not_traceable, spot_of
from apibench.model.callee import Callee
from apibench.model.errors import NotTraceable
from apibench.model.validation import too_much

Document = dict[str, Any]
MARK = "\ue000"
"""Stands in every mark. Of the private use area: no text of a person has it."""
_END = "\ue001"
_EDGE = "\u1680"
"""White space that nobody writes: `strip` and `split` take it away."""
_BEGIN = f"{_EDGE}{MARK}aZ-_.,:;"
_WHOLE = re.compile(f"{re.escape(_BEGIN)}([0-9a-f]+)z([0-9a-f]{{8}})([0-9a-f]{{8}}){_END}{_EDGE}")
_REMAINS = re.compile(f"{MARK}|{_END}|{_EDGE}|%EE%80%8[01]|\\\\ue00[01]", re.IGNORECASE)
"""Of a mark that was cut, percent-encoded, or written as JSON."""
_TRACES = itertools.count()
_WORD = re.compile(r"[^A-Za-z0-9_]+")


class Trace:
    """What a scenario's function has said so far."""

    def __init__(self, feeders: dict[str, Document], callees: dict[str, Callee], shared: Collection[str]) -> None:
        """`feeders` and `callees`: those of the plan so far, by name; they grow. `shared`: what set-up hands over."""
        self.shared = shared
        self.steps: list[Document] = []
        self.feeders = feeders
        self.callees = callees
        self.trouble: NotTraceable | None = None
        """The first: it stays even if the function catches it."""
        self.headers: dict[str, tuple[str, str | Document, Any]] = {}
        """What every request from here on has, by name in small letters: the name as written, the text that is sent,
        and the value as it was given."""
        self._of_this = secrets.token_hex(4 + next(_TRACES) % 2)
        """Stands in its marks, and in those of no other: what is made of their text differs from trace to trace."""
        self._marked: list[tuple[Document, Spot]] = []
        self._read: set[int] = set()
        """The marks that were found in a text again."""
        self._names: set[str] = set()
        self._written: list[Document] = []
        """Steps and looks at variables, in the order in which they were written down."""

    def add(self, step: Document, spot: Spot | None = None) -> Document:
        """The next step, with its place: where it is written, or that."""
        step["source"] = (spot or here()).document()
        self.steps.append(step)
        self._written.append(step)
        return step

    def end(self, steps: list[Document]) -> None:
        """Refuses what shows only once all has been said: in `steps`, in the order in which they were written down."""
        for step in steps:
            excess = too_much(step)
            if excess is not None:
                # All that follows walks them recursively.
                self.refuse("AB140", f"what is made here is {excess.message}", excess.remedy, spot_of(step["source"]))
                return
        for number, (_, spot) in enumerate(self._marked):
            if number not in self._read:
                message = "a text with late parts was made here, and no step has it as it was"
                remedy = 'Use it as it is, leave it out, or change the late value itself:  f"/{name.upper()}"'
                self.refuse("AB105", message, remedy, spot)
        found = outdated(steps, {id(each): moment for moment, each in enumerate(self._written)})
        if found is not None:
            step, name = found
            message = f"a value was made of `{name}` before that was set anew, and is used behind it"
            self.refuse("AB111", message, spot=spot_of(step["source"]))

    @contextmanager
    def part(self, *, lasts: bool) -> Iterator[list[Document]]:
        """What is said meanwhile is a list of steps by itself. `lasts`: headers that are set in it hold behind it."""
        headers = dict(self.headers)
        self.steps = []
        yield self.steps
        if not lasts:
            self.headers = headers

    @contextmanager
    def block(self, *, lasts: bool = False) -> Iterator[list[Document]]:
        """
        What is said meanwhile goes into a list of its own. Headers that are set in it hold in it only, or if it `lasts`
        behind it too.
        """
        outside, headers = self.steps, dict(self.headers)
        self.steps = []
        try:
            yield self.steps
        finally:
            self.steps = outside
            if not lasts:
                self.headers = headers

    def name(self, wanted: str) -> str:
        """A variable's name like that, which no other has."""
        plain = _plain(wanted)
        number, name = 1, plain
        while name in self._names:
            number += 1
            name = f"{plain}_{number}"
        self._names.add(name)
        return name

    def feeder(self, wanted: str, feeder: Document) -> str:
        """The name of a feeder like that in the plan: another one if rows are taken in another way."""
        plain = _plain(wanted)
        number, name = 1, plain
        while without_source(self.feeders.setdefault(name, feeder)) != without_source(feeder):
            number += 1
            name = f"{plain}_{number}"
        return name

    def callee(self, callee: Callee) -> str:
        """The name of a function in the plan: its own, or one like that if another has it."""
        number, name = 1, callee.name
        while self.callees.setdefault(name, callee) != callee:
            number += 1
            name = f"{callee.name} {number}"
        return name

    def drawn(self, wanted: str, expression: Document) -> Document:
        """A variable that holds what is drawn here: used twice, it is the same twice."""
        name = self.name(wanted)
        self.add({"type": "set", "to": name, "value": expression})
        return {"type": "variable", "name": name}

    def variable(self, name: str) -> Document:
        """A look at a variable that may change."""
        look = {"type": "variable", "name": name}
        self._written.append(look)
        return look

    def marked(self, expression: Document) -> str:
        """A mark that stands for it in a text."""
        number = f"{len(self._marked):08x}"
        self._marked.append((expression, here()))
        return f"{_BEGIN}{self._of_this}z{number}{zlib.crc32(number.encode()):08x}{_END}{_EDGE}"

    def has_marks(self, text: str) -> bool:
        """Whether a text has late parts, whole or not."""
        return _REMAINS.search(text) is not None

    def read_text(self, text: str) -> Document:
        """A text as an expression. Raises NotTraceable if a mark in it is not what it was."""
        parts: list[Document] = []
        at = 0
        for mark in _WHOLE.finditer(text):
            if mark.start() > at:
                parts.append(self._known(text[at : mark.start()]))
            parts.append(self._marked_by(mark))
            at = mark.end()
        if at < len(text) or not parts:
            parts.append(self._known(text[at:]))
        if len(parts) == 1 and parts[0]["type"] == "constant":
            return parts[0]
        return {"type": "call", "function": "concat", "arguments": parts}

    def template(self, text: str) -> str | Document:
        """The same where text may stand that is known: as it is."""
        return self.read_text(text) if self.has_marks(text) else text

    def refuse(self, code: str, message: str = "", remedy: str = "", spot: Spot | None = None) -> NotTraceable:
        """Keeps what cannot be traced; to be raised."""
        trouble = not_traceable(code, spot or here(), message, remedy)
        self.trouble = self.trouble or trouble
        return trouble

    def _marked_by(self, mark: re.Match[str]) -> Document:
        number = int(mark[2], 16)
        if mark[1] != self._of_this:
            message = "a text with late parts was kept from another time that a scenario was run"
            raise self.refuse("AB110", message, "Make it in the scenario's function, each time that is run.")
        if int(mark[3], 16) != zlib.crc32(mark[2].encode()) or number >= len(self._marked):
            raise self.refuse("AB105")
        self._read.add(number)
        return self._marked[number][0]

    def _known(self, text: str) -> Document:
        if _REMAINS.search(text):
            raise self.refuse("AB105")
        return {"type": "constant", "value": text}


def without_source(feeder: Document) -> Document:
    """What is said of its rows, wherever that is."""
    return {word: value for word, value in feeder.items() if word != "source"}


def _plain(wanted: str) -> str:
    """A word that names of plans begin with."""
    plain = _WORD.sub("_", wanted).strip("_")[:80] or "value"
    return plain if not plain[0].isdigit() else f"_{plain}"


_CURRENT: ContextVar[Trace | None] = ContextVar("apibench_trace", default=None)


def current() -> Trace:
    """The one that goes on. Raises NotTraceable where none does."""
    trace = _CURRENT.get()
    if trace is None:
        raise not_traceable("AB107", here())
    return trace


def refused(code: str, message: str = "", remedy: str = "") -> NotTraceable:
    """What cannot be traced; to be raised. It is kept, whoever catches it."""
    trace = _CURRENT.get()
    return not_traceable(code, here(), message, remedy) if trace is None else trace.refuse(code, message, remedy)


@contextmanager
def tracing(feeders: dict[str, Document], callees: dict[str, Callee], shared: Collection[str] = ()) -> Iterator[Trace]:
    """A trace that goes on for as long as this lasts."""
    trace = Trace(feeders, callees, shared)
    before = _CURRENT.set(trace)
    try:
        yield trace
    finally:
        _CURRENT.reset(before)
