"""
Values as text of Python, formatted as formatters do it.

Texts of an input are written as constants, escaped wherever a character could be anything but itself, or could show
otherwise than it is.
"""

import re

from apibench.authoring.importing.values import (
    Called,
    Item,
    Joined,
    Known,
    Listing,
    Mapping,
    Member,
    Named,
    Negated,
    Operation,
    Secret,
    Value,
)

WIDTH = 120
_INDENT = "    "
_IN_FIELD = re.compile(r"[A-Za-z0-9_ .:/,@+=-]*")
"""Texts that may stand within a field of an f-string: of Python 3.11 it has no backslash, `#` or other quotes."""


def written(value: Value, indent: int = 0, before: int = 0, after: int = 0) -> str:
    """
    A value as Python: in one line, or with its parts in lines of their own where that is too long.

    Args:
        value: what is to be written.
        indent: of the line in which it begins, in steps.
        before: characters that stand before it in that line.
        after: characters that stand behind it in its last line.
    """
    line = one_line(value)
    if indent * len(_INDENT) + before + len(line) + after <= WIDTH:
        return line
    match value:
        case Called(function, arguments, words) if arguments or words:
            parts = [written(each, indent + 1, 0, 1) for each in arguments]
            parts += [f"{word}={written(each, indent + 1, len(word) + 1, 1)}" for word, each in words]
            return _exploded(f"{one_line(function)}(", parts, ")", indent)
        case Listing(items) if items:
            return _exploded("[", [written(each, indent + 1, 0, 1) for each in items], "]", indent)
        case Mapping(pairs) if pairs:
            parts = []
            for key, each in pairs:
                head = f"{quoted(key)}: "
                parts.append(head + written(each, indent + 1, len(head), 1))
            return _exploded("{", parts, "}", indent)
        case _:
            return line


def one_line(value: Value) -> str:
    """A value as Python, in one line."""
    match value:
        case Known(constant):
            return quoted(constant) if isinstance(constant, str) else repr(constant)
        case Secret():
            return quoted(_reference(value))
        case Named(name):
            return name
        case Member(of, name):
            return f"{one_line(of)}.{name}"
        case Item(of, key):
            return f"{one_line(of)}[{one_line(key)}]"
        case Called(function, arguments, words):
            parts = [one_line(each) for each in arguments] + [f"{word}={one_line(each)}" for word, each in words]
            return f"{one_line(function)}({', '.join(parts)})"
        case Joined(parts):
            return _joined(parts)
        case Listing(items):
            return f"[{', '.join(one_line(each) for each in items)}]"
        case Mapping(pairs):
            return "{" + ", ".join(f"{quoted(key)}: {one_line(each)}" for key, each in pairs) + "}"
        case Operation(left, sign, right):
            return f"{_operand(left)} {sign} {_operand(right)}"
        case Negated(of):
            return f"~{_operand(of)}"


def quoted(text: str) -> str:
    """A text as Python's constant."""
    mark = "'" if text.count('"') > text.count("'") else '"'
    return f"{mark}{_escaped(text, mark)}{mark}"


def comment(text: str) -> str:
    """A text as one line behind `# `: what could end it, or show otherwise than it is, is escaped."""
    line = "".join(each if each.isprintable() else _code(each) for each in text)
    most = WIDTH - 2
    return line if len(line) <= most else line[: most - 1] + "…"


def _escaped(text: str, mark: str) -> str:
    return "".join(_character(each, mark) for each in text)


def _character(character: str, mark: str) -> str:
    if character in ("\\", mark):
        return f"\\{character}"
    return character if character.isprintable() else _code(character)


def _code(character: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    number = ord(character)
    if known is not None:
        return known
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _exploded(head: str, parts: list[str], tail: str, indent: int) -> str:
    lines = "".join(f"{_INDENT * (indent + 1)}{part},\n" for part in parts)
    return f"{head}\n{lines}{_INDENT * indent}{tail}"


def _operand(value: Value) -> str:
    return f"({one_line(value)})" if isinstance(value, Operation | Negated) else one_line(value)


def _reference(secret: Secret) -> str:
    return f"${{secret:{secret.name}{'|' if secret.form else ''}{secret.form}}}"


def _joined(mixed: tuple[str | Value, ...]) -> str:
    parts: list[str | Value] = []
    for each in mixed:
        text = _reference(each) if isinstance(each, Secret) else each
        if isinstance(text, str) and parts and isinstance(parts[-1], str):
            parts[-1] += text
        else:
            parts.append(text)
    if len(parts) == 1 and isinstance(parts[0], str):
        return quoted(parts[0])
    texts = [_literal(part) if isinstance(part, str) else in_braces(part) or "" for part in parts]
    return f'f"{"".join(texts)}"'


def _literal(text: str) -> str:
    return _escaped(text, '"').replace("{", "{{").replace("}", "}}")


def in_braces(value: Value) -> str | None:
    """A value as it stands in an f-string; None where it can't, and needs a name first."""
    field = _field(value)
    return None if field is None else f"{{{field}}}"


def _field(value: Value) -> str | None:
    """A value as it stands within a field of an f-string; None where it can't."""
    match value:
        case Known(constant):
            if not isinstance(constant, str):
                return repr(constant)
            return f"'{constant}'" if _IN_FIELD.fullmatch(constant) else None
        case Named(name):
            return name
        case Member(of, name):
            inside = _field(of)
            return None if inside is None else f"{inside}.{name}"
        case Item(of, key):
            inside, at = _field(of), _field(key)
            return None if inside is None or at is None else f"{inside}[{at}]"
        case Called(function, arguments, words):
            inside = _field(function)
            given = [_field(each) for each in arguments]
            named = [(word, _field(each)) for word, each in words]
            told = [*given, *(None if each is None else f"{word}={each}" for word, each in named)]
            if inside is None or any(each is None for each in told):
                return None
            return f"{inside}({', '.join(each for each in told if each is not None)})"
        case Operation(left, sign, right):
            first, second = _field(left), _field(right)
            simple = not isinstance(left, Operation) and not isinstance(right, Operation)
            return f"{first} {sign} {second}" if simple and first is not None and second is not None else None
        case _:
            return None
