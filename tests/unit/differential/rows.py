"""Rows of files, as docs/data.md says that they are handed out, in one process."""

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any

from tests.unit.differential.draws import ROWS_SEED, Draws, draw, mix
from tests.unit.differential.json_text import Json


class OverError(Exception):
    """No row is left, and who needs one stops."""


@dataclass
class Feeder:
    """One of a plan."""

    rows: list[Json]
    order: str
    when_dry: str
    seed: int
    taken: int = field(default=0)

    @property
    def is_dry(self) -> bool:
        """Whether none is left."""
        return self.when_dry != "recycle" and self.taken >= len(self.rows)

    def next(self, draws: Draws) -> Json | None:
        """The next row; None where there is none. Raises OverError."""
        count = len(self.rows)
        if self.order == "random":
            return self.rows[draws.below(count)]
        if self.is_dry:
            if self.when_dry == "stop":
                raise OverError
            return None
        turn, place = divmod(self.taken, count)
        self.taken += 1
        if self.order == "shuffle":
            place = mixed(place, count, mix(self.seed ^ mix(turn)))
        return self.rows[place]


def feeders_of(plan: dict[str, Any]) -> dict[str, Feeder]:
    """All of a plan, by name: their numbers are those of the names in order."""
    found = {}
    for number, name in enumerate(sorted(plan["feeders"])):
        told = plan["feeders"][name]
        seed = draw(plan["seed"], ROWS_SEED, number, 0, 0)
        found[name] = Feeder(_rows(told), told["order"], told["when_dry"], seed)
    return found


def _rows(told: dict[str, Any]) -> list[Json]:
    text = told["text"]
    if text is None:
        with open(told["path"], encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - as csv wants it
            text = file.read()
    if told["format"] == "jsonl":
        return [Json(line.strip()) for line in text.split("\n") if line.strip()]
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=told["delimiter"]) if row]
    columns = told["columns"] or [name.strip() for name in rows.pop(0)]
    return [Json(_object(dict(zip(columns, row, strict=True)))) for row in rows]


def _object(row: dict[str, str]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def mixed(place: int, count: int, seed: int) -> int:
    """Where a place stands when all are mixed: a Feistel network of four rounds, walked until it is one of them."""
    half = max(1, -(-(count - 1).bit_length() // 2))
    mask = 2**half - 1
    while True:
        high, low = place >> half, place & mask
        for turn in range(4):
            high, low = low, high ^ (mix(seed ^ mix(low ^ (turn << 60))) & mask)
        place = high << half | low
        if place < count:
            return place
