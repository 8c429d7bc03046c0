"""How many rows a feeder has, by reading them."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from apibench.model.feeder import Feeder


def row_count(feeder: Feeder) -> int | None:
    """As many as the engine would hand out; None for a file that can't be read."""
    try:
        if feeder.path is None:
            return _counted(io.StringIO(feeder.text or "", newline=""), feeder)
        with Path(feeder.path).open(encoding="utf-8-sig", newline="") as opened:
            return _counted(opened, feeder)
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def _counted(lines: Iterable[str], feeder: Feeder) -> int:
    if feeder.format == "jsonl":
        return sum(1 for line in lines if line.strip())
    rows = sum(1 for row in csv.reader(lines, delimiter=feeder.delimiter) if row)
    return rows if feeder.columns else max(rows - 1, 0)
