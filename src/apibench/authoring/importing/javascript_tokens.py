"""Words and signs of JavaScript, as far as scripts of load tests have them."""

import re
from dataclasses import dataclass, field
from typing import Literal

MOST = 300_000
Kind = Literal["name", "number", "text", "template", "sign", "pattern", "end"]
_BLANK = re.compile(r"(?:[ \t\r\n\f\v\u00a0\ufeff\u2028\u2029]+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?")
_SIGNS = re.compile(
    r"\.\.\.|===|!==|\*\*=|>>>|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?!\d)|\+\+|--|\+=|-=|\*=|/=|%=|\*\*|<<|>>|[-{}()\[\];,<>+*/%&|^!~?:=.@#]"
)
_PATTERN = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": "", "\r\n": ""}
_BEFORE_VALUE = ("(", ",", "=", ":", "[", "!", "&", "|", "?", "{", "}", ";", "=>", "&&", "||", "return")


class NoJavaScript(Exception):
    """A text that is none, or more of it than is read; with the line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(slots=True)
class Token:
    """A word or a sign, and its line, from 1."""

    kind: Kind
    text: str
    line: int
    breaks: bool = False
    """Whether a line ends before it."""
    pieces: list["str | list[Token]"] = field(default_factory=list)
    """Of a template: texts, and the tokens between `${` and `}`."""


def tokens(text: str, line: int = 1, depth: int = 0) -> list[Token]:
    """All tokens, and one of kind `end`. Raises NoJavaScript."""
    if depth > 10:
        raise NoJavaScript(line, "templates are nested too deep")
    found: list[Token] = []
    at, breaks = 0, False
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank is not None:
            breaks = breaks or "\n" in blank[0]
            line += blank[0].count("\n")
            at = blank.end()
            continue
        token, end = _token(text, at, line, found[-1] if found else None, depth)
        token.breaks, breaks = breaks, False
        found.append(token)
        if len(found) > MOST:
            raise NoJavaScript(line, f"there are more than {MOST:,} words and signs")
        line += text.count("\n", at, end)
        at = end
    return [*found, Token("end", "", line, breaks=True)]


def _token(text: str, at: int, line: int, before: Token | None, depth: int) -> tuple[Token, int]:
    character = text[at]
    if character in "\"'":
        end = _closing(text, at, line)
        return Token("text", unescaped(text[at + 1 : end - 1]), line), end
    if character == "`":
        return _template(text, at, line, depth)
    if (name := _NAME.match(text, at)) is not None:
        return Token("name", name[0], line), name.end()
    if (number := _NUMBER.match(text, at)) is not None:
        return Token("number", number[0], line), number.end()
    if character == "/" and (before is None or before.text in _BEFORE_VALUE) and (pattern := _PATTERN.match(text, at)):
        return Token("pattern", pattern[0], line), pattern.end()
    if (sign := _SIGNS.match(text, at)) is not None:
        return Token("sign", sign[0], line), sign.end()
    raise NoJavaScript(line, f"{character!a} means nothing here")


def _closing(text: str, at: int, line: int) -> int:
    end = at + 1
    while end < len(text) and text[end] != text[at]:
        if text[end] == "\n":
            break
        end += 2 if text[end] == "\\" else 1
    if end >= len(text) or text[end] != text[at]:
        raise NoJavaScript(line, "a quotation mark is not closed")
    return end + 1


def _template(text: str, at: int, line: int, depth: int) -> tuple[Token, int]:
    token = Token("template", "", line)
    start = end = at + 1
    while end < len(text) and text[end] != "`":
        if text[end] == "\\":
            end += 2
        elif text.startswith("${", end):
            token.pieces.append(unescaped(text[start:end]))
            close = _brace(text, end + 2, line)
            token.pieces.append(tokens(text[end + 2 : close], line + text.count("\n", at, end), depth + 1))
            start = end = close + 1
        else:
            end += 1
    if end >= len(text):
        raise NoJavaScript(line, "a template is not closed")
    token.pieces.append(unescaped(text[start:end]))
    return token, end + 1


def _brace(text: str, at: int, line: int) -> int:
    """Where the brace of a template closes."""
    open_braces = 1
    while at < len(text):
        character = text[at]
        if character in "\"'":
            at = _closing(text, at, line)
            continue
        if character == "`":
            at = _skipped_template(text, at)
            continue
        open_braces += {"{": 1, "}": -1}.get(character, 0)
        if not open_braces:
            return at
        at += 1
    raise NoJavaScript(line, "a template is not closed")


def _skipped_template(text: str, at: int) -> int:
    end = at + 1
    while end < len(text) and text[end] != "`":
        end += 2 if text[end] == "\\" else 1
    return end + 1


def unescaped(text: str) -> str:
    """What a text between quotation marks stands for; halves of surrogates become question marks."""
    return (
        _ESCAPE.sub(_character, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if "\\" in text
        else text
    )


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code:
        return chr(int(code, 16)) if int(code, 16) < 0x110000 else "?"
    return _SIMPLE.get(found[4], found[4])
