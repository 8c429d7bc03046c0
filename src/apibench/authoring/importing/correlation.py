"""
What of a request came out of an earlier answer: told by comparing two recordings of the same journey.

A value that differs between them, and stands at the same place of both answers to one earlier request, was taken
from there. Where it stands in another item of the same list, an item was chosen.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from apibench.authoring.importing.journey import Assign, Journey, Request
from apibench.authoring.importing.names import Names, of_path, singular
from apibench.authoring.importing.recording import Exchange
from apibench.authoring.importing.values import Item, Joined, Known, Member, Named, Value, drawn, method

Path = tuple[str | int, ...]
Scalar = str | int | float | bool | None
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_EDGE = re.compile(r"[^A-Za-z0-9]")
_MOST_LEAVES, _MOST_LEAVES_IN_ALL = 20_000, 1_000_000
_MOST_EDGES = 8
_LEAST = 8
"""Characters of a value that one recording alone is asked about: shorter ones meet by chance."""


@dataclass(slots=True)
class _Answer:
    """The answers to one request in both recordings: where which value stands."""

    request: Request
    names: tuple[dict[str, list[Path]], dict[str, list[Path]]]
    kinds: dict[Path, type]
    headers: tuple[dict[str, str], dict[str, str]]
    texts: tuple[str, str]
    after: list[Assign] = field(default_factory=list)
    """What is taken out of it, in order."""


class Correlation:
    """The answers so far, and the variables that were made of them."""

    def __init__(self, journey: Journey, names: Names) -> None:
        self._journey = journey
        self._names = names
        self._answers: dict[str, list[_Answer]] = {}
        self._made: dict[tuple[int, Path | str], Named] = {}
        """By the answer and what of it."""
        self._drawn: dict[tuple[Scalar, Scalar], Named] = {}
        self._room = _MOST_LEAVES_IN_ALL
        self.before: list[Assign] = []
        """What is to be said before the request that is being looked at."""
        self.place = ""
        self.origin = ""

    def look(self, what: str, one: Scalar, other: Scalar) -> Value | None:
        """What stands for a value that is `one` in the first recording and `other` in the second; None: itself."""
        if one == other or isinstance(one, bool) or one is None or other is None:
            return None
        found = self._taken(one, other)
        if found is None and isinstance(one, str) and isinstance(other, str):
            found = self._uuid(one, other) or self._part(one, other)
        if found is None:
            told = (
                "stands within the text of an answer, of which only all can be taken"
                if self._in_text(one, other)
                else ""
            )
            told = told or "is in no answer before"
            self._journey.leave(self.place, f"{what} differs between the recordings and {told}: sent as recorded")
        return found

    def suspect(self, what: str, one: Scalar) -> None:
        """The same with one recording: say so where a value seems to be taken from an answer."""
        # `Bearer abc` is looked for as `abc`, too.
        texts = [text for text in {str(one), str(one).rpartition(" ")[2]} if len(text) >= _LEAST and not text.isalpha()]
        for answer in reversed(self._answers.get(self.origin, [])):
            if any(text in answer.names[0] for text in texts):
                told = f"{what} seems to come out of the answer of {answer.request.place}"
                self._journey.leave(self.place, f"{told}: a second recording would tell")
                return

    def answered(self, request: Request, one: Exchange, other: Exchange | None) -> list[Assign]:
        """Put down an answer. What will be taken out of it later is put into the list that this returns."""
        pair = (one, other or one)
        kinds: dict[Path, type] = {}
        names: tuple[dict[str, list[Path]], dict[str, list[Path]]] = ({}, {})
        for each, known in zip(pair, names, strict=True):
            for path, value in islice(_leaves(each.answer), min(_MOST_LEAVES, self._room)):
                self._room -= 1
                known.setdefault(str(value), []).append(path)
                if each is one:
                    kinds[path] = type(value)
        if not self._room:
            self._journey.leave("", f"of answers only the first {_MOST_LEAVES_IN_ALL:,} values were looked at")
        first, second = ({name.lower(): value for name, value in each.answer_headers} for each in pair)
        answer = _Answer(request, names, kinds, (first, second), (one.answer_text, (other or one).answer_text))
        self._answers.setdefault(one.origin, []).append(answer)
        return answer.after

    def _taken(self, one: Scalar, other: Scalar) -> Value | None:
        for answer in reversed(self._answers.get(self.origin, [])):
            firsts, seconds = answer.names[0].get(str(one), []), answer.names[1].get(str(other), [])
            for path in firsts:
                if path in seconds:
                    return _as_kind(self._value(answer, path), answer.kinds[path], one)
            for path in firsts:
                at = next((at for at in (_chosen(path, second) for second in seconds) if at is not None), None)
                if at is not None:
                    item = self._item(answer, path[: at + 1])
                    return _as_kind(_inside(item, path[at + 1 :]), answer.kinds[path], one)
            for name, value in answer.headers[0].items():
                if value == str(one) and answer.headers[1].get(name) == str(other) and len(value) > 3:
                    return self._header(answer, name)
        return None

    def _value(self, answer: _Answer, path: Path) -> Named:
        words = [word for word in path if isinstance(word, str)]
        value = _inside(Member(self._named(answer), "json"), path)
        return self._assigned(answer, path, words[-1] if words else "value", value)

    def _item(self, answer: _Answer, path: Path) -> Named:
        """One of the items of a list; all that was taken of the one in the recording is taken of it."""
        words = [word for word in path if isinstance(word, str)]
        several = words[-1] if words else of_path("".join(_known(answer.request.path)))
        listing = _inside(Member(self._named(answer), "json"), path[:-1])
        return self._assigned(answer, (*path, "random"), singular(several), method(listing, "random"))

    def _header(self, answer: _Answer, name: str) -> Named:
        value = Item(Member(self._named(answer), "headers"), Known(name))
        return self._assigned(answer, name, name, value)

    def _assigned(self, answer: _Answer, of: Path | str, wanted: str, value: Value) -> Named:
        known = (id(answer), of)
        if known not in self._made:
            self._made[known] = Named(self._names.new(wanted))
            answer.after.append(Assign(self._made[known].name, value))
        return self._made[known]

    def _named(self, answer: _Answer) -> Named:
        if not answer.request.answer:
            path = "".join(_known(answer.request.path))
            answer.request.answer = self._names.new(of_path(path), "answer")
        return Named(answer.request.answer)

    def _uuid(self, one: str, other: str) -> Value | None:
        if not (_UUID.fullmatch(one) and _UUID.fullmatch(other)):
            return None
        if (one, other) not in self._drawn:
            self._drawn[one, other] = Named(self._names.new("uuid"))
            self.before.append(Assign(self._drawn[one, other].name, drawn("uuid")))
        return self._drawn[one, other]

    def _part(self, one: str, other: str) -> Value | None:
        """`Bearer abc` and `Bearer xyz`: a part between words' ends that holds all that differs, the longest first."""
        same = _alike(one, other)
        rest = _alike(one[same:][::-1], other[same:][::-1])
        starts = [0, *(edge.end() for edge in _EDGE.finditer(one[:same]))][:_MOST_EDGES]
        ends = [0, *(edge.end() for edge in _EDGE.finditer(one[::-1][:rest]))][:_MOST_EDGES]
        for start in starts:
            for end in ends:
                first, second = (each[start : len(each) - end] for each in (one, other))
                found = (self._taken(first, second) or self._uuid(first, second)) if first and second else None
                if found is not None:
                    parts = (one[:start], found, one[len(one) - end :] if end else "")
                    return Joined(tuple(each for each in parts if each))
        return None

    def _in_text(self, one: Scalar, other: Scalar) -> bool:
        answers = self._answers.get(self.origin, [])
        return len(str(one)) > 3 and any(str(one) in each.texts[0] and str(other) in each.texts[1] for each in answers)


