"""Names of Python for what an input calls differently: plain letters, none twice, none that means something already."""

import keyword
import re

from apibench.authoring.importing.addresses import template

_OTHERS = re.compile(r"[^a-z0-9]+")
_TAKEN = frozenset(
    (
        *(
            "u",
            "p",
            "_",
            "apibench",
            "between",
            "check",
            "each",
            "environ",
            "hold",
            "otherwise",
            "pace",
            "pick",
            "quote",
        ),
        *(
            "ramp",
            "rand",
            "repeat",
            "scenario",
            "status",
            "think",
            "when",
            "user",
            "leave_loop",
            "print",
            "str",
            "int",
            "list",
        ),
        *("type", "id", "input", "dict", "set", "open", "next", "filter", "map", "hash", "object", "format", "range"),
    )
)
_WORD = re.compile(r"(?=.*[a-zA-Z])[a-zA-Z._-][a-zA-Z0-9._-]{0,40}")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def plain(wanted: str, otherwise: str) -> str:
    """A name like that, in small letters of ASCII, or another where nothing of it is left."""
    name = _OTHERS.sub("_", _CAMEL.sub("_", wanted[:200]).lower()).strip("_")[:40].strip("_")
    if not name or name[0].isdigit():
        name = f"{otherwise}_{name}".strip("_")
    return f"{name}_value" if name in _TAKEN or keyword.iskeyword(name) else name


class Names:
    """The names of one scenario."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def new(self, wanted: str, otherwise: str = "value") -> str:
        """A name like that, which nothing else has."""
        name = first = plain(wanted, otherwise)
        number = 1
        while name in self._given:
            number += 1
            name = f"{first}_{number}"
        self._given.add(name)
        return name


def of_path(path: str) -> str:
    """What the answer to a request may be called: the last word of its path that names no one of many, and no token."""
    segments = template(path).split("/")
    words = [word for word in segments if word.isascii() and _WORD.fullmatch(word)]
    if not words:
        return "answer"
    return words[-1] if words[-1] == segments[-1] else singular(words[-1])


def singular(word: str) -> str:
    """One of several, as English mostly says it."""
    return f"{word[:-3]}y" if word.endswith("ies") else word[:-1] if word.endswith("s") and len(word) > 2 else word
