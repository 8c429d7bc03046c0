"""
What stands for a value in an imported scenario: known, or made while the load runs.

Names of functions, members and variables are always ours. Texts of an input are only ever in `Known`, in keys and
in the parts of `Joined`, all of which are written as Python's constants: no input can put in words of its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Known:
    """A constant."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Secret:
    """
    A reference to a secret, in a header or a text body. Only this becomes one: `${secret:…}` that stands in an input is
    text of it, and may not have a secret of the user sent.
    """

    name: str
    form: str = ""
    """How it is written: `json`, `url`, `base64`, `basic:USER`; empty: as it is."""


@dataclass(frozen=True, slots=True)
class Named:
    """A variable, or a word of ours, with dots: `rand.int`."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`answer.json`"""

    of: "Value"
    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """`answer.json["id"]`"""

    of: "Value"
    key: "Value"


@dataclass(frozen=True, slots=True)
class Called:
    """`rand.int(1, 6)`, `token.urlquote()`"""

    function: "Named | Member"
    arguments: "tuple[Value, ...]" = ()
    words: "tuple[tuple[str, Value], ...]" = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """Text with late parts."""

    parts: "tuple[str | Value, ...]"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of JSON."""

    items: "tuple[Value, ...]"


@dataclass(frozen=True, slots=True)
class Mapping:
    """An object of JSON."""

    pairs: "tuple[tuple[str, Value], ...]"


@dataclass(frozen=True, slots=True)
class Operation:
    """`left == right`, and the other signs that late values have."""

    left: "Value"
    sign: str
    right: "Value"


@dataclass(frozen=True, slots=True)
class Negated:
    """`~(…)`"""

    of: "Value"


Value = Known | Secret | Named | Member | Item | Called | Joined | Listing | Mapping | Operation | Negated
SIGNS = ("==", "!=", "<", "<=", ">", ">=", "&", "|", "+", "-", "*", "/", "%")


def of_document(document: Any) -> Value:
    """What JSON holds, as a value. Floats that JSON does not have become text."""
    if isinstance(document, dict):
        return Mapping(tuple((str(key), of_document(each)) for key, each in document.items()))
    if isinstance(document, list | tuple):
        return Listing(tuple(of_document(each) for each in document))
    if document is None or isinstance(document, str | bool | int):
        return Known(document)
    if isinstance(document, float) and document - document == 0:
        return Known(document)
    return Known(str(document))


def joined(*parts: "str | Value") -> Value:
    """Texts and values one behind the other: known where all of them are."""
    flat: list[str | Value] = []
    for part in parts:
        for each in part.parts if isinstance(part, Joined) else (part,):
            text = each.value if isinstance(each, Known) and isinstance(each.value, str) else each
            if isinstance(text, Known):
                text = json_like(text.value)
            if isinstance(text, str) and flat and isinstance(flat[-1], str):
                flat[-1] += text
            elif text != "":
                flat.append(text)
    if all(isinstance(each, str) for each in flat):
        return Known("".join(str(each) for each in flat))
    return Joined(tuple(flat))


def json_like(value: str | float | bool | None) -> str:  # noqa: FBT001 - a value
    """A constant as texts show it in requests: `true`, `17`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def is_late(value: Value) -> bool:
    """Whether anything of it is known only while the load runs."""
    match value:
        case Known() | Secret():
            return False
        case Listing(items):
            return any(is_late(each) for each in items)
        case Joined(parts):
            return any(not isinstance(each, str) and is_late(each) for each in parts)
        case Mapping(pairs):
            return any(is_late(each) for _, each in pairs)
        case _:
            return not is_environment(value)


def is_environment(value: Value) -> bool:
    """Whether it is read from the environment when the scenario is loaded."""
    match value:
        case Item(Named("environ"), _):
            return True
        case Called(Named("quote"), arguments):
            return all(is_environment(each) for each in arguments)
        case _:
            return False


def environment(name: str) -> Value:
    """
    A variable of the environment, read when the scenario is loaded. `name` has the prefix of ours, for an input may not
    have any other variable of the user's sent.
    """
    return Item(Named("environ"), Known(f"APIBENCH_{name}"))


def drawn(kind: str, *arguments: "str | int | Value") -> Value:
    """`rand.int(1, 6)`, and the others of `rand`."""
    return Called(
        Named(f"rand.{kind}"), tuple(Known(each) if isinstance(each, str | int) else each for each in arguments)
    )


def method(of: Value, name: str, *arguments: "str | int") -> Value:
    """`token.urlquote()`"""
    return Called(Member(of, name), tuple(Known(each) for each in arguments))


def parts_of(value: Value) -> Iterator[Value]:  # noqa: C901, PLR0912 - a kind of value a case
    """A value, and all that stand in it."""
    yield value
    match value:
        case Member(of, _) | Negated(of):
            yield from parts_of(of)
        case Item(of, key):
            yield from parts_of(of)
            yield from parts_of(key)
        case Called(function, arguments, words):
            yield from parts_of(function)
            for each in (*arguments, *(inner for _, inner in words)):
                yield from parts_of(each)
        case Joined(parts):
            for part in parts:
                if not isinstance(part, str):
                    yield from parts_of(part)
        case Listing(items):
            for each in items:
                yield from parts_of(each)
        case Mapping(pairs):
            for _, each in pairs:
                yield from parts_of(each)
        case Operation(left, _, right):
            yield from parts_of(left)
            yield from parts_of(right)
        case _:
            pass


def replaced(value: Value, change: Callable[[Value], Value | None]) -> Value:
    """
    The same value with others in place of some that stand in it. What is taken out of a value, or called on it, is left
    out where a text of the environment is in its place; `.urlquote()` becomes what Python has for it.
    """
    other = change(value)
    if other is not None:
        return other
    match value:
        case Member(of, name):
            inner = replaced(of, change)
            return inner if is_environment(inner) else Member(inner, name)
        case Negated(of):
            return Negated(replaced(of, change))
        case Item(of, key):
            inner = replaced(of, change)
            return inner if is_environment(inner) else Item(inner, replaced(key, change))
        case Called(function, arguments, words):
            if isinstance(function, Member) and is_environment(of := replaced(function.of, change)):
                return Called(Named("quote"), (of,), (("safe", Known("")),)) if function.name == "urlquote" else of
            inside = replaced(function, change)
            given = tuple(replaced(each, change) for each in arguments)
            named = tuple((word, replaced(each, change)) for word, each in words)
            return Called(inside, given, named) if isinstance(inside, Named | Member) else inside
        case Joined(parts):
            return joined(*(each if isinstance(each, str) else replaced(each, change) for each in parts))
        case Listing(items):
            return Listing(tuple(replaced(each, change) for each in items))
        case Mapping(pairs):
            return Mapping(tuple((key, replaced(each, change)) for key, each in pairs))
        case Operation(left, sign, right):
            return Operation(replaced(left, change), sign, replaced(right, change))
        case _:
            return value