def _known(path: Value) -> Iterator[str]:
    for part in path.parts if isinstance(path, Joined) else (path,):
        text = part.value if isinstance(part, Known) else part
        yield text if isinstance(text, str) else "{}"


def _inside(value: Value, path: Path) -> Value:
    for word in path:
        value = Item(value, Known(word))
    return value


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _chosen(first: Path, second: Path) -> int | None:
    """At which number two paths differ, where it is the only one and chooses an item of a list."""
    if len(first) != len(second):
        return None
    places = [at for at, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if len(places) == 1 and isinstance(first[places[0]], int) and isinstance(second[places[0]], int):
        return places[0]
    return None


def _as_kind(value: Value, kind: type, wanted: Scalar) -> Value:
    """A number that is sent as text, and a text that is sent as a number, stay what they were."""
    if isinstance(wanted, str):
        return value if kind is str else Joined((value,))
    return method(value, "int" if isinstance(wanted, int) else "number") if kind is str else value


def _leaves(document: Any, path: Path = ()) -> Iterator[tuple[Path, Scalar]]:
    waiting: list[tuple[Path, Any]] = [(path, document)]
    while waiting:
        at, value = waiting.pop(0) if len(waiting) < 1_000 else waiting.pop()
        if isinstance(value, dict):
            waiting += [((*at, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [((*at, number), each) for number, each in enumerate(value)]
        elif value is not None and not isinstance(value, bool) and value != "" and len(at) <= 30:
            yield at, value
