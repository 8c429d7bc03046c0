"""
One thing that is wrong with a plan: where, what, and what to do about it.

A plan is refused with *all* its faults at once. Whoever mends a plan in CI should not need one
push per mistake.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

Place = tuple[str | int, ...]
"""Keys and list positions from the top of the document down: ("scenarios", 0, "steps", 2, "path")."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal in words. `code` is stable and for programs; the texts may be reworded."""

    code: str
    place: str
    """As a person would write it: `scenarios[0].steps[2].path`. Empty where it is the whole document."""
    message: str
    remedy: str
    file: str | None = None
    line: int | None = None
    """From 1, as editors count; `None` where the plan did not come from a file with marks."""
    column: int | None = None
    path: Place = ()
    """`place` for programs: a loader finds the line by it."""

    def at(self, file: str | None, line: int | None, column: int | None) -> "Fault":
        """The same fault, with the spot in the file where it stands."""
        return dataclasses.replace(self, file=file, line=line, column=column)

    def __str__(self) -> str:
        spot = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        where = " ".join(part for part in (spot, self.place) if part)
        return f"{where}: {self.message}. {self.remedy}" if where else f"{self.message}. {self.remedy}"


def place_text(path: Sequence[str | int]) -> str:
    """`("hosts", "a b", "tls")` as `hosts["a b"].tls`: what a person can search for in the file."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("-", "_").isidentifier():
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text
