"""The page docs/benchmarks.md: a section for each part of the suite, with the day and the machine it was measured on."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from machine import Section, processor

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

Made by `make bench`, or part by part by `benchmarks/run PART --write`. Every rival ran beside us in the same run, in turn, so
that a machine whose speed drifts treats all alike; figures are medians, and ratios are taken round by round. There is no
benchmark mode: what is measured is what users get, with recording, framing checks and both times on.
"""
LOSSES = """## Where we lose

- hey, oha and k6 speak HTTP/2; we don't yet.
- Start-up: Python has to be loaded. wrk sends its first request after some milliseconds.
- A target on the same machine shares its processors with us. These figures are of loopback and say little of a network.
"""
# A section tells in a comment, which no reader sees, what part of the suite it is of.
MARK = re.compile(r"^<!-- ([a-z-]+) -->$", re.MULTILINE)
VERSION = re.compile(r"^(- \w+:) .*$", re.MULTILINE)


def write(machine: Section, measured: Mapping[str, Section], *, order: Sequence[str]) -> None:
    """Put the sections that were measured into the page, by part; of the others what stands there stays."""
    texts = _standing() | {part: _text(part, section) for part, section in measured.items()}
    lines = [*machine.lines, *_versions_kept(machine)]
    sections = [f"## {machine.title}\n\n" + "\n".join(lines), *(texts[part] for part in order if part in texts)]
    PAGE.write_text(INTRODUCTION + "".join(f"\n{section}\n" for section in sections) + "\n" + LOSSES)


def _standing() -> dict[str, str]:
    """The sections of the page as it is, by their part."""
    sections = re.split(r"^(?=## )", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {found[1]: section.strip() for section in sections if (found := MARK.search(section))}


def _versions_kept(machine: Section) -> list[str]:
    """Of programs that are not here now, those with which the sections were measured that stay."""
    before = PAGE.read_text().partition(f"## {machine.title}\n")[2].partition("\n## ")[0]
    here = {found[1] for line in machine.lines if (found := VERSION.match(line))}
    return [found[0] for found in VERSION.finditer(before) if found[1] not in here]


def _text(part: str, section: Section) -> str:
    day = datetime.datetime.now(tz=datetime.UTC).date()
    return f"## {section.title}\n\n<!-- {part} -->\n*{day}, {processor()}*\n\n" + "\n".join(section.lines).strip()
