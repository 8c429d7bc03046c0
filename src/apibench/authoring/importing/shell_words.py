"""Commands of a shell, split into words as the shell would. Nothing of them is carried out or filled in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

OPEN, CLOSE = "\ue002", "\ue003"
"""Around the name of a variable that the shell would fill in."""
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_ANSI = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))", re.DOTALL)
_RUN = re.compile(r"[^\s;|&<>\"'\\$`]+")
_QUOTED_RUN = re.compile(r'[^"\\$`]+')
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}


@dataclass(slots=True)
class ShellCommand:
    """The words of a command, and the line in which it begins, from 1."""

    line: int
    words: list[str] = field(default_factory=list)
    piped: bool = False
    """Whether it reads what another command prints."""
    troubles: list[str] = field(default_factory=list)
    """What of it a shell would have made something else of."""


class _Splitter:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._word: list[str] | None = None
        self._command = ShellCommand(1)

    def commands(self) -> Iterator[ShellCommand]:
        while self._at < len(self._text):
            character = self._text[self._at]
            if character in "\n;|&":
                yield from self._ended(character)
            elif character in " \t\r":
                self._end_word()
                self._step()
            elif character == "#" and self._word is None:
                self._skip_to_line_end()
            elif character in "<>":
                self._redirection()
            else:
                self._part(character)
        yield from self._ended("\n")

    def _step(self, count: int = 1) -> str:
        taken = self._text[self._at : self._at + count]
        self._line += taken.count("\n")
        self._at += count
        return taken

    def _ended(self, sign: str) -> Iterator[ShellCommand]:
        self._end_word()
        if self._command.words:
            yield self._command
        piped = sign == "|" and self._text[self._at + 1 : self._at + 2] != "|"
        self._step()
        self._command = ShellCommand(self._line, piped=piped)

    def _end_word(self) -> None:
        if self._word is not None:
            if not self._command.words:
                self._command.line = self._line
            self._command.words.append("".join(self._word))
            self._word = None

    def _skip_to_line_end(self) -> None:
        end = self._text.find("\n", self._at)
        self._step((end if end >= 0 else len(self._text)) - self._at)

    def _redirection(self) -> None:
        """`> file`, `2>&1`: where output goes is no matter here."""
        if self._word is not None and "".join(self._word).isdigit():
            self._word = None
        self._end_word()
        found = re.compile(r"[<>]+&?[ \t]*[^\s;|&]*").match(self._text, self._at)
        self._step(found.end() - self._at if found else 1)

    def _part(self, character: str) -> None:
        if self._word is None:
            self._word = []
        following = self._text[self._at + 1 : self._at + 2]
        if character == "\\":
            taken = self._step(3 if self._text[self._at + 1 : self._at + 3] == "\r\n" else 2)
            if taken[-1] != "\n":
                self._word.append(taken[1:])
            elif not self._word:
                self._word = None
        elif character == "'":
            self._word.append(self._until("'"))
        elif character == "$" and following == "'":
            self._step()
            self._word.append(self._ansi())
        elif character == '"':
            self._double()
        elif character == "`" or (character == "$" and following == "("):
            self._substitution()
        elif character == "$" and (variable := _VARIABLE.match(self._text, self._at)):
            self._word.append(f"{OPEN}{variable[1] or variable[2]}{CLOSE}")
            self._step(variable.end() - self._at)
        else:
            run = _RUN.match(self._text, self._at)
            self._word.append(self._step(run.end() - self._at if run else 1))

    def _until(self, mark: str) -> str:
        end = self._text.find(mark, self._at + 1)
        if end < 0:
            self._command.troubles.append("a quotation mark is not closed")
            end = len(self._text)
        inside = self._text[self._at + 1 : end]
        self._step(end + 1 - self._at)
        return inside

    def _ansi(self) -> str:
        found = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL).match(self._text, self._at)
        if found is None:
            return self._until("'")
        self._step(found.end() - self._at)
        return _ANSI.sub(_unescaped, found[1])

    def _double(self) -> None:
        self._step()
        word = self._word if self._word is not None else []
        while self._at < len(self._text):
            character = self._text[self._at]
            following = self._text[self._at + 1 : self._at + 2]
            if character == '"':
                self._step()
                return
            if character == "\\" and following and following in '"\\$`\n':
                word.append(self._step(2)[1].replace("\n", ""))
            elif character == "`" or (character == "$" and following == "("):
                self._substitution()
            elif character == "$" and (variable := _VARIABLE.match(self._text, self._at)):
                word.append(f"{OPEN}{variable[1] or variable[2]}{CLOSE}")
                self._step(variable.end() - self._at)
            else:
                run = _QUOTED_RUN.match(self._text, self._at)
                word.append(self._step(run.end() - self._at if run else 1))
        self._command.troubles.append("a quotation mark is not closed")

    def _substitution(self) -> None:
        closing = "`" if self._text[self._at] == "`" else ")"
        self._command.troubles.append("what another command prints was left out")
        end = self._text.find(closing, self._at + 1)
        self._step((end if end >= 0 else len(self._text) - 1) + 1 - self._at)


def _unescaped(found: re.Match[str]) -> str:
    number = found[1] or found[2] or found[3]
    if number:
        code = int(number, 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else ""
    if found[4]:
        return chr(int(found[4], 8) & 0xFF)
    return _SIMPLE.get(found[5], found[5])


def shell_commands(text: str) -> list[ShellCommand]:
    """
    The commands of a text. Variables stand in their words between `OPEN` and `CLOSE`.

    Text of a prompt, `$ curl …`, is read too.
    """
    clean = text.replace(OPEN, "").replace(CLOSE, "")
    found = list(_Splitter(clean).commands())
    for command in found:
        while command.words and command.words[0] in ("$", "%"):
            command.words.pop(0)
    return [command for command in found if command.words]
