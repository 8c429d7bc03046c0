"""The pages for people, and the blocks of code in them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGET = "http://127.0.0.1:8089"
"""Where the pages send their requests."""
_FENCE = re.compile(r"^ *```(?P<info>.*)$")


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: str
    line: int
    """Of its fence."""
    language: str
    """What the fence says; of `json postman` the first word."""
    text: str
    before: str
    """The last line before it that is not empty."""
    heading: str
    above: "tuple[Block, ...]" = field(repr=False)
    """Those before it on its page."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.language}"

    @property
    def tree(self) -> ast.Module:
        """Of Python."""
        return ast.parse(self.text)

    @property
    def commands(self) -> list[str]:
        """Of a shell: what is typed. On a console that stands behind `$ `, and all else is what comes of it."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line for line in lines if line and not line.startswith("#")]

    @property
    def imports(self) -> set[str]:
        """The modules that a block of Python names at its outermost."""
        found = {each.names[0].name for each in self.tree.body if isinstance(each, ast.Import)}
        return found | {each.module or "" for each in self.tree.body if isinstance(each, ast.ImportFrom)}

    @property
    def scenarios(self) -> set[str]:
        """The functions under `@scenario` or `@python_user` that a block of Python has."""
        functions = [each for each in self.tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
        words = re.compile(r"\b(scenario|python_user)\(")
        return {each.name for each in functions if any(words.match(ast.unparse(one)) for one in each.decorator_list)}

    @property
    def is_source(self) -> bool:
        """Whether it is what another tool has written down, of which the block before it is made."""
        return self.before == "is made of"


def blocks_of(path: Path) -> list[Block]:
    """Those of a page, in order."""
    found: list[Block] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    before, heading, at = "", "", 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            heading = lines[at].lstrip("# ") if lines[at].startswith("#") else heading
            before = lines[at].strip() or before
            at += 1
            continue
        end = next(number for number in range(at + 1, len(lines)) if _FENCE.match(lines[number]))
        text = "\n".join(lines[at + 1 : end]) + "\n"
        language = fence["info"].split(" ")[0]
        found.append(Block(path.relative_to(ROOT).as_posix(), at + 1, language, text, before, heading, tuple(found)))
        at = end + 1
    return found


def all_blocks() -> Iterator[Block]:
    """Those of all pages."""
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))):
        yield from blocks_of(path)
